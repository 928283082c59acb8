package view

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// An account is opened from its snapshot and the events after it, where there is a snapshot that fits them. A snapshot lacks
// what was done for the orders, what commands were answered, and where in the stream older events stand. Whoever asks for
// that has the account read from its first event, once (complete).

// snapshotTimeout bounds the look for a snapshot: what is not there soon is read from the events.
const snapshotTimeout = time.Second

// tally counts how accounts came to be known.
type tally struct {
	restored, ignored, completed atomic.Int64
}

// Measure tells in a registry how accounts came to be known.
func (s *Accounts) Measure(r *metrics.Registry) {
	r.Readings(metrics.Count, "account_snapshots_total", "Accounts opened from their snapshot and the events after it.").Add(s.tally.restored.Load)
	r.Readings(metrics.Count, "account_snapshots_ignored_total", "Snapshots that were damaged, of another form, or did not fit the events: the account was read from all its events.").Add(s.tally.ignored.Load)
	r.Readings(metrics.Count, "account_completions_total", "Accounts opened from their snapshot of which somebody wanted what only all their events tell.").Add(s.tally.completed.Load)
}

// restore opens the account from its snapshot and the events after it. Where that cannot be, nothing has happened.
func (a *Account) restore(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, snapshotTimeout)
	s, there, err := a.bus.ReadSnapshot(within, a.id)
	cancel()
	if err == nil && there {
		err = a.follow(ctx, s)
	}
	switch {
	case errors.Is(err, bus.ErrSnapshot):
		a.tally.ignored.Add(1)
		a.log.Warn("snapshot ignored", "account", a.id, "error", err)
	case err != nil:
		a.log.Warn("snapshot not read, reading all events", "account", a.id, "error", err)
	}
}

// follow takes a snapshot in once the event that it names is there and the next follows from it, and then all that come
// after.
func (a *Account) follow(ctx context.Context, s *bus.Snapshot) error {
	if s.Account != a.id {
		return fmt.Errorf("%w: it is not the account's", bus.ErrSnapshot)
	}
	kept, err := s.View()
	if err != nil {
		return err
	}
	balances, err := kept.Balances()
	if err != nil {
		return fmt.Errorf("%w: %w", bus.ErrSnapshot, err)
	}
	shown, taken := false, false
	err = a.bus.ReadEvents(ctx, a.id, s.Seq, func(m bus.Stored) error {
		if taken {
			a.apply(m, true)
			return nil
		}
		e, err := order.Decode(m.Data)
		ours := err == nil && e.Account == a.id
		switch {
		case !shown && (!ours || !s.Shows(&m) || e.Version != s.Version):
			return fmt.Errorf("%w: the event that it names is another", bus.ErrSnapshot)
		case !shown:
			shown = true
			return nil
		case !ours: // a stranger's
			return nil
		case e.Version != s.Version+1 || e.Prev != s.Prev:
			return fmt.Errorf("%w: the next event does not follow from it", bus.ErrSnapshot)
		}
		taken = true
		a.adopt(s, kept, balances)
		a.apply(m, true)
		return nil
	})
	switch {
	case err != nil:
		return err
	case !shown:
		return fmt.Errorf("%w: the event that it names is not there", bus.ErrSnapshot)
	case !taken:
		a.adopt(s, kept, balances)
	}
	return nil
}

// adopt takes in what a snapshot tells.
func (a *Account) adopt(s *bus.Snapshot, kept *order.Snapshot, balances []order.Balance) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.version > 0 {
		return // events that came meanwhile are the account's first: its snapshot is as new as they are
	}
	a.tally.restored.Add(1)
	a.version, a.seq, a.balances = s.Version, s.Seq, balances
	a.lacking = &lacking{version: s.Version, seq: s.Seq, answers: map[string]bool{}}
	a.marks = make([]uint64, (s.Version-1)/markEvery+1) // unknown
	for i := range kept.Orders {
		o := &kept.Orders[i]
		w := &Work{Summary: Summary{Order: o.Order, Native: Natives(o.Instruments)}}
		a.orders = append(a.orders, w)
		a.byID[o.Order.ID] = w
	}
	for _, c := range kept.Commands[max(0, len(kept.Commands)-maxAnswers):] {
		a.lacking.answers[c.ID] = true
	}
}

// lacking is what an account does not know that was opened from a snapshot.
type lacking struct {
	version, seq uint64          // of the snapshot's event
	answers      map[string]bool // commands that were answered of late, the newest maxAnswers
}

// complete reads the account from its first event, if it was opened from a snapshot: it is then as if there had been none.
// Whoever else wants that meanwhile waits for it.
func (a *Account) complete(ctx context.Context) error {
	select {
	case a.completing <- struct{}{}:
		defer func() { <-a.completing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	a.mu.Lock()
	lacks, last := a.lacking, a.seq
	a.mu.Unlock()
	if lacks == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout) // others wait for this too
	defer cancel()
	whole := newAccount(a.id, a.bus, a.log, a.tally)
	if err := whole.read(ctx, last); err != nil {
		return err
	}
	if err := a.become(ctx, whole); err != nil {
		return err
	}
	a.tally.completed.Add(1)
	return a.catchUpMissed(ctx)
}

// read applies what the stream holds beyond the last event seen, up to a place in it.
func (a *Account) read(ctx context.Context, last uint64) error {
	err := a.bus.ReadEvents(ctx, a.id, a.seq+1, func(m bus.Stored) error {
		if m.Seq > last {
			return errEnough
		}
		a.apply(m, true)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return unavailable("read the account", err)
	}
	return nil
}

// become brings a whole account up to where this one is, and takes over what it knows. Events that come meanwhile wait in the
// stream.
func (a *Account) become(ctx context.Context, whole *Account) error {
	a.reading.Lock()
	defer a.reading.Unlock()
	a.mu.Lock()
	a.halted = true
	last := a.seq
	a.mu.Unlock()
	err := whole.read(ctx, last)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.halted = false
	if err != nil {
		return err
	}
	if whole.version != a.version || len(whole.orders) != len(a.orders) { // the stream is the truth
		a.tally.ignored.Add(1)
		a.log.Error("an account was opened from a snapshot that its events contradict", "account", a.id, "version", a.version, "want", whole.version)
	}
	a.version, a.balances, a.marks = whole.version, whole.balances, whole.marks
	a.orders, a.byID, a.detailed = whole.orders, whole.byID, whole.detailed
	a.answers, a.answered, a.lacking = whole.answers, whole.answered, nil
	return nil
}

// catchUpMissed applies what came while the account was halted.
func (a *Account) catchUpMissed(ctx context.Context) error {
	if !a.missedOne() {
		return nil
	}
	return a.CatchUp(ctx)
}

// lacks reports whether the account was opened from a snapshot, and what it does not know since.
func (a *Account) lacks() *lacking {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lacking
}

// Recall returns what became of a command, nil if that is not known (yet). Where the account's snapshot lacks what became of
// it, or may do so for a command whose key the client chose, all events are read.
func (a *Account) Recall(ctx context.Context, command string, chosen bool) (*Answer, error) {
	answer := a.Answer(command)
	if lacks := a.lacks(); answer != nil || lacks == nil || !chosen && !lacks.answers[command] {
		return answer, nil
	}
	if err := a.complete(ctx); err != nil {
		return nil, err
	}
	return a.Answer(command), nil
}
