package account

import (
	"maps"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// route is what orders have in common that go to the same exchanges; of exchanges, the first and how many there are.
type route struct {
	symbol market.Symbol
	first  market.Exchange
	count  int
}

// maxAlike bounds the routes that are looked at.
const maxAlike = 256

// share has an order hold what another one of its route holds already, where that is the same: the instruments of nine
// exchanges and the fees are 3 KB. Neither ever changes.
func (s *State) share(w *twap.Work) {
	key := route{symbol: w.Order.Symbol, count: len(w.Order.Exchanges)}
	if key.count > 0 {
		key.first = w.Order.Exchanges[0]
	}
	if len(s.alike) >= maxAlike || s.alike == nil {
		s.alike = map[route]*twap.Work{}
	}
	o := s.alike[key]
	s.alike[key] = w
	if o == nil || !slices.Equal(o.Order.Exchanges, w.Order.Exchanges) {
		return
	}
	w.Order.Exchanges = o.Order.Exchanges
	if slices.Equal(o.Instruments, w.Instruments) {
		w.Instruments = o.Instruments
	}
	if fees := o.Order.Profile.TakerFeeBps; maps.Equal(fees, w.Order.Profile.TakerFeeBps) && (fees == nil) == (w.Order.Profile.TakerFeeBps == nil) {
		w.Order.Profile.TakerFeeBps = fees
	}
}
