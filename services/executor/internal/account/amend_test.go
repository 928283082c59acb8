package account_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func num(s string) *decimal.Decimal { return ptr(decimal.MustParse(s)) }

// amended is a desk with order x of 4 in four slices of ten seconds on binance, one of them filled, amended at 15 s.
func amended(t *testing.T, a order.Amendment, change func(p *order.Params)) (*stage, *order.Event) {
	t.Helper()
	s := desk(t)
	s.place(0, func(p *order.Params) {
		p.Exchanges = []market.Exchange{"binance"}
		change(p)
	})
	s.step(ms(0), nil)
	s.market(ms(9000), &exampleEvent{Exchange: "binance", Type: "gap"}) // the second slice is skipped: a backlog of 1
	s.show(11_000, "binance", "99.99", "10", "100.01", "10")
	e := s.send(15_000, order.Command{Type: order.Amend, OrderID: orderX, Amend: &a})
	return s, e
}

func same(*order.Params) {}

func plannedText(schedule []order.Planned) string {
	var out []string
	for _, p := range schedule {
		out = append(out, fmt.Sprintf("%d@%d:%s", p.K, since(p.DueAt), p.Quantity))
	}
	return strings.Join(out, " ")
}

func TestAnAmendmentLaysOutWhatIsLeft(t *testing.T) {
	tests := map[string]struct {
		amend    order.Amendment
		schedule string
		status   order.Status
		reserved string // at 103 with ten basis points: 103.103 for each that is left
		filled   string // in the end
	}{
		"more quantity is shared over the slices still planned": {order.Amendment{Quantity: num("6")}, "3@20000:2.5 4@30000:2.5", order.Active, "515.515", "6"},
		"less quantity too, and gives its reserve back":         {order.Amendment{Quantity: num("2.01")}, "3@20000:0.5 4@30000:0.51", order.Active, "104.13403", "2.01"},
		"down to what is filled the order is done":              {order.Amendment{Quantity: num("1")}, "3@20000:0 4@30000:0", order.Filled, "0", "1"},
		"a later end goes on with the old step":                 {order.Amendment{EndsAt: ms(55_000)}, "3@20000:0.75 4@30000:0.75 5@40000:0.75 6@50000:0.75", order.Active, "312.30199", "4"},
		"an earlier end has the slices that start before it":    {order.Amendment{EndsAt: ms(20_001)}, "3@20000:3", order.Active, "312.30199", "4"},
		"both at once":                                  {order.Amendment{Quantity: num("7"), EndsAt: ms(45_000)}, "3@20000:2 4@30000:2 5@40000:2", order.Active, "618.618", "7"},
		"a limit leaves the plan as it is":              {order.Amendment{LimitPrice: num("103")}, "", order.Active, "309.309", "4"},
		"a higher limit reserves more":                  {order.Amendment{LimitPrice: num("110")}, "", order.Active, "330.33", "4"},
		"a lower limit reserves less":                   {order.Amendment{LimitPrice: num("100")}, "", order.Active, "300.3", "1"},
		"a participation cap holds from the next slice": {order.Amendment{ParticipationCap: num("0.5")}, "", order.Active, "312.30199", "1"},
		"a tighter slippage bound too":                  {order.Amendment{MaxSlippageBps: num("0")}, "", order.Active, "312.30199", "1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, e := amended(t, tt.amend, same)
			if e.Type != order.OrderAmended {
				t.Fatalf("event %s %+v", e.Type, e.Rejection)
			}
			if got := plannedText(e.Schedule); got != tt.schedule {
				t.Errorf("schedule %s, want %s", got, tt.schedule)
			}
			if e.Order.Status != tt.status || e.Order.Reserved.Amount != decimal.MustParse(tt.reserved) {
				t.Errorf("order is %s and holds %s, want %s and %s", e.Order.Status, e.Order.Reserved.Amount, tt.status, tt.reserved)
			}
			s.step(ms(200_000), nil)
			o := s.order()
			if o.FilledQuantity != decimal.MustParse(tt.filled) || !o.Status.Ended() || !o.Reserved.Amount.IsZero() {
				t.Errorf("in the end %+v", o)
			}
		})
	}
}

func TestAnAmendmentDownToWhatIsFilledSaysSo(t *testing.T) {
	s, e := amended(t, order.Amendment{Quantity: num("1")}, same)
	if e.Order.Reason != order.EndAmendedFilled || !e.Order.EndedAt.Equal(ms(15_000)) {
		t.Errorf("order %+v", e.Order)
	}
	s.step(ms(200_000), nil)
	s.want("1 filled - 1 1 binance:1@100.01", "2 skipped gapped_book 1 0", "3 canceled user 0 0", "4 canceled user 0 0")
}

