package account_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/exampletest"
)

func TestTheWorkedExamplesComeOutToTheLastDigit(t *testing.T) {
	paths, err := filepath.Glob("testdata/examples/*.json")
	if err != nil || len(paths) < 8 {
		t.Fatalf("examples: %v, %v", paths, err)
	}
	for _, path := range paths {
		x := readExample(t, path)
		t.Run(x.Name, func(t *testing.T) {
			s := newStage(t, x)
			s.run()
			exampletest.Contains(t, "", s.x.Expected, s.outcome())
			live, err := json.Marshal(s.engine.State)
			if err != nil {
				t.Fatal(err)
			}
			folded, err := json.Marshal(s.refold())
			if err != nil || !bytes.Equal(live, folded) {
				t.Errorf("folded from its events the account is\n%s\nlive it was\n%s (%v)", folded, live, err)
			}
			again := newStage(t, x)
			again.run()
			if a, b := dump(t, s.events), dump(t, again.events); a != b {
				t.Error("the same inputs gave other events")
			}
		})
	}
}

func dump(t tb, events []order.Event) string {
	t.Helper()
	var out strings.Builder
	for i := range events {
		b, err := order.Encode(&events[i])
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(b, '\n'))
	}
	return out.String()
}

// outcome puts what happened into the form of the examples.
func (s *stage) outcome() map[string]any {
	o, ok := s.engine.State.Order(s.id)
	if !ok {
		s.t.Fatalf("no order: %+v", s.events[len(s.events)-1].Rejection)
	}
	sls, _ := s.engine.State.Slices(s.id)
	report, err := s.engine.State.Report(s.id, ms(200_000_000), s.engine.Market)
	if err != nil || !report.Final {
		s.t.Errorf("report = %+v, %v", report, err)
	}
	accepted := s.event(order.OrderAccepted)
	base := s.x.Instrument.Symbol.Base()
	side := "quote"
	if accepted.Accepted.Reservation.Asset == base {
		side = "base"
	}
	out := map[string]any{
		"reservation": map[string]any{"asset": side, "amount": accepted.Accepted.Reservation.Amount},
		"order": map[string]any{
			"status": o.Status, "end_reason": o.Reason, "terminal_t": since(o.EndedAt), "quantity": o.Quantity,
			"filled_quantity": o.FilledQuantity, "remaining_quantity": o.RemainingQuantity, "notional": o.Notional, "fees": o.Fees,
		},
		"tca": report,
	}
	if o.SlicesAdjusted {
		out["slices_adjusted_to"] = len(accepted.Accepted.Schedule)
	}
	after := map[string]any{}
	for _, b := range s.engine.State.Balances() {
		if !b.Reserved.IsZero() {
			s.t.Errorf("still reserved: %+v", b)
		}
		if b.Asset == base {
			after["base"] = b.Available
		} else {
			after["quote"] = b.Available
		}
	}
	out["account_after"] = after
	var schedule, list []any
	for _, p := range accepted.Accepted.Schedule {
		schedule = append(schedule, map[string]any{"k": p.K, "t": since(p.DueAt), "quantity": p.Quantity})
	}
	for i := range sls {
		list = append(list, sliceOutcome(&sls[i]))
	}
	out["schedule"], out["slices"] = schedule, list
	var plain map[string]any
	b, err := json.Marshal(out)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &plain); err != nil {
		s.t.Fatal(err)
	}
	plain["tca"].(map[string]any)["sign"] = "positive = cost"
	return plain
}

func (s *stage) event(of order.EventType) *order.Event {
	i := slices.IndexFunc(s.events, func(e order.Event) bool { return e.Type == of })
	if i < 0 {
		s.t.Fatalf("no event %s", of)
	}
	return &s.events[i]
}

func since(t time.Time) int64 { return t.Sub(epoch).Milliseconds() }

func sliceOutcome(sl *order.Slice) map[string]any {
	m := map[string]any{
		"k": sl.K, "due": since(sl.DueAt), "planned": sl.Planned, "status": sl.Status, "reason": orNull(string(sl.Reason)),
		"backlog": sl.Backlog, "wanted": sl.Wanted, "limited_by": orNull(sl.LimitedBy), "decision_mid": sl.DecisionMid,
		"filled": sl.Filled, "sweep": sl.Sweep, "fills": sl.Fills,
	}
	children := []any{}
	for _, c := range sl.Children {
		children = append(children, map[string]any{
			"exchange": c.Exchange, "quantity": c.Quantity, "limit": c.Limit, "arrives": since(c.ArrivesAt), "filled": c.Filled,
		})
	}
	m["children"] = children
	return m
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
