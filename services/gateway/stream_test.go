package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/services/gateway"
)

func TestAStreamIsAuthenticatedFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	w := h.dial(token)
	if f := w.hello(); f["market"] != "sim" || f["authenticated"] != true || f["heartbeat_seconds"] != float64(20) {
		t.Errorf("hello: %v", f)
	}
	w = h.dial("")
	w.send(`{"action":"auth","token":%q}`, token)
	w.hello()
	w.send(`{"id":"x","action":"ping"}`)
	if f := w.next("pong"); f["id"] != "x" {
		t.Errorf("pong: %v", f)
	}
	for name, act := range map[string]func() *wire{
		"a wrong token in the header": func() *wire { return h.dial("nonsense") },
		"a wrong token in a frame":    func() *wire { w := h.dial(""); w.send(`{"action":"auth","token":"no"}`); return w },
		"something else first":        func() *wire { w := h.dial(""); w.send(`{"action":"ping"}`); return w },
		"no JSON first":               func() *wire { w := h.dial(""); w.send(`ping`); return w },
		"nothing at all":              func() *wire { return h.dial("") },
	} {
		if code, _ := act().closed(); code != 4401 {
			t.Errorf("%s: closed with %d", name, code)
		}
	}
	req := newRequest(t, "GET", h.url+"/ws", "")
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "https://evil.example"} {
		req.Header.Set(k, v)
	}
	res, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("another site's page: %d", res.StatusCode)
	}
}

func TestBooksAreStreamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *gateway.Config) { cfg.PublicStreams = true })
	w := h.dial("")
	if f := w.hello(); f["authenticated"] != false {
		t.Errorf("hello: %v", f)
	}
	w.send(`{"id":1,"action":"subscribe","stream":"book","symbol":"BTC-USDT","exchange":"binance","depth":1,"interval_ms":100}`)
	if f := w.next("ack"); f["id"] != float64(1) || f["native"] != "BTCUSDT" || f["depth"] != float64(1) || f["interval_ms"] != float64(100) {
		t.Errorf("ack: %v", f)
	}
	for seq := 1.0; seq <= 3; seq++ {
		f := w.next("book")
		if f["seq"] != seq || f["state"] != "live" || f["exchange"] != "binance" || fmt.Sprint(f["bids"]) != "[[64999.9 1.5]]" || f["book_seq"] == nil {
			t.Errorf("frame %v: %v", seq, f)
		}
	}
	w.send(`{"id":2,"action":"unsubscribe","stream":"book","symbol":"BTCUSDT","exchange":"binance"}`)
	w.next("ack")
	w.send(`{"action":"subscribe","stream":"book","symbol":"BTC-USDT"}`)
	if f := w.next("ack"); fmt.Sprint(f["native"]) != "map[binance:BTCUSDT kraken:BTC/USDT]" {
		t.Errorf("ack of all: %v", f)
	}
	if f := w.next("book"); f["exchange"] != "all" || len(f["sources"].([]any)) != 2 || f["seq"] != 1.0 {
		t.Errorf("consolidated: %v", f)
	}
	w.send(`{"action":"subscribe","stream":"best_touch","symbol":"BTC-USDT","exchange":"all"}`)
	f := w.next("best_touch")
	for f["bid"] == nil || f["ask"].(map[string]any)["exchange"] != "kraken" { // until both books are there
		f = w.next("best_touch")
	}
	h.books.set("kraken", "BTC-USDT", "64998", "64998.5")
	if f := w.next("best_touch"); fmt.Sprint(f["ask"]) != "map[exchange:kraken price:64998.5 quantity:0.5]" || f["bid"].(map[string]any)["price"] != "64999.9" {
		t.Errorf("touch: %v", f)
	}
	w.send(`{"action":"subscribe","stream":"book","symbol":"ETH-USDT","exchange":"binance"}`)
	f = w.next("book")
	for f["symbol"] != "ETH-USDT" {
		f = w.next("book")
	}
	if f["state"] != "down" || f["reason"] != "no book yet" {
		t.Errorf("a book that is not there: %v", f)
	}
}

func TestTradesAndCandlesAreStreamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.dial(h.user("alice"))
	w.hello()
	w.send(`{"action":"subscribe","stream":"trades","symbol":"BTC-USDT"}`)
	w.next("ack")
	w.send(`{"action":"subscribe","stream":"klines","symbol":"BTC-USDT","exchange":"binance","interval":"1m"}`)
	w.next("ack")
	told := map[string]string{
		"md.trade.kraken.BTC-USDT":     `{"exchange":"kraken","symbol":"BTC-USDT","id":"97","price":"63005","quantity":"0.1","taker_side":"buy","received_at":"2026-01-01T00:00:00Z"}`,
		"md.kline.binance.BTC-USDT.1m": `{"exchange":"binance","symbol":"BTC-USDT","interval":"1m","open_time":"2026-01-01T00:00:00Z","open":"1","high":"2","low":"1","close":"2","volume":"3","close_time":"2026-01-01T00:00:59.999Z","complete":true}`,
	}
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { // again and again, because the first ones may come before the subscription
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			for subject, payload := range told {
				if err := h.conn.PublishMarket(subject, []byte(payload)); err != nil {
					t.Error(err)
				}
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	defer telling.Wait()
	defer close(done)
	got := map[any]frame{}
	for len(got) < 2 {
		f, err := w.read()
		if err != nil {
			t.Fatal(err)
		}
		got[f["type"]] = f
	}
	if f := got["trades"]; f["exchange"] != "all" || f["source"] != "kraken" || f["trade_id"] != "97" || f["seq"] == nil {
		t.Errorf("trade: %v", f)
	}
	if f := got["klines"]; f["interval"] != "1m" || f["complete"] != true || f["close"] != "2" {
		t.Errorf("candle: %v", f)
	}
}

func TestOrdersAreStreamedWithoutAHole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	w := h.dial(token)
	w.hello()
	w.send(`{"id":7,"action":"subscribe","stream":"orders"}`)
	if f := w.next("ack"); f["from_seq"] != 2.0 {
		t.Errorf("ack: %v", f)
	}
	if a := h.post("/orders/twap", token, twap("one", "")); a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	f := w.next("orders")
	if f["seq"] != 2.0 || f["event"] != "order_accepted" || f["token_id"] != "one" || f["order"].(map[string]any)["status"] != "active" {
		t.Errorf("accepted: %v", f)
	}
	if err := h.executor.fill(t.Context(), h.account(t, "one"), "one", 300); err != nil {
		t.Fatal(err)
	}
	for seq := 3.0; seq <= 302; seq++ {
		if f := w.next("orders"); f["seq"] != seq || len(f["fills"].([]any)) != 1 {
			t.Fatalf("frame %v: %v", seq, f)
		}
	}
	late := h.dial(token) // reads them from the stream
	late.hello()
	late.send(`{"action":"subscribe","stream":"orders","token_id":"one","from_seq":1}`)
	for seq := 2.0; seq <= 302; seq++ {
		if f := late.next("orders"); f["seq"] != seq {
			t.Fatalf("resumed at %v: %v", seq, f)
		}
	}
	h.post("/deposit", token, `{"asset":"USDT","amount":"1"}`)
	if f := w.next("orders"); f["event"] != "deposited" || f["seq"] != 303.0 {
		t.Errorf("deposit: %v", f)
	}
	w.send(`{"id":8,"action":"subscribe","stream":"orders","from_seq":999}`)
	if f := w.next("error"); f["code"] != "invalid_from_seq" {
		t.Errorf("ahead of time: %v", f)
	}
}

