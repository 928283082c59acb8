package gateway_test

import (
	"fmt"
	"strings"
	"testing"
)

// amend sends a change of an order on condition that it still has the tag; "" is no condition.
func (h *house) amend(tokenID, token, tag, body string) answer {
	h.t.Helper()
	req := newRequest(h.t, "PUT", h.url+"/v1/orders/"+tokenID, body)
	req.Header.Set("Authorization", "Bearer "+token)
	if tag != "" {
		req.Header.Set("If-Match", tag)
	}
	return h.send(req)
}

func TestAnOrderIsAmendedUnlessItHasChanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	created := h.post("/orders/twap", token, twap("one", ""))
	tag := created.Header.Get("ETag")
	a := h.amend("one", token, tag, `{"quantity":"0.7"}`)
	if a.Status != 200 || a.field(t, "quantity") != "0.7" || a.Header.Get("ETag") == tag || len(a.field(t, "schedule").([]any)) != 2 {
		t.Fatalf("amend: %d %s %v", a.Status, a.Body, a.Header)
	}
	if a = h.amend("one", token, tag, `{"quantity":"0.8"}`); a.Status != 412 || a.field(t, "code") != "version_mismatch" {
		t.Errorf("amend what has changed: %d %s", a.Status, a.Body)
	}
	for _, any := range []string{"*", ""} {
		if a = h.amend("one", token, any, `{"quantity":0.8}`); a.Status != 200 || a.field(t, "quantity") != "0.8" {
			t.Errorf("amend with If-Match %q: %d %s", any, a.Status, a.Body)
		}
	}
	for _, wrong := range []string{`1`, `W/"1"`, `"x"`, `"1", "2"`, `"-1"`, `"0"`, `"99999999999999999999"`} {
		if a = h.amend("one", token, wrong, `{"quantity":"0.9"}`); a.Status != 400 || a.field(t, "code") != "invalid_parameter" {
			t.Errorf("If-Match %s: %d %s", wrong, a.Status, a.Body)
		}
	}
	for _, wrong := range []string{`{}`, `{"side":"sell"}`, `{"if_version":1}`, `{"quantity":null}`, `{"quantity":"NaN"}`, `{"ends_at":"soon"}`} {
		if a = h.amend("one", token, "", wrong); a.Status != 422 {
			t.Errorf("amend with %s: %d %s", wrong, a.Status, a.Body)
		}
	}
	h.do("DELETE", "/orders/one", token, "", "")
	if a = h.amend("one", token, "", `{"quantity":"1"}`); a.Status != 409 || a.field(t, "code") != "order_ended" {
		t.Errorf("amend what has ended: %d %s", a.Status, a.Body)
	}
}

func TestAnOrderIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	for _, id := range []string{"one", "twap"} { // the latter looks like a route
		h.post("/orders/twap", token, twap(id, ""))
		a := h.do("POST", "/v1/orders/"+id+"/pause", token, "", "")
		if a.Status != 200 || a.field(t, "status") != "paused" || a.Header.Get("ETag") != `"2"` {
			t.Errorf("pause %s: %d %s", id, a.Status, a.Body)
		}
		if a = h.do("POST", "/v1/orders/"+id+"/pause", token, "", ""); a.Status != 409 || a.field(t, "code") != "already_paused" {
			t.Errorf("pause %s again: %d %s", id, a.Status, a.Body)
		}
		if a = h.do("POST", "/v1/orders/"+id+"/resume", token, "", ""); a.Status != 200 || a.field(t, "status") != "active" {
			t.Errorf("resume %s: %d %s", id, a.Status, a.Body)
		}
	}
}

func TestNobodyChangesAnothersOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	owner, stranger := h.user("alice"), h.user("bob")
	h.post("/orders/twap", owner, twap("one", ""))
	h.post("/orders/twap", stranger, twap("two", ""))
	for what, try := range map[string]func() answer{
		"amend":   func() answer { return h.amend("one", stranger, "", `{"quantity":"9"}`) },
		"pause":   func() answer { return h.do("POST", "/v1/orders/one/pause", stranger, "", "") },
		"resume":  func() answer { return h.do("POST", "/v1/orders/one/resume", stranger, "", "") },
		"cancel":  func() answer { return h.do("DELETE", "/v1/orders/one", stranger, "", "") },
		"report":  func() answer { return h.get("/v1/orders/one/report", stranger) },
		"look at": func() answer { return h.get("/v1/orders/one", stranger) },
		"fills":   func() answer { return h.get("/v1/orders/one/executions", stranger) },
	} {
		if a := try(); a.Status != 404 || a.field(t, "code") != "unknown_order" {
			t.Errorf("%s another's order: %d %s", what, a.Status, a.Body)
		}
	}
	if a := h.do("DELETE", "/v1/orders?status=open", stranger, "", ""); a.Status != 200 || strings.Contains(string(a.Body), `"one"`) {
		t.Errorf("cancel all: %d %s", a.Status, a.Body)
	}
	if a := h.get("/orders/one", owner); a.field(t, "status") != "active" || a.Header.Get("ETag") != `"1"` {
		t.Errorf("the order was touched: %s", a.Body)
	}
}

func TestAllOpenOrdersAreCanceledAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	for i := range 5 {
		h.post("/orders/twap", token, twap(fmt.Sprint("o", i), ""))
	}
	h.do("DELETE", "/orders/o1", token, "", "")
	for _, query := range []string{"", "?status=all", "?status=open&status=open"} {
		if a := h.do("DELETE", "/v1/orders"+query, token, "", ""); a.Status != 400 || a.field(t, "code") != "invalid_parameter" {
			t.Errorf("DELETE /orders%s: %d %s", query, a.Status, a.Body)
		}
	}
	a := h.do("DELETE", "/v1/orders?status=open", token, "", "")
	if a.Status != 200 || len(a.field(t, "canceled").([]any)) != 4 || len(a.field(t, "pending").([]any)) != 0 || len(a.field(t, "refused").([]any)) != 0 {
		t.Fatalf("cancel all: %d %s", a.Status, a.Body)
	}
	if a = h.get("/orders?status=open", token); len(a.field(t, "orders").([]any)) != 0 {
		t.Errorf("still open: %s", a.Body)
	}
	h.post("/orders/twap", token, twap("late", ""))
	if err := h.executor.speak(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if a = h.do("DELETE", "/v1/orders?status=open", token, "", ""); a.Status != 200 || fmt.Sprint(a.field(t, "pending")) != "[late]" {
		t.Errorf("nobody answers: %d %s", a.Status, a.Body)
	}
}

func TestPlainOrdersAreCreated(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	plain := func(id, more string) answer {
		return h.post("/orders", token, `{"token_id":"`+id+`","symbol":"BTCUSDT","side":"buy","quantity":"0.5"`+more+`}`)
	}
	for id, is := range map[string]struct{ more, kind, tif string }{
		"a limit order rests":        {`,"type":"limit","price":"60000"`, "limit", "gtc"},
		"a market order does not":    {`,"type":"market"`, "market", "ioc"},
		"a limit order all or none":  {`,"type":"limit","price":60000,"time_in_force":"fok","exchange":"kraken"`, "limit", "fok"},
		"a limit order at once":      {`,"type":"limit","price":"60000.0","time_in_force":"ioc","preset":"thin"`, "limit", "ioc"},
		"a market order all or none": {`,"type":"market","price":null,"time_in_force":"fok"`, "market", "fok"},
	} {
		id = strings.ReplaceAll(id, " ", "-")
		a := plain(id, is.more)
		if a.Status != 201 || a.field(t, "type") != is.kind || a.field(t, "time_in_force") != is.tif || a.Header.Get("Location") != "/v1/orders/"+id || a.Header.Get("ETag") != `"1"` {
			t.Errorf("%s: %d %s", id, a.Status, a.Body)
		}
		if a = plain(id, is.more); a.Status != 409 || a.field(t, "identical") != true {
			t.Errorf("%s again: %d %s", id, a.Status, a.Body)
		}
		if a = h.post("/orders/twap", token, twap(id, "")); a.Status != 409 || a.field(t, "identical") != false {
			t.Errorf("%s for another kind of order: %d %s", id, a.Status, a.Body)
		}
	}
	for name, more := range map[string]string{
		"no type": ``, "a limit order without a price": `,"type":"limit"`, "a market order with one": `,"type":"market","price":"1"`,
		"a market order that rests": `,"type":"market","time_in_force":"gtc"`, "a price of zero": `,"type":"limit","price":"0"`,
		"a negative price": `,"type":"limit","price":"-1"`, "a stop order": `,"type":"stop","price":"1"`,
		"an unknown exchange": `,"type":"market","exchange":"nowhere"`, "an unknown field": `,"type":"market","duration_seconds":5`,
	} {
		if a := plain("wrong", more); a.Status != 422 || a.field(t, "code") != "validation_failed" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}
