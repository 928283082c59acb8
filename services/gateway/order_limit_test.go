package gateway_test

import (
	"fmt"
	"testing"

	"github.com/hourglass-trading/hourglass/services/gateway"
)

func TestAnAccountSendsOnlySoManyOrders(t *testing.T) {
	h := newHouse(t, func(cfg *gateway.Config) { cfg.Limits = gateway.Limits{OrdersPerMinute: 2, AccountPerSecond: 100} })
	alice, bob := h.user("alice"), h.user("bob")
	bot := h.post("/v1/api-keys", alice, `{"name":"bot","scopes":["read","trade"]}`).field(t, "key").(string)
	plain := `{"token_id":"plain","symbol":"BTC-USDT","side":"buy","type":"limit","price":"1000","quantity":"0.5"}`
	for _, is := range []struct {
		name      string
		got       answer
		status    int
		left      string
		whichever string // the limit that is told
	}{
		{"an order", h.post("/orders/twap", alice, twap("one", "")), 201, "1", "2"},
		{"of the other kind, by a key", h.post("/v1/orders", bot, plain), 201, "0", "2"},
		{"one too many", h.post("/orders/twap", alice, twap("two", "")), 429, "0", "2"},
		{"one too many, by the key", h.post("/orders", bot, plain), 429, "0", "2"},
		{"one that is not valid", h.post("/v1/orders", alice, `{}`), 429, "0", "2"},
		{"another account's, not valid", h.post("/v1/orders", bob, `{}`), 422, "1", "2"},
	} {
		if is.got.Status != is.status || is.got.Header.Get("RateLimit-Remaining") != is.left || is.got.Header.Get("RateLimit-Limit") != is.whichever {
			t.Errorf("%s: %d %v %s", is.name, is.got.Status, is.got.Header, is.got.Body)
		}
		if is.status == 429 && (is.got.field(t, "code") != "rate_limited" || is.got.field(t, "detail") != "too many orders" || is.got.Header.Get("Retry-After") == "" || is.got.Header.Get("RateLimit-Reset") == "0") {
			t.Errorf("%s: %s %v", is.name, is.got.Body, is.got.Header)
		}
	}
	for name, a := range map[string]answer{
		"a look": h.get("/orders", alice), "a preview": h.post("/v1/orders/twap/preview", alice, twap("three", "")), "an amendment": h.do("PUT", "/v1/orders/one", alice, "application/json", `{"quantity":"0.7"}`),
		"a cancel": h.do("DELETE", "/orders/one", alice, "", ""),
	} {
		if a.Status != 200 || a.Header.Get("RateLimit-Limit") != "200" {
			t.Errorf("%s: %d %v %s", name, a.Status, a.Header, a.Body)
		}
	}
}

func TestTheCloserLimitOfAnOrderIsTold(t *testing.T) {
	h := newHouse(t, func(cfg *gateway.Config) { cfg.Limits = gateway.Limits{OrdersPerMinute: 600, AccountPerSecond: 50} })
	token := h.user("alice")
	for i := range 3 {
		if a := h.post("/orders/twap", token, twap(fmt.Sprint("order", i), "")); a.Status != 201 || a.Header.Get("RateLimit-Limit") != "100" || a.Header.Get("RateLimit-Reset") != "1" {
			t.Errorf("%d %v", a.Status, a.Header)
		}
	}
}
