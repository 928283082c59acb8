package integration

import (
	"testing"
	"time"
)

// TestAnotherCollectorTakesADeadOnesExchangesOver lets two collectors have the same exchanges and cuts the one that collects
// from the bus, as when its machine dies.
func TestAnotherCollectorTakesADeadOnesExchangesOver(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs seconds of real time")
	}
	exchanges := []string{"binance", "kraken"}
	s := newStage(t, exchanges...)
	die := s.collectMortal(exchanges, []string{"BTC-USDT", "BTC-USD"})
	keys := []string{key("binance", "BTC-USDT"), key("kraken", "BTC-USD")}
	for _, k := range keys {
		if _, _, ok := s.await(k, 0, 20*time.Second, sure); !ok {
			t.Fatalf("%s: no book", k)
		}
	}
	s.collect(exchanges, []string{"BTC-USDT", "BTC-USD"})
	s.rest(1500 * time.Millisecond) // the second has looked at the leases
	die()
	died, places := time.Now(), map[string]int{}
	for _, k := range keys {
		places[k] = s.place(k)
	}
	for _, k := range keys {
		n := places[k]
		s.mu.Lock()
		last := s.seen[k][n-1].seq
		s.mu.Unlock()
		down, i, ok := s.await(k, n, 10*time.Second, notLive)
		if !ok {
			t.Fatalf("%s: nobody says that the book is down", k)
		}
		back, j, ok := s.await(k, i, 10*time.Second, sure)
		if !ok || down.state != "down" || down.at.Sub(died) > 3*time.Second {
			t.Errorf("%s: %s %s after the death, live %t", k, down.state, down.at.Sub(died), ok)
		}
		if down.seq <= last || back.seq <= down.seq {
			t.Errorf("%s: numbered %d, then %d and %d", k, last, down.seq, back.seq)
		}
		if s.wrong(k, n, j) {
			t.Errorf("%s: an old book as new: %s", k, s.path(k, n, j))
		}
		t.Logf("%s: %s (%s) after %.2f s, right again after %.2f s", k, down.state, down.reason, down.at.Sub(died).Seconds(), back.at.Sub(died).Seconds())
	}
}
