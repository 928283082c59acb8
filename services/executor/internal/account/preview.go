package account

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// Preview is what would come of an order: the order as it would be accepted, what would be fixed, and what the books let
// expect of it now.
type Preview struct {
	Order    order.Order
	Accepted order.Acceptance
	Estimate order.Report
}

// Preview makes the checks of a new order, funds included, and changes nothing: neither the account nor the market.
func (s *State) Preview(p *order.Params, at time.Time, m *twap.Market) (*Preview, *order.Rejection) {
	at = s.notBefore(at)
	o, accepted, refused := s.check(p, at, m)
	if refused != nil {
		return nil, refused
	}
	need := accepted.Reservation
	if have := s.Ledger.Available(need.Asset); have.Less(need.Amount) {
		return nil, insufficient(need, have)
	}
	w, err := twap.New(&order.Event{Type: order.OrderAccepted, OrderID: o.ID, Order: o, Accepted: accepted})
	if err != nil {
		return nil, invalid("validation_failed", "symbol", err.Error())
	}
	return &Preview{Order: *o, Accepted: *accepted, Estimate: *w.Expect(at, m, accepted.DecisionMid)}, nil
}