func TestNobodySeesAnothersOrders(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	alice, bob := h.user("alice"), h.user("bob")
	if a := h.post("/orders/twap", bob, twap("secret", "")); a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	theirs := h.get("/orders/secret", bob).field(t, "id")
	w := h.dial(alice)
	w.hello()
	w.send(`{"action":"subscribe","stream":"orders","token_id":"secret","from_seq":1}`)
	w.next("ack")
	w.send(`{"action":"subscribe","stream":"orders","from_seq":1}`)
	w.next("ack")
	if err := h.executor.fill(t.Context(), h.account(t, "secret"), "secret", 2); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/orders/secret", "/v1/orders/secret/executions"} {
		if a := h.get(path, alice); a.Status != 404 {
			t.Errorf("GET %s: %d %s", path, a.Status, a.Body)
		}
		if a := h.get(path, bob); a.Status != 200 {
			t.Errorf("the owner's GET %s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := h.do("DELETE", "/orders/secret", alice, "", ""); a.Status != 404 {
		t.Errorf("cancel: %d %s", a.Status, a.Body)
	}
	if a := h.get("/orders", alice); string(a.Body) != `{"orders":[]}`+"\n" {
		t.Errorf("list: %s", a.Body)
	}
	if a := h.post("/orders/twap", alice, twap("secret", "")); a.Status != 201 {
		t.Errorf("the same token_id in another account: %d %s", a.Status, a.Body)
	}
	for range 3 { // the opening of her account, and her own order in both subscriptions
		if f := w.next("orders"); f["event"] != "account_opened" && f["order_id"] == theirs {
			t.Errorf("alice's stream: %v", f)
		}
	}
}

func TestBadFramesAreToldAndFloodsAreClosed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.dial(h.user("alice"))
	w.hello()
	for bad, code := range map[string]string{
		`{"id":1,"action":"subscribe","stream":"book","symbol":"BTC-USDX","exchange":"binance"}`: "unknown_symbol",
		`{"id":1,"action":"subscribe","stream":"book","symbol":"BTC-USDT","exchange":"nyse"}`:    "unknown_exchange",
		`{"id":1,"action":"subscribe","stream":"book","symbol":"BTC-USDT","depth":51}`:           "invalid_depth",
		`{"id":1,"action":"subscribe","stream":"book","symbol":"BTC-USDT","interval_ms":99}`:     "invalid_interval_ms",
		`{"id":1,"action":"subscribe","stream":"book"}`:                                          "invalid_symbol",
		`{"id":1,"action":"subscribe","stream":"book","symbol":">","exchange":"binance"}`:        "unknown_symbol",
		`{"id":1,"action":"subscribe","stream":"book","symbol":"BTC-USDT","exchange":"okx"}`:     "exchange_unavailable",
		`{"id":1,"action":"subscribe","stream":"gossip"}`:                                        "unknown_stream",
		`{"id":1,"action":"subscribe","stream":"klines","symbol":"BTC-USDT","interval":"7m"}`:    "unknown_interval",
		`{"id":1,"action":"subscribe","stream":"orders","token_id":"a b"}`:                       "invalid_token_id",
		`{"id":1,"action":"unsubscribe","stream":"orders"}`:                                      "not_subscribed",
		`{"id":1,"action":"dance"}`:             "unknown_action",
		`{"id":1,"action":"ping","extra":true}`: "invalid_frame",
		`{"id":{},"action":"ping"}`:             "invalid_id",
		`[]`:                                    "invalid_frame",
		`nonsense`:                              "invalid_frame",
		"\"\xff\"":                              "invalid_frame",
		`{"id":1,"action":"subscribe","stream":"orders","from_seq":-1}`:                                        "invalid_frame",
		`{"id":1,"action":"subscribe","stream":"klines","symbol":"BTC-USDT","exchange":"all","interval":"1m"}`: "invalid_exchange",
	} {
		w.send("%s", bad)
		if f := w.next("error"); f["code"] != code {
			t.Errorf("%s: %v", bad, f)
		}
	}
	go func() { // reads while it floods, as a client would
		for range 200 {
			if w.conn.Write(context.WithoutCancel(t.Context()), websocket.MessageText, []byte(`{"action":"ping"}`)) != nil {
				return
			}
		}
	}()
	if code, _ := w.closed(); code != 4429 {
		t.Errorf("a flood: closed with %d", code)
	}
	w = h.dial(h.login("alice"))
	w.hello()
	w.send(`{"action":"ping","id":"%s"}`, strings.Repeat("x", 17<<10))
	if code, _ := w.closed(); code != websocket.StatusMessageTooBig {
		t.Errorf("a frame too large: closed with %d", code)
	}
}

func TestAStoppingGatewaySaysSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.dial(h.user("alice"))
	w.hello()
	h.stop()
	w.next("shutdown")
	if code, _ := w.closed(); code != websocket.StatusGoingAway {
		t.Errorf("closed with %d", code)
	}
	<-h.stopped
}

func TestAReaderTooSlowForItsOrdersIsToldWhereToResume(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	if a := h.post("/orders/twap", token, twap("one", "")); a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	w := h.dial(token)
	w.hello()
	w.send(`{"action":"subscribe","stream":"orders","from_seq":1}`)
	w.next("ack")
	for w.next("orders")["seq"] != 2.0 {
	}
	if err := h.executor.fill(t.Context(), h.account(t, "one"), "one", 1_300); err != nil { // and nobody reads
		t.Fatal(err)
	}
	last := 2.0
	for {
		f, err := w.read()
		if err != nil {
			var closing websocket.CloseError
			want := fmt.Sprintf("resume with from_seq %d", int(last)+1)
			if !errors.As(err, &closing) || closing.Code != 4408 || !strings.Contains(closing.Reason, want) {
				t.Errorf("after %v frames: %v, want 4408 with %q", last, err, want)
			}
			return
		}
		if f["type"] == "orders" {
			if last++; f["seq"] != last {
				t.Fatalf("hole before %v, want %v", f["seq"], last)
			}
		}
	}
}

func TestAveragesAreStreamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	w := h.dial(h.user("alice"))
	w.hello()
	for _, wrong := range []string{"", `,"half_life":0`, `,"half_life":86401`, `,"half_life":1.5`} {
		w.send(`{"action":"subscribe","stream":"ewma","symbol":"BTC-USDT","exchange":"binance"%s}`, wrong)
		w.next("error")
	}
	w.send(`{"action":"subscribe","stream":"ewma","symbol":"BTC-USDT","exchange":"binance","half_life":60}`)
	if f := w.next("ack"); f["half_life"] != 60.0 {
		t.Errorf("ack: %v", f)
	}
	f := w.next("ewma")
	for f["value"] == nil { // until the book is there
		f = w.next("ewma")
	}
	if f["value"] != "64999.95" || f["mid"] != "64999.95" || f["state"] != "live" || f["half_life"] != 60.0 {
		t.Errorf("frame: %v", f)
	}
	w.send(`{"action":"unsubscribe","stream":"ewma","symbol":"BTC-USDT","exchange":"binance","half_life":60}`)
	w.next("ack")
}
