package account

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// createPlain accepts an order that goes to the market at once: a schedule of one slice, due now, of which what cannot be
// had is given up, or rests.
func (s *State) createPlain(p *order.Plain, at time.Time, m *twap.Market) (order.Event, *order.Rejection) {
	params, refused := plainParams(p, at)
	if refused != nil {
		return order.Event{}, refused
	}
	e, refused := s.create(params, p, at, m)
	return e, asPlain(refused)
}

// asPlain names a fault by what plain orders call the field.
func asPlain(r *order.Rejection) *order.Rejection {
	if r == nil || len(r.Errors) != 1 || r.Errors[0].Field != "limit_price" {
		return r
	}
	return invalid(r.Code, "price", r.Errors[0].Detail)
}

// plainParams checks what only plain orders have, and returns the parameters that they share with all.
func plainParams(p *order.Plain, at time.Time) (*order.Params, *order.Rejection) {
	if p == nil {
		return nil, invalid("validation_failed", "plain", "is missing")
	}
	if faults := p.Validate(at); len(faults) > 0 {
		return nil, &order.Rejection{
			Kind: order.Invalid, Code: "validation_failed", Detail: faults[0].Field + ": " + faults[0].Detail, Errors: faults,
		}
	}
	params := p.Params()
	return &params, nil
}

// plainRefusal says why a plain order cannot be commanded so: what is on its way can only be canceled, what rests can be
// amended too. Of other orders it says nothing.
func plainRefusal(w *twap.Work, command order.CommandType) *order.Rejection {
	switch {
	case w.Order.TimeInForce == "" || command == order.Cancel:
		return nil
	case w.Order.TimeInForce != order.GTC:
		return conflict("immediate_order", "the order has gone to the market; it can be canceled, nothing else")
	case command != order.Amend:
		return conflict("immediate_order", "a limit order can be amended and canceled, nothing else")
	case w.Order.Resting == nil:
		return conflict("immediate_order", "the order is on its way to the market; it can be amended once it rests")
	}
	return nil
}
