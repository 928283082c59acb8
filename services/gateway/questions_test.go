package gateway_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// questions answers previews and reports, as the executor does, from the little that this one knows.
func (x *executor) questions() (micro.Service, error) {
	service, err := micro.AddService(x.conn.Orders(), micro.Config{Name: "executor", Version: "0.0.1"})
	if err != nil {
		return nil, err
	}
	for name, answer := range map[string]func([]byte) (any, error){bus.AskPreview: preview, bus.AskReport: x.report} {
		handle := func(r micro.Request) {
			reply, err := answer(r.Data())
			_ = bus.Answer(r, reply, err)
		}
		if err := service.AddEndpoint(name, micro.HandlerFunc(handle), micro.WithEndpointSubject(bus.ExecutorSubject(name))); err != nil {
			return nil, err
		}
	}
	return service, nil
}

func preview(data []byte) (any, error) {
	var req bus.PreviewRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return nil, err
	}
	l := ledger{orders: map[order.ID]*order.Order{}, usdt: dec("1000000")}
	var e order.Event
	l.create(*req.TWAP, order.TWAP, "", &order.Command{OrderID: order.NewID(req.Account, req.TWAP.TokenID)}, &e)
	if r := e.Rejection; r != nil {
		return nil, &bus.Failure{Kind: r.Kind, Code: r.Code, Detail: r.Detail, Errors: r.Errors}
	}
	return order.Preview{
		Order: *e.Order, Schedule: e.Accepted.Schedule, Reservation: e.Accepted.Reservation, DecisionMid: ptr(dec("65000")),
		Expected: order.Estimate{FillRatio: ptr(decimal.One), Cost: ptr(dec("12.5"))},
	}, nil
}

func (x *executor) report(data []byte) (any, error) {
	var req bus.ReportRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	o := x.of(req.Account).orders[req.OrderID]
	if o == nil {
		return nil, &bus.Failure{Kind: order.NotFound, Code: "unknown_order", Detail: "no such order"}
	}
	return order.Execution{
		Report: order.Report{OrderID: o.ID, Final: o.Status.Ended(), FillRatio: ptr(dec("0.5"))}, Order: *o, Complete: true,
		Exchanges: []order.ExchangeTotal{{Exchange: "binance", Fills: 1, Quantity: dec("0.25")}},
		Fills:     []order.Fill{{ID: "f", OrderID: o.ID, Slice: 1, Exchange: "binance", At: time.Now().UTC(), Side: o.Side, Price: dec("65000"), Quantity: dec("0.25")}},
	}, nil
}

func TestAPreviewIsCheckedLikeAnOrderAndChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token := h.user("alice")
	a := h.post("/v1/orders/twap/preview", token, twap("one", ""))
	if a.Status != 200 || a.field(t, "order").(map[string]any)["native"].(map[string]any)["kraken"] != "BTC/USDT" || a.field(t, "decision_mid") != "65000" {
		t.Fatalf("preview: %d %s", a.Status, a.Body)
	}
	if a = h.get("/orders/one", token); a.Status != 404 {
		t.Errorf("the preview left an order: %d", a.Status)
	}
	for body, code := range map[string]string{
		twap("one", `,"slices":2,"interval_seconds":5`):             "validation_failed",
		strings.Replace(twap("one", ""), "BTC-USDT", "BTC-XYZ", 1):  "validation_failed",
		strings.Replace(twap("one", ""), `"0.5"`, `"2000000"`, 1):   "insufficient_funds",
		strings.Replace(twap("one", ""), `"buy"`, `"buy","a":1`, 1): "validation_failed",
	} {
		if a = h.post("/v1/orders/twap/preview", token, body); a.Status != 422 || a.field(t, "code") != code {
			t.Errorf("preview of %s: %d %s", body, a.Status, a.Body)
		}
	}
}

func TestAReportComesAsJSONAndAsATable(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	token, stranger := h.user("alice"), h.user("bob")
	h.post("/orders/twap", token, twap("one", ""))
	get := func(path, accept string) answer {
		req := newRequest(t, "GET", h.url+path, "")
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Accept", accept)
		return h.send(req)
	}
	a := get("/v1/orders/one/report", "*/*")
	if a.Status != 200 || a.field(t, "final") != false || a.field(t, "fill_ratio") != "0.5" {
		t.Errorf("provisional: %d %s", a.Status, a.Body)
	}
	h.do("DELETE", "/orders/one", token, "", "")
	if a = get("/v1/orders/one/report?format=json", "text/csv"); a.Status != 200 || a.field(t, "final") != true {
		t.Errorf("final: %d %s", a.Status, a.Body)
	}
	for path, accept := range map[string]string{"/v1/orders/one/report?format=csv": "", "/v1/orders/one/report": "text/csv, application/json;q=0.5"} {
		a = get(path, accept)
		rows, err := csv.NewReader(strings.NewReader(string(a.Body))).ReadAll()
		if err != nil || a.Status != 200 || a.Header.Get("Content-Type") != "text/csv" || len(rows) < 10 || rows[0][0] != "section" ||
			a.Header.Get("Content-Disposition") != `attachment; filename="one.csv"` {
			t.Errorf("%s: %d %v %s", path, a.Status, err, a.Body)
		}
	}
	if a = h.get("/v1/orders/one/report", stranger); a.Status != 404 || a.field(t, "code") != "unknown_order" {
		t.Errorf("another's report: %d %s", a.Status, a.Body)
	}
}
