package executor

import (
	"fmt"
	"maps"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

const (
	// snapshotAfter is how long an account's first event since its last snapshot may be without one, while there is time to
	// make them.
	snapshotAfter = 30 * time.Second
	// snapshotTick is how often the loop looks whose snapshot is due, snapshotTime what it spends on them then, and
	// snapshotOrders how many orders it takes before it looks at the clock, in some 150 µs: slices must not wait.
	snapshotTick   = 100 * time.Millisecond
	snapshotTime   = time.Millisecond
	snapshotOrders = 128
	// queuedSnapshots bounds those that wait to be stored, queuedOrders the orders in them, at some 2 KB each, but for the
	// last. Further ones are taken once there is room.
	queuedSnapshots = 32
	queuedOrders    = 20_000
)

// layout is the form of the snapshots that are made and read here.
var layout = account.Layout()

// changed notes that an account has an event that its snapshot lacks.
func (l *loop) changed(id order.AccountID, a *owned) {
	if a.since.IsZero() {
		a.since = l.now()
		l.unsaved = append(l.unsaved, id)
	}
}

// frozen is an account at the moment of one of its events, with its place in the log: what a snapshot is packed from.
type frozen struct {
	of      *owned // the account as it goes on
	seq     uint64
	origins map[order.ID]tracing.Origin
	state   *account.Frozen // nil until all orders are taken
}

// freeze begins to freeze an account.
func (a *owned) freeze() *frozen {
	return &frozen{of: a, seq: a.seq, origins: maps.Clone(a.origins)}
}

// take takes up to n further orders. It reports whether those were the last. That the account goes on in between does not
// show.
func (f *frozen) take(n int) bool {
	f.state = f.of.state.Freeze(n)
	return f.state != nil
}

// snapshot goes on taking the accounts whose snapshots are due, as many orders as there is time for, and hands on what is
// whole, as much as there is room for.
func (l *loop) snapshot() {
	for began := time.Now(); time.Since(began) < snapshotTime; {
		f := l.freezing
		if f == nil {
			if f = l.nextFreeze(); f == nil {
				return
			}
			l.freezing = f
		}
		if f.of.broken || f.of.left { // what is left of it belongs to nobody
			l.freezing = nil
			continue
		}
		if f.take(snapshotOrders) {
			l.freezing = nil
			l.queued.Add(int64(f.state.Orders()))
			l.snapshots <- f // there was room, and only this sends
		}
	}
}

// nextFreeze begins to freeze the account that has waited longest, if it has waited long enough and there is room; else nil.
func (l *loop) nextFreeze() *frozen {
	for len(l.unsaved) > 0 && len(l.snapshots) < cap(l.snapshots) && l.queued.Load() < queuedOrders {
		id := l.unsaved[0]
		a := l.accounts[id]
		if a != nil && !a.since.IsZero() && l.now().Sub(a.since) < snapshotAfter {
			return nil
		}
		l.unsaved = l.unsaved[1:]
		if a == nil || a.broken || a.since.IsZero() { // it has left since, or came anew and has been saved
			continue
		}
		a.since = time.Time{}
		return a.freeze()
	}
	return nil
}

// thaw makes an account from its snapshot. That it fits the events is yet to be shown.
func thaw(s *bus.Snapshot, cfg *account.Config) (*owned, error) {
	if s.Format != layout {
		return nil, fmt.Errorf("%w: format %.40q", bus.ErrSnapshot, s.Format)
	}
	state, err := s.Unpack()
	if err != nil {
		return nil, err
	}
	restored, err := account.RestoreBy(unmarshal, state, cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bus.ErrSnapshot, err)
	}
	if err := s.Agrees(restored.ID, restored.Version, restored.Hash); err != nil {
		return nil, err
	}
	a := newOwned(restored)
	a.seq, a.saved, a.proof = s.Seq, s.Seq, s.Prev
	maps.Copy(a.origins, s.Origins)
	return a, nil
}
