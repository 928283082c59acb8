package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

func newRequest(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req
}

func twap(tokenID, more string) string {
	return fmt.Sprintf(`{"token_id":%q,"symbol":"BTC-USDT","side":"buy","quantity":"0.5","duration_seconds":600%s}`, tokenID, more)
}

// account finds out an account's id, as the executor sees it.
func (h *house) account(t *testing.T, tokenID string) order.AccountID {
	t.Helper()
	h.executor.mu.Lock()
	defer h.executor.mu.Unlock()
	for id, l := range h.executor.acc {
		if l.orders[order.NewID(id, tokenID)] != nil {
			return id
		}
	}
	t.Fatalf("nobody has an order %s", tokenID)
	return ""
}

func TestAnOrderIsCreatedLookedAtAndCanceled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	a := h.post("/orders/twap", token, twap("one", `,"exchange":["kraken","binance"],"limit_price":70000.5,"max_slippage_bps":null`))
	if a.Status != 201 || a.Header.Get("Location") != "/v1/orders/one" || a.Header.Get("ETag") != `"1"` {
		t.Fatalf("create: %d %s %v", a.Status, a.Body, a.Header)
	}
	var created struct {
		Params   order.Params
		Schedule []order.Planned
		Native   map[string]string
	}
	if err := json.Unmarshal(a.Body, &created); err != nil {
		t.Fatal(err)
	}
	if p := created.Params; p.MaxSlippageBps != nil || p.LimitPrice.String() != "70000.5" || fmt.Sprint(p.Exchanges) != "[binance kraken]" || p.CatchUp != "spread" {
		t.Errorf("parameters: %+v", p)
	}
	if len(created.Schedule) != 2 || created.Native["kraken"] != "BTC/USDT" {
		t.Errorf("created: %s", a.Body)
	}
	if err := h.executor.fill(t.Context(), h.account(t, "one"), "one", 3); err != nil {
		t.Fatal(err)
	}
	if a = h.get("/orders/one/executions", token); a.Status != 404 {
		t.Errorf("executions are there without a prefix: %d", a.Status)
	}
	h.eventually("three fills are seen", func() bool {
		a = h.get("/v1/orders/one/executions?limit=2", token)
		return len(a.field(t, "executions").([]any)) == 2 && a.field(t, "next_cursor") != nil
	})
	a = h.get("/v1/orders/one/executions?limit=2&cursor="+a.field(t, "next_cursor").(string), token)
	if names, _ := a.field(t, "native").(map[string]any); names["binance"] != "BTCUSDT" {
		t.Errorf("the exchanges' own spellings: %s", a.Body)
	}
	if len(a.field(t, "executions").([]any)) != 1 || a.field(t, "next_cursor") != nil {
		t.Errorf("second page: %s", a.Body)
	}
	if a = h.get("/orders/one", token); a.Status != 200 || a.Header.Get("ETag") != `"4"` || len(a.field(t, "slices").([]any)) != 3 || len(a.field(t, "schedule").([]any)) != 2 {
		t.Errorf("get: %d %s", a.Status, a.Body)
	}
	if a = h.do("DELETE", "/orders/one", token, "", ""); a.Status != 200 || a.field(t, "status") != "canceled" {
		t.Errorf("cancel: %d %s", a.Status, a.Body)
	}
	if a = h.do("DELETE", "/orders/one", token, "", ""); a.Status != 409 || a.field(t, "code") != "order_ended" {
		t.Errorf("cancel again: %d %s", a.Status, a.Body)
	}
	if a = h.do("DELETE", "/orders/two", token, "", ""); a.Status != 404 || a.field(t, "code") != "unknown_order" {
		t.Errorf("cancel what is not there: %d %s", a.Status, a.Body)
	}
}

func TestTokenIDsAreUsedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	if a := h.post("/orders/twap", token, twap("one", "")); a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	for more, identical := range map[string]bool{"": true, `,"exchange":"all","slices":null`: false, `,"catch_up":"spread"`: true, `,"routing":"price"`: false} {
		a := h.post("/orders/twap", token, twap("one", more))
		if more == `,"exchange":"all","slices":null` {
			if a.Status != 422 {
				t.Errorf("null slices: %d %s", a.Status, a.Body)
			}
			continue
		}
		if a.Status != 409 || a.field(t, "code") != "token_id_exists" || a.field(t, "identical") != identical || a.field(t, "order").(map[string]any)["token_id"] != "one" {
			t.Errorf("again with %q: %d %s", more, a.Status, a.Body)
		}
	}
	var (
		both sync.WaitGroup
		got  [8]int
	)
	for i := range got {
		both.Go(func() { got[i] = h.post("/orders/twap", token, twap("two", "")).Status })
	}
	both.Wait()
	created := 0
	for _, status := range got {
		if status == 201 {
			created++
		} else if status != 409 {
			t.Errorf("one of many at once: %d", status)
		}
	}
	if created != 1 {
		t.Errorf("%d of %d equal requests were answered 201", created, len(got))
	}
}

