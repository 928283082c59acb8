package twap

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// follower is an order that takes differences of a series: its marks are those it came with plus what the series has
// grown by since.
type follower struct {
	series *series
	since  int64 // Unix milliseconds; when marks were the order's and from, flow the series'
	marks  order.Marks
	from   midPoint
	flow   flow
	until  time.Time // after which nobody asks any more
}

// grace is how long after its window an order may still ask for its marks.
const grace = time.Hour

// follow makes an order a follower from an instant on, with the marks it has there. Following again replaces. It reports
// whether there was room for the order's series.
func (m *Market) follow(id order.ID, set routing, since time.Time, marks order.Marks, until time.Time) bool {
	s := m.benchmark(since, set.symbol, set.exchanges, set.stale)
	if s == nil {
		return false
	}
	ms := since.UnixMilli()
	if at := marks.At; !at.IsZero() && at.UnixMilli() > ms {
		ms = at.UnixMilli() // another executor's clock was ahead: nothing is counted twice
	}
	s.followers++
	m.unfollow(id)
	if len(m.followers) >= m.prune {
		m.forget(since)
	}
	f := &follower{series: s, since: ms, marks: carry(marks, ms), from: s.at(ms), flow: s.flow(ms), until: until.Add(grace)}
	if f.from.has {
		f.marks.Mid = &f.from.mid
	}
	m.followers[id] = f
	return true
}

// routing says which books an order looks at.
type routing struct {
	symbol    market.Symbol
	exchanges []market.Exchange
	stale     time.Duration
}

func (m *Market) unfollow(id order.ID) {
	if f := m.followers[id]; f != nil {
		delete(m.followers, id)
		if f.series.followers--; f.series.followers == 0 {
			m.drop(f.series)
		}
	}
}

// forget lets go of the orders whose time is over, so that there are at most about twice as many followers as orders.
func (m *Market) forget(now time.Time) {
	for id, f := range m.followers { // whom is decided by time alone, so the order does not show
		if f.until.Before(now) {
			m.unfollow(id)
		}
	}
	m.prune = max(1024, 2*len(m.followers))
}

// marks returns an order's marks at an instant; false if it does not follow.
func (m *Market) marks(id order.ID, at int64) (order.Marks, bool) {
	f := m.followers[id]
	if f == nil {
		return order.Marks{}, false
	}
	if at <= f.since {
		return f.marks, true
	}
	now, traded := f.series.at(at), f.series.flow(at).minus(f.flow)
	marks := f.marks
	elapsed, covered := at-f.since, now.sum.midMS-f.from.sum.midMS
	var c decimal.Calc
	marks.At = time.UnixMilli(at).UTC()
	marks.MidTime = c.Add(marks.MidTime, c.Sub(now.sum.midTime, f.from.sum.midTime))
	marks.MidMS += covered
	marks.KnownMS += now.sum.knownMS - f.from.sum.knownMS
	if missing := elapsed - covered; missing > 0 && marks.Mid != nil {
		// The series knew no mid yet, but the order did, from before a restart.
		marks.MidTime = c.Add(marks.MidTime, c.Mul(*marks.Mid, decimal.New(missing, 0)))
		marks.MidMS += missing
	}
	if now.has {
		marks.Mid = &now.mid
	}
	marks.Volume = c.Add(marks.Volume, traded.volume)
	marks.Notional = c.Add(marks.Notional, traded.notional)
	marks.Cap = c.Add(marks.Cap, traded.volume)
	if c.Err() != nil {
		return f.marks, true // beyond 38 digits the marks stand still
	}
	return marks, true
}

// carry takes marks to a later instant at which nothing new is known: the last mid counts on.
func carry(marks order.Marks, at int64) order.Marks {
	if marks.At.IsZero() || marks.At.UnixMilli() >= at {
		return marks
	}
	if marks.Mid != nil {
		ms := at - marks.At.UnixMilli()
		var c decimal.Calc
		if sum := c.Add(marks.MidTime, c.Mul(*marks.Mid, decimal.New(ms, 0))); c.Err() == nil {
			marks.MidTime = sum
			marks.MidMS += ms
		}
	}
	marks.At = time.UnixMilli(at).UTC()
	return marks
}

// Follow makes a restored order a follower again, unless it is one. Its marks go on from where they are, at most to the end
// of its window.
func (w *Work) Follow(m *Market, at time.Time) {
	if m.followers[w.Order.ID] == nil {
		m.follow(w.Order.ID, w.routing(), w.within(at), w.Marks, w.Order.EndsAt)
	}
}

// Join makes an order that is being accepted a follower. It reports whether there was room: each distinct routing set costs
// something at every book, so there are at most maxSeries of a symbol.
func Join(m *Market, o *order.Order, marks order.Marks) bool {
	w := Work{Order: *o}
	return m.follow(o.ID, w.routing(), marks.At, marks, o.EndsAt)
}

// Unfollow ends what Follow began. A report that is asked for after that is the final one.
func (w *Work) Unfollow(m *Market) { m.unfollow(w.Order.ID) }

// within cuts an instant to the end of the window, behind which nothing is marked.
func (w *Work) within(at time.Time) time.Time {
	if at.After(w.Order.EndsAt) {
		return w.Order.EndsAt
	}
	return at
}

// MarksAt returns the order's marks at an instant of its window.
func (w *Work) MarksAt(m *Market, at time.Time) order.Marks {
	at = w.within(at)
	w.Follow(m, at)
	marks, ok := m.marks(w.Order.ID, at.UnixMilli())
	if !ok { // no room for its series: as after a restart at this instant
		return carry(w.Marks, at.UnixMilli())
	}
	return marks
}

// begin sets the marks to zero at the start of the window. What was traded in the interval before counts for the
// participation cap alone.
func (w *Work) begin(m *Market, at time.Time) order.Marks {
	start := w.Order.StartsAt
	w.Follow(m, at)
	marks := order.Marks{At: start, Mid: w.Marks.Mid}
	if before, ok := m.marks(w.Order.ID, start.UnixMilli()); ok {
		marks.Mid = before.Mid
	}
	if f := m.followers[w.Order.ID]; f != nil {
		ms := start.UnixMilli()
		marks.Cap = f.series.flow(ms).minus(f.series.flow(ms - w.stepMS())).volume
	}
	m.follow(w.Order.ID, w.routing(), start, marks, w.Order.EndsAt)
	return marks
}
