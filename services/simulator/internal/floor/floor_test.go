package floor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
)

// running starts a floor within a bubble, and returns its first pair and what stops it.
func running(t *testing.T, speed float64) (*Floor, *market.Pair, func()) {
	t.Helper()
	now := time.Now()
	f := New(market.New(1, market.Pairs(), now), speed, now)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	return f, f.Pairs("binance")[0], func() { cancel(); <-done }
}

func TestOnlyPairsThatSomebodyCaresAboutAreAwake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p, stop := running(t, 1)
		defer stop()
		updates := 0
		f.Listen(func(*market.Pair, *market.Update) { updates++ })
		time.Sleep(5 * time.Second) // the bubble's time
		synctest.Wait()
		if updates != 0 {
			t.Errorf("%d updates of pairs that nobody asked about", updates)
		}
		release := f.Hold(p, func(*market.Market) {})
		time.Sleep(5 * patience)
		synctest.Wait()
		if updates != int(5*patience/market.Grid) {
			t.Errorf("%d updates in %v", updates, 5*patience)
		}
		release(func() {})
		release(func() { t.Error("released twice") })
		time.Sleep(patience + time.Second)
		synctest.Wait()
		f.mu.Lock()
		awake := p.Awake()
		f.mu.Unlock()
		if awake {
			t.Error("the pair is awake although nobody follows it")
		}
		f.With(p, func(*market.Market) {
			if len(p.Bids(nil, 0)) == 0 {
				t.Error("a pair that was woken again has no book")
			}
		})
	})
}

func TestTheMarketKeepsUpWithItsClock(t *testing.T) {
	for speed, most := range map[float64]time.Duration{0.5: 100 * time.Millisecond, 1: 100 * time.Millisecond, 100: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			f, p, stop := running(t, speed)
			defer stop()
			begin := f.Now()
			defer f.Hold(p, func(*market.Market) {})(func() {})
			changed := f.Changed()
			time.Sleep(10 * time.Second)
			synctest.Wait()
			select {
			case <-changed:
			default:
				t.Error("nobody was told that the market has moved")
			}
			f.With(p, func(m *market.Market) {
				if behind := f.Now().Sub(m.Now()); behind < 0 || behind > most {
					t.Errorf("at speed %v the market is %v behind", speed, behind)
				}
			})
			if passed := f.Now().Sub(begin); passed != time.Duration(speed*float64(10*time.Second)) {
				t.Errorf("at speed %v %v passed in 10 s", speed, passed)
			}
		})
	}
}

func TestATimeThatWasSleptThroughIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		f := New(market.New(1, market.Pairs(), now), 1, now)
		p := f.Pairs("kraken")[0]
		updates := 0
		f.Listen(func(*market.Pair, *market.Update) { updates++ })
		release := f.Hold(p, func(*market.Market) {})
		defer release(func() {})
		time.Sleep(10*time.Hour + 30*time.Second) // as a machine does whose lid is closed
		f.move()
		if updates > 2 {
			t.Errorf("%d steps were made up for", updates)
		}
		minutes, _ := span.Kraken("1")
		if bars := f.Bars(p, minutes, span.Window{Limit: 720}); len(bars) != 720 {
			t.Errorf("%d candles after the sleep", len(bars))
		}
	})
}
