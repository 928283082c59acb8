package twap

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Work is an order being worked. What it holds in public fields is all there is to know about it; New and Restore build
// the rest. Fold alone changes it.
type Work struct {
	Order            order.Order         `json:"order"`
	Instruments      []market.Instrument `json:"instruments"`        // of the routing set, by exchange
	MaxSlippageBps   *decimal.Decimal    `json:"max_slippage_bps"`   // as amended
	ParticipationCap *decimal.Decimal    `json:"participation_cap"`  // as amended
	DecisionMid      *decimal.Decimal    `json:"decision_mid"`       // at acceptance
	Steps            int                 `json:"steps"`              // how many slices the first schedule had
	Schedule         []order.Planned     `json:"schedule,omitempty"` // what fell due and what is planned, by k
	PlanFrom         int                 `json:"plan_from"`          // index of the first slice of the newest plan
	PlanBase         decimal.Decimal     `json:"plan_base"`          // filled and in flight when it was made
	Started          bool                `json:"started"`
	Slices           []order.Slice       `json:"slices,omitempty"` // those that fell due; a sweep is the last
	Marks            order.Marks         `json:"marks"`
	Estimate         *order.Report       `json:"estimate,omitempty"` // what the start knew and expected
	Final            *order.Report       `json:"final,omitempty"`

	grid    grid
	planned []int64 // cumulative, in grains, from PlanFrom on; the index is that of Schedule
	flight  []int   // indices of the slices that have children on their way
}

// Restore builds what is not public. It fails where the parts do not fit together.
func (w *Work) Restore() error {
	g, err := newGrid(w.Instruments)
	if err != nil {
		return fmt.Errorf("order %s: %w", w.Order.ID, err)
	}
	w.grid = g
	w.flight = w.flight[:0]
	for i := range w.Slices {
		if w.Slices[i].Status == order.SliceSent {
			w.flight = append(w.flight, i)
		}
	}
	return w.accumulate()
}

// accumulate sums the newest plan.
func (w *Work) accumulate() error {
	sum, err := w.grid.count(w.PlanBase)
	if err != nil {
		return fmt.Errorf("order %s: base of the plan: %w", w.Order.ID, err)
	}
	w.planned = make([]int64, len(w.Schedule))
	for i := range w.Schedule {
		if i < w.PlanFrom {
			continue
		}
		n, err := w.grid.count(w.Schedule[i].Quantity)
		if err != nil || n < 0 {
			return fmt.Errorf("order %s: planned slice %d: %w", w.Order.ID, i+1, cmp.Or(err, decimal.ErrOverflow))
		}
		sum += n
		w.planned[i] = sum
	}
	return nil
}

func (w *Work) stale() time.Duration {
	return time.Duration(w.Order.Profile.StaleAfterMS) * time.Millisecond
}

func (w *Work) routing() routing {
	return routing{symbol: w.Order.Symbol, exchanges: w.Order.Exchanges, stale: w.stale()}
}

// sources returns the books of the routing set, by exchange.
func (w *Work) sources(m *Market) []*source {
	out := make([]*source, len(w.Instruments))
	for i := range w.Instruments {
		out[i] = m.source(w.Instruments[i].Exchange, w.Order.Symbol)
	}
	return out
}

// stepMS is the time between two slices of the first schedule, floored: the order's interval.
func (w *Work) stepMS() int64 { return w.durationMS() / int64(w.Steps) }

func (w *Work) durationMS() int64 { return int64(w.Order.Params.DurationSeconds) * 1000 }

// undecided returns the index of the next slice of the schedule; false if all have fallen due.
func (w *Work) undecided() (int, bool) {
	n := len(w.Slices)
	if w.swept() {
		return 0, false
	}
	return n, n < len(w.Schedule)
}

// swept reports whether the sweep has been decided.
func (w *Work) swept() bool {
	n := len(w.Slices)
	return n > 0 && w.Slices[n-1].Sweep
}

// plannedBefore returns what was planned to be done before slice i of the schedule, in grains.
func (w *Work) plannedBefore(i int) int64 {
	if i > w.PlanFrom {
		return w.planned[i-1]
	}
	base, err := w.grid.count(w.PlanBase)
	if err != nil {
		return 0 // cannot be: accumulate has counted it
	}
	return base
}

// filled returns what is filled, in grains.
func (w *Work) filled() int64 { return w.count(w.Order.FilledQuantity) }

