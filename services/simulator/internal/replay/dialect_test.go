package replay

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/sharedtest"
)

func TestBooksThatBeginWithinTheirStreamAreRebuiltToTheLastLevel(t *testing.T) {
	files := []string{
		"captures/okx/okx_2022-05-13.cap.gz",
		"captures/okx/okcoin_2023-05-27.cap.gz",
		"captures/bybit/bybit_v5_2024-11-08_two_messages.cap.gz",
		"captures/coinbase/coinbase_level2_2021-04-17.cap.gz",
		"captures/coinbase/coinbase_level2_batch_2026-07-07.cap.gz",
		"captures/gemini/gemini_2021-06-24.cap.gz",
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			folder, err := ReadFolder(sharedtest.Only(t, file))
			if err != nil {
				t.Fatal(err)
			}
			p := NewPlayer(folder.Recordings[0], 1)
			now := time.Now()
			p.Start(now)
			if _, ok, err := p.Book(p.Symbols[0], 0, now.Add(-time.Second)); ok || err != nil {
				t.Errorf("a book before its picture: %v, %v", ok, err)
			}
			end := now.Add(time.Hour)
			for symbol, want := range sharedtest.Expected(t, file) {
				if want.SHA256 == "" {
					continue
				}
				got, ok, err := p.Book(symbol, 0, end)
				if !ok || err != nil {
					t.Fatalf("%s: no book: %v", symbol, err)
				}
				bids, asks := pairsOf(got.Bids), pairsOf(got.Asks)
				if h := sharedtest.Hash(bids, asks); h != want.SHA256 {
					t.Errorf("%s: book hashes to %s, want %s\n%s", symbol, h, want.SHA256, cmp.Diff(want.Bids, bids[:10]))
				}
				trades, err := p.Trades(symbol, 0, end)
				if err != nil {
					t.Fatal(err)
				}
				buy, sell := volumes(trades)
				if len(trades) != want.Trades.Count || want.Trades.Count > 0 && (buy != want.Trades.Buy || sell != want.Trades.Sell) {
					t.Errorf("%s: %d trades, %s bought, %s sold; want %+v", symbol, len(trades), buy, sell, want.Trades)
				}
			}
		})
	}
}

// volumes sums up what takers bought and sold.
func volumes(trades []Trade) (buy, sell string) {
	b, s := new(big.Int), new(big.Int)
	for i := range trades {
		if trades[i].Sell {
			s.Add(s, trades[i].qty.scaled())
		} else {
			b.Add(b, trades[i].qty.scaled())
		}
	}
	return plain(b), plain(s)
}

// plain spells a number scaled by 10^18 without trailing zeros.
func plain(v *big.Int) string {
	return strings.TrimSuffix(strings.TrimRight(fixed(v, 18, 18), "0"), ".")
}
