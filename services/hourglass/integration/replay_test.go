package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// expected is what the notes beside the recordings say about a symbol.
type expected struct {
	InSync      *bool                `json:"in_sync"`
	Messages    int                  `json:"book_messages"`
	Bids        [][2]decimal.Decimal `json:"bids"`
	Asks        [][2]decimal.Decimal `json:"asks"`
	Checkpoints []struct {
		After        int                                    `json:"after_book_message"`
		BestBid      [2]decimal.Decimal                     `json:"best_bid"`
		BestAsk      [2]decimal.Decimal                     `json:"best_ask"`
		AveragePrice map[string]map[string]*decimal.Decimal `json:"average_price"`
	} `json:"checkpoints"`
}

func readExpected(t *testing.T, file, capture string) map[string]expected {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Captures []struct {
			File    string              `json:"file"`
			Symbols map[string]expected `json:"symbols"`
		} `json:"captures"`
	}
	decode(t, string(text), &all)
	for _, c := range all.Captures {
		if c.File == capture {
			return c.Symbols
		}
	}
	t.Fatalf("%s says nothing about %s", file, capture)
	return nil
}

const spot = "binance_spot_BTCUSDT_2024-08-08.cap.gz"

// TestEveryFillStandsInTheRecordedBook works orders on a recording and looks each fill up in a book that the test rebuilds
// from the same file on its own, after proving that book against the recording's notes.
func TestEveryFillStandsInTheRecordedBook(t *testing.T) {
	t.Parallel()
	dir := shared(t, "market")
	p := up(t, "--market", "replay="+dir, "--speed", "20", "--data", t.TempDir())
	u := p.signUp("ann")
	u.place("buyer", "BTC-USDT", "buy", "8", 20, 1, twap{"exchange": "binance"})
	u.place("seller", "BTC-USDT", "sell", "5", 20, 2, twap{"exchange": "binance"})
	fills := map[uint64][]order.Fill{}
	total := 0
	for _, name := range []string{"buyer", "seller"} {
		p.await("end of "+name, 60*time.Second, func() bool { return u.order(name).Status.Ended() })
		o := u.order(name)
		if o.Market != "replay" || o.FilledQuantity.IsZero() {
			t.Errorf("order %s = %+v", name, o)
		}
		t.Logf("%s: %s, %s of %s at %v", name, o.Status, o.FilledQuantity, o.Quantity, o.AveragePrice)
		for _, f := range u.fills(name) {
			fills[f.ExchangeSeq] = append(fills[f.ExchangeSeq], f)
			total++
		}
	}
	notes := readExpected(t, filepath.Join(dir, "expected.json"), spot)["BTCUSDT"]
	checked := 0
	readRecording(t, filepath.Join(dir, spot), func(n int, b *recordedBook) {
		for _, c := range notes.Checkpoints {
			if c.After == n {
				proveBook(t, b, c.AveragePrice)
			}
		}
		for _, f := range fills[b.id] {
			_, levels := b.prices(string(f.Side))
			if shown := levels[f.Price]; shown != f.Displayed || shown.Less(f.Quantity) {
				t.Errorf("fill %s takes %s at %s of %s displayed; the recorded book at %d shows %s", f.ID, f.Quantity, f.Price, f.Displayed, b.id, shown)
			}
			checked++
		}
	})
	if checked != total || total < 30 {
		t.Errorf("%d of %d fills name a book of the recording", checked, total)
	}
	t.Logf("%d fills stand in the recorded book", checked)
}

// proveBook compares what taking coins from the rebuilt book costs with the recording's notes.
func proveBook(t *testing.T, b *recordedBook, notes map[string]map[string]*decimal.Decimal) {
	t.Helper()
	for side, quantities := range notes {
		for quantity, want := range quantities {
			if want == nil {
				continue
			}
			if got := b.averagePrice(t, side, quantity); got != *want {
				t.Errorf("at %d %s %s costs %s each, the notes say %s", b.id, side, quantity, got, want)
			}
		}
	}
}

// TestTheRecordedBooksAreServedToTheirEnd plays the captures of two exchanges and reads the final books over REST.
func TestTheRecordedBooksAreServedToTheirEnd(t *testing.T) {
	t.Parallel()
	dir := shared(t, "captures")
	p := up(t, "--market", "replay="+dir, "--speed", "20", "--data", t.TempDir())
	u := &user{p: p}
	for _, c := range []struct {
		exchange, notes, file string
		symbols               map[string]string
	}{
		{"binance", "binance", "binance_2021-10-12.cap.gz", map[string]string{"NKNUSDT": "NKN-USDT", "LRCBTC": "LRC-BTC", "RUNEEUR": "RUNE-EUR"}},
		{"kraken", "kraken_v2", "kraken_v2_2026-08-02_btcusd_d25.cap.gz", map[string]string{"BTC/USD": "BTC-USD"}},
		{"kraken", "kraken_v2", "kraken_v2_2026-08-02_xrpusd_d25.cap.gz", map[string]string{"XRP/USD": "XRP-USD"}},
		{"kraken", "kraken_v2", "kraken_v2_2026-07-07_d10.cap.gz", map[string]string{"ETH/USD": "ETH-USD"}},
	} {
		notes := readExpected(t, filepath.Join(dir, c.notes, "expected.json"), c.file)
		for native, symbol := range c.symbols {
			want := notes[native]
			path := fmt.Sprintf("/v1/orderbook/%s/%s?depth=10", c.exchange, symbol)
			var got struct{ Bids, Asks []market.Level }
			p.await("the final book of "+symbol, 60*time.Second, func() bool {
				a := u.do("GET", path, nil)
				return a.status == http.StatusOK && json.Unmarshal(a.body, &got) == nil &&
					sameLevels(got.Bids, want.Bids) && sameLevels(got.Asks, want.Asks)
			})
		}
	}
	// A recording without a snapshot in its range can never be in sync, so its book must not be shown.
	if a := u.do("GET", "/v1/orderbook/binance/BTC-USDT", nil); a.status != http.StatusServiceUnavailable {
		t.Errorf("a book that was never in sync: %d %s", a.status, a.body)
	}
}

func sameLevels(got []market.Level, want [][2]decimal.Decimal) bool {
	if len(got) != len(want) {
		return false
	}
	for i, l := range got {
		if l.Price != want[i][0] || l.Quantity != want[i][1] {
			return false
		}
	}
	return true
}
