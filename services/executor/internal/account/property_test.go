package account_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// bytesDice reads a tape of chances; behind its end there are zeros.
type bytesDice struct{ tape []byte }

func (d *bytesDice) roll(n int) int {
	v := 0
	for range 2 {
		v <<= 8
		if len(d.tape) > 0 {
			v |= int(d.tape[0])
			d.tape = d.tape[1:]
		}
	}
	return v % n
}

func TestWhateverHappensTheRulesHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &bytesDice{rapid.SliceOfN(rapid.Byte(), 2000, 2000).Draw(rt, "tape")}
		holds(rt, newScenario(d, 40+d.roll(80)), d)
	})
}

func FuzzATapeKeepsTheRules(f *testing.F) {
	f.Add([]byte("a tape of chances"))
	f.Add(bytes.Repeat([]byte{7, 1, 90, 33, 250, 3}, 200))
	f.Fuzz(func(t *testing.T, tape []byte) {
		d := &bytesDice{tape}
		holds(t, newScenario(d, 40+d.roll(80)), d)
	})
}

// holds runs a scenario and checks every rule on what came of it, then again with a restart somewhere.
func holds(t tb, s *scenario, d dice) {
	t.Helper()
	events, e := s.run(t)
	check(t, s, events, e)
	again, _ := s.run(t)
	if diff := cmp.Diff(dump(t, events), dump(t, again)); diff != "" {
		t.Fatalf("the same inputs gave other events: %s", diff)
	}
	events, e = s.restart(t, events, d.roll(len(events)+1))
	check(t, s, events, e)
}

