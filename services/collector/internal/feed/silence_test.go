package feed

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/binance"
)

func TestSilenceIsStaleAndThenALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var id atomic.Int64
		id.Store(12)
		s := &server{call: depthAt(&id), mute: true}
		s.socket = func(p *peer) {
			p.read()
			p.write(`{"result":null,"id":1}`)
			p.write("%s", diff("BTCUSDT", 10, 15))
			p.read()
		}
		play(t, binance.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT")})
			after(3900 * time.Millisecond)
			if got := k.path(btc); got != "gapped live" {
				t.Fatalf("states %q after 3.9 s", got)
			}
			after(300 * time.Millisecond)
			if got := k.path(btc); got != "gapped live stale" {
				t.Fatalf("states %q after 4.2 s", got)
			}
			after(6 * time.Second)
			if got := k.path(btc); !strings.HasPrefix(got, "gapped live stale down") {
				t.Fatalf("states %q after 10.2 s", got)
			}
		})
	})
}

func TestAQuietConnectionThatAnswersPingsStaysLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var id atomic.Int64
		id.Store(12)
		s := &server{call: depthAt(&id)}
		s.socket = func(p *peer) {
			p.read()
			p.write(`{"result":null,"id":1}`)
			p.write("%s", diff("BTCUSDT", 10, 15))
			p.read() // reading answers pings
		}
		play(t, binance.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT")})
			after(2 * time.Minute)
			if got := k.path(btc); got != "gapped live" {
				t.Errorf("states %q", got)
			}
			alive, _ := k.rest()
			if age := time.Since(alive); age > 2100*time.Millisecond {
				t.Errorf("heard %s ago", age)
			}
		})
	})
}

// stops is a server whose stream sends a message each 100 ms for 20 s and then no more, on a socket that answers pings.
func stops() *server {
	var id atomic.Int64
	id.Store(12)
	s := &server{call: depthAt(&id)}
	s.socket = func(p *peer) {
		p.read()
		p.write(`{"result":null,"id":1}`)
		p.write("%s", diff("BTCUSDT", 10, 15))
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		ctx := p.ws.CloseRead(p.ctx) // answers pings
		for n := 16; n < 216 && ctx.Err() == nil; n++ {
			select {
			case <-ctx.Done():
			case <-ticker.C:
				p.write("%s", diff("BTCUSDT", n, n))
			}
		}
		<-ctx.Done()
	}
	return s
}

func TestAStreamThatStopsOnALivingSocketIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		play(t, binance.Exchange{}, stops(), func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT")})
			after(23 * time.Second)
			if got := k.path(btc); got != "gapped live" {
				t.Fatalf("states %q 3 s after the last of a message each 100 ms", got)
			}
			after(2 * time.Second)
			if got := k.path(btc); got != "gapped live stale" {
				t.Fatalf("states %q 5 s after it", got)
			}
			after(8 * time.Second)
			if got := k.path(btc); !strings.HasPrefix(got, "gapped live stale down") {
				t.Fatalf("states %q 13 s after it", got)
			}
		})
	})
}

func TestTheBooksOfARecordingThatHasEndedStayLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		play(t, binance.Exchange{}, stops(), func(f *Feed, k *sink) {
			f.Recorded = true // nothing has been dialled yet
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT")})
			after(time.Hour)
			if got := k.path(btc); got != "gapped live" {
				t.Errorf("states %q", got)
			}
		})
	})
}

func TestAnAnnouncedEndIsFollowedByAnotherConnectionAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{socket: answering(func(p *peer, _ string) {
			time.AfterFunc(time.Minute, func() {
				p.write(`{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1790000000000}}`)
			})
		})}
		s.call = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		play(t, binance.Exchange{}, s, func(f *Feed, _ *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTCUSDT")})
			after(90 * time.Second)
			dials, _, _ := s.seen()
			if len(dials) != 2 || dials[1].Sub(dials[0]) > time.Minute+time.Second {
				t.Errorf("connected at %v", dials)
			}
		})
	})
}

var _ Sink = (*sink)(nil)
