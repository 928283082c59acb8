package feed

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/kraken"
)

const (
	xbt  market.Symbol = "BTC-USD"
	doge market.Symbol = "DOGE-USD"
)

// krakenBook plays the exchange's own book of one pair: a bid of the given size below a fixed ask.
type krakenBook struct{ size int64 }

// message renders the book with its checksum, off by wrong.
func (b *krakenBook) message(form, symbol string, wrong uint32) string {
	own := book.New(book.Scale{Price: 2, Size: 4}, book.Rules{})
	own.Restart()
	_, _ = own.Apply(&book.Update{
		Kind: book.Snapshot, Bids: []book.Level{{Price: 10000, Size: b.size}}, Asks: []book.Level{{Price: 10100, Size: 5}},
	})
	asks := `{"price":101.00,"qty":0.0005}`
	if form == "update" {
		asks = ""
	}
	return fmt.Sprintf(`{"channel":"book","type":%q,"data":[{"symbol":%q,"bids":[{"price":100.00,"qty":%d.%04d}],"asks":[%s],"checksum":%d,"timestamp":"2026-08-01T02:53:53.398143Z"}]}`,
		form, symbol, b.size/10000, b.size%10000, asks, kraken.Checksum(own, nil)+wrong)
}

// request is what the feed asks.
type request struct {
	Method string
	Params struct {
		Channel string
		Depth   int
		Symbol  []string
	}
	ID uint64 `json:"req_id"`
}

// grant acknowledges a request symbol by symbol, and sends the snapshots of books.
func grant(p *peer, r request, books map[string]*krakenBook) {
	for _, symbol := range r.Params.Symbol {
		p.write(`{"method":"%s","result":{"channel":"%s","depth":%d,"symbol":"%s"},"success":true,"req_id":%d}`,
			r.Method, r.Params.Channel, r.Params.Depth, symbol, r.ID)
		if r.Method == "subscribe" && r.Params.Channel == "book" {
			p.write("%s", books[symbol].message("snapshot", symbol, 0))
		}
	}
}

// requests reads what the feed asks, while a heartbeat comes each second as from the real exchange.
func requests(p *peer, each func(request)) {
	beat := time.NewTicker(time.Second)
	done := make(chan struct{})
	defer func() { beat.Stop(); close(done) }()
	go func() {
		for {
			select {
			case <-done:
				return
			case <-beat.C:
				p.write(`{"channel":"heartbeat"}`)
			}
		}
	}()
	for {
		frame := p.read()
		if frame == "" {
			return
		}
		var r request
		if json.Unmarshal([]byte(frame), &r) == nil {
			each(r)
		}
	}
}

func TestAChecksumThatFailsResyncsOneBookInTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		books := map[string]*krakenBook{"BTC/USD": {size: 7}, "DOGE/USD": {size: 9}}
		var exchangeEnd *peer
		var hold atomic.Bool
		s := &server{}
		s.socket = func(p *peer) {
			exchangeEnd = p
			requests(p, func(r request) {
				if hold.Load() && r.Method == "subscribe" {
					return // answered by hand below
				}
				grant(p, r, books)
			})
		}
		play(t, kraken.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USD", "BTC/USD"), listing(t, "DOGE", "USD", "DOGE/USD")})
			after(time.Second)
			if k.path(xbt) != "gapped live" || k.path(doge) != "gapped live" {
				t.Fatalf("states %q and %q", k.path(xbt), k.path(doge))
			}
			hold.Store(true)
			books["BTC/USD"].size = 8
			exchangeEnd.write("%s", books["BTC/USD"].message("update", "BTC/USD", 1))
			after(time.Second)
			if k.path(xbt) != "gapped live gapped" || k.path(doge) != "gapped live" {
				t.Fatalf("states %q and %q", k.path(xbt), k.path(doge))
			}
			// What still comes before the snapshot is of the old subscription and must not make a book.
			exchangeEnd.write("%s", books["BTC/USD"].message("update", "BTC/USD", 0))
			after(time.Second)
			if k.path(xbt) != "gapped live gapped" {
				t.Fatalf("states %q", k.path(xbt))
			}
			exchangeEnd.write("%s", books["BTC/USD"].message("snapshot", "BTC/USD", 0))
			after(time.Second)
			if k.path(xbt) != "gapped live gapped live" || k.path(doge) != "gapped live" {
				t.Fatalf("states %q and %q", k.path(xbt), k.path(doge))
			}
			_, _, frames := s.seen()
			last := frames[len(frames)-2:]
			if !strings.Contains(last[0], `"unsubscribe"`) || !strings.Contains(last[0], `"depth":100`) ||
				!strings.Contains(last[0], `"symbol":["BTC/USD"]`) || !strings.Contains(last[1], `"subscribe"`) || len(frames) != 4 {
				t.Errorf("frames %q", frames)
			}
			if stats := f.Stats(); stats.BadChecksums != 1 || stats.Resyncs != 1 || stats.Reconnects != 0 {
				t.Errorf("stats %+v", stats)
			}
		})
	})
}

