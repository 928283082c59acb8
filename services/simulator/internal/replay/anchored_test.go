package replay

import (
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/sharedtest"
)

func TestBooksThatStartOverRESTEndAsRecorded(t *testing.T) {
	for _, file := range []string{
		"captures/binance_us/binance_us_2021-10-12.cap.gz", "captures/bitstamp/bitstamp_2022-01-05.cap.gz",
		"captures/gateio/gateio_2021-04-22.cap.gz", "captures/kucoin/kucoin_2021-04-25.cap.gz",
	} {
		folder, err := ReadFolder(sharedtest.Only(t, file))
		if err != nil {
			t.Fatal(err)
		}
		rec := folder.Recordings[0]
		if !rec.AnchoredOverREST() {
			t.Errorf("%s is not anchored", file)
		}
		p := NewPlayer(rec, 1)
		begin := time.Now()
		p.Start(begin)
		for symbol, want := range sharedtest.Expected(t, file) {
			if want.Book == 0 {
				continue // a book without a message on its stream is not offered
			}
			b, ok, err := p.Book(symbol, 0, begin.Add(rec.Length))
			if err != nil || !ok {
				t.Errorf("%s: %v, %v", symbol, ok, err)
				continue
			}
			if got := sharedtest.Hash(spelled(b.Bids), spelled(b.Asks)); got != want.SHA256 || b.LastID != want.LastID {
				t.Errorf("%s: book %s at %d, want %s at %d", symbol, got, b.LastID, want.SHA256, want.LastID)
			}
			trades, err := p.Trades(symbol, 0, begin.Add(rec.Length))
			if err != nil || len(trades) != want.Trades.Count {
				t.Errorf("%s: %d trades, want %d; %v", symbol, len(trades), want.Trades.Count, err)
			}
		}
	}
}

func spelled(levels []Level) [][2]string {
	out := make([][2]string, len(levels))
	for i, l := range levels {
		out[i] = [2]string{string(l.Price), string(l.Qty)}
	}
	return out
}
