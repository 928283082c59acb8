package twap

import (
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Replan is what an amendment makes of an order.
type Replan struct {
	Order       *order.Order    // after it; filled if nothing is left to do
	Schedule    []order.Planned // what is planned from now on; nil if the plan stays
	Reservation order.Amount    // the change: positive is needed on top, negative comes back
}

// Amend works out an amendment, or why it is refused. A new quantity is shared over the slices still planned, a new end
// lays them out anew; either way the backlog starts at nothing. New prices and caps hold from the next slice.
func (w *Work) Amend(a *order.Amendment, sc *Scene) (*Replan, *order.Rejection) {
	o, err := w.Summary(nil, nil)
	if err != nil {
		return nil, invalid("validation_failed", "quantity", "does not fit 38 digits")
	}
	if refused := w.checkTerms(a); refused != nil {
		return nil, refused
	}
	if a.LimitPrice != nil {
		o.LimitPrice = a.LimitPrice
	}
	out := &Replan{Order: o}
	if a.Quantity != nil || !a.EndsAt.IsZero() {
		if refused := w.replan(a, sc, out); refused != nil {
			return nil, refused
		}
	}
	var c decimal.Calc
	Derive(o, &c)
	if o.RemainingQuantity.IsZero() && !w.Flying() {
		o.Status, o.Reason, o.EndedAt = order.Filled, order.EndAmendedFilled, sc.At
	}
	if c.Err() != nil {
		return nil, invalid("validation_failed", "quantity", "does not fit 38 digits")
	}
	return out, w.rereserve(a, sc, out)
}

// checkTerms checks what an amendment says about prices and caps.
func (w *Work) checkTerms(a *order.Amendment) *order.Rejection {
	if l := a.LimitPrice; l != nil && l.Sign() <= 0 {
		return invalid("validation_failed", "limit_price", "must be above 0")
	}
	if s := a.MaxSlippageBps; s != nil && (s.Sign() < 0 || s.Cmp(decimal.New(order.MaxSlippageBps, 0)) > 0) {
		return invalid("validation_failed", "max_slippage_bps", fmt.Sprintf("must be 0…%d", order.MaxSlippageBps))
	}
	if p := a.ParticipationCap; p != nil && (p.Sign() <= 0 || p.Cmp(decimal.One) > 0) {
		return invalid("validation_failed", "participation_cap", "must be above 0 and at most 1")
	}
	return w.checkLimit(a.LimitPrice)
}

// replan lays out what is left.
func (w *Work) replan(a *order.Amendment, sc *Scene, out *Replan) *order.Rejection {
	flying, _ := w.inFlight()
	done := w.filled() + flying
	quantity := w.count(w.Order.Quantity)
	if a.Quantity != nil {
		n, err := w.grid.count(*a.Quantity)
		switch {
		case err != nil || n%w.grid.lot != 0:
			return invalid("validation_failed", "quantity", "must be a whole multiple of "+w.grid.value(w.grid.lot).String())
		case n <= 0 || n < done:
			return invalid("validation_failed", "quantity", "is below what is filled or on its way: "+w.grid.value(done).String())
		}
		quantity, out.Order.Quantity = n, *a.Quantity
	}
	if !sc.At.Before(w.Order.EndsAt) {
		return invalid("validation_failed", "ends_at", "the window is over")
	}
	dues, refused := w.dues(a, sc, out)
	if refused != nil {
		return refused
	}
	if len(dues) == 0 {
		if quantity > w.count(w.Order.Quantity) && w.Order.Params.EndPolicy != order.EndSweep {
			return invalid("validation_failed", "quantity", "no slice is left to work more; move ends_at too")
		}
		return nil
	}
	lots, n := (quantity-done)/w.grid.lot, uint64(len(dues))
	first := len(w.Slices)
	var before int64
	for i, due := range dues {
		upTo := portion(lots, uint64(i+1), n)
		out.Schedule = append(out.Schedule, order.Planned{
			K: first + i + 1, DueAt: due, Quantity: w.grid.value((upTo - before) * w.grid.lot),
		})
		before = upTo
	}
	out.Order.SlicesTotal = first + len(dues)
	return nil
}

// dues returns when the slices still planned fall due: as they were, or before a new end from the next due time on the old
// step, without jitter.
func (w *Work) dues(a *order.Amendment, sc *Scene, out *Replan) ([]time.Time, *order.Rejection) {
	i := len(w.Slices)
	if a.EndsAt.IsZero() {
		var dues []time.Time
		for ; i < len(w.Schedule); i++ {
			dues = append(dues, w.Schedule[i].DueAt)
		}
		return dues, nil
	}
	end := a.EndsAt.Truncate(time.Millisecond).UTC()
	switch {
	case !end.After(sc.At):
		return nil, invalid("validation_failed", "ends_at", "must be in the future")
	case end.After(w.Order.StartsAt.Add(order.MaxDurationSeconds * time.Second)):
		return nil, invalid("validation_failed", "ends_at", "makes a window of more than a day")
	}
	next := w.Schedule[len(w.Schedule)-1].DueAt.Add(w.step(1))
	if i < len(w.Schedule) {
		next = w.Schedule[i].DueAt
	}
	var dues []time.Time
	for j := int64(0); next.Add(w.step(j)).Before(end); j++ {
		if len(dues)+i >= order.MaxSlices {
			return nil, invalid("validation_failed", "ends_at", fmt.Sprintf("makes more than %d slices", order.MaxSlices))
		}
		dues = append(dues, next.Add(w.step(j)))
	}
	if len(dues) == 0 {
		return nil, invalid("validation_failed", "ends_at", "no slice starts before it; the next is due "+next.Format(time.RFC3339Nano))
	}
	if f := sc.Market.followers[w.Order.ID]; f != nil && f.until.Before(end.Add(grace)) {
		f.until = end.Add(grace)
	}
	out.Order.EndsAt = end
	return dues, nil
}

// step is the time of j slices on the first schedule.
func (w *Work) step(j int64) time.Duration {
	return time.Duration(j*w.durationMS()/int64(w.Steps)) * time.Millisecond
}

// rereserve works out what the reservation changes by: more for a larger quantity or a buy's higher limit, less for a
// smaller or lower one.
func (w *Work) rereserve(a *order.Amendment, sc *Scene, out *Replan) *order.Rejection {
	o := out.Order
	var c decimal.Calc
	change := decimal.Decimal{}
	switch {
	case o.Status.Ended():
		change = o.Reserved.Amount.Neg()
	case a.Quantity != nil || a.LimitPrice != nil && o.Side == market.Buy:
		next := Work{Order: *o, MaxSlippageBps: w.MaxSlippageBps}
		if a.MaxSlippageBps != nil {
			next.MaxSlippageBps = a.MaxSlippageBps
		}
		need, err := next.Reservation(o.RemainingQuantity, w.reference(sc))
		if err != nil {
			return invalid("validation_failed", "quantity", "its worth does not fit 38 digits")
		}
		change = c.Sub(need.Amount, o.Reserved.Amount)
		grows := o.Quantity.Cmp(w.Order.Quantity) > 0 || a.LimitPrice != nil && (w.Order.LimitPrice == nil || w.Order.LimitPrice.Less(*a.LimitPrice))
		if change.Sign() > 0 && !grows {
			change = decimal.Decimal{} // the market moved; that alone asks for no more
		}
	}
	out.Reservation = order.Amount{Asset: o.Reserved.Asset, Amount: change}
	o.Reserved.Amount = c.Add(o.Reserved.Amount, change)
	if c.Err() != nil {
		return invalid("validation_failed", "quantity", "its worth does not fit 38 digits")
	}
	return nil
}

// reference is the price that a reservation is reckoned from now: as at acceptance, and where no book may be used the last
// known mid.
func (w *Work) reference(sc *Scene) decimal.Decimal {
	if p, ok := look(w.sources(sc.Market), sc.At, w.stale()).reference(w.Order.Side); ok {
		return p
	}
	if mid := w.MarksAt(sc.Market, sc.At).Mid; mid != nil {
		return *mid
	}
	return decimal.Decimal{}
}

// amended takes an amendment in.
func (w *Work) amended(e *order.Event) error {
	if e.Amend == nil {
		return fmt.Errorf("event %s: no amendment", e.ID)
	}
	if e.Amend.MaxSlippageBps != nil {
		w.MaxSlippageBps = e.Amend.MaxSlippageBps
	}
	if e.Amend.ParticipationCap != nil {
		w.ParticipationCap = e.Amend.ParticipationCap
	}
	if len(e.Schedule) == 0 {
		return nil
	}
	w.PlanFrom = len(w.Slices)
	flying, _ := w.inFlight()
	w.PlanBase = w.grid.value(w.filled() + flying)
	w.Schedule = slices.Concat(w.Schedule[:w.PlanFrom], e.Schedule)
	return w.accumulate()
}