func TestAnOrderOfAPairThatIsNotThereIsToldWhatWasPerhapsMeant(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	market := `{"token_id":"two","symbol":"BTC-USDT","side":"buy","type":"market","quantity":"0.5","exchange":"kraken"}`
	for path, body := range map[string]string{"/orders/twap": twap("one", ""), "/orders": market} {
		a := h.post(path, token, strings.Replace(body, "BTC-USDT", "BTC-UDST", 1))
		if a.Status != 422 || !strings.Contains(string(a.Body), `"close_matches":["BTC-USDT"]`) || !strings.Contains(string(a.Body), `did you mean BTC-USDT?`) {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

func TestARefusedOrderMayBeTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	huge := strings.Replace(twap("one", ""), `"0.5"`, `"2000000"`, 1)
	for range 2 {
		if a := h.post("/orders/twap", token, huge); a.Status != 422 || a.field(t, "code") != "insufficient_funds" {
			t.Fatalf("too much: %d %s", a.Status, a.Body)
		}
	}
	if a := h.post("/deposit", token, `{"asset":"USDT","amount":"1500000"}`); a.Status != 200 {
		t.Fatalf("deposit: %d %s", a.Status, a.Body)
	}
	if a := h.post("/orders/twap", token, huge); a.Status != 201 {
		t.Errorf("after a deposit: %d %s", a.Status, a.Body)
	}
}

func TestAnIdempotencyKeyReplaysTheAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	keyed := func(body string) answer {
		req := newRequest(t, "POST", h.url+"/v1/orders/twap", body)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Idempotency-Key", "order-1")
		return h.send(req)
	}
	first, second := keyed(twap("one", "")), keyed(twap("one", ""))
	if first.Status != 201 || second.Status != 201 || string(first.Body) != string(second.Body) || second.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("twice: %d %s\n%d %s %v", first.Status, first.Body, second.Status, second.Body, second.Header)
	}
	if a := keyed(twap("two", "")); a.Status != 422 || a.field(t, "code") != "idempotency_key_reused" {
		t.Errorf("the key for another order: %d %s", a.Status, a.Body)
	}
}