func check(t tb, s *scenario, events []order.Event, e *account.Engine) {
	t.Helper()
	live, err := json.Marshal(e.State)
	if err != nil {
		t.Fatal(err)
	}
	folded, err := json.Marshal(refold(t, events, s.cfg))
	if err != nil || !bytes.Equal(live, folded) {
		t.Fatalf("folded: %s", cmp.Diff(string(live), string(folded)))
	}
	restored, err := account.Restore(live, s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := json.Marshal(restored); err != nil || !bytes.Equal(live, back) {
		t.Fatalf("restored: %s", cmp.Diff(string(live), string(back)))
	}
	told(t, live, events)
	lawful(t, s, events, e)
}

// lawful checks all rules that need no bytes.
func lawful(t tb, s *scenario, events []order.Event, e *account.Engine) {
	t.Helper()
	ids := map[string]bool{}
	taken := map[string]decimal.Decimal{}
	for i := range events {
		ev := &events[i]
		if ids[ev.ID] {
			t.Fatalf("event %s twice", ev.ID)
		}
		ids[ev.ID] = true
		covered(t, ev)
		if ev.Accepted != nil {
			planned(t, ev)
		}
		if ev.Type == order.SliceDecided && !ev.Slice.Sweep {
			notAhead(t, ev)
		}
		for j := range ev.Fills {
			if ids[ev.Fills[j].ID] {
				t.Fatalf("fill %s twice", ev.Fills[j].ID)
			}
			ids[ev.Fills[j].ID] = true
			fair(t, ev, &ev.Fills[j], taken)
		}
	}
	shared(t, s, events)
	conserved(t, s, events, e)
	finished(t, s, e)
}

// planned checks that the schedule sums to the quantity.
func planned(t tb, ev *order.Event) {
	t.Helper()
	var c decimal.Calc
	var sum decimal.Decimal
	for _, p := range ev.Accepted.Schedule {
		if p.Quantity.Sign() <= 0 || p.DueAt.Before(ev.Order.StartsAt) || !p.DueAt.Before(ev.Order.EndsAt) {
			t.Fatalf("planned %+v in %s…%s", p, ev.Order.StartsAt, ev.Order.EndsAt)
		}
		sum = c.Add(sum, p.Quantity)
	}
	if sum != ev.Order.Quantity {
		t.Fatalf("planned are %s of %s", sum, ev.Order.Quantity)
	}
}

// covered checks that no balance is negative after an event, and that each is the sum of its parts.
func covered(t tb, ev *order.Event) {
	t.Helper()
	for _, b := range ev.Balances {
		if sum, err := b.Available.Add(b.Reserved); err != nil || sum != b.Total || b.Available.Sign() < 0 || b.Reserved.Sign() < 0 {
			t.Fatalf("event %s leaves %+v", ev.ID, b)
		}
	}
}

// notAhead checks that filled, in flight and wanted together are never more than was planned so far.
func notAhead(t tb, ev *order.Event) {
	t.Helper()
	var c decimal.Calc
	sent := ev.Order.FilledQuantity
	for _, child := range ev.Slice.Children {
		sent = c.Add(sent, child.Quantity)
		if limit := ev.Order.LimitPrice; limit != nil && (child.Limit == nil || worse(ev.Order.Side, *child.Limit, *limit)) {
			t.Fatalf("a child was sent with %v beyond the limit %s", child.Limit, limit)
		}
	}
	if sent.Cmp(ev.Slice.CumulativePlanned) > 0 || ev.Slice.CumulativePlanned.Cmp(ev.Order.Quantity) > 0 {
		t.Fatalf("slice %d: %s filled and sent, planned so far %s of %s", ev.Slice.K, sent, ev.Slice.CumulativePlanned, ev.Order.Quantity)
	}
}

// fair checks a fill against its bound, and that nobody was given more than a level showed.
func fair(t tb, ev *order.Event, f *order.Fill, taken map[string]decimal.Decimal) {
	t.Helper()
	var c decimal.Calc
	for _, child := range ev.Slice.Children {
		if child.Exchange == f.Exchange && child.Limit != nil && worse(f.Side, f.Price, *child.Limit) {
			t.Fatalf("fill %s at %s beyond %s", f.ID, f.Price, child.Limit)
		}
		if child.Filled.Cmp(child.Quantity) > 0 {
			t.Fatalf("child got %s of %s", child.Filled, child.Quantity)
		}
	}
	atRest(t, ev, f)
	if f.Quantity.Sign() <= 0 || c.Add(f.Quantity, f.Remembered).Cmp(f.Displayed) > 0 {
		t.Fatalf("fill %s: %s and %s before of %s", f.ID, f.Quantity, f.Remembered, f.Displayed)
	}
	if ev.Order.Profile.LiquidityMemoryMS == 0 || ev.Order.Profile.MemoryScope == "order" {
		return
	}
	price := f.Price
	if f.LevelPrice != nil {
		price = *f.LevelPrice
	}
	key := string(f.Exchange) + string(f.Side) + price.String() + f.At.String() + f.TradeID
	if taken[key] = c.Add(taken[key], f.Quantity); taken[key].Cmp(f.Displayed) > 0 {
		t.Fatalf("at %s %s were taken of %s", key, taken[key], f.Displayed)
	}
}

// shared checks that no trade gave more than its size, whoever of the account waited for it.
func shared(t tb, s *scenario, events []order.Event) {
	t.Helper()
	left := map[string]decimal.Decimal{}
	for i := range s.tape {
		if trade := s.tape[i].in.Trade; trade != nil {
			left[trade.ID] = trade.Quantity
		}
	}
	var c decimal.Calc
	for i := range events {
		for _, f := range events[i].Fills {
			if f.TradeID == "" || events[i].Order.Profile.MemoryScope == "order" {
				continue
			}
			if left[f.TradeID] = c.Sub(left[f.TradeID], f.Quantity); left[f.TradeID].Sign() < 0 {
				t.Fatalf("fill %s: trade %s gave more than it had", f.ID, f.TradeID)
			}
		}
	}
}

// atRest checks that an order at rest was met at its own price by something better, and by nothing that was not.
func atRest(t tb, ev *order.Event, f *order.Fill) {
	t.Helper()
	if f.Maker != (ev.Type == order.OrderMatched) {
		t.Fatalf("fill %s of %s: maker %t", f.ID, ev.Type, f.Maker)
	}
	if !f.Maker {
		return
	}
	limit := ev.Order.LimitPrice
	if worse(f.Side, f.Price, *limit) || f.LevelPrice != nil && worse(f.Side, *f.LevelPrice, f.Price) || (f.LevelPrice == nil) == (f.TradeID == "") {
		t.Fatalf("fill %s at %s, limit %s, met by %v or trade %q", f.ID, f.Price, limit, f.LevelPrice, f.TradeID)
	}
}

func worse(side market.Side, a, b decimal.Decimal) bool {
	if side == market.Buy {
		return b.Less(a)
	}
	return a.Less(b)
}

// conserved checks that the balances are the funds brought in, and what the fills moved.
func conserved(t tb, s *scenario, events []order.Event, e *account.Engine) {
	t.Helper()
	var c decimal.Calc
	want := map[string]decimal.Decimal{}
	filled := map[order.ID]decimal.Decimal{}
	for i := range events {
		if events[i].Type == order.AccountOpened {
			for _, a := range s.cfg.Opening {
				want[a.Asset] = a.Amount
			}
		}
		if a := events[i].Deposit; a != nil {
			want[a.Asset] = c.Add(want[a.Asset], a.Amount)
		}
		for _, f := range events[i].Fills {
			base, quote := f.Quantity, c.Mul(f.Price, f.Quantity)
			if f.Side == market.Buy {
				quote = quote.Neg()
			} else {
				base = base.Neg()
			}
			want["BTC"], want["USDT"] = c.Add(want["BTC"], base), c.Sub(c.Add(want["USDT"], quote), f.Fee)
			filled[f.OrderID] = c.Add(filled[f.OrderID], f.Quantity)
		}
	}
	for _, b := range e.State.Balances() {
		if b.Total != want[b.Asset] || b.Available.Sign() < 0 || !b.Reserved.IsZero() {
			t.Fatalf("balance %+v, want %s and nothing reserved", b, want[b.Asset])
		}
	}
	for _, o := range e.State.Orders() {
		if o.FilledQuantity != filled[o.ID] || o.FilledQuantity.Cmp(o.Quantity) > 0 {
			t.Fatalf("order %s filled %s of %s, its fills are %s", o.ID, o.FilledQuantity, o.Quantity, filled[o.ID])
		}
	}
}

// finished checks that every order has ended, with all of its slices told of, and that its costs add up.
func finished(t tb, s *scenario, e *account.Engine) {
	t.Helper()
	if at, ok := e.State.Wake(); ok {
		t.Fatalf("still waiting for %s", at)
	}
	for _, o := range e.State.Orders() {
		r, err := e.State.Report(o.ID, s.end, e.Market)
		if err != nil || !r.Final || !o.Status.Ended() || o.Reason == "" {
			t.Fatalf("order %s is %s (%s), report %+v, %v", o.ID, o.Status, o.Reason, r, err)
		}
		if o.TimeInForce == order.FOK && !o.FilledQuantity.IsZero() && o.FilledQuantity != o.Quantity {
			t.Fatalf("order %s got %s of %s, which is neither all nor nothing", o.ID, o.FilledQuantity, o.Quantity)
		}
		sls, schedule := e.State.Slices(o.ID)
		for i, sl := range sls {
			if sl.K != i+1 || sl.Status == order.SliceSent || sl.Filled.Cmp(sl.Wanted) > 0 {
				t.Fatalf("slice %d of %s: %+v", i+1, o.ID, sl)
			}
			if sl.Filled.Less(sl.Wanted) && sl.Reason == "" {
				t.Fatalf("slice %d of %s got less than it wanted, and does not say why: %+v", i+1, o.ID, sl)
			}
		}
		if len(sls) < len(schedule) || o.SlicesTotal != len(schedule) {
			t.Fatalf("%d slices of %d, told %d", len(sls), len(schedule), o.SlicesTotal)
		}
		addsUp(t, &r)
		if c := r.BenchmarkCoverage; c != nil && (c.Sign() < 0 || c.Cmp(decimal.One) > 0) {
			t.Fatalf("coverage %s", c)
		}
	}
}

// addsUp checks that the parts of a report's costs sum to their totals, and both accounts of what trading cost agree.
func addsUp(t tb, r *order.Report) {
	t.Helper()
	var c decimal.Calc
	parts, whole := &r.CostBreakdown, &r.Shortfall
	if parts.TradingTotal != nil && whole.Trading != nil && *parts.TradingTotal != *whole.Trading {
		t.Fatalf("trading cost %s by fills, %s by totals", parts.TradingTotal, whole.Trading)
	}
	if parts.TradingTotal != nil && c.Add(c.Add(*parts.Timing, *parts.HalfSpread), *parts.Depth) != *parts.TradingTotal {
		t.Fatalf("costs %+v do not add up", parts)
	}
	if whole.Total != nil && c.Add(c.Add(*whole.Delay, *whole.Trading), c.Add(*whole.Opportunity, whole.Fees)) != *whole.Total {
		t.Fatalf("shortfall %+v does not add up", whole)
	}
}
