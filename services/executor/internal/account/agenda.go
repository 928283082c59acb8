package account

import (
	"cmp"
	"container/heap"
	"time"

	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// agenda is a heap of what the orders are due for: what comes first by time, then by step, then by acceptance is on top.
// It is worked out from the orders and never stored.
type agenda struct {
	entries []entry
	places  map[*twap.Work]int // where each order's entry is
}

// entry is what an order is due for next.
type entry struct {
	work     *twap.Work
	due      time.Time
	step     twap.Step
	accepted int // its place among the orders
}

// Len, Less, Swap, Push and Pop are container/heap's.
func (a *agenda) Len() int { return len(a.entries) }

func (a *agenda) Less(i, j int) bool {
	x, y := &a.entries[i], &a.entries[j]
	return cmp.Or(x.due.Compare(y.due), cmp.Compare(x.step, y.step), cmp.Compare(x.accepted, y.accepted)) < 0
}

func (a *agenda) Swap(i, j int) {
	a.entries[i], a.entries[j] = a.entries[j], a.entries[i]
	a.places[a.entries[i].work], a.places[a.entries[j].work] = i, j
}

func (a *agenda) Push(x any) {
	e := x.(entry)
	a.places[e.work] = len(a.entries)
	a.entries = append(a.entries, e)
}

func (a *agenda) Pop() any {
	last := len(a.entries) - 1
	e := a.entries[last]
	a.entries = a.entries[:last]
	delete(a.places, e.work)
	return e
}

// replanAll works the agenda out anew.
func (s *State) replanAll() {
	s.agenda = agenda{places: map[*twap.Work]int{}}
	for i, w := range s.Works {
		if due, step, ok := w.Next(s.resumed); ok {
			heap.Push(&s.agenda, entry{w, due, step, i})
		}
	}
	s.setWake()
}

// replan works out what one order is due for next.
func (s *State) replan(w *twap.Work) {
	due, step, ok := w.Next(s.resumed)
	place, known := s.agenda.places[w]
	switch {
	case ok && known:
		s.agenda.entries[place].due, s.agenda.entries[place].step = due, step
		heap.Fix(&s.agenda, place)
	case ok:
		heap.Push(&s.agenda, entry{w, due, step, len(s.Works) - 1}) // an order enters when it is accepted, as the last
	case known:
		heap.Remove(&s.agenda, place)
	}
	s.setWake()
}

func (s *State) setWake() {
	s.wake = time.Time{}
	if s.agenda.Len() > 0 {
		s.wake = s.agenda.entries[0].due
	}
	if s.rejoin || s.wake.Before(s.resumed) {
		s.wake = s.resumed // what fell due before is seen now
	}
}
