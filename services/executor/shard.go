package executor

import (
	"context"
	"maps"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// shard makes the accounts of some partitions. It has one owner at a time.
type shard struct {
	*recovery
	claims   []claim
	configs  [order.Partitions]*account.Config
	accounts map[order.AccountID]*owned
	misfits  map[order.AccountID]bool // whose snapshots do not fit: they are made from all their events
	only     map[order.AccountID]bool // if not nil, what else is read is dropped

	partitions []int  // of which there are events to read
	from       uint64 // their first
	read       int    // events that were read
	last       uint64 // the largest sequence of them
}

// restoreAll makes what can be made from snapshots.
func (s *shard) restoreAll(ctx context.Context) {
	for _, c := range s.claims {
		if first := s.restore(ctx, c.partition); first > 0 {
			s.partitions = append(s.partitions, c.partition)
			if s.from == 0 || first < s.from {
				s.from = first
			}
		}
	}
}

// restore makes the accounts of a partition from their snapshots, and returns from where its events are to be read; 0 if
// all accounts are complete. What goes wrong costs time only: all events are read then.
func (s *shard) restore(ctx context.Context, partition int) (first uint64) {
	thawed := map[order.AccountID]*owned{}
	err := s.events.ReadSnapshots(ctx, partition, func(m *bus.Snapshot) {
		a, err := thaw(m, s.configs[partition])
		if err == nil {
			thawed[m.Account] = a
			return
		}
		s.meters.misfits.Add(1)
		s.log.Warn("snapshot ignored", "account", m.Account, "error", err)
	})
	if err == nil && len(thawed) > 0 {
		err = s.events.LastEvents(ctx, partition, func(m bus.Stored) {
			if from := s.match(thawed[m.Account], m); from > 0 && (first == 0 || from < first) {
				first = from
			}
		})
		if err == nil {
			return first
		}
	}
	if err != nil {
		s.log.Warn("snapshots not read, reading all events", "partition", partition, "error", err)
	}
	maps.DeleteFunc(s.accounts, func(id order.AccountID, _ *owned) bool { return id.Partition() == partition })
	return 1
}

// match takes in an account of a snapshot, if there is one, whose last event is m. It returns from where the account's
// events are to be read; 0 if there is nothing more.
func (s *shard) match(a *owned, m bus.Stored) (from uint64) {
	switch {
	case m.Account == "":
		s.foreign(m)
		return 0
	case a == nil:
		return 1
	case a.seq > m.Seq || a.seq == m.Seq && order.Hash(m.Data) != a.proof:
		s.ignore(m.Account)
		return 1
	}
	s.accounts[m.Account] = a
	if a.seq == m.Seq {
		a.proof = ""
		return 0
	}
	return a.seq
}

// take takes an event that was read.
func (s *shard) take(m bus.Stored) {
	if s.only != nil && !s.only[m.Account] {
		return
	}
	s.read++
	s.last = max(s.last, m.Seq)
	if m.Account == "" {
		s.foreign(m)
		return
	}
	if s.misfits[m.Account] {
		return
	}
	a := s.accounts[m.Account]
	if a == nil {
		a = newOwned(account.New(m.Account, s.configs[m.Account.Partition()]))
		s.accounts[m.Account] = a
	}
	switch {
	case a.proof != "" && m.Seq == a.seq && order.Hash(m.Data) == a.proof:
		a.proof = ""
	case a.proof != "" && m.Seq >= a.seq:
		s.refuse(m.Account)
	case m.Seq > a.seq:
		s.apply(a, m)
	}
}

func (s *shard) foreign(m bus.Stored) {
	s.meters.foreign.Add(1)
	s.log.Error("foreign event skipped", "seq", m.Seq)
}

// apply folds an event into an account. One that contradicts those before it is the log's fault only where these are all
// from the log.
func (s *shard) apply(a *owned, m bus.Stored) {
	if a.broken {
		return
	}
	e := a.decode(m.Account, m, s.meters, s.log)
	if e == nil {
		return
	}
	if err := a.fold(e, m); err != nil && a.saved > 0 {
		s.refuse(m.Account)
	} else if err != nil {
		a.broken = true
		stopped(s.log, e, m, err)
	}
}

// refuse throws away an account that was made from a snapshot.
func (s *shard) refuse(id order.AccountID) {
	delete(s.accounts, id)
	s.misfits[id] = true
	s.ignore(id)
}

// ignore tells that a snapshot is not what the events make.
func (s *shard) ignore(id order.AccountID) {
	s.meters.misfits.Add(1)
	s.log.Warn("snapshot ignored", "account", id, "error", bus.ErrSnapshot)
}

// prove refuses the accounts whose snapshots name an event that was not there.
func (s *shard) prove() {
	for id, a := range s.accounts { // each is dealt with alike, so the order does not show
		if a.proof != "" {
			s.refuse(id)
		}
	}
}
