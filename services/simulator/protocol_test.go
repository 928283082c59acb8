package simulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/services/simulator"
)

func TestBinanceSaysNoInTheExchangesWords(t *testing.T) {
	base := "http://" + start(t, simulator.Config{Exchanges: []string{"binance"}}) + "/binance"
	tests := map[string]struct {
		path string
		code int
		body string
	}{
		"unknown symbol":        {"/api/v3/depth?symbol=NOPE", 400, `{"code":-1121,"msg":"Invalid symbol."}`},
		"lower-case symbol":     {"/api/v3/depth?symbol=btcusdt", 400, `{"code":-1121,"msg":"Invalid symbol."}`},
		"no symbol":             {"/api/v3/trades", 400, `"code":-1102`},
		"unknown interval":      {"/api/v3/klines?symbol=BTCUSDT&interval=7m", 400, `{"code":-1120,"msg":"Invalid interval."}`},
		"a limit that is none":  {"/api/v3/depth?symbol=BTCUSDT&limit=x", 400, `"code":-1100`},
		"unknown symbol listed": {"/api/v3/exchangeInfo?symbol=NOPE", 400, `"code":-1121`},
		"ping":                  {"/api/v3/ping", 200, `{}`},
		"time":                  {"/api/v3/time", 200, `{"serverTime":`},
		"unknown path":          {"/api/v3/account", 404, ``},
	}
	for name, tt := range tests {
		code, body := get(t, base+tt.path)
		if code != tt.code || !strings.Contains(string(body), tt.body) {
			t.Errorf("%s: %d %s, want %d %s", name, code, body, tt.code, tt.body)
		}
	}
}

func TestBinanceCommandsAreAnsweredWithTheirIDs(t *testing.T) {
	addr := start(t, simulator.Config{Exchanges: []string{"binance"}})
	ws := dial(t, "ws://"+addr+"/binance/ws/0")
	tests := []struct{ send, want string }{
		{`{"method":"SUBSCRIBE","params":["nopeusdt@depth","nopeusdt@trade"],"id":1}`, `{"result":null,"id":1}`},
		{`{"method":"LIST_SUBSCRIPTIONS","id":"two"}`, `{"result":["nopeusdt@depth","nopeusdt@trade"],"id":"two"}`},
		{`{"method":"UNSUBSCRIBE","params":["nopeusdt@depth"],"id":3}`, `{"result":null,"id":3}`},
		{`{"method":"LIST_SUBSCRIPTIONS","id":4}`, `{"result":["nopeusdt@trade"],"id":4}`},
		{`{"method":"GET_PROPERTY","params":["combined"],"id":5}`, `{"result":false,"id":5}`},
		{`{"method":"SET_PROPERTY","params":["combined",true],"id":6}`, `{"result":null,"id":6}`},
		{`{"method":"GET_PROPERTY","params":["combined"],"id":7}`, `{"result":true,"id":7}`},
		{`{"method":"SUBSCRIBE","id":8}`, `{"error":{"code":2,"msg":"Invalid request: missing field ` + "`params`" + `"},"id":8}`},
		{`{"method":"SUBSCRIBE","params":[1],"id":9}`, `{"error":{"code":2,"msg":"Invalid request: stream name must be a string"},"id":9}`},
		{`{"method":"GET_PROPERTY","params":["colour"],"id":10}`, `{"error":{"code":0,"msg":"Unknown property"},"id":10}`},
		{`{"method":"SUBSCRIBE","params":["a@b"],"id":-1}`, `request ID must be an unsigned integer`},
		{`{"method":"BUY","id":11}`, `unknown variant`},
		{`what?`, `"code":3,"msg":"Invalid JSON`},
	}
	for _, tt := range tests {
		ws.send("%s", tt.send)
		if got := string(ws.read()); !strings.Contains(got, tt.want) {
			t.Errorf("%s is answered %s, want %s", tt.send, got, tt.want)
		}
	}
}

func TestBinanceUnsubscribingEndsAStream(t *testing.T) {
	addr := start(t, simulator.Config{Speed: 10, Exchanges: []string{"binance"}})
	ws := dial(t, "ws://"+addr+"/binance/ws/btcusdt@depth@100ms")
	ws.read()
	ws.send(`{"method":"UNSUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}`)
	for !strings.HasPrefix(string(ws.read()), `{"result":null`) {
	}
	ws.send(`{"method":"LIST_SUBSCRIPTIONS","id":2}`)
	if got := string(ws.read()); got != `{"result":[],"id":2}` {
		t.Errorf("after the confirmation came %.80s", got)
	}
}

func TestAClientPastTheBoundsIsClosed(t *testing.T) {
	addr := start(t, simulator.Config{Exchanges: []string{"binance"}})
	streams := make([]string, 1025)
	for i := range streams {
		streams[i] = fmt.Sprintf("%q", fmt.Sprintf("x%d@trade", i))
	}
	tests := map[string]string{
		"1,025 streams":  `{"method":"SUBSCRIBE","params":[` + strings.Join(streams, ",") + `],"id":1}`,
		"an endless one": `{"method":"` + strings.Repeat("S", 70<<10) + `"}`,
	}
	for name, frame := range tests {
		ws := dial(t, "ws://"+addr+"/binance/ws")
		ws.send("%s", frame)
		if _, _, err := ws.conn.Read(ws.ctx); websocket.CloseStatus(err) == -1 {
			t.Errorf("%s: %v, want the connection closed", name, err)
		}
	}
	ws := dial(t, "ws://"+addr+"/binance/ws")
	for range 200 {
		if err := ws.conn.Write(ws.ctx, websocket.MessageText, []byte(`{"method":"LIST_SUBSCRIPTIONS","id":1}`)); err != nil {
			break
		}
	}
	var err error
	for err == nil {
		_, _, err = ws.conn.Read(ws.ctx)
	}
	if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("200 requests at once: %v", err)
	}
}

