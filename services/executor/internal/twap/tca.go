package twap

import (
	"cmp"
	"math/big"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Report draws up the execution-quality report as it stands at an instant. It is final once the time that it is about is
// over and the order has ended.
func (w *Work) Report(m *Market, at time.Time) order.Report {
	if w.Final != nil {
		return *w.Final
	}
	upTo := w.closes()
	if at.Before(upTo) {
		upTo = at
	}
	marks := w.Marks // those of a canceled order stand still
	if w.Order.Status != order.Canceled {
		marks = w.MarksAt(m, upTo)
	}
	r := order.Report{OrderID: w.Order.ID, DecisionMid: w.DecisionMid}
	if w.Estimate != nil {
		r = *w.Estimate
	}
	r.Final = w.Order.Status.Ended() && !w.Flying() && !at.Before(w.closes())
	r.EndMid = marks.Mid
	w.benchmarks(&r, marks, upTo)
	w.costs(&r)
	w.shortfall(&r)
	w.adherence(&r, upTo)
	return r
}

// benchmarks fills in the prices that the average is compared with.
func (w *Work) benchmarks(r *order.Report, marks order.Marks, upTo time.Time) {
	s, o := sign(w.Order.Side), &w.Order
	filled, notional := exactly(o.FilledQuantity), exactly(o.Notional)
	average := quo(notional, filled)
	r.AveragePrice = rounded(average, priceDecimals)
	r.AllInAveragePrice = rounded(quo(add(notional, mul(s, exactly(o.Fees))), filled), priceDecimals)
	r.FillRatio = rounded(quo(filled, exactly(o.Quantity)), ratioDecimals)
	r.SlippageArrivalBps = bpsOf(s, average, maybe(r.ArrivalMid))
	r.FeeBps = rounded(mul(quo(exactly(o.Fees), notional), whole(10_000)), bpsDecimals)
	if !w.Started {
		return
	}
	window := quo(exactly(marks.MidTime), whole(marks.MidMS))
	r.TWAPWindow = rounded(window, priceDecimals)
	r.SlippageTWAPWindowBps = bpsOf(s, average, window)
	vwap := quo(exactly(marks.Notional), exactly(marks.Volume))
	r.VWAPInterval = rounded(vwap, priceDecimals)
	r.SlippageVWAPBps = bpsOf(s, average, vwap)
	r.MarketVolume = marks.Volume
	r.ParticipationRate = rounded(quo(filled, exactly(marks.Volume)), ratioDecimals)
	length := upTo.UnixMilli() - o.StartsAt.UnixMilli()
	r.BenchmarkCoverage = rounded(quo(whole(marks.KnownMS), whole(length)), ratioDecimals)
	var sum decimal.Decimal
	var c decimal.Calc
	seen := int64(0)
	for i := range w.Slices {
		if mid := w.Slices[i].DecisionMid; mid != nil && !w.Slices[i].Sweep {
			sum, seen = c.Add(sum, *mid), seen+1
		}
	}
	schedule := quo(exactly(sum), whole(seen))
	r.TWAPSchedule = rounded(schedule, priceDecimals)
	r.SlippageTWAPScheduleBps = bpsOf(s, average, schedule)
}

// costs splits what trading cost against the arrival mid, fill by fill. The sums are decimals, exact and quick; where one
// does not fit 38 digits, or a mid was never known, they are not known.
func (w *Work) costs(r *order.Report) {
	var c decimal.Calc
	var timing, spread, depth decimal.Decimal
	effective := map[decimal.Decimal]decimal.Decimal{} // Σ quantity × 2s(price − mid), by mid
	ok := r.ArrivalMid != nil
	for i := range w.Slices {
		for j := range w.Slices[i].Fills {
			f := &w.Slices[i].Fills[j]
			if ok = ok && f.Mid != nil; !ok {
				break
			}
			q := f.Quantity
			if f.Side == market.Sell {
				q = q.Neg()
			}
			timing = c.Add(timing, c.Mul(q, c.Sub(*f.Mid, *r.ArrivalMid)))
			spread = c.Add(spread, c.Mul(q, c.Sub(f.Touch, *f.Mid)))
			depth = c.Add(depth, c.Mul(q, c.Sub(f.Price, f.Touch)))
			effective[*f.Mid] = c.Add(effective[*f.Mid], c.Mul(c.Add(q, q), c.Sub(f.Price, *f.Mid)))
		}
	}
	total := c.Add(c.Add(timing, spread), depth)
	if ok = ok && c.Err() == nil; !ok {
		return
	}
	r.CostBreakdown = order.CostBreakdown{Timing: &timing, HalfSpread: &spread, Depth: &depth, TradingTotal: &total}
	r.EffectiveSpreadBps = rounded(mul(quo(weighed(effective), exactly(w.Order.FilledQuantity)), whole(10_000)), bpsDecimals)
}

// weighed sums each amount divided by its key. Exactly, the denominators would multiply up to millions of digits; cut to
// spareDecimals each, the terms are as good for a result of four decimals. Map order does not show in a sum of integers.
func weighed(amounts map[decimal.Decimal]decimal.Decimal) rat {
	const spareDecimals = 60
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(spareDecimals), nil)
	sum := new(big.Int)
	for mid, amount := range amounts {
		term := quo(exactly(amount), exactly(mid))
		if term == nil {
			return nil
		}
		n := new(big.Int).Mul(term.Num(), scale)
		sum.Add(sum, n.Quo(n, term.Denom()))
	}
	return new(big.Rat).SetFrac(sum, scale)
}