func TestARefusedSubscriptionIsToldAndTriedAgainAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		books := map[string]*krakenBook{"BTC/USD": {size: 7}, "DOGE/USD": {size: 9}}
		refusals := 0
		s := &server{}
		s.socket = func(p *peer) {
			requests(p, func(r request) {
				for _, symbol := range r.Params.Symbol {
					one := r
					one.Params.Symbol = []string{symbol}
					if symbol == "DOGE/USD" && r.Params.Channel == "book" && refusals < 2 {
						refusals++
						p.write(`{"error":"Currency pair not supported DOGE/USD","method":"subscribe","req_id":%d,"success":false,"symbol":"DOGE/USD"}`, r.ID)
						continue
					}
					grant(p, one, books)
				}
			})
		}
		play(t, kraken.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USD", "BTC/USD"), listing(t, "DOGE", "USD", "DOGE/USD")})
			after(300 * time.Millisecond)
			_, why, _ := k.last(doge)
			if k.path(xbt) != "gapped live" || k.path(doge) != "gapped" || why != "subscription refused: Currency pair not supported DOGE/USD" {
				t.Fatalf("states %q and %q: %s", k.path(xbt), k.path(doge), why)
			}
			after(30 * time.Second)
			if k.path(xbt) != "gapped live" || k.path(doge) != "gapped live" {
				t.Fatalf("states %q and %q", k.path(xbt), k.path(doge))
			}
			_, _, frames := s.seen()
			if last := frames[len(frames)-2]; !strings.Contains(last, `"symbol":["DOGE/USD"]`) {
				t.Errorf("frames %q", frames)
			}
		})
	})
}

func TestASubscriptionWithoutAnAnswerIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		books := map[string]*krakenBook{"BTC/USD": {size: 7}}
		n := 0
		s := &server{}
		s.socket = func(p *peer) {
			requests(p, func(r request) {
				if n++; n > 2 {
					grant(p, r, books)
				}
			})
		}
		play(t, kraken.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USD", "BTC/USD")})
			after(9 * time.Second)
			if k.path(xbt) != "gapped" {
				t.Fatalf("states %q", k.path(xbt))
			}
			after(10 * time.Second)
			if k.path(xbt) != "gapped live" || f.Stats().Reconnects != 0 {
				t.Errorf("states %q, stats %+v", k.path(xbt), f.Stats())
			}
		})
	})
}

func TestWhereALossCannotBeProvenAnUnreadableFrameRestartsEveryBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		books := map[string]*krakenBook{"BTC/USD": {size: 7}, "DOGE/USD": {size: 9}}
		var exchangeEnd *peer
		s := &server{}
		s.socket = func(p *peer) {
			exchangeEnd = p
			requests(p, func(r request) { grant(p, r, books) })
		}
		play(t, kraken.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USD", "BTC/USD"), listing(t, "DOGE", "USD", "DOGE/USD")})
			after(time.Second)
			exchangeEnd.write(`{"channel":"trade","type":"update","data":[{"symbol":`) // harms no book
			exchangeEnd.write(`{"error":"something is wrong"}`)
			after(0)
			if k.path(xbt) != "gapped live" || k.path(doge) != "gapped live" {
				t.Fatalf("states %q and %q", k.path(xbt), k.path(doge))
			}
			exchangeEnd.write(`{"channel":"bo`)
			after(0)
			if k.path(xbt) != "gapped live gapped" || k.path(doge) != "gapped live gapped" {
				t.Fatalf("states %q and %q", k.path(xbt), k.path(doge))
			}
			after(5 * time.Second)
			if k.path(xbt) != "gapped live gapped live" || k.path(doge) != "gapped live gapped live" {
				t.Fatalf("states %q and %q", k.path(xbt), k.path(doge))
			}
		})
	})
}
