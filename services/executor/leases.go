package executor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/failpoint"
	"github.com/hourglass-trading/hourglass/services/executor/internal/lease"
)

const (
	// leaseTimeout bounds one operation on the bucket of leases; writeTimeout a write of a lease, as signs of life must go on
	// between those that are not answered.
	leaseTimeout = time.Second
	writeTimeout = lease.Expires / 2
	// deafAfter is how long our signs of life may be stored without coming back before the bucket is watched anew: the
	// watch's own heartbeat takes ten seconds to notice that the server was started anew.
	deafAfter = 2 * time.Second
)

// errDeaf says that the watch over the leases does not tell what is stored.
var errDeaf = errors.New("the watch over the leases has fallen silent")

// leaseStore is the part of a key-value bucket that leases need.
type leaseStore interface {
	keyStore
	Delete(ctx context.Context, key string, opts ...jetstream.KVDeleteOpt) error
	WatchFiltered(ctx context.Context, keys []string, opts ...jetstream.WatchOpt) (jetstream.KeyWatcher, error)
}

// leases keeps this executor's share of the partitions: the shell around lease.Table.
type leases struct {
	store leaseStore
	// forget removes a key with all that is left of it; a deleted key would else keep its marker for ever.
	forget func(ctx context.Context, key string) error
	id     string // of this process
	log    *slog.Logger
	meters *meters
	out    chan lease.Holdings // has room for one: the newest replaces the one before it

	revision uint64 // of our own key
	beatAt   time.Time
	table    *lease.Table
	told     lease.Holdings
}

func newLeases(store leaseStore, forget func(context.Context, string) error, out chan lease.Holdings, m *meters, log *slog.Logger) *leases {
	id := rand.Text()
	return &leases{store: store, forget: forget, id: id, log: log.With("executor", id), meters: m, out: out}
}

// keep takes and gives partitions until ctx ends and worked is closed; then it lets go of all of them by one write, so that
// others take them at once. What is in the bucket then is decided by whoever is left.
func (l *leases) keep(ctx context.Context, worked <-chan struct{}) error {
	for ctx.Err() == nil {
		err := l.follow(ctx)
		if ctx.Err() == nil {
			l.log.Warn("leases not followed", "error", err)
			_ = daemon.Wait(ctx, lease.Beat) // fails when ctx ends, as the loop does
		}
	}
	<-worked // what the loop has decided by then is stored
	l.leave(context.WithoutCancel(ctx))
	return ctx.Err()
}

// follow watches the bucket and writes what the table plans, until ctx ends or the watch fails. It starts with a new table:
// what the bucket holds is told anew.
func (l *leases) follow(ctx context.Context) error {
	within, cancel := context.WithCancel(ctx)
	defer cancel()
	watch, err := l.store.WatchFiltered(within, []string{"*", bus.AllExecutorKeys})
	if err != nil {
		return fmt.Errorf("watch the leases: %w", err)
	}
	defer func() { _ = watch.Stop() }() // the only error is a connection that is gone
	l.table = lease.New(l.id)
	tick := time.NewTicker(lease.Beat)
	defer tick.Stop()
	listed, heard := false, time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-watch.Updates():
			if !open {
				return errDeaf
			}
			if e == nil { // the end of what was there before
				listed = true
				l.beat(ctx)
				break
			}
			if l.take(ctx, e, listed) {
				heard = time.Now()
			}
		case now := <-tick.C:
			if l.table.Silent(now) {
				heard = now // or would be, had we said anything
				break
			}
			if listed {
				l.beat(ctx)
			}
			if time.Since(heard) > deafAfter && l.beatAt.Sub(heard) > deafAfter {
				return errDeaf
			}
		}
		if listed && len(watch.Updates()) == 0 { // plans are made on all that is known
			l.carryOut(ctx)
			l.tell()
		}
	}
}