func TestWhatIsNotAnsweredInTimeIsPending(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	if err := h.executor.speak(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	a := h.post("/orders/twap", token, twap("one", ""))
	if a.Status != 202 || a.Header.Get("Location") != "/v1/orders/one" || a.field(t, "status") != "pending" {
		t.Errorf("nobody answers: %d %s", a.Status, a.Body)
	}
	if a := h.get(a.Header.Get("Location"), token); a.Status != 202 || a.field(t, "token_id") != "one" {
		t.Errorf("before it is decided on: %d %s", a.Status, a.Body)
	}
	if a := h.get("/v1/orders/two", token); a.Status != 404 {
		t.Errorf("one that nobody has asked for: %d %s", a.Status, a.Body)
	}
	if err := h.executor.speak(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	h.eventually("the order is there", func() bool { return h.get("/v1/orders/one", token).Status == 200 })
	if a := h.post("/orders/twap", token, twap("one", "")); a.Status != 409 || a.field(t, "identical") != true {
		t.Errorf("the repetition: %d %s", a.Status, a.Body)
	}
}

func TestARefusalThatComesLateIsToldAtTheOrdersAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	if err := h.executor.speak(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	tooMuch := strings.Replace(twap("one", ""), `"0.5"`, `"2000000"`, 1)
	if a := h.post("/v1/orders/twap", token, tooMuch); a.Status != 202 {
		t.Fatalf("nobody answers: %d %s", a.Status, a.Body)
	}
	if err := h.executor.speak(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	var told struct {
		Status, Reason string
		Rejection      order.Rejection
	}
	h.eventually("it is decided on", func() bool {
		a := h.get("/v1/orders/one", token)
		return a.Status == 200 && json.Unmarshal(a.Body, &told) == nil
	})
	if told.Status != "rejected" || told.Reason != "insufficient_funds" || told.Rejection.Detail != "not enough" {
		t.Errorf("it was told as %+v", told)
	}
	if a := h.get("/v1/orders", token); strings.Contains(string(a.Body), `"one"`) {
		t.Errorf("what was refused is among the orders: %s", a.Body)
	}
	if a := h.do("DELETE", "/v1/orders/one", token, "", ""); a.Status != 404 {
		t.Errorf("what was refused was canceled: %d %s", a.Status, a.Body)
	}
	if a := h.post("/v1/orders/twap", token, twap("one", "")); a.Status != 201 {
		t.Errorf("its name is used up: %d %s", a.Status, a.Body)
	}
	if a := h.get("/v1/orders/one", token); a.field(t, "status") != "active" {
		t.Errorf("the order behind it is %s", a.Body)
	}
}

func TestAnAccountOpensWhenItsOwnerIsBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	if err := h.executor.speak(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if a := h.post("/register", "", `{"username":"alice","password":"correct horse"}`); a.Status != 201 || a.field(t, "status") != "opening" {
		t.Fatalf("register: %d %s", a.Status, a.Body)
	}
	token := h.login("alice")
	if a := h.get("/balance", token); string(a.Body) != `{"balances":[]}`+"\n" {
		t.Errorf("before: %s", a.Body)
	}
	if err := h.executor.speak(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	h.eventually("the funds are there", func() bool { return strings.Contains(string(h.get("/balance", token).Body), "1000000") })
}

func TestAnOrderMayBeCalledTWAP(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	if a := h.get("/v1/orders/twap", token); a.Status != 404 || a.field(t, "code") != "unknown_order" {
		t.Errorf("before: %d %s", a.Status, a.Body)
	}
	if a := h.post("/orders/twap", token, twap("twap", "")); a.Status != 201 {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	for _, path := range []string{"/v1/orders/twap", "/orders/twap", "/v1/orders/twap/executions"} {
		if a := h.get(path, token); a.Status != 200 {
			t.Errorf("GET %s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := h.do("DELETE", "/orders/twap", token, "", ""); a.Status != 200 {
		t.Errorf("DELETE: %d %s", a.Status, a.Body)
	}
}

func TestOrdersArePagedAndFiltered(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	for i := range 5 {
		if a := h.post("/orders/twap", token, twap(fmt.Sprint("o", i), "")); a.Status != 201 {
			t.Fatalf("create: %d %s", a.Status, a.Body)
		}
	}
	h.do("DELETE", "/orders/o1", token, "", "")
	list := func(query string) (ids, next string) {
		a := h.get("/orders"+query, token)
		if a.Status != 200 {
			t.Fatalf("GET /orders%s: %d %s", query, a.Status, a.Body)
		}
		for _, o := range a.field(t, "orders").([]any) {
			ids += o.(map[string]any)["token_id"].(string) + " "
		}
		next, _ = a.field(t, "next_cursor").(string)
		return ids, next
	}
	ids, next := list("?limit=2")
	if ids != "o4 o3 " || next == "" {
		t.Errorf("first page %q", ids)
	}
	h.post("/orders/twap", token, twap("newer", "")) // does not disturb the pages behind
	if ids, next = list("?limit=2&cursor=" + next); ids != "o2 o1 " || next == "" {
		t.Errorf("second page %q", ids)
	}
	if ids, next = list("?limit=2&cursor=" + next); ids != "o0 " || next != "" {
		t.Errorf("last page %q, next %q", ids, next)
	}
	for query, want := range map[string]string{
		"?status=closed": "o1 ", "?status=open&limit=1": "newer ", "?token_id=o3": "o3 ", "?symbol=ETH-USDT": "", "?symbol=btcusdt&limit=1": "newer ",
		"?status=closed&token_id=o2": "",
	} {
		if ids, _ := list(query); ids != want {
			t.Errorf("GET /orders%s = %q, want %q", query, ids, want)
		}
	}
}

// eventually polls, because what it waits for comes by the bus.
func (h *house) eventually(what string, ok func() bool) {
	h.t.Helper()
	for range 500 {
		if ok() {
			return
		}
		h.pause()
	}
	h.t.Fatalf("%s: not in time", what)
}

func TestAllFaultsOfAnOrderAreToldAtOnceWithTheirPlaces(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	a := h.post("/v1/orders/twap", token, `{"token_id":"a","symbol":"BTC-USDT","exchange":["binance",7],"side":"hold","quantity":"-1",
		"duration_seconds":0,"interval_seconds":5,"slices":3,"limit_price":"0","a/b~c":1}`)
	var told struct {
		Errors []struct{ Field, Pointer string } `json:"errors"`
	}
	if err := json.Unmarshal(a.Body, &told); err != nil || a.Status != 422 {
		t.Fatalf("%d %s %v", a.Status, a.Body, err)
	}
	got := map[string]string{}
	for _, e := range told.Errors {
		got[e.Field] = e.Pointer
	}
	for field, pointer := range map[string]string{
		"a/b~c": "/a~1b~0c", "side": "/side", "duration_seconds": "/duration_seconds", "exchange.1": "/exchange/1", // by the schema
		"quantity": "/quantity", "limit_price": "/limit_price", // by their meaning
	} {
		if got[field] != pointer {
			t.Errorf("%s at %q, want %q; all: %s", field, got[field], pointer, a.Body)
		}
	}
	if a := h.get("/v1/orders?limit=many&status=lost", token); a.Status != 400 || strings.Count(string(a.Body), `"field"`) != 2 || strings.Contains(string(a.Body), "pointer") {
		t.Errorf("parameters: %d %s", a.Status, a.Body)
	}
	big := strings.Repeat(" ", 16<<10) + `{}`
	for path, body := range map[string]string{"/v1/orders/twap": big, "/v1/login": big[:4<<10+1], "/v1/deposit": big} {
		if a := h.post(path, token, body); a.Status != 413 || a.field(t, "code") != "body_too_large" {
			t.Errorf("%s with %d bytes: %d %s", path, len(body), a.Status, a.Body)
		}
	}
}
