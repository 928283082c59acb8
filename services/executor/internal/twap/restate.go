package twap

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Restate works out an amendment of an order at rest: what is left goes out anew as a slice that is due at once, so that it
// takes what its new price reaches and joins the queue as the last.
func (w *Work) Restate(a *order.Amendment, sc *Scene) (*Replan, *order.Rejection) {
	if refused := w.checkRestating(a, sc); refused != nil {
		return nil, refused
	}
	o, err := w.Summary(nil, nil)
	if err != nil {
		return nil, invalid("validation_failed", "quantity", "does not fit 38 digits")
	}
	var c decimal.Calc
	if a.LimitPrice != nil {
		o.LimitPrice = a.LimitPrice
	}
	if a.Quantity != nil {
		o.Quantity = *a.Quantity
	}
	Derive(o, &c)
	o.Resting = nil
	if c.Err() != nil {
		return nil, invalid("validation_failed", "quantity", "does not fit 38 digits")
	}
	out := &Replan{Order: o}
	if o.RemainingQuantity.IsZero() {
		o.Status, o.Reason, o.EndedAt = order.Filled, order.EndAmendedFilled, sc.At
	} else {
		o.SlicesTotal++
		out.Schedule = []order.Planned{{K: o.SlicesTotal, DueAt: sc.At, Quantity: o.RemainingQuantity}}
	}
	return out, w.rereserve(a, sc, out)
}

func (w *Work) checkRestating(a *order.Amendment, sc *Scene) *order.Rejection {
	switch {
	case a.MaxSlippageBps != nil:
		return invalid("validation_failed", "max_slippage_bps", "a limit order has none")
	case a.ParticipationCap != nil:
		return invalid("validation_failed", "participation_cap", "a limit order has none")
	case !a.EndsAt.IsZero():
		return invalid("validation_failed", "ends_at", "a limit order rests until it is filled or canceled")
	case a.Quantity == nil && a.LimitPrice == nil:
		return invalid("validation_failed", "amend", "names neither a quantity nor a limit_price")
	}
	if refused := w.checkTerms(a); refused != nil {
		return refused
	}
	if q := a.Quantity; q != nil {
		n, err := w.grid.count(*q)
		switch {
		case err != nil || n%w.grid.lot != 0:
			return invalid("validation_failed", "quantity", "must be a whole multiple of "+w.grid.value(w.grid.lot).String())
		case n <= 0 || q.Less(w.Order.FilledQuantity):
			return invalid("validation_failed", "quantity", "is below what is filled: "+w.Order.FilledQuantity.String())
		}
	}
	if look(w.sources(sc.Market), sc.At, w.stale()).usable == 0 {
		return &order.Rejection{
			Kind: order.Unavailable, Code: "no_market_data", Detail: "no exchange of the order has a live book, so it could not be placed anew",
		}
	}
	return nil
}
