package feed

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/bitstamp"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/gateio"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/kucoin"
)

// KuCoin's address is asked for, nothing is sent before its greeting, and a gap mends by another snapshot.
func TestKuCoinIsAskedWhereItIsAndGreetsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, sequence atomic.Int64
		sequence.Store(103)
		s := &server{}
		s.call = func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && r.URL.Path == "/api/v1/bullet-public" {
				asked.Add(1)
				_, _ = fmt.Fprint(w, `{"code":"200000","data":{"token":"t","instanceServers":[{"endpoint":"ws://elsewhere/","protocol":"websocket"}]}}`)
				return
			}
			_, _ = fmt.Fprintf(w, `{"code":"200000","data":{"sequence":"%d","bids":[["100","1"]],"asks":[["101","1"]]}}`, sequence.Load())
		}
		change := func(p *peer, first, last int64) {
			p.write(`{"data":{"symbol":"BTC-USDT","sequenceStart":%d,"sequenceEnd":%d,"changes":{"asks":[["0","0","1"]],"bids":[]}},"subject":"trade.l2update","topic":"/market/level2:BTC-USDT","type":"message"}`, first, last)
		}
		s.socket = func(p *peer) {
			time.Sleep(2 * time.Second)
			if _, _, frames := s.seen(); len(frames) > 0 {
				t.Errorf("sent %q before the greeting", frames)
			}
			p.write(`{"id":"x","type":"welcome"}`)
			for frame := p.read(); frame != ""; frame = p.read() {
				if strings.Contains(frame, `"ping"`) {
					p.write(`{"id":%q,"type":"pong"}`, field(frame, `"id":"`))
					continue
				}
				p.write(`{"id":%q,"type":"ack"}`, field(frame, `"id":"`))
				if strings.Contains(frame, `"subscribe","topic":"/market/level2:BTC-USDT"`) {
					go func() { // pings are read meanwhile
						change(p, 102, 104) // straddles the snapshot
						time.Sleep(time.Second)
						sequence.Store(110)
						change(p, 106, 110) // 105 is missing
						time.Sleep(time.Second)
						change(p, 111, 111)
					}()
				}
			}
		}
		play(t, kucoin.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTC-USDT")})
			after(30 * time.Second)
			if got, want := k.path("BTC-USDT"), "gapped live gapped live"; got != want {
				t.Errorf("states %q, want %q", got, want)
			}
			seq, _, trades := k.last("BTC-USDT")
			stats := f.Stats()
			if seq != 111 || !trades || asked.Load() != 1 || stats.Gaps != 1 || stats.BadFrames != 0 || stats.Reconnects != 0 {
				t.Errorf("at %d, trades %t, asked %d times, %+v", seq, trades, asked.Load(), stats)
			}
		})
	})
}

// Bitstamp answers without numbers and its snapshots lag: one that reaches no message is asked for again.
func TestABitstampBookWaitsForASnapshotThatReachesTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stamp atomic.Int64
		stamp.Store(1000)
		s := &server{}
		s.call = func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"microtimestamp":"%d","bids":[["100","1"]],"asks":[["101","1"]]}`, stamp.Load())
		}
		s.socket = func(p *peer) {
			for frame := p.read(); frame != ""; frame = p.read() {
				channel := field(frame, `"channel":"`)
				if channel == "" {
					p.write(`{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}`)
					continue
				}
				p.write(`{"event":"bts:subscription_succeeded","channel":%q,"data":{}}`, channel)
				if channel == "diff_order_book_btcusdt" {
					for at := 2000; at <= 6000; at += 1000 {
						time.Sleep(time.Second)
						p.write(`{"data":{"microtimestamp":"%d","bids":[["99","1"]],"asks":[]},"channel":"diff_order_book_btcusdt","event":"data"}`, at)
						stamp.Store(int64(at - 1000)) // REST is a message behind
					}
				}
			}
		}
		play(t, bitstamp.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "btcusdt")})
			after(20 * time.Second)
			if got, want := k.path("BTC-USDT"), "gapped live"; got != want {
				t.Errorf("states %q, want %q", got, want)
			}
			seq, _, trades := k.last("BTC-USDT")
			if _, calls, _ := s.seen(); seq != 6000 || !trades || len(calls) < 2 || f.Stats().Reconnects != 0 {
				t.Errorf("at %d, trades %t, %d snapshots, %+v", seq, trades, len(calls), f.Stats())
			}
		})
	})
}

// Gate.io wants the time in every frame; a gap mends by a new subscription, and it lives by its pongs alone.
func TestAGateBookIsMendedInTheStreamByStampedFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		s.socket = func(p *peer) {
			number := 100
			for frame := p.read(); frame != ""; frame = p.read() {
				if want := fmt.Sprintf(`{"time":%d,"id":`, time.Now().Unix()); !strings.HasPrefix(frame, want) {
					t.Errorf("%s, want %s", frame, want)
				}
				if strings.Contains(frame, "spot.ping") {
					p.write(`{"channel":"spot.pong","event":"","result":null}`)
					continue
				}
				id, _, _ := strings.Cut(frame[strings.Index(frame, `"id":`)+5:], ",")
				p.write(`{"id":%s,"channel":%q,"event":%q,"result":{"status":"success"}}`, id, field(frame, `"channel":"`), field(frame, `"event":"`))
				if strings.Contains(frame, `"subscribe","payload":["ob.BTC_USDT.400"]`) {
					p.write(`{"channel":"spot.obu","result":{"t":1790000000000,"full":true,"s":"ob.BTC_USDT.400","u":%d,"b":[["100","1"]],"a":[["101","1"]]}}`, number)
					if number == 100 {
						p.write(`{"channel":"spot.obu","result":{"t":1790000000100,"s":"ob.BTC_USDT.400","U":102,"u":103,"b":[],"a":[]}}`)
					}
					number += 100
				}
			}
		}
		play(t, gateio.Exchange{}, s, func(f *Feed, k *sink) {
			f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", "BTC_USDT")})
			after(time.Minute)
			if got, want := k.path("BTC-USDT"), "gapped live gapped live"; got != want {
				t.Errorf("states %q, want %q", got, want)
			}
			seq, _, trades := k.last("BTC-USDT")
			if stats := f.Stats(); seq != 200 || !trades || stats.Gaps != 1 || stats.Reconnects != 0 || stats.BadFrames != 0 {
				t.Errorf("at %d, trades %t, %+v", seq, trades, stats)
			}
		})
	})
}
