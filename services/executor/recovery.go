package executor

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// recovered is what was read of some partitions.
type recovered struct {
	claims   []claim
	accounts map[order.AccountID]*owned
	done     [order.Partitions]uint64 // the largest sequence of a command that an event carries
	last     uint64                   // the largest sequence read
	events   int                      // that were read
	restored int                      // accounts that were made from snapshots
	took     time.Duration
}

// recovery reads partitions from the log, besides the loop, which goes on with its other accounts.
type recovery struct {
	events eventLog
	meters *meters
	log    *slog.Logger
}

// run reads what is claimed and hands it over, until ctx ends. A log that cannot be read is tried again each second.
func (r *recovery) run(ctx context.Context, claims <-chan []claim, out chan<- *recovered) error {
	for {
		var wanted []claim
		select {
		case <-ctx.Done():
			return ctx.Err()
		case wanted = <-claims:
		}
		for {
			found, err := r.read(ctx, wanted)
			if err == nil {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case out <- found:
				}
				break
			}
			r.log.Warn("accounts not recovered", "error", err)
			if err := daemon.Wait(ctx, time.Second); err != nil {
				return err
			}
		}
	}
}

// reading is one attempt to read partitions.
type reading struct {
	*recovery
	out     *recovered
	configs [order.Partitions]*account.Config
	misfits map[order.AccountID]bool // whose snapshots do not fit: they are made from all their events
}

// read makes the accounts of some partitions anew: from snapshots and what came after them, or from all their events. A
// snapshot counts for nothing unless the event that it names is in the log as it was, and the account's further events
// follow from it.
func (r *recovery) read(ctx context.Context, claims []claim) (*recovered, error) {
	began := time.Now()
	in := &reading{recovery: r, out: &recovered{claims: claims, accounts: map[order.AccountID]*owned{}}, misfits: map[order.AccountID]bool{}}
	var partitions []int
	from := uint64(0)
	for _, c := range claims {
		in.configs[c.partition] = c.cfg
		if first := in.restore(ctx, c.partition); first > 0 {
			partitions = append(partitions, c.partition)
			if from == 0 || first < from {
				from = first
			}
		}
	}
	if len(partitions) > 0 {
		if err := r.events.ReadPartitions(ctx, partitions, from, in.take); err != nil {
			return nil, err
		}
	}
	for id, a := range in.out.accounts {
		if a.proof != "" { // the event that it names is not there
			in.refuse(id)
		}
	}
	if err := in.again(ctx); err != nil {
		return nil, err
	}
	for id, a := range in.out.accounts {
		p := id.Partition()
		in.out.done[p] = max(in.out.done[p], a.state.CommandSeq)
		in.out.last = max(in.out.last, a.seq)
		if a.saved > 0 {
			in.out.restored++
		}
	}
	in.out.took = time.Since(began)
	return in.out, nil
}

// restore makes the accounts of a partition from their snapshots, and returns from where its events are to be read; 0 if
// all accounts are complete. What goes wrong costs time only: all events are read then.
func (in *reading) restore(ctx context.Context, partition int) (first uint64) {
	thawed := map[order.AccountID]*owned{}
	err := in.events.ReadSnapshots(ctx, partition, func(s *bus.Snapshot) {
		a, err := thaw(s, in.configs[partition])
		if err == nil {
			thawed[s.Account] = a
			return
		}
		in.meters.misfits.Add(1)
		in.log.Warn("snapshot ignored", "account", s.Account, "error", err)
	})
	if err == nil && len(thawed) > 0 {
		err = in.events.LastEvents(ctx, partition, func(m bus.Stored) {
			if from := in.match(thawed[m.Account], m); from > 0 && (first == 0 || from < first) {
				first = from
			}
		})
		if err == nil {
			return first
		}
	}
	if err != nil {
		in.log.Warn("snapshots not read, reading all events", "partition", partition, "error", err)
	}
	maps.DeleteFunc(in.out.accounts, func(id order.AccountID, _ *owned) bool { return id.Partition() == partition })
	return 1
}

// match takes in an account of a snapshot, if there is one, whose last event is m. It returns from where the account's
// events are to be read; 0 if there is nothing more.
func (in *reading) match(a *owned, m bus.Stored) (from uint64) {
	switch {
	case m.Account == "":
		in.foreign(m)
		return 0
	case a == nil:
		return 1
	case a.seq > m.Seq || a.seq == m.Seq && order.Hash(m.Data) != a.proof:
		in.ignore(m.Account)
		return 1
	}
	in.out.accounts[m.Account] = a
	if a.seq == m.Seq {
		a.proof = ""
		return 0
	}
	return a.seq
}

// take takes an event that was read.
func (in *reading) take(m bus.Stored) error {
	in.out.events++
	in.out.last = max(in.out.last, m.Seq)
	if m.Account == "" {
		in.foreign(m)
		return nil
	}
	if in.misfits[m.Account] {
		return nil
	}
	a := in.out.accounts[m.Account]
	if a == nil {
		a = newOwned(account.New(m.Account, in.configs[m.Account.Partition()]))
		in.out.accounts[m.Account] = a
	}
	switch {
	case a.proof != "" && m.Seq == a.seq && order.Hash(m.Data) == a.proof:
		a.proof = ""
	case a.proof != "" && m.Seq >= a.seq:
		in.refuse(m.Account)
	case m.Seq > a.seq:
		in.apply(a, m)
	}
	return nil
}

func (in *reading) foreign(m bus.Stored) {
	in.meters.foreign.Add(1)
	in.log.Error("foreign event skipped", "seq", m.Seq)
}

// apply folds an event into an account. One that contradicts those before it is the log's fault only where these are all
// from the log.
func (in *reading) apply(a *owned, m bus.Stored) {
	if a.broken {
		return
	}
	e := a.decode(m.Account, m, in.meters, in.log)
	if e == nil {
		return
	}
	if err := a.fold(e, m); err != nil && a.saved > 0 {
		in.refuse(m.Account)
	} else if err != nil {
		a.broken = true
		stopped(in.log, e, m, err)
	}
}

// refuse throws away an account that was made from a snapshot.
func (in *reading) refuse(id order.AccountID) {
	delete(in.out.accounts, id)
	in.misfits[id] = true
	in.ignore(id)
}

// ignore tells that a snapshot is not what the events make.
func (in *reading) ignore(id order.AccountID) {
	in.meters.misfits.Add(1)
	in.log.Warn("snapshot ignored", "account", id, "error", errSnapshot)
}

// again makes the accounts whose snapshots did not fit from all their events.
func (in *reading) again(ctx context.Context) error {
	if len(in.misfits) == 0 {
		return nil
	}
	wanted := in.misfits
	in.misfits = map[order.AccountID]bool{}
	partitions := map[int]bool{}
	for id := range wanted {
		partitions[id.Partition()] = true
	}
	return in.events.ReadPartitions(ctx, slices.Sorted(maps.Keys(partitions)), 1, func(m bus.Stored) error {
		if !wanted[m.Account] {
			return nil
		}
		return in.take(m)
	})
}
