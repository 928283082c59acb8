package simulator_test

import (
	"fmt"
	"testing"

	"github.com/hourglass-trading/hourglass/services/simulator"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/sharedtest"
)

func TestGateiosNewerBooksBeginInTheStream(t *testing.T) {
	follow := func(t *testing.T, addr, symbol string, depth int, until func(b *anchored, c change) bool) {
		t.Helper()
		ws := dial(t, "ws://"+addr+"/gateio/ws/v4/")
		ws.send(`{"time":1,"id":4,"channel":"spot.obu","event":"subscribe","payload":["ob.%s.%d"]}`, symbol, depth)
		b, at := &anchored{}, int64(0)
		for {
			c, ok := gateioBook(t, ws.read())
			if !ok {
				continue
			}
			if c.symbol != fmt.Sprintf("ob.%s.%d", symbol, depth) {
				t.Fatalf("a message of %s", c.symbol)
			}
			if c.at < at {
				t.Fatalf("a message of %d after one of %d", c.at, at)
			}
			at = c.at
			switch {
			case c.full:
				b.start(c)
			case b.book == nil || c.first != b.id+1:
				t.Fatalf("message from %d after %d", c.first, b.id)
			default:
				b.apply(c)
			}
			if b.book.truncate(depth); b.book.crossed() {
				t.Fatal("a crossed book")
			}
			if until(b, c) {
				return
			}
		}
	}
	t.Run("synthetic", func(t *testing.T) {
		addr := start(t, simulator.Config{Seed: 4, Speed: 4, Exchanges: []string{"gateio"}})
		follow(t, addr, "BTC_USDT", 50, func(b *anchored, c change) bool {
			if n := b.book.bids.len(); n != 50 {
				t.Fatalf("%d bids", n)
			}
			if c.at%100 != 0 {
				t.Fatalf("a message of %d ms, between the market's steps", c.at)
			}
			return b.applied == 50
		})
	})
	t.Run("recorded", func(t *testing.T) {
		want := sharedtest.Expected(t, anchoredExchanges["gateio"].file)
		addr := replayed(t, 20, anchoredExchanges["gateio"].file)
		for range 2 { // the second comes when all has been played
			follow(t, addr, "NEO_BTC", 400, func(b *anchored, c change) bool {
				if b.id != want["NEO_BTC"].LastID {
					return false
				}
				sameBook(t, "NEO_BTC", b.book, want["NEO_BTC"])
				return true
			})
		}
	})
}