// count is for the order's own quantities, which are whole grains: Accept and Fold have seen to it.
func (w *Work) count(d decimal.Decimal) int64 {
	n, err := w.grid.count(d)
	if err != nil {
		return 0
	}
	return n
}

// inFlight returns what is on its way, in grains, and what it is expected to cost.
func (w *Work) inFlight() (grains int64, cost decimal.Decimal) {
	var c decimal.Calc
	for _, i := range w.flight {
		for j := range w.Slices[i].Children {
			if child := &w.Slices[i].Children[j]; !child.Arrived {
				grains += w.count(child.Quantity)
				cost = c.Add(cost, child.Cost)
			}
		}
	}
	return grains, cost
}

// Flying reports whether children of the order are on their way.
func (w *Work) Flying() bool { return len(w.flight) > 0 }

// Step is a thing that an order may be due for. At one instant they come in this order.
type Step uint8

// The steps.
const (
	Arrive Step = iota // children reach their exchanges
	Begin              // the window begins
	Cut                // a slice is decided
	Close              // the window ends: a sweep is decided, or the order ends
	Report             // the final report is drawn up
)

// Next returns when the order is due for what; false if never again. Resumed is when the executor came back after a time
// of which it knows nothing, zero if it never was away: what was on its way then is closed at once.
func (w *Work) Next(resumed time.Time) (time.Time, Step, bool) {
	if w.Final != nil {
		return time.Time{}, 0, false
	}
	due, step, found := time.Time{}, Arrive, false
	consider := func(at time.Time, s Step) {
		if !found || at.Before(due) {
			due, step, found = at, s, true
		}
	}
	for _, i := range w.flight {
		s := &w.Slices[i]
		for j := range s.Children {
			if child := &s.Children[j]; !child.Arrived {
				consider(lands(s, child, resumed), Arrive)
			}
		}
	}
	switch i, left := w.undecided(); {
	case w.Order.Status.Ended():
		if !w.Flying() {
			consider(w.closes(), Report)
		}
	case w.Missed(resumed): // what was left is struck off at once, not slice by slice
		if !w.Flying() {
			consider(w.Order.EndsAt, Close)
		}
	case !w.Started:
		consider(w.Order.StartsAt, Begin)
	case left:
		consider(w.Schedule[i].DueAt, Cut)
	case w.Flying():
	case w.Immediate(), w.Unplaced(): // it has had its answer
		consider(w.Slices[len(w.Slices)-1].DecidedAt, Close)
	default:
		consider(w.Order.EndsAt, Close)
	}
	return due, step, found
}

// Immediate reports whether the order gives up what it cannot have at once.
func (w *Work) Immediate() bool {
	return w.Order.TimeInForce == order.IOC || w.Order.TimeInForce == order.FOK
}

// rests reports whether the order waits at its price for what it cannot have at once.
func (w *Work) rests() bool { return w.Order.TimeInForce == order.GTC }

// Unplaced reports whether the order was to rest and does not, once what was on its way has arrived.
func (w *Work) Unplaced() bool {
	_, left := w.undecided()
	return w.rests() && w.Order.Resting == nil && !left && !w.Flying()
}

// Missed reports whether the window ended while the executor was away.
func (w *Work) Missed(resumed time.Time) bool { return w.Order.EndsAt.Before(resumed) }

// Sweeps reports whether the end of the window has a sweep to decide: the order asks for one, and it is not paused.
func (w *Work) Sweeps() bool {
	return w.Order.Params.EndPolicy == order.EndSweep && w.Order.Status != order.Paused && !w.swept()
}

// Shed lets go of what only an order that is worked, or was of late, needs to keep.
func (w *Work) Shed() { w.Slices, w.Schedule, w.planned, w.Estimate = nil, nil, nil, nil }

// Copy returns what is known about the order as it is, to be read while the order goes on. It shares what does not change: a
// slice changes only while children of it are on their way.
func (w *Work) Copy() *Work {
	c := *w
	c.grid, c.planned, c.flight = grid{}, nil, nil
	if w.Flying() {
		c.Slices = slices.Clone(w.Slices)
	}
	return &c
}

// closes is the end of the time that the report is about: that of the window, or when the order was canceled. A plain
// order has no window to be compared with once it has its answer.
func (w *Work) closes() time.Time {
	early := w.Order.Status == order.Canceled || w.Order.Status.Ended() && w.Order.TimeInForce != ""
	if early && w.Order.EndedAt.Before(w.Order.EndsAt) {
		return w.Order.EndedAt
	}
	return w.Order.EndsAt
}