func TestKrakenSaysNoInTheExchangesWords(t *testing.T) {
	addr := start(t, simulator.Config{Exchanges: []string{"kraken"}})
	for path, want := range map[string]string{
		"Depth?pair=NOPE":               `{"error":["EQuery:Unknown asset pair"]}`,
		"Depth":                         `{"error":["EGeneral:Invalid arguments"]}`,
		"OHLC?pair=XBTUSD&interval=7":   `{"error":["EGeneral:Invalid arguments:interval"]}`,
		"AssetPairs?pair=XBTUSD,NOPE":   `{"error":["EQuery:Unknown asset pair"]}`,
		"Balance":                       `{"error":["EGeneral:Unknown method"]}`,
		"SystemStatus":                  `{"error":[],"result":{"status":"online"`,
		"AssetPairs?pair=XBTUSD":        `"wsname":"XBT/USD"`,
		"Assets":                        `"XXDG":{"aclass":"currency","altname":"XDG"`,
		"Depth?pair=XXBTZUSD&count=1":   `{"error":[],"result":{"XXBTZUSD":{"asks":[["`,
		"Trades?pair=DOGEUSD&count=1":   `{"error":[],"result":{"XDGUSD":[`,
		"OHLC?pair=BTC/USD&interval=60": `{"error":[],"result":{"XXBTZUSD":[[`,
	} {
		code, body := get(t, "http://"+addr+"/kraken/0/public/"+path)
		if code != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %.200s, want %s", path, code, body, want)
		}
	}
}

// until reads past heartbeats and market data to the answer of a request.
func until(t *testing.T, ws *socket) (krakenMessage, string) {
	t.Helper()
	for {
		raw := ws.read()
		var m krakenMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		if m.Method != "" {
			return m, string(raw)
		}
	}
}

func TestKrakenAnswersEachSymbolForItself(t *testing.T) {
	addr := start(t, simulator.Config{Exchanges: []string{"kraken"}})
	ws := dial(t, "ws://"+addr+"/kraken/v2")
	if got := string(ws.read()); !strings.HasPrefix(got, `{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online"`) {
		t.Errorf("the first frame is %s", got)
	}
	tests := []struct {
		send string
		want []string
	}{
		{`{"method":"ping","req_id":1}`, []string{`{"method":"pong","time_in":"`}},
		{`{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD","FOO/USD","ETH/USD"],"depth":25},"req_id":2}`, []string{
			`"result":{"channel":"book","depth":25,"snapshot":true,"symbol":"BTC/USD"},"success":true`,
			`{"error":"Currency pair not supported FOO/USD","method":"subscribe","success":false,"symbol":"FOO/USD"`,
			`"result":{"channel":"book","depth":25,"snapshot":true,"symbol":"ETH/USD"},"success":true`,
		}},
		{`{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":20}}`, []string{`"error":"Subscription depth not supported"`}},
		{`{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25}}`, []string{`"error":"Already subscribed"`}},
		{`{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25},"req_id":5}`, []string{
			`{"method":"unsubscribe","result":{"channel":"book","depth":25,"symbol":"BTC/USD"},"success":true`}},
		{`{"method":"unsubscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":25}}`, []string{`"error":"Subscription Not Found"`}},
		{`{"method":"subscribe","params":{"channel":"ohlc","symbol":["BTC/USD"],"interval":7}}`, []string{`"error":"Subscription ohlc interval not supported"`}},
		{`{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"],"snapshot":false}}`, []string{`"result":{"channel":"trade","snapshot":false,"symbol":"BTC/USD"}`}},
		{`{"method":"subscribe","params":{"channel":"gossip","symbol":["BTC/USD"]}}`, []string{`"error":"Unsupported channel"`}},
	}
	for _, tt := range tests {
		ws.send("%s", tt.send)
		for _, want := range tt.want {
			if _, got := until(t, ws); !strings.Contains(got, want) {
				t.Errorf("%s is answered %s, want %s", tt.send, got, want)
			}
		}
	}
	ws.send(`{"method":"subscribe","params":{"channel":"instrument"}}`)
	until(t, ws)
	for {
		if raw := string(ws.read()); strings.HasPrefix(raw, `{"channel":"instrument"`) {
			for _, want := range []string{`"symbol":"DOGE/USD"`, `"qty_increment":1e-08`, `"price_increment":1e-07`, `"price_precision":7`} {
				if !strings.Contains(raw, want) {
					t.Errorf("instruments lack %s: %s", want, raw)
				}
			}
			break
		}
	}
}

func TestKrakenCandlesAndTradesFlow(t *testing.T) {
	addr := start(t, simulator.Config{Speed: 20, Exchanges: []string{"kraken"}})
	ws := dial(t, "ws://"+addr+"/kraken/v2")
	ws.send(`{"method":"subscribe","params":{"channel":"ohlc","symbol":["BTC/USD"],"interval":5}}`)
	ws.send(`{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USD"]}}`)
	seen := map[string]bool{}
	for !seen["ohlc snapshot"] || !seen["ohlc update"] || !seen["trade update"] {
		m := next(t, ws)
		seen[m.Channel+" "+m.Type] = true
	}
}

func TestClientsAreToldWhenTheSimulatorStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	addr := serve(t, ctx, simulator.Config{Exchanges: []string{"kraken"}})
	ws := dial(t, "ws://"+addr+"/kraken/v2")
	ws.read()
	stop()
	if _, _, err := ws.conn.Read(ws.ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the client reads %v", err)
	}
}
