package account

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/ledger"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// Match decides the next event of an order at rest that the market has met by an instant; false if there is none. It also
// tells the market where orders rest, so it must be called whenever events were applied, before more of the market comes
// in: what the market brings before that meets nobody.
func (s *State) Match(at time.Time, m *twap.Market) (order.Event, bool) {
	for _, w := range s.moved { // each to its own place, so the order does not show
		w.Queue(m, s.ID)
	}
	clear(s.moved)
	if len(s.resting) == 0 {
		return order.Event{}, false
	}
	at = s.notBefore(at)
	for _, w := range s.resting {
		if !w.Meets(m) {
			continue
		}
		sc := s.scene(w, at, m)
		slice, rests, ok := w.Match(sc)
		if !ok {
			continue
		}
		if e, err := s.matched(w, slice, rests, sc); err == nil {
			return e, true
		}
		w.Queue(m, s.ID) // what cannot be booked, being beyond 38 digits, has not met it
	}
	return order.Event{}, false
}

// matched is what an order at rest got. One of which less than a step is left has come to its end.
func (s *State) matched(w *twap.Work, slice order.Slice, rests *order.Resting, sc *twap.Scene) (order.Event, error) {
	o, err := w.Summary(&slice, slice.Fills)
	if err != nil {
		return order.Event{}, err
	}
	o.SlicesTotal++
	o.Resting = rests
	var entry ledger.Entry
	for i := range slice.Fills {
		o.Reserved.Amount = entry.Fill(&slice.Fills[i], o.Symbol, o.Reserved.Amount)
	}
	switch {
	case o.RemainingQuantity.IsZero():
		o.Status, o.Reason, o.EndedAt = order.Filled, order.EndFilled, sc.At
	case rests == nil:
		o.Status, o.Reason, o.EndedAt = order.Expired, order.EndNotPlaced, sc.At
	}
	trim(w, &entry, o)
	e := s.about(o, order.OrderMatched, string(o.ID)+"-"+strconv.Itoa(slice.K), sc.At)
	marks := w.MarksAt(sc.Market, sc.At)
	e.Slice, e.Fills, e.Marks = &slice, slice.Fills, &marks
	err = s.post(&e, &entry)
	return e, err
}

// trim gives back what an order at rest holds beyond the worth of what is left, and all of an ended one.
func trim(w *twap.Work, entry *ledger.Entry, o *order.Order) {
	if o.Status.Ended() {
		release(entry, o, decimal.Decimal{})
		return
	}
	if need, err := w.Reservation(o.RemainingQuantity, decimal.Decimal{}); err == nil {
		release(entry, o, need.Amount)
	}
}

// rest keeps the list of the orders at rest after an event of one; rested tells whether it is in the list.
func (s *State) rest(w *twap.Work, rested bool) {
	s.moved[w.Order.ID] = w
	if rested {
		s.resting = slices.DeleteFunc(s.resting, func(o *twap.Work) bool { return o == w })
	}
	if w.Order.Resting == nil {
		return
	}
	at, _ := slices.BinarySearchFunc(s.resting, w, func(a, b *twap.Work) int {
		return cmp.Or(a.Order.Resting.Since.Compare(b.Order.Resting.Since), cmp.Compare(a.Order.ID, b.Order.ID))
	})
	s.resting = slices.Insert(s.resting, at, w)
}
