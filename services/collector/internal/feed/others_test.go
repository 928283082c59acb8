package feed

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/bybit"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/coinbase"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/gemini"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/okx"
)

// startsInStream plays an exchange whose books start in the stream: how it answers a frame, and what breaks a book of it.
type startsInStream struct {
	exchange exchange.Exchange
	wire     string
	answer   func(frame string) []string
	breaks   string
	quiet    time.Duration // how long it stays live with nothing but our pings
}

// field returns what stands behind a key of a frame, up to the next quote.
func field(frame, key string) string {
	_, after, _ := strings.Cut(frame, key)
	value, _, _ := strings.Cut(after, `"`)
	return value
}

// deep is a side of n levels from a price on, as pairs.
func deep(n, from, step int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,["%d.00","1.0000"]`, from+i*step)
	}
	return b.String()[1:]
}

var inStream = map[string]startsInStream{
	"okx": {
		exchange: okx.Exchange{}, wire: "BTC-USDT", quiet: time.Minute,
		answer: func(frame string) []string {
			if frame == "ping" {
				return []string{"pong"}
			}
			channel := field(frame, `"channel":"`)
			frames := []string{fmt.Sprintf(`{"id":%q,"event":%q,"arg":{"channel":%q,"instId":"BTC-USDT"}}`, field(frame, `"id":"`), field(frame, `"op":"`), channel)}
			if channel == "books" && !strings.Contains(frame, "unsubscribe") {
				frames = append(frames, `{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["101","1","0","1"]],"bids":[["100","1","0","1"]],"ts":"1790000000100","checksum":0,"seqId":10,"prevSeqId":-1}]}`)
			}
			return frames
		},
		breaks: `{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[],"bids":[],"ts":"1790000000200","checksum":0,"seqId":12,"prevSeqId":11}]}`,
	},
	"bybit": {
		exchange: bybit.Exchange{}, wire: "BTCUSDT", quiet: time.Minute,
		answer: func(frame string) []string {
			frames := []string{fmt.Sprintf(`{"success":true,"ret_msg":"","req_id":%q,"op":%q}`, field(frame, `"req_id":"`), field(frame, `"op":"`))}
			if strings.Contains(frame, `"subscribe"`) {
				frames = append(frames, `{"topic":"orderbook.200.BTCUSDT","ts":1790000000130,"type":"snapshot","data":{"s":"BTCUSDT","b":[["100","1"]],"a":[["101","1"]],"u":10,"seq":1},"cts":1790000000121}`)
			}
			return frames
		},
		breaks: `{"topic":"orderbook.200.BTCUSDT","ts":1790000000130,"type":"delta","data":{"s":"BTCUSDT","b":[],"a":[],"u":12,"seq":1},"cts":1790000000121}`,
	},
	"coinbase": { // its snapshot is a frame of over a megabyte
		exchange: coinbase.Exchange{}, wire: "BTC-USDT",
		answer: func(frame string) []string {
			if !strings.Contains(frame, `"subscribe"`) {
				return []string{`{"type":"subscriptions","channels":[]}`}
			}
			return []string{
				`{"type":"subscriptions","channels":[{"name":"level2_50","product_ids":["BTC-USDT"]}]}`,
				`{"type":"snapshot","product_id":"BTC-USDT","bids":[` + deep(30000, 99999, -1) + `],"asks":[` + deep(30000, 100000, 1) + `],"time":"2026-09-21T14:13:20Z"}`,
			}
		},
		breaks: `{"type":"l2update","product_id":"BTC-USDT","changes":[["buy","100000","1"]],"time":"2026-09-21T14:13:21Z"}`,
	},
	"gemini": {
		exchange: gemini.Exchange{}, wire: "BTCUSDT",
		answer: func(frame string) []string {
			if !strings.Contains(frame, `"subscribe"`) {
				return nil
			}
			return []string{`{"type":"l2_updates","symbol":"BTCUSDT","changes":[["buy","100","1"],["sell","101","1"]],"trades":[]}`}
		},
		breaks: `{"type":"l2_updates","symbol":"BTCUSDT","changes":[["buy","101","1"]]}`,
	},
}

func TestBooksThatStartInTheStreamAreBrokenAndMended(t *testing.T) {
	for name, x := range inStream {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{}
				s.socket = func(p *peer) {
					broken := false
					for frame := p.read(); frame != ""; frame = p.read() {
						whole := false
						for _, answer := range x.answer(frame) {
							p.write("%s", answer)
							whole = strings.Contains(answer, "snapshot") || strings.Contains(answer, `"trades":[]`)
						}
						if whole && !broken {
							broken = true
							p.write("%s", x.breaks)
						}
					}
				}
				play(t, x.exchange, s, func(f *Feed, k *sink) {
					f.Want([]*exchange.Listing{listing(t, "BTC", "USDT", x.wire)})
					after(3*time.Second + x.quiet)
					const symbol market.Symbol = "BTC-USDT"
					if got, want := k.path(symbol), "gapped live gapped live"; got != want {
						t.Errorf("states %q, want %q", got, want)
					}
					if stats := f.Stats(); stats.Resyncs != 1 || stats.BadFrames != 0 || stats.Reconnects != 0 {
						t.Errorf("stats %+v, want one resync", stats)
					}
					if !k.arrive[symbol] {
						t.Error("trades are not said to arrive")
					}
				})
			})
		})
	}
}

func TestARefusedListingHarmsNoOther(t *testing.T) {
	refusals := map[string]string{
		"okx":      `{"id":"%s","event":"error","code":"60018","msg":"Wrong URL or channel:books,instId:NO-USDT doesn't exist."}`,
		"bybit":    `{"success":false,"ret_msg":"Invalid symbol :[orderbook.200.NOUSDT]","req_id":"%s","op":"subscribe"}`,
		"coinbase": `{"type":"error","message":"Failed to subscribe","reason":"NO-USDT is not a valid product"}`,
		"gemini":   `{"result":"error","reason":"InvalidSymbol","message":"Received a symbol that is not supported"}`,
	}
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := inStream[name]
				s := &server{}
				s.socket = func(p *peer) {
					for frame := p.read(); frame != ""; frame = p.read() {
						if strings.Contains(frame, "NO") && strings.Contains(frame, `"subscribe"`) {
							id := field(frame, `id":"`)
							p.write("%s", strings.ReplaceAll(refusal, "%s", id))
						}
						if strings.Contains(frame, x.wire) || frame == "ping" || strings.Contains(frame, `"ping"`) {
							for _, answer := range x.answer(frame) {
								p.write("%s", answer)
							}
						}
					}
				}
				play(t, x.exchange, s, func(f *Feed, k *sink) {
					no := listing(t, "NO", "USDT", strings.Replace(x.wire, "BTC", "NO", 1))
					f.Want([]*exchange.Listing{no, listing(t, "BTC", "USDT", x.wire)})
					after(3 * time.Second)
					if got := k.path("BTC-USDT"); !strings.HasSuffix(got, "live") {
						t.Errorf("the other's states %q, want it live", got)
					}
					_, why, _ := k.last("NO-USDT")
					if got := k.path("NO-USDT"); got != "gapped" || !strings.HasPrefix(why, "subscription refused: ") {
						t.Errorf("the refused one's states %q, %q", got, why)
					}
				})
			})
		})
	}
}
