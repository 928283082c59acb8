package simulator_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/services/simulator"
)

// startWithAdmin serves a simulator whose faults can be asked for at the second address.
func startWithAdmin(t *testing.T, cfg simulator.Config) (addr, admin string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Admin = ln
	return start(t, cfg), ln.Addr().String()
}

// ask posts a request to the admin address and demands a status.
func ask(t *testing.T, admin, path string, want int) {
	t.Helper()
	r, err := http.Post("http://"+admin+path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != want {
		t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
	}
}

func TestTheAdminAddressRefusesWhatItDoesNotUnderstand(t *testing.T) {
	addr, admin := startWithAdmin(t, simulator.Config{})
	for _, path := range []string{
		"/faults/binance?do=nothing", "/faults?do=", "/faults/kraken?do=silence&seconds=x", "/faults/kraken?do=silence&seconds=601",
		"/faults/kraken?do=drop&count=0", "/faults/kraken?do=drop&count=1001", "/faults/binance?do=status&code=200",
		"/faults/binance?do=slow&seconds=61", "/mood?be=merry", "/mood?be=calm&seconds=NaN",
	} {
		ask(t, admin, path, http.StatusBadRequest)
	}
	ask(t, admin, "/faults/nowhere?do=drop", http.StatusNotFound)
	ask(t, admin, "/mood?be=thin&seconds=1", http.StatusNoContent)
	ask(t, admin, "/faults?do=heal", http.StatusNoContent)
	if code, body := get(t, "http://"+admin+"/"); code != http.StatusOK || !strings.Contains(string(body), `"exchanges":["binance","kraken"]`) {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get(t, "http://"+addr+"/faults/binance"); code != http.StatusNotFound {
		t.Errorf("clients reach the faults: %d", code)
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+admin+"/faults?do=heal", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "http://elsewhere.example")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("a page's script gets %d", answer.StatusCode)
	}
}

// depths reads differences of one book until see has had enough.
func depths(t *testing.T, ws *socket, see func(d diff, raw string) bool) {
	t.Helper()
	for {
		raw := ws.read()
		var d diff
		if err := json.Unmarshal(raw, &d); err != nil {
			d = diff{}
		}
		if see(d, string(raw)) {
			return
		}
	}
}

func TestFaultsBefallTheNextMessageOfABook(t *testing.T) {
	addr, admin := startWithAdmin(t, simulator.Config{Speed: 10})
	ws := dial(t, "ws://"+addr+"/binance/ws/btcusdt@depth@100ms")
	ws.conn.SetReadLimit(16 << 20)
	tests := []struct {
		do    string
		shows func(before, now diff, raw string) bool
	}{
		{"drop", func(b, d diff, _ string) bool { return d.U > b.Last+1 }},
		{"repeat", func(b, d diff, _ string) bool { return d.Last != 0 && d.Last == b.Last }},
		{"reorder", func(b, d diff, _ string) bool { return d.Last != 0 && d.Last < b.Last }},
		{"cross&count=20", func(_, d diff, _ string) bool { // a message of one side alone does not show it
			for _, bid := range d.Bids {
				for _, ask := range d.Asks {
					if number(t, bid[0]) > number(t, ask[0]) {
						return true
					}
				}
			}
			return false
		}},
		{"garbage", func(_, d diff, raw string) bool { return d.Last == 0 && !json.Valid([]byte(raw)) }},
		{"huge", func(_, _ diff, raw string) bool { return len(raw) > 10<<20 }},
	}
	for _, tt := range tests {
		var before diff
		asked, messages := false, 0
		depths(t, ws, func(d diff, raw string) bool {
			if asked && tt.shows(before, d, raw) {
				return true
			}
			if messages++; messages > 100 {
				t.Fatalf("%s: nothing went wrong in %d messages", tt.do, messages)
			}
			if !asked {
				asked = true
				ask(t, admin, "/faults/binance?do="+tt.do+"&symbol=BTC-USDT", http.StatusNoContent)
			}
			before = d
			return false
		})
	}
	ask(t, admin, "/faults/binance?do=drop&symbol=ETH-USDT", http.StatusNoContent)
	var last int64
	messages := 0
	depths(t, ws, func(d diff, _ string) bool {
		if last != 0 && d.U != last+1 {
			t.Errorf("another book's fault: %d after %d", d.U, last)
		}
		last = d.Last
		messages++
		return messages == 20
	})
}

func TestAConnectionIsSilentOrCutOnRequest(t *testing.T) {
	addr, admin := startWithAdmin(t, simulator.Config{Speed: 10})
	ws := dial(t, "ws://"+addr+"/kraken/v2")
	ws.send(`{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10}}`)
	ws.read()
	ask(t, admin, "/faults?do=silence&seconds=60&heartbeat=true", http.StatusNoContent)
	for hearts := 0; hearts < 2; { // what was on its way may still come, then only hearts beat
		if m := next(t, ws); m.Channel == "heartbeat" {
			hearts++
		} else {
			hearts = 0
		}
	}
	ask(t, admin, "/faults?do=heal", http.StatusNoContent)
	for next(t, ws).Channel != "book" {
	}
	ask(t, admin, "/faults?do=silence&seconds=60", http.StatusNoContent)
	ask(t, admin, "/faults/kraken?do=disconnect", http.StatusNoContent)
	var err error
	for err == nil {
		_, _, err = ws.conn.Read(ws.ctx)
	}
	if websocket.CloseStatus(err) != -1 {
		t.Errorf("a lost connection says %v", err)
	}
}

func TestASubscriptionIsRefusedOnRequest(t *testing.T) {
	addr, admin := startWithAdmin(t, simulator.Config{Exchanges: simulator.Exchanges()})
	tests := map[string]struct{ symbol, path, send, refused, granted string }{
		"binance": {"BTC-USDT", "/ws", `{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":1}`, `"error":`, `"result":null`},
		"kraken": {"BTC-USD", "/v2", `{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]}}`,
			`"success":false`, `"success":true`},
		"coinbase": {"BTC-USD", "", `{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}`, `"type":"error"`, `"type":"subscriptions"`},
		"okx":      {"BTC-USDT", "/ws/v5/public", `{"op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}`, `"event":"error"`, `"event":"subscribe"`},
		"bybit":    {"BTC-USDT", "/v5/public/spot", `{"op":"subscribe","args":["orderbook.50.BTCUSDT"]}`, `"success":false`, `"success":true`},
		"bitstamp": {"BTC-USD", "/", bitstampWords.subscribe("btcusd"), `bts:error`, `subscription_succeeded`},
		"gateio":   {"BTC-USDT", "/ws/v4/", gateioWords.subscribe("BTC_USDT"), `"error":{`, `"status":"success"`},
		"gemini":   {"BTC-USD", "/v2/marketdata", dialects["gemini"].subscribe("BTCUSD"), `"result":"error"`, `"l2_updates"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ws := dial(t, "ws://"+addr+"/"+name+tt.path)
			for _, want := range []string{tt.refused, tt.granted} {
				if want == tt.refused {
					ask(t, admin, "/faults/"+name+"?do=refuse&symbol="+tt.symbol, http.StatusNoContent)
				}
				ws.send("%s", tt.send)
				for i := 0; ; i++ {
					if raw := string(ws.read()); strings.Contains(raw, want) {
						break
					} else if i > 20 {
						t.Fatalf("%s: %.300s, want %s", tt.send, raw, want)
					}
				}
			}
		})
	}
}

func TestAnswersOverRESTGoWrongOnRequest(t *testing.T) {
	addr, admin := startWithAdmin(t, simulator.Config{Speed: 10, Exchanges: simulator.Exchanges()})
	for name, words := range map[string]string{
		"binance": `"code":-1003`, "kraken": "Too many requests", "okx": `"50011"`, "bybit": "10006", "coinbase": "rate limit",
		"kucoin": "429000", "gateio": "TOO_MANY_REQUESTS", "bitstamp": "rate limit", "gemini": "RateLimited",
	} {
		for _, code := range []int{http.StatusTooManyRequests, http.StatusTeapot, http.StatusServiceUnavailable} {
			ask(t, admin, fmt.Sprintf("/faults/%s?do=status&code=%d", name, code), http.StatusNoContent)
			r, err := http.Get("http://" + addr + "/" + name + "/anything")
			if err != nil {
				t.Fatal(err)
			}
			var body [512]byte
			n, _ := r.Body.Read(body[:])
			r.Body.Close()
			if r.StatusCode != code || r.Header.Get("Retry-After") != "1" || !json.Valid(body[:n]) ||
				code != http.StatusServiceUnavailable && !strings.Contains(string(body[:n]), words) {
				t.Errorf("%s: %d, Retry-After %q, %s", name, r.StatusCode, r.Header.Get("Retry-After"), body[:n])
			}
		}
	}
	depth := "http://" + addr + "/binance/api/v3/depth?symbol=BTCUSDT&limit=5"
	_, first := get(t, depth)
	for _, body := first, first; string(body) == string(first); _, body = get(t, depth) {
	}
	ask(t, admin, "/faults/binance?do=old", http.StatusNoContent)
	if _, body := get(t, "http://"+addr+"/binance/api/v3/ping"); string(body) != "{}" {
		t.Errorf("what is no book is %s", body)
	}
	if _, body := get(t, depth); string(body) != string(first) {
		t.Errorf("not the old book: %s", body)
	}
	if _, body := get(t, depth); string(body) == string(first) {
		t.Error("asked for once, told twice")
	}
	ask(t, admin, "/faults/binance?do=slow&seconds=0.2", http.StatusNoContent)
	begun := time.Now()
	if get(t, depth); time.Since(begun) < 200*time.Millisecond {
		t.Errorf("answered after %s", time.Since(begun))
	}
}