// shortfall compares with an order that was filled at the decision mid at once.
func (w *Work) shortfall(r *order.Report) {
	s, o := sign(w.Order.Side), &w.Order
	quantity, filled := exactly(o.Quantity), exactly(o.FilledQuantity)
	decision, arrival, end := maybe(r.DecisionMid), maybe(r.ArrivalMid), maybe(r.EndMid)
	delay := mul(mul(s, quantity), sub(arrival, decision))
	trading := mul(s, sub(exactly(o.Notional), mul(filled, arrival)))
	missed := mul(mul(s, sub(quantity, filled)), sub(end, arrival))
	total := add(add(delay, trading), add(missed, exactly(o.Fees)))
	r.Shortfall = order.Shortfall{
		Delay: money(delay), Trading: money(trading), Opportunity: money(missed), Fees: o.Fees, Total: money(total),
		TotalBps: rounded(mul(quo(total, mul(quantity, decision)), whole(10_000)), bpsDecimals),
	}
}

// adherence says how near the order kept to its schedule: the distance after each slice, right before the next is due.
func (w *Work) adherence(r *order.Report, upTo time.Time) {
	var fills []order.Fill
	for i := range w.Slices {
		fills = append(fills, w.Slices[i].Fills...)
	}
	slices.SortStableFunc(fills, func(a, b order.Fill) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Slice, b.Slice))
	})
	var sum, behind, done decimal.Decimal
	var c decimal.Calc
	count := int64(0)
	for i := range w.Slices {
		s := &w.Slices[i]
		if s.Sweep || s.Status == order.SliceCanceled {
			continue
		}
		next := upTo
		if i+1 < len(w.Schedule) && w.Schedule[i+1].DueAt.Before(upTo) {
			next = w.Schedule[i+1].DueAt
		}
		// An arrival at the very instant comes before the next slice; the next slice's own does not count.
		for len(fills) > 0 && !fills[0].At.After(next) && fills[0].Slice <= s.K {
			done = c.Add(done, fills[0].Quantity)
			fills = fills[1:]
		}
		short := c.Sub(s.CumulativePlanned, done)
		count++
		behind = behind.Max(short)
		sum = c.Add(sum, short.Abs())
	}
	if count > 0 && c.Err() == nil {
		quantity := exactly(w.Order.Quantity)
		r.ScheduleMeanAbsDeviation = rounded(quo(exactly(sum), mul(quantity, whole(count))), ratioDecimals)
		r.ScheduleMaxBehind = rounded(quo(exactly(behind), quantity), ratioDecimals)
	}
}
