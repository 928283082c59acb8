package account

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// Preview makes the checks of a new order, funds included, and tells what may be expected of it. It changes nothing:
// neither the account nor the market.
func (s *State) Preview(p *order.Params, at time.Time, m *twap.Market) (*order.Preview, *order.Rejection) {
	at = s.notBefore(at)
	o, accepted, refused := s.check(p, nil, at, m)
	if refused != nil {
		return nil, refused
	}
	return s.preview(o, accepted, at, m)
}

// PreviewPlain is Preview for a plain order.
func (s *State) PreviewPlain(p *order.Plain, at time.Time, m *twap.Market) (*order.Preview, *order.Rejection) {
	at = s.notBefore(at)
	params, refused := plainParams(p, at)
	if refused != nil {
		return nil, refused
	}
	o, accepted, refused := s.check(params, p, at, m)
	if refused != nil {
		return nil, asPlain(refused)
	}
	return s.preview(o, accepted, at, m)
}

func (s *State) preview(o *order.Order, accepted *order.Acceptance, at time.Time, m *twap.Market) (*order.Preview, *order.Rejection) {
	need := accepted.Reservation
	if have := s.Ledger.Available(need.Asset); have.Less(need.Amount) {
		return nil, insufficient(need, have)
	}
	w, err := twap.New(&order.Event{Type: order.OrderAccepted, OrderID: o.ID, Order: o, Accepted: accepted})
	if err != nil {
		return nil, invalid("validation_failed", "symbol", err.Error())
	}
	out := &order.Preview{
		Order: *o, Schedule: accepted.Schedule, SlicesAdjusted: o.SlicesAdjusted, Reservation: need, DecisionMid: accepted.DecisionMid,
	}
	out.Expected, out.Immediate = w.Estimates(at, m, accepted.DecisionMid)
	return out, nil
}
