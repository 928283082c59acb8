package twap

import (
	"sort"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Begin begins the window: the marks start at nothing, and the report holds what is known and expected at the start.
func (w *Work) Begin(sc *Scene) (*order.Report, order.Marks) {
	marks := w.begin(sc.Market, sc.At)
	return w.Expect(sc.At, sc.Market, marks.Mid), marks
}

// Expect is what is known and expected of an order against a mid, as a report has it.
func (w *Work) Expect(at time.Time, m *Market, mid *decimal.Decimal) *order.Report {
	out := &order.Report{OrderID: w.Order.ID, DecisionMid: w.DecisionMid, ArrivalMid: mid}
	expected, immediate := w.Estimates(at, m, mid)
	out.ExpectedSlippageBps, out.ExpectedFillRatio = expected.SlippageBps, expected.FillRatio
	out.ImmediateSlippageBps, out.ImmediateFillRatio = immediate.SlippageBps, immediate.FillRatio
	return out
}

// Estimates tells what the order would cost against a mid if the books stayed as they are, slice by slice inside the bound,
// fresh each time, and if it were taken at once without a bound. Both ignore minimums and what was taken before. Without a
// usable book nothing is known.
func (w *Work) Estimates(at time.Time, m *Market, mid *decimal.Decimal) (expected, immediate order.Estimate) {
	reference, ok := look(w.sources(m), at, w.stale()).reference(w.Order.Side)
	if !ok {
		return expected, immediate
	}
	k := w.walker(at, m, recall{})
	all := k.ladder()
	immediate = w.estimate(all.take(w.count(w.Order.Quantity)), mid)
	for i := range k.cursors {
		c := &k.cursors[i]
		c.bound = bound(w.Order.Side, w.Order.LimitPrice, w.MaxSlippageBps, reference, w.instrument(c.exchange).PriceTick)
	}
	bounded := k.ladder()
	var sum rung
	for i := range w.Schedule {
		sum = sum.plus(bounded.take(w.count(w.Schedule[i].Quantity)))
	}
	return w.estimate(sum, mid), immediate
}

func (w *Work) estimate(r rung, mid *decimal.Decimal) order.Estimate {
	s, filled := sign(w.Order.Side), exactly(w.grid.value(r.grains))
	average, fees := quo(exactly(r.notional), filled), exactly(r.fees)
	slippage := mul(s, sub(exactly(r.notional), mul(filled, maybe(mid))))
	return order.Estimate{
		FillRatio:    rounded(quo(filled, exactly(w.Order.Quantity)), ratioDecimals),
		AveragePrice: rounded(average, priceDecimals),
		SlippageBps:  bpsOf(s, average, maybe(mid)),
		SlippageCost: money(slippage), Fees: money(fees), Cost: money(add(slippage, fees)),
	}
}

// ladder is what a walk finds, with running sums, so that many quantities can be taken from the same books at little cost:
// a slice of ten thousand needs a search, not a walk.
type ladder struct {
	walker *walker
	steps  []take
	sums   []rung // before each take, and behind the last
}

// rung is a quantity in grains, its worth, and the fees on it.
type rung struct {
	grains         int64
	notional, fees decimal.Decimal
}

func (r rung) plus(o rung) rung {
	var c decimal.Calc
	sum := rung{r.grains + o.grains, c.Add(r.notional, o.notional), c.Add(r.fees, o.fees)}
	if c.Err() != nil {
		return r
	}
	return sum
}

// ladder walks all levels, taking each whole.
func (k *walker) ladder() ladder {
	const plenty = 1 << 62
	takes, _ := k.walk(plenty, nil)
	l := ladder{walker: k, steps: takes, sums: make([]rung, 1, len(takes)+1)}
	for _, t := range takes {
		c := &k.cursors[t.cursor]
		l.sums = append(l.sums, l.sums[len(l.sums)-1].plus(c.rung(t.level, t.steps)))
	}
	return l
}

// take returns what a fresh walk would get for need grains.
func (l ladder) take(need int64) rung {
	n := sort.Search(len(l.steps), func(i int) bool { return l.sums[i+1].grains > need }) // the levels that are taken whole
	got := l.sums[n]
	for ; n < len(l.steps) && got.grains < need; n++ {
		t, c := l.steps[n], &l.walker.cursors[l.steps[n].cursor]
		if steps := min(t.steps, (need-got.grains)/c.grains); steps > 0 {
			got = got.plus(c.rung(t.level, steps))
		}
	}
	return got
}

func (c *cursor) rung(level int, steps int64) rung {
	var calc decimal.Calc
	notional := c.notional(level, steps)
	return rung{steps * c.grains, notional, calc.Bps(notional, c.fee)}
}