// take tells the table what an entry says. It reports whether it was our own sign of life.
func (l *leases) take(ctx context.Context, e jetstream.KeyValueEntry, listed bool) bool {
	id, executor := bus.ParseExecutorKey(e.Key())
	switch {
	case executor && e.Operation() != jetstream.KeyValuePut:
		l.table.Left(id)
		if !listed {
			l.clear(ctx, e.Key())
		}
	case executor:
		l.table.Alive(time.Now(), id, e.Revision())
		return id == l.id
	default:
		if p, err := bus.ParsePartitionKey(e.Key()); err == nil {
			l.table.Lease(p, string(e.Value()), e.Revision())
		}
	}
	return false
}

// beat gives a sign of life. A bus that does not answer is no reason to stop working: whoever else might take over needs
// it too.
func (l *leases) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	key, value := bus.ExecutorKey(l.id), []byte(daemon.Version())
	failpoint.At(failpoint.BeforeBeat)
	revision, err := l.write(ctx, key, value, l.revision)
	if bus.LostRace(err) { // the answer to the last one was lost, or we were held dead and forgotten
		revision = 0
		if entry, readErr := l.store.Get(ctx, key); readErr == nil {
			revision = entry.Revision()
		}
		revision, err = l.write(ctx, key, value, revision)
	}
	if err != nil {
		if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
			l.log.Warn("no sign of life given", "error", err)
		}
		return
	}
	l.revision, l.beatAt = revision, time.Now()
	for _, id := range l.table.Forgotten() {
		l.clear(ctx, bus.ExecutorKey(id))
		l.table.Left(id)
	}
}

func (l *leases) write(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if revision == 0 {
		return l.store.Create(ctx, key, value)
	}
	return l.store.Update(ctx, key, value, revision)
}

// carryOut writes what the table plans. That another executor is faster is no error; what else fails is planned again.
func (l *leases) carryOut(ctx context.Context) {
	for _, m := range l.table.Plan() {
		if time.Since(l.beatAt) > lease.Beat { // a slow disk must not make us look dead
			l.beat(ctx)
		}
		owner := ""
		if m.Take {
			owner = l.id
		}
		within, cancel := context.WithTimeout(ctx, writeTimeout)
		revision, err := l.write(within, bus.PartitionKey(m.Partition), []byte(owner), m.Revision)
		cancel()
		if ctx.Err() != nil {
			return
		}
		silence := l.table.Wrote(time.Now(), err == nil || bus.LostRace(err))
		switch {
		case err == nil:
			l.table.Lease(m.Partition, owner, revision)
			failpoint.At(failpoint.BetweenLeases)
		case bus.LostRace(err):
			l.meters.leaseConflicts.Add(1)
		default:
			l.log.Warn("lease not written", "partition", m.Partition, "error", err)
			if silence > 0 {
				l.meters.silences.Add(1)
				l.log.Error("leases cannot be written: giving no sign of life for a while, so that others take over", "for", silence)
			}
			return
		}
	}
}

// tell hands on who works what if that has changed.
func (l *leases) tell() {
	now := l.table.Holdings()
	if now == l.told {
		return
	}
	held, taken, lost := 0, 0, 0
	for p := range now.Epochs {
		if now.Epochs[p] != 0 {
			held++
		}
		if was, is := l.told.Epochs[p], now.Epochs[p]; was != is {
			if is != 0 {
				taken++
			}
			if was != 0 {
				lost++
			}
		}
	}
	l.told = now
	if taken+lost > 0 {
		l.meters.leasesTaken.Add(int64(taken))
		l.meters.leasesLost.Add(int64(lost))
		l.meters.partitions.Store(int64(held))
		l.log.Info("partitions changed hands", "taken", taken, "lost", lost, "held", held)
	}
	select {
	case <-l.out:
	default:
	}
	l.out <- now
}

// leave ends our life in the bucket: without a living owner, our partitions are free.
func (l *leases) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	if err := l.store.Delete(ctx, bus.ExecutorKey(l.id)); err != nil {
		l.log.Warn("leases not let go: others take them over in a second", "error", err)
	}
}

func (l *leases) clear(ctx context.Context, key string) {
	if err := l.forget(ctx, key); err != nil {
		l.log.Debug("key of an executor that is gone not removed", "key", key, "error", err)
	}
}
