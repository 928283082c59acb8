package feed

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/binance"
)

const (
	btc market.Symbol = "BTC-USDT"
	eth market.Symbol = "ETH-USDT"
)

func diff(symbol string, first, last int) string {
	return fmt.Sprintf(`{"stream":%q,"data":{"e":"depthUpdate","E":1790000000000,"s":%q,"U":%d,"u":%d,"b":[["99.00","%d"]],"a":[]}}`,
		strings.ToLower(symbol)+"@depth@100ms", symbol, first, last, last)
}

// depthAt answers every call for a book with one of the given number.
func depthAt(id *atomic.Int64) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"lastUpdateId":%d,"bids":[["100.00","1"]],"asks":[["101.00","1"]]}`, id.Load())
	}
}

// answering acknowledges whatever is asked, and hands the frames on.
func answering(each func(p *peer, frame string)) func(*peer) {
	return func(p *peer) {
		for n := 1; ; n++ {
			frame := p.read()
			if frame == "" {
				return
			}
			_, id, _ := strings.Cut(frame, `"id":`)
			p.write(`{"result":null,"id":%s`, id)
			if each != nil {
				each(p, frame)
			}
		}
	}
}

func TestABookComesInSyncAndIsLostWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var id atomic.Int64
		id.Store(12)
		var cut atomic.Bool
		end := make(chan struct{})
		s := &server{call: depthAt(&id)}
		s.socket = func(p *peer) {
			p.read()
			p.write(`{"result":null,"id":1}`)
			p.write("%s", diff("BTCUSDT", 10, 12))
			p.write("%s", diff("BTCUSDT", 13, 15))
			if cut.CompareAndSwap(false, true) {
				<-end
				return
			}
			p.read()
		}
		play(t, binance.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT")})
			after(time.Second)
			id, _, arrive := k.last(btc)
			if got := k.path(btc); got != "gapped live" || id != 15 || !arrive {
				t.Fatalf("states %q at %d", got, id)
			}
			begun := time.Now()
			close(end)
			after(0)
			_, _, arrive = k.last(btc)
			if got := k.path(btc); got != "gapped live down" || arrive {
				t.Fatalf("states %q", got)
			}
			after(2 * time.Second)
			if got := k.path(btc); got != "gapped live down gapped live" {
				t.Fatalf("states %q", got)
			}
			dials, _, _ := s.seen()
			if wait := dials[1].Sub(begun); wait > 2*firstPause {
				t.Errorf("came back after %s", wait)
			}
			if stats := f.Stats(); stats.Reconnects != 1 || stats.Connected != 1 || stats.Gaps != 0 {
				t.Errorf("stats %+v", stats)
			}
		})
	})
}

func TestAGapResyncsOneBookAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var id atomic.Int64
		id.Store(12)
		more := make(chan string)
		s := &server{call: depthAt(&id)}
		s.socket = func(p *peer) {
			p.read()
			p.write(`{"result":null,"id":1}`)
			for _, symbol := range []string{"BTCUSDT", "ETHUSDT"} {
				p.write("%s", diff(symbol, 10, 15))
			}
			for frame := range more {
				p.write("%s", frame)
			}
		}
		play(t, binance.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT"), listing(t, "ETH", "USDT", "ETHUSDT")})
			after(time.Second)
			if k.path(btc) != "gapped live" || k.path(eth) != "gapped live" {
				t.Fatalf("states %q and %q", k.path(btc), k.path(eth))
			}
			_, before, _ := s.seen()
			id.Store(21)
			more <- diff("BTCUSDT", 20, 22) // 16 to 19 are lost
			after(0)
			if k.path(btc) != "gapped live gapped" || k.path(eth) != "gapped live" {
				t.Fatalf("states %q and %q", k.path(btc), k.path(eth))
			}
			more <- diff("BTCUSDT", 23, 24)
			more <- diff("ETHUSDT", 16, 17)
			after(time.Second)
			one, _, _ := k.last(btc)
			two, _, _ := k.last(eth)
			if k.path(btc) != "gapped live gapped live" || k.path(eth) != "gapped live" || one != 24 || two != 17 {
				t.Fatalf("states %q and %q, at %d and %d", k.path(btc), k.path(eth), one, two)
			}
			_, calls, frames := s.seen()
			if len(calls) < len(before)+1 || len(frames) != 1 {
				t.Errorf("%d calls after %d, %d frames: want more calls and no further request", len(calls), len(before), len(frames))
			}
			if stats := f.Stats(); stats.Gaps != 1 || stats.Resyncs != 1 {
				t.Errorf("stats %+v", stats)
			}
			close(more)
		})
	})
}

func TestPausesBetweenAttemptsGrowAndAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{refuse: func() int { return http.StatusBadGateway }}
		play(t, binance.Exchange{}, s, func(f *Feed, _ *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT")})
			after(10 * time.Minute)
			dials, _, _ := s.seen()
			// Full jitter around a mean that doubles from 250 ms to 15 s: some forty attempts in ten minutes.
			if len(dials) < 20 || len(dials) > 120 {
				t.Errorf("%d attempts in ten minutes", len(dials))
			}
			mean := firstPause
			for i := 1; i < len(dials); i++ {
				if gap := dials[i].Sub(dials[i-1]); gap > 2*mean+Tick {
					t.Errorf("attempt %d came after %s, the mean being %s", i, gap, mean)
				}
				mean = min(2*mean, maxPauseUp)
			}
		})
	})
}

func TestAHandshakeRefusedForHasteWaitsAsLongAsItIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{refuse: func() int { return http.StatusTooManyRequests }}
		play(t, binance.Exchange{}, s, func(f *Feed, _ *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT")})
			after(time.Minute)
			dials, _, _ := s.seen()
			for i := 1; i < len(dials); i++ {
				if gap := dials[i].Sub(dials[i-1]); gap < 7*time.Second {
					t.Errorf("attempt %d came after %s, told to wait 7 s", i, gap)
				}
			}
			if len(dials) < 2 {
				t.Error("gave up")
			}
		})
	})
}

func TestACallRefusedForHasteStopsAllCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused atomic.Int64
		s := &server{socket: answering(func(p *peer, _ string) {
			p.write("%s", diff("BTCUSDT", 10, 15))
			p.write("%s", diff("ETHUSDT", 10, 15))
		})}
		s.call = func(w http.ResponseWriter, _ *http.Request) {
			if refused.Add(1) == 1 {
				w.Header().Set("Retry-After", "30")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			_, _ = fmt.Fprint(w, `{"lastUpdateId":12,"bids":[],"asks":[]}`)
		}
		play(t, binance.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT")})
			after(2 * time.Second)
			f.Want([]*exchange.Listing{listing(t, "ETH", "USDT", "ETHUSDT")})
			after(2 * time.Minute)
			_, calls, _ := s.seen()
			for i := 1; i < len(calls); i++ {
				if gap := calls[i].Sub(calls[0]); gap < 30*time.Second {
					t.Errorf("call %d after %s, told to wait 30 s", i, gap)
				}
			}
			if got := k.path(eth); got != "gapped live" {
				t.Errorf("states %q", got)
			}
		})
	})
}

func TestWishesChangeWhileTheConnectionStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{socket: answering(func(p *peer, frame string) {
			if strings.Contains(frame, "ethusdt") && strings.HasPrefix(frame, `{"method":"SUBSCRIBE"`) {
				p.write("%s", diff("ETHUSDT", 10, 15))
			}
		})}
		var id atomic.Int64
		id.Store(12)
		s.call = depthAt(&id)
		play(t, binance.Exchange{}, s, func(f *Feed, k *sink) {
			one, two := listing(t, "BTC", "USDT", "BTCUSDT"), listing(t, "ETH", "USDT", "ETHUSDT")
			f.Want([]*exchange.Listing{one})
			after(time.Second)
			f.Want([]*exchange.Listing{one, two})
			after(time.Second)
			if got := k.path(eth); got != "gapped live" {
				t.Fatalf("states %q", got)
			}
			f.Want([]*exchange.Listing{two})
			after(time.Second)
			f.Want(nil)
			after(time.Second)
			dials, _, frames := s.seen()
			if len(dials) != 1 || len(frames) != 3 || !strings.HasPrefix(frames[2], `{"method":"UNSUBSCRIBE","params":["btcusdt@`) {
				t.Errorf("%d connections, frames %q", len(dials), frames)
			}
			if _, gone := k.rest(); gone != 2 || f.Stats().Connected != 0 {
				t.Errorf("%d gone, stats %+v", gone, f.Stats())
			}
		})
	})
}

func TestRequestsAreBatchedAndSpaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		s := &server{socket: answering(func(*peer, string) { times = append(times, time.Now()) })}
		s.call = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		play(t, binance.Exchange{}, s, func(f *Feed, _ *sink) {
			var all []*exchange.Listing
			for i := range 120 {
				name := fmt.Sprintf("C%d", i)
				all = append(all, listing(t, name, "USDT", name+"USDT"))
			}
			f.Want(all)
			after(5 * time.Second)
			if len(times) != 3 {
				t.Fatalf("%d requests for 120 listings, want 3", len(times))
			}
			for i := 1; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap < 400*time.Millisecond {
					t.Errorf("request %d after %s", i, gap)
				}
			}
		})
	})
}

func TestAFrameThatCannotBeReadBreaksAtMostItsOwnBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var id atomic.Int64
		id.Store(12)
		more := make(chan string)
		s := &server{call: depthAt(&id)}
		s.socket = func(p *peer) {
			p.read()
			p.write(`{"result":null,"id":1}`)
			p.write("%s", diff("BTCUSDT", 10, 15))
			p.write("%s", diff("ETHUSDT", 10, 15))
			for frame := range more {
				p.write("%s", frame)
			}
		}
		play(t, binance.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT"), listing(t, "ETH", "USDT", "ETHUSDT")})
			after(time.Second)
			more <- `{"stream":"?!`
			more <- `garbage`
			after(0)
			if k.path(btc) != "gapped live" || k.path(eth) != "gapped live" {
				t.Fatalf("states %q and %q", k.path(btc), k.path(eth))
			}
			more <- diff("BTCUSDT", 16, 16)[:80]
			after(0)
			if k.path(btc) != "gapped live gapped" || k.path(eth) != "gapped live" {
				t.Fatalf("states %q and %q", k.path(btc), k.path(eth))
			}
			if stats := f.Stats(); stats.BadFrames != 3 {
				t.Errorf("stats %+v", stats)
			}
			close(more)
		})
	})
}