func TestTheBacklogBeginsAtNothingAfterANewPlan(t *testing.T) {
	s, _ := amended(t, order.Amendment{Quantity: num("6")}, same)
	s.step(ms(20_000), nil)
	sls, _ := s.engine.State.Slices(orderX)
	if third := sls[2]; !third.Backlog.IsZero() || third.Wanted.String() != "2.5" || third.CumulativePlanned.String() != "3.5" {
		t.Errorf("slice %+v", third)
	}
}

func TestAnAmendmentThatCannotBeChangesNothing(t *testing.T) {
	tests := map[string]struct {
		amend  order.Amendment
		change func(p *order.Params)
		code   string
		field  string
	}{
		"off the lot":                       {order.Amendment{Quantity: num("4.001")}, same, "validation_failed", "quantity"},
		"below what is filled":              {order.Amendment{Quantity: num("0.9")}, same, "validation_failed", "quantity"},
		"nothing":                           {order.Amendment{Quantity: num("0")}, same, "validation_failed", "quantity"},
		"more than can be paid":             {order.Amendment{Quantity: num("99")}, same, "insufficient_funds", ""},
		"a limit too dear":                  {order.Amendment{LimitPrice: num("5000")}, same, "insufficient_funds", ""},
		"a limit off the tick":              {order.Amendment{LimitPrice: num("100.001")}, same, "validation_failed", "limit_price"},
		"a limit of nothing":                {order.Amendment{LimitPrice: num("0")}, same, "validation_failed", "limit_price"},
		"a slippage beyond all":             {order.Amendment{MaxSlippageBps: num("10001")}, same, "validation_failed", "max_slippage_bps"},
		"a cap of nothing":                  {order.Amendment{ParticipationCap: num("0")}, same, "validation_failed", "participation_cap"},
		"an end that is past":               {order.Amendment{EndsAt: ms(15_000)}, same, "validation_failed", "ends_at"},
		"an end before the next slice":      {order.Amendment{EndsAt: ms(20_000)}, same, "validation_failed", "ends_at"},
		"an end more than a day away":       {order.Amendment{EndsAt: ms(86_400_001)}, same, "validation_failed", "ends_at"},
		"an end with too many slices":       {order.Amendment{EndsAt: ms(86_400_000)}, func(p *order.Params) { p.DurationSeconds, p.Slices = 20, 10 }, "validation_failed", "ends_at"},
		"more, when all slices have fallen": {order.Amendment{Quantity: num("5")}, func(p *order.Params) { p.Slices, p.MaxSlippageBps = 1, num("0") }, "validation_failed", "quantity"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, e := amended(t, tt.amend, tt.change)
			if e.Type != order.CommandRejected || e.Rejection.Kind != order.Invalid || e.Rejection.Code != tt.code {
				t.Fatalf("event %s %+v", e.Type, e.Rejection)
			}
			if tt.field != "" && e.Rejection.Errors[0].Field != tt.field {
				t.Errorf("errors %+v", e.Rejection.Errors)
			}
			if o := s.order(); o.Quantity.String() != "4" || o.LimitPrice != nil || o.Reserved.Amount.String() == "0" && !o.Status.Ended() {
				t.Errorf("order %+v", o)
			}
		})
	}
}

func TestWhatIsOnItsWayCountsInAnAmendment(t *testing.T) {
	s := desk(t)
	s.cfg.Profile.LatencyMS = 500
	s.place(0, func(p *order.Params) { p.Exchanges = []market.Exchange{"binance"} })
	if e := s.send(100, order.Command{Type: order.Amend, OrderID: orderX, Amend: &order.Amendment{Quantity: num("0.99")}}); e.Type != order.CommandRejected {
		t.Errorf("less than what is on its way: %s", e.Type)
	}
	e := s.send(200, order.Command{Type: order.Amend, OrderID: orderX, Amend: &order.Amendment{Quantity: num("1")}})
	if e.Type != order.OrderAmended || e.Order.Status != order.Active || plannedText(e.Schedule) != "2@10000:0 3@20000:0 4@30000:0" {
		t.Errorf("event %s %+v %s", e.Type, e.Order, plannedText(e.Schedule))
	}
	s.step(ms(600), nil)
	s.wantOrder(order.Filled, order.EndFilled, "1")
}

func TestAnAmendmentNamesTheVersionItKnows(t *testing.T) {
	s := desk(t)
	v := s.place(0, func(*order.Params) {}).Order.Version
	s.step(ms(0), nil)
	if e := s.send(100, order.Command{Type: order.Amend, OrderID: orderX, Amend: &order.Amendment{Quantity: num("5"), IfVersion: v}}); e.Rejection == nil || e.Rejection.Kind != order.Changed {
		t.Errorf("event %s", e.Type)
	}
	v = s.order().Version
	if e := s.send(200, order.Command{Type: order.Amend, OrderID: orderX, Amend: &order.Amendment{Quantity: num("5"), IfVersion: v}}); e.Type != order.OrderAmended || e.Order.Version != v+1 {
		t.Errorf("event %s %+v", e.Type, e.Rejection)
	}
}
