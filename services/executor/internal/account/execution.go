package account

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// shareDecimals is how an exchange's share is rounded, half-even, as all ratios are.
const shareDecimals = 6

// Execution returns the report of an order in full, as it stands, or ErrUnknown.
func (s *State) Execution(id order.ID, at time.Time, m *twap.Market) (*order.Execution, error) {
	w := s.byID[id]
	if w == nil {
		return nil, fmt.Errorf("report of %.40q: %w", string(id), ErrUnknown)
	}
	x := &order.Execution{
		Report: w.Report(m, at), Order: w.Order, Profile: w.Order.Profile,
		Exchanges: []order.ExchangeTotal{}, Counts: []order.SliceCount{}, Points: []order.Point{}, Fills: []order.Fill{},
		Complete: w.Slices != nil || w.Final == nil,
	}
	if seed := w.Order.Params.Seed; seed != nil {
		x.Seed = *seed
	}
	for i := range w.Slices {
		x.Fills = append(x.Fills, w.Slices[i].Fills...)
		x.Points = append(x.Points, point(&w.Slices[i]))
	}
	x.Counts = counts(w.Slices)
	x.Exchanges = totals(&w.Order, x.Fills)
	slices.SortStableFunc(x.Fills, func(a, b order.Fill) int { return a.At.Compare(b.At) })
	return x, nil
}

func point(sl *order.Slice) order.Point {
	p := order.Point{
		K: sl.K, DueAt: sl.DueAt, Status: sl.Status, Reason: sl.Reason, Planned: sl.Planned, Filled: sl.Filled,
		CumulativePlanned: sl.CumulativePlanned, CumulativeFilled: sl.CumulativeFilled, Mid: sl.DecisionMid,
	}
	var c decimal.Calc
	var worth decimal.Decimal
	for i := range sl.Fills {
		worth = c.Add(worth, c.Mul(sl.Fills[i].Price, sl.Fills[i].Quantity))
	}
	p.AveragePrice = twap.Average(worth, sl.Filled)
	return p
}

// counts says how many slices ended alike, by status and then by reason.
func counts(list []order.Slice) []order.SliceCount {
	out := []order.SliceCount{}
	for i := range list {
		status, reason := list[i].Status, list[i].Reason
		at := slices.IndexFunc(out, func(c order.SliceCount) bool { return c.Status == status && c.Reason == reason })
		if at < 0 {
			at, out = len(out), append(out, order.SliceCount{Status: status, Reason: reason})
		}
		out[at].Count++
	}
	slices.SortFunc(out, func(a, b order.SliceCount) int {
		return cmp.Or(cmp.Compare(a.Status, b.Status), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// totals sums fills by exchange of the routing set.
func totals(o *order.Order, fills []order.Fill) []order.ExchangeTotal {
	out := make([]order.ExchangeTotal, 0, len(o.Exchanges))
	for _, e := range o.Exchanges {
		var c decimal.Calc
		t := order.ExchangeTotal{Exchange: e}
		for i := range fills {
			if f := &fills[i]; f.Exchange == e {
				t.Fills++
				t.Quantity, t.Fees = c.Add(t.Quantity, f.Quantity), c.Add(t.Fees, f.Fee)
				t.Notional = c.Add(t.Notional, c.Mul(f.Price, f.Quantity))
			}
		}
		if o.FilledQuantity.Sign() > 0 && len(fills) > 0 {
			if share := c.Quo(t.Quantity, o.FilledQuantity, shareDecimals, decimal.HalfEven); c.Err() == nil {
				t.Share = &share
			}
		}
		out = append(out, t)
	}
	return out
}
