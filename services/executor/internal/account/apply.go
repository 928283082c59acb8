package account

import (
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// Apply folds the next event of the account in; hash is that of its bytes. It is strict: the version follows the last, prev
// is the last hash, the postings sum to zero and leave nothing negative, the order holds what its summary says. After an
// error (ErrChain, ErrEvent, or one of the ledger) the State must be thrown away.
func (s *State) Apply(e *order.Event, hash string) error {
	switch {
	case e.Account != s.ID:
		return fmt.Errorf("event %s of account %s: %w", e.ID, e.Account, ErrEvent)
	case e.Version != s.Version+1 || e.Prev != s.Hash:
		return fmt.Errorf("event %s: v %d after %d: %w", e.ID, e.Version, s.Version, ErrChain)
	}
	if err := s.Ledger.Apply(e.Postings); err != nil {
		return fmt.Errorf("event %s: %w", e.ID, err)
	}
	s.Memory.Forget(e.At)
	if err := s.fold(e); err != nil {
		return err
	}
	s.Version, s.Hash, s.At = e.Version, hash, e.At
	s.CommandSeq = max(s.CommandSeq, e.CommandSeq)
	if e.CommandID != "" {
		s.Commands = append(s.Commands, Folded{ID: e.CommandID, At: e.At})
		s.folded[e.CommandID] = true
	}
	s.forgetCommands(e.At)
	return nil
}

func (s *State) fold(e *order.Event) error {
	switch e.Type {
	case order.AccountOpened:
		s.Opened = true
		return nil
	case order.Deposited, order.CommandRejected:
		return nil
	case order.OrderAccepted:
		return s.accept(e)
	case order.OrderStarted, order.SliceDecided, order.SliceArrived, order.OrderMatched, order.OrderPaused, order.OrderResumed, order.OrderAmended,
		order.OrderEnded, order.OrderReported:
	default:
		return fmt.Errorf("event %s: type %.40q: %w", e.ID, string(e.Type), ErrEvent)
	}
	w := s.byID[e.OrderID]
	if w == nil || e.Order == nil || e.Order.ID != e.OrderID {
		return fmt.Errorf("event %s: order %.40q: %w", e.ID, string(e.OrderID), ErrEvent)
	}
	s.freezing.before(w)
	rested := w.Order.Resting != nil
	if err := w.Fold(e); err != nil {
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if rested || w.Order.Resting != nil {
		s.rest(w, rested)
	}
	s.Memory.Remember(w, e.Fills)
	if e.Type == order.OrderReported {
		s.finish(w)
	}
	return s.settle(w)
}

func (s *State) accept(e *order.Event) error {
	w, err := twap.New(e)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if s.byID[w.Order.ID] != nil || w.Order.ID != e.OrderID {
		return fmt.Errorf("event %s: order %s a second time: %w", e.ID, w.Order.ID, ErrEvent)
	}
	s.share(w)
	s.Works = append(s.Works, w)
	s.byID[w.Order.ID] = w
	return s.settle(w)
}

// settle checks that the order holds what it says, and looks what it is due for next.
func (s *State) settle(w *twap.Work) error {
	if held := s.Ledger.Held[w.Order.ID]; held != w.Order.Reserved.Amount {
		return fmt.Errorf("order %s holds %s and says %s: %w", w.Order.ID, held, w.Order.Reserved.Amount, ErrEvent)
	}
	s.replan(w)
	return nil
}

// finish keeps a reported order in full, and sheds the oldest of those that are.
func (s *State) finish(w *twap.Work) {
	s.leaving = append(s.leaving, w)
	kept, from := 0, len(s.Finished)
	for from > 0 && len(s.Finished)-from+1 < keptInFull {
		if kept += len(s.byID[s.Finished[from-1]].Slices); kept > keptSlices {
			break
		}
		from--
	}
	for _, id := range s.Finished[:from] {
		old := s.byID[id]
		s.freezing.before(old)
		old.Shed()
	}
	s.Finished = append(s.Finished[from:], w.Order.ID)
}

// forgetCommands forgets the commands that the command log no longer has.
func (s *State) forgetCommands(now time.Time) {
	for len(s.Commands) > 0 && now.Sub(s.Commands[0].At) > commandMemory {
		delete(s.folded, s.Commands[0].ID)
		s.Commands = s.Commands[1:]
	}
}
