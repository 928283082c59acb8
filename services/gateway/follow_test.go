package gateway_test

import (
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/bus"
)

// A server refuses more than a thousand consumers of a stream, and each look at an account is one.
func TestReadingAnAccountLeavesNothingOnTheServer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	if a := h.post("/orders/twap", token, twap("one", "")); a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	id := h.account(t, "one")
	for range 50 {
		n := 0
		if err := h.conn.ReadEvents(t.Context(), id, 1, func(bus.Stored) error { n++; return nil }); err != nil || n != 2 {
			t.Fatalf("%d events, %v", n, err)
		}
	}
	stream, err := h.conn.JetStream().Stream(t.Context(), bus.EventStream)
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Consumers; n > 5 {
		t.Errorf("%d consumers are left", n)
	}
}

// Without the bus a gateway says so: 503 with a reason, and what it has seen is still shown.
func TestWithoutTheBusRequestsAreToldToComeBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	if a := h.post("/orders/twap", token, twap("one", "")); a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	h.busDown.Store(true)
	h.bus.Shutdown()
	h.bus.WaitForShutdown()
	for name, a := range map[string]answer{
		"readiness": h.get("/readyz", ""),
		"register":  h.post("/register", "", `{"username":"bob","password":"correct horse"}`),
		"login":     h.post("/login", "", `{"username":"alice","password":"correct horse"}`),
		"create":    h.post("/orders/twap", token, twap("two", "")),
		"cancel":    h.do("DELETE", "/orders/one", token, "", ""),
		"deposit":   h.post("/deposit", token, `{"asset":"USDT","amount":"1"}`),
		"candles":   h.get("/klines/binance/BTC-USDT", ""),
		"a book":    h.get("/orderbook/binance/ETH-USDT", ""),
	} {
		if a.Status != 503 || a.Header.Get("Retry-After") == "" || a.field(t, "code") == "internal" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	for _, path := range []string{"/healthz", "/orders", "/orders/one", "/balance", "/exchanges"} {
		if a := h.get(path, token); a.Status != 200 {
			t.Errorf("GET %s: %d %s", path, a.Status, a.Body)
		}
	}
}
