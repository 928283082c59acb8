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

// Expect tells what the order would cost against a mid if the books stayed as they are (slice by slice inside the bound,
// fresh each time) or were taken at once without a bound. Both ignore minimums and what was taken before.
func (w *Work) Expect(at time.Time, m *Market, mid *decimal.Decimal) *order.Report {
	est := &order.Report{OrderID: w.Order.ID, DecisionMid: w.DecisionMid, ArrivalMid: mid}
	reference, ok := look(w.sources(m), at, w.stale()).reference(w.Order.Side)
	if !ok {
		return est
	}
	k := w.walker(at, m, recall{})
	all := k.ladder()
	est.ImmediateSlippageBps, est.ImmediateFillRatio = w.expected(all.take(w.count(w.Order.Quantity)), mid)
	for i := range k.cursors {
		c := &k.cursors[i]
		c.bound = bound(w.Order.Side, w.Order.LimitPrice, w.MaxSlippageBps, reference, w.instrument(c.exchange).PriceTick)
	}
	bounded := k.ladder()
	var sum rung
	for i := range w.Schedule {
		sum = sum.plus(bounded.take(w.count(w.Schedule[i].Quantity)))
	}
	est.ExpectedSlippageBps, est.ExpectedFillRatio = w.expected(sum, mid)
	return est
}

func (w *Work) expected(r rung, arrival *decimal.Decimal) (slippage, ratio *decimal.Decimal) {
	filled := exactly(w.grid.value(r.grains))
	ratio = rounded(quo(filled, exactly(w.Order.Quantity)), ratioDecimals)
	return bpsOf(sign(w.Order.Side), quo(exactly(r.notional), filled), maybe(arrival)), ratio
}

// ladder is what a walk finds, with running sums, so that many quantities can be taken from the same books at little cost:
// a slice of ten thousand needs a search, not a walk.
type ladder struct {
	walker *walker
	steps  []take
	sums   []rung // before each take, and behind the last
}

// rung is a quantity in grains and its worth.
type rung struct {
	grains   int64
	notional decimal.Decimal
}

func (r rung) plus(o rung) rung {
	var c decimal.Calc
	sum := rung{r.grains + o.grains, c.Add(r.notional, o.notional)}
	if c.Err() != nil {
		return r
	}
	return sum
}

// ladder walks all levels, taking each whole.
func (k *walker) ladder() ladder {
	const plenty = 1 << 62
	l := ladder{walker: k, sums: []rung{{}}}
	takes, _ := k.walk(plenty, nil)
	for _, t := range takes {
		c := &k.cursors[t.cursor]
		l.steps = append(l.steps, t)
		l.sums = append(l.sums, l.sums[len(l.sums)-1].plus(rung{t.steps * c.grains, c.notional(t.level, t.steps)}))
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
			got = got.plus(rung{steps * c.grains, c.notional(t.level, steps)})
		}
	}
	return got
}
