package twap

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Land lets the children that are due first reach their exchanges: those of one slice that arrive together. It returns the
// slice as it is then and the fills. Children that were on their way while the executor was away are closed without.
func (w *Work) Land(sc *Scene) (order.Slice, []order.Fill) {
	i, arrives := w.landing(sc.Resumed)
	s := w.Slices[i]
	s.Children, s.Fills = slices.Clone(s.Children), slices.Clone(s.Fills)
	lost := s.DecidedAt.Before(sc.Resumed)
	var fills []order.Fill
	var cause order.Reason
	for j := range s.Children {
		child := &s.Children[j]
		switch {
		case child.Arrived:
			continue
		case lost:
			child.Arrived, cause = true, order.ServerDown
			continue
		case !child.ArrivesAt.Equal(arrives):
		case sc.Void:
			child.Arrived, cause = true, order.NoLiquidity
		default:
			got, why := w.match(sc, &s, child)
			if why != "" {
				cause = why
			}
			fills = append(fills, got...)
		}
	}
	s.Fills = append(s.Fills, fills...)
	slices.SortStableFunc(s.Fills, func(a, b order.Fill) int { return cmp.Compare(a.Exchange, b.Exchange) })
	if cause != "" {
		s.Reason = cause
	}
	w.settle(&s)
	return s, fills
}

// landing returns the slice whose children are due first, and when they arrive.
func (w *Work) landing(resumed time.Time) (slice int, arrives time.Time) {
	slice = -1
	for _, i := range w.flight {
		s := &w.Slices[i]
		for j := range s.Children {
			at := lands(s, &s.Children[j], resumed)
			if !s.Children[j].Arrived && (slice < 0 || at.Before(arrives)) {
				slice, arrives = i, at
			}
		}
	}
	return slice, arrives
}

// lands is when a child of a slice is done with: when it arrives, and what was on its way while the executor was away at the
// latest when that came back.
func lands(s *order.Slice, child *order.Child, resumed time.Time) time.Time {
	if s.DecidedAt.Before(resumed) && resumed.Before(child.ArrivesAt) {
		return resumed
	}
	return child.ArrivesAt
}

// match fills a child on its exchange's book as it is now, inside the bound it was sent with. What is not there is not
// sent elsewhere. A buy is cut to what can still be paid. It says why the child got less than it asked for.
func (w *Work) match(sc *Scene, s *order.Slice, child *order.Child) ([]order.Fill, order.Reason) {
	child.Arrived = true
	src := sc.Market.source(child.Exchange, w.Order.Symbol)
	if fault := src.fault(sc.At, w.stale()); fault != "" {
		return nil, fault
	}
	k := w.walker(sc.At, sc.Market, sc.Memory.recall(w, sc.At))
	k.cursors = slices.DeleteFunc(k.cursors, func(c cursor) bool { return c.exchange != child.Exchange })
	c := &k.cursors[0]
	c.bound = child.Limit
	var budget *decimal.Decimal
	if w.Order.Side == market.Buy {
		budget = &sc.Budget
	}
	takes, short := k.walk(w.count(child.Quantity), budget)
	if w.Order.TimeInForce == order.FOK && grains(takes, c) < w.count(child.Quantity) {
		takes = nil // all or nothing, at the exchange too
	}
	fills := w.fills(sc, s, c, src.book, takes)
	var calc decimal.Calc
	for i := range fills {
		child.Filled = calc.Add(child.Filled, fills[i].Quantity)
		if budget != nil {
			sc.Budget = calc.Sub(sc.Budget, calc.Add(calc.Mul(fills[i].Price, fills[i].Quantity), fills[i].Fee))
		}
	}
	switch {
	case child.Filled == child.Quantity:
		return fills, ""
	case short:
		s.LimitedBy = byFunds
		return fills, order.InsufficientFunds
	}
	return fills, order.BookMoved
}

// grains sums what was taken from one book.
func grains(takes []take, c *cursor) int64 {
	var sum int64
	for _, t := range takes {
		sum += t.steps * c.grains
	}
	return sum
}

// fills writes down what was taken from a book, with the evidence.
func (w *Work) fills(sc *Scene, s *order.Slice, c *cursor, b *market.Book, takes []take) []order.Fill {
	seen := look(w.sources(sc.Market), sc.At, w.stale())
	mid := known(seen.mid())
	if mid == nil {
		mid = w.MarksAt(sc.Market, sc.At).Mid // of an arrival behind the end: the last of the window
	}
	far, _ := seen.far(w.Order.Side)
	var out []order.Fill
	for _, t := range takes {
		level := &b.Far(w.Order.Side)[t.level]
		var calc decimal.Calc
		quantity := w.grid.value(t.steps * c.grains)
		fee := calc.Bps(calc.Mul(level.Price, quantity), c.fee)
		before := calc.FromSteps(t.remembered, c.step)
		if calc.Err() != nil {
			continue // a level whose worth does not fit 38 digits cannot be taken
		}
		out = append(out, order.Fill{
			ID:      string(w.Order.ID) + "-" + strconv.Itoa(s.K) + "-" + string(c.exchange) + "-" + strconv.Itoa(len(out)+1),
			OrderID: w.Order.ID, Slice: s.K, Exchange: c.exchange, At: sc.At, Side: w.Order.Side,
			Price: level.Price, Quantity: quantity, Fee: fee, BookSequence: b.Seq, ExchangeSeq: b.ExchangeSeq,
			Level: t.level, Displayed: level.Quantity, Remembered: before, Mid: mid, Touch: far,
		})
	}
	return out
}

// settle sums a slice up, and gives it its last status once all of its children have arrived.
func (w *Work) settle(s *order.Slice) {
	var c decimal.Calc
	before := s.Filled
	s.Filled = decimal.Decimal{}
	flying := false
	for i := range s.Children {
		s.Filled = c.Add(s.Filled, s.Children[i].Filled)
		flying = flying || !s.Children[i].Arrived
	}
	s.CumulativeFilled = c.Add(w.Order.FilledQuantity, c.Sub(s.Filled, before))
	switch {
	case flying:
	case s.Filled == s.Wanted:
		s.Status, s.Reason = order.SliceFilled, ""
	case s.Filled.Sign() > 0:
		s.Status = order.SlicePartial
	default:
		s.Status = order.SliceUnfilled
	}
}

// Holding returns what an order that ends now must keep aside for what is still on its way: a sell the quantity, a buy its
// worth at the bound it was sent with, never more than it holds.
func (w *Work) Holding() (decimal.Decimal, error) {
	var c decimal.Calc
	var sum decimal.Decimal
	for _, i := range w.flight {
		for j := range w.Slices[i].Children {
			child := &w.Slices[i].Children[j]
			switch {
			case child.Arrived:
			case w.Order.Side == market.Sell:
				sum = c.Add(sum, child.Quantity)
			case child.Limit == nil:
				sum = c.Add(sum, child.Cost)
			default:
				price := c.Mul(*child.Limit, feeFactor(market.Buy, w.feeBound(child.Exchange)))
				sum = c.Add(sum, c.Mul(child.Quantity, price))
			}
		}
	}
	return sum.Min(w.Order.Reserved.Amount), c.Err()
}

// Spending returns what the order's children on their way are expected to cost.
func (w *Work) Spending() decimal.Decimal {
	_, cost := w.inFlight()
	return cost
}

// Last reports whether nothing is on its way but what s, as it will be, has left.
func (w *Work) Last(s *order.Slice) bool {
	for _, i := range w.flight {
		if w.Slices[i].K != s.K {
			return false
		}
	}
	return true
}
