package account

import (
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/ledger"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// Due decides the next event that is due at or before an instant; false if there is none. At one instant arrivals come
// before starts, these before slices, these before ends, and orders come by acceptance. It costs nothing while Wake lies
// ahead.
func (s *State) Due(at time.Time, m *twap.Market) (order.Event, bool) {
	for _, w := range s.leaving {
		w.Unfollow(m)
	}
	s.leaving = s.leaving[:0]
	if at.Before(s.wake) || s.agenda.Len() == 0 && !s.rejoin {
		return order.Event{}, false
	}
	if s.rejoin {
		s.rejoin = false
		for _, w := range s.Works {
			if w.Final == nil {
				w.Follow(m, at)
			}
		}
		s.setWake()
	}
	if s.agenda.Len() == 0 || s.agenda.entries[0].due.After(at) {
		return order.Event{}, false
	}
	next := &s.agenda.entries[0]
	at = s.notBefore(at)
	sc := s.scene(next.work, at, m)
	switch w := next.work; next.step {
	case twap.Arrive:
		sc.Budget = s.funds(w) // what was on its way is to be spent now
		return s.arrival(w, sc), true
	case twap.Begin:
		return s.start(w, sc), true
	case twap.Cut:
		return s.decided(w, w.Decide(sc), sc), true
	case twap.Close:
		if w.Sweeps() && !w.Missed(s.resumed) {
			return s.decided(w, w.DecideSweep(sc), sc), true
		}
		return s.end(w, sc), true
	default:
		return s.report(w, sc), true
	}
}

// scene is what an order decides on. What is on its way counts as spent.
func (s *State) scene(w *twap.Work, at time.Time, m *twap.Market) *twap.Scene {
	left, err := s.funds(w).Sub(w.Spending())
	if err != nil || left.Sign() < 0 {
		left = decimal.Decimal{}
	}
	return &twap.Scene{At: at, Market: m, Memory: &s.Memory, Budget: left, Resumed: s.resumed}
}

// funds is what a buy can pay with: what the order has reserved, and what is free.
func (s *State) funds(w *twap.Work) decimal.Decimal {
	if w.Order.Side == market.Sell {
		return decimal.Decimal{}
	}
	sum, err := w.Order.Reserved.Amount.Add(s.Ledger.Available(w.Order.Symbol.Quote()))
	if err != nil {
		return w.Order.Reserved.Amount // beyond 38 digits the reservation alone is plenty
	}
	return sum
}

// event is the next event of the account, without what it says.
func (s *State) event(t order.EventType, id string, at time.Time) order.Event {
	return order.Event{
		Account: s.ID, Version: s.Version + 1, Prev: s.Hash, ID: id, Type: t, At: at, Epoch: s.cfg.Epoch,
	}
}

// about is the next event of an order, which is o after it.
func (s *State) about(o *order.Order, t order.EventType, id string, at time.Time) order.Event {
	e := s.event(t, id, at)
	e.OrderID, e.TokenID, e.Order = o.ID, o.TokenID, o
	return e
}

// post gives an event its postings and the balances after them.
func (s *State) post(e *order.Event, entry *ledger.Entry) error {
	postings, err := entry.Postings()
	if err != nil || len(postings) == 0 {
		return err
	}
	balances, err := s.Ledger.After(postings)
	if err != nil {
		return err
	}
	e.Postings, e.Balances = postings, balances
	return nil
}

// changed returns an order's summary after a change that moves no numbers, which therefore cannot overflow.
func changed(w *twap.Work, s *order.Slice) *order.Order {
	o, err := w.Summary(s, nil)
	if err != nil {
		same := w.Order
		same.Version++
		return &same
	}
	return o
}

func (s *State) start(w *twap.Work, sc *twap.Scene) order.Event {
	report, marks := w.Begin(sc)
	o := changed(w, nil)
	if o.Status == order.Accepted {
		o.Status = order.Active
	}
	o.ArrivalMid = report.ArrivalMid
	e := s.about(o, order.OrderStarted, string(o.ID)+"-started", sc.At)
	e.Report, e.Marks = report, &marks
	return e
}

func (s *State) decided(w *twap.Work, slice order.Slice, sc *twap.Scene) order.Event {
	o := changed(w, &slice)
	e := s.about(o, order.SliceDecided, string(o.ID)+"-"+strconv.Itoa(slice.K), sc.At)
	marks := w.MarksAt(sc.Market, sc.At)
	e.Slice, e.Marks = &slice, &marks
	return e
}

// arrival is what children get at their exchanges. Where the books could not hold what it is worth (beyond 38 digits),
// they get nothing.
func (s *State) arrival(w *twap.Work, sc *twap.Scene) order.Event {
	budget := sc.Budget
	e, err := s.landed(w, sc)
	if err != nil {
		sc.Void, sc.Budget = true, budget
		e, _ = s.landed(w, sc) // without fills no number changes
	}
	return e
}

func (s *State) landed(w *twap.Work, sc *twap.Scene) (order.Event, error) {
	slice, fills := w.Land(sc)
	o, err := w.Summary(&slice, fills)
	if err != nil {
		o = changed(w, &slice)
	}
	var entry ledger.Entry
	for i := range fills {
		o.Reserved.Amount = entry.Fill(&fills[i], o.Symbol, o.Reserved.Amount)
	}
	if !o.Status.Ended() && o.RemainingQuantity.IsZero() {
		o.Status, o.Reason, o.EndedAt = order.Filled, order.EndFilled, sc.At
	}
	if !o.Status.Ended() {
		if o.Resting = w.Rest(sc, &slice, o.RemainingQuantity); o.Resting != nil {
			trim(w, &entry, o)
		}
	}
	if o.Status.Ended() && slice.Status != order.SliceSent && w.Last(&slice) {
		release(&entry, o, decimal.Decimal{})
	}
	e := s.about(o, order.SliceArrived, arrivalID(w, &slice), sc.At)
	e.Slice, e.Fills = &slice, fills
	if postErr := s.post(&e, &entry); err == nil {
		err = postErr
	}
	return e, err
}

// arrivalID tells the arrivals of a slice apart by how many of its children have arrived.
func arrivalID(w *twap.Work, slice *order.Slice) string {
	arrived := 0
	for i := range slice.Children {
		if slice.Children[i].Arrived {
			arrived++
		}
	}
	return string(w.Order.ID) + "-" + strconv.Itoa(slice.K) + "-a" + strconv.Itoa(arrived)
}

// release gives back what an order holds beyond keep.
func release(entry *ledger.Entry, o *order.Order, keep decimal.Decimal) {
	var c decimal.Calc
	back := c.Sub(o.Reserved.Amount, keep)
	if c.Err() != nil || back.Sign() <= 0 {
		return
	}
	entry.Reserve(order.Amount{Asset: o.Reserved.Asset, Amount: back.Neg()}, o.ID)
	o.Reserved.Amount = keep
}

// end closes the window.
func (s *State) end(w *twap.Work, sc *twap.Scene) order.Event {
	o := changed(w, nil)
	o.Status, o.Reason, o.EndedAt = order.Expired, order.EndWindow, sc.At
	switch {
	case w.Missed(s.resumed):
		o.Reason = order.EndMissed
	case w.Immediate():
		o.Reason = order.EndImmediate
	case w.Unplaced():
		o.Reason = order.EndNotPlaced
	}
	return s.ended(w, o, string(o.ID)+"-ended", sc)
}

// ended is the end of an order that keeps what is still on its way.
func (s *State) ended(w *twap.Work, o *order.Order, id string, sc *twap.Scene) order.Event {
	keep, err := w.Holding()
	if err != nil {
		keep = o.Reserved.Amount
	}
	o.Resting = nil
	var entry ledger.Entry
	release(&entry, o, keep)
	e := s.about(o, order.OrderEnded, id, sc.At)
	marks := w.MarksAt(sc.Market, sc.At)
	e.Marks = &marks
	if err := s.post(&e, &entry); err != nil {
		o.Reserved = w.Order.Reserved // it stays where it is rather than go missing
	}
	return e
}

// report makes the report final. The order itself has ended and stays the version it is.
func (s *State) report(w *twap.Work, sc *twap.Scene) order.Event {
	r, o := w.Report(sc.Market, sc.At), w.Order
	e := s.about(&o, order.OrderReported, string(o.ID)+"-reported", sc.At)
	e.Report = &r
	return e
}
