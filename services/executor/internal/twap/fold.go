package twap

import (
	"fmt"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// New returns the order that an acceptance event begins.
func New(e *order.Event) (*Work, error) {
	if e.Order == nil || e.Accepted == nil {
		return nil, fmt.Errorf("event %s: an acceptance without its order", e.ID)
	}
	p := &e.Order.Params
	w := &Work{
		Order: *e.Order, Instruments: e.Accepted.Instruments, MaxSlippageBps: p.MaxSlippageBps, ParticipationCap: p.ParticipationCap,
		DecisionMid: e.Accepted.DecisionMid, Steps: len(e.Accepted.Schedule),
		Schedule: slices.Clip(e.Accepted.Schedule), // what is appended must not end up in the event
	}
	if w.Steps == 0 || len(w.Instruments) == 0 {
		return nil, fmt.Errorf("event %s: an acceptance without a schedule or an exchange", e.ID)
	}
	if e.Marks != nil {
		w.Marks = *e.Marks
	}
	if err := w.Restore(); err != nil {
		return nil, err
	}
	return w, nil
}

// Fold takes an event of the order in. It is the only thing that changes a Work, and does the same to one that lives as to
// one that is read back.
func (w *Work) Fold(e *order.Event) error {
	if e.Order != nil {
		w.Order = *e.Order
	}
	if e.Marks != nil {
		w.Marks = *e.Marks
	}
	switch e.Type {
	case order.OrderStarted:
		w.Started, w.Estimate = true, e.Report
	case order.SliceDecided, order.SliceArrived, order.OrderMatched:
		if err := w.place(e); err != nil {
			return err
		}
	case order.OrderAmended:
		if err := w.amended(e); err != nil {
			return err
		}
	case order.OrderReported:
		w.Final = e.Report
	}
	if e.Order != nil && e.Order.Status.Ended() {
		w.strike()
	}
	return nil
}

// place puts a slice in its place: behind the last when it is decided or a resting order was met, over itself when something
// of it arrives.
func (w *Work) place(e *order.Event) error {
	if e.Slice == nil {
		return fmt.Errorf("event %s: no slice", e.ID)
	}
	s := *e.Slice
	i := s.K - 1
	switch {
	case e.Type == order.SliceDecided && i == len(w.Slices) && (s.Sweep || i < len(w.Schedule)):
		w.Slices = append(w.Slices, s)
		if s.Status == order.SliceSent {
			w.flight = append(w.flight, i)
		}
		return nil
	case e.Type == order.SliceArrived && slices.Contains(w.flight, i):
		w.Slices[i] = s
		if s.Status != order.SliceSent {
			w.flight = slices.DeleteFunc(w.flight, func(j int) bool { return j == i })
		}
		return nil
	}
	if e.Type == order.OrderMatched && i == len(w.Slices) && i == len(w.Schedule) && i > 0 {
		w.Slices = append(w.Slices, s)
		w.Schedule = append(w.Schedule, order.Planned{K: s.K, DueAt: s.DueAt})
		w.planned = append(w.planned, w.planned[i-1])
		return nil
	}
	return fmt.Errorf("event %s: slice %d follows %d of %d", e.ID, s.K, len(w.Slices), len(w.Schedule))
}

// strike writes off the slices that an ended order will not see.
func (w *Work) strike() {
	status, reason := order.SliceCanceled, order.ByUser
	if w.Order.Reason == order.EndMissed {
		status, reason = order.SliceMissed, order.ServerDown
	}
	for i, left := w.undecided(); left; i, left = w.undecided() {
		w.Slices = append(w.Slices, order.Slice{
			K: i + 1, DueAt: w.Schedule[i].DueAt, Planned: w.Schedule[i].Quantity, Status: status, Reason: reason,
			CumulativePlanned: w.grid.value(w.planned[i]), CumulativeFilled: w.Order.FilledQuantity,
		})
	}
}
