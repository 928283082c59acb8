package executor

import (
	"container/heap"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
	"github.com/hourglass-trading/hourglass/services/executor/internal/lease"
)

// partition is a share of the accounts that this executor holds. Until its accounts are read from the log, nothing happens
// in it.
type partition struct {
	cfg    *account.Config // with the epoch that it is held under
	loaded bool
	done   uint64 // the largest sequence of a command that has been carried out
}

// claim is a partition to be read from the log. Its configuration tells whether the partition was lost since: each time it
// is taken it gets another.
type claim struct {
	partition int
	cfg       *account.Config
}

// hold takes in which partitions are ours from now on: what we have lost is dropped, whatever we know of it, because others
// go on with it; what we have gained is read from the log.
func (l *loop) hold(h lease.Holdings) {
	l.held = h
	var lost [order.Partitions]bool
	dropped := false
	for p := range l.parts {
		part := l.parts[p]
		if part != nil && part.cfg.Epoch != h.Epochs[p] {
			l.parts[p], part = nil, nil
			lost[p], dropped = true, true
		}
		if part == nil && h.Epochs[p] != 0 {
			cfg := l.cfg
			cfg.Epoch = h.Epochs[p]
			l.parts[p] = &partition{cfg: &cfg}
			l.unasked = append(l.unasked, claim{p, &cfg})
		}
	}
	if dropped {
		for id, a := range l.accounts { // each is dropped alike, so the order does not show
			if lost[id.Partition()] {
				l.drop(id, a)
			}
		}
		l.wishes.tell()
		l.meters.accounts.Store(int64(len(l.accounts)))
	}
	l.look()
}

// drop forgets an account that others work.
func (l *loop) drop(id order.AccountID, a *owned) {
	a.state.Depart(l.market)
	for _, o := range a.state.Orders() {
		l.wishes.count(&o, false)
	}
	delete(l.accounts, id)
	a.left = true
	if a.broken {
		l.meters.stopped.Add(-1)
	}
}

// adopt takes in what was read, unless it was lost meanwhile. What fell due while nobody worked it is missed.
func (l *loop) adopt(r *recovered, now time.Time) {
	var ours [order.Partitions]bool
	for _, c := range r.claims {
		if part := l.parts[c.partition]; part != nil && part.cfg == c.cfg {
			ours[c.partition] = true
			part.loaded, part.done = true, r.done[c.partition]
		}
	}
	for id, a := range r.accounts {
		if !ours[id.Partition()] {
			continue
		}
		l.accounts[id] = a
		if a.broken {
			l.meters.stopped.Add(1)
			continue
		}
		for _, o := range a.state.Orders() {
			l.wishes.count(&o, !o.Status.Ended())
		}
		a.state.Resume(now)
		if a.seq != a.saved {
			l.changed(id, a)
		}
		if wake, ok := a.state.Wake(); ok {
			a.wake = wake
			heap.Push(&l.timers, timer{wake, id})
		}
	}
	l.wishes.tell()
	l.meters.accounts.Store(int64(len(l.accounts)))
	l.stored.Store(max(l.stored.Load(), r.last))
	l.follow()
	l.log.Info("accounts recovered", "partitions", len(r.claims), "accounts", len(r.accounts), "from_snapshots", r.restored, "events", r.events, "took", r.took)
	l.look()
}

// look says once that this executor is ready.
func (l *loop) look() {
	if l.complete() {
		l.ready()
		l.settle(false)
	}
}

// complete reports whether each partition has a living owner, and ours are read.
func (l *loop) complete() bool {
	for _, part := range l.parts {
		if part != nil && !part.loaded {
			return false
		}
	}
	return l.held.Complete()
}

// claiming is where claims go; nil, which nothing goes to, while there are none.
func (l *loop) claiming() chan<- []claim {
	if len(l.unasked) > 0 {
		return l.claims
	}
	return nil
}
