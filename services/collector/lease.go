package collector

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Clocks of a lease. A collector that dies leaves its exchanges for 2.8 s at most, one that stops not at all.
const (
	leaseBeat    = 500 * time.Millisecond  // between two signs of life of the holder, and between two looks of a candidate
	leaseExpires = 1800 * time.Millisecond // without a sign of life, on the candidate's own clock
	leaseTimeout = 2 * time.Second         // of one operation
)

// leaseStore is the part of a key-value bucket that leases need.
type leaseStore interface {
	Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error)
	Create(ctx context.Context, key string, value []byte, opts ...jetstream.KVCreateOpt) (uint64, error)
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
}

// lease says which of several collectors collects an exchange. It keeps two from doing the same work; nothing worse than a
// book published twice comes of it if for a moment both think they hold it.
type lease struct {
	key   string
	owner string // this process
	log   *slog.Logger

	revision uint64       // of the key as we wrote it
	held     atomic.Bool  // by us
	changes  atomic.Int64 // times that we took it or lost it
	others   atomic.Bool  // by another that is alive, as far as we have looked
}

func newLease(e market.Exchange, log *slog.Logger) *lease {
	return &lease{key: "collector." + string(e), owner: rand.Text(), log: log}
}

// hold runs the parts that only the holder may run whenever the lease is held, until ctx ends. An empty value of the key
// means that its holder has let go.
func (l *lease) hold(ctx context.Context, conn buckets, parts func(*daemon.Group)) error {
	store, err := l.open(ctx, conn)
	if err != nil {
		return err
	}
	for {
		if err := l.acquire(ctx, store); err != nil {
			return err
		}
		l.log.Info("collecting")
		l.held.Store(true)
		l.changes.Add(1)
		g := daemon.NewGroup(ctx)
		parts(g)
		g.Go("lease", func(ctx context.Context) error { return l.keep(ctx, store) })
		err := g.Wait()
		l.held.Store(false)
		l.changes.Add(1)
		if ctx.Err() != nil {
			l.release(ctx, store)
			return ctx.Err()
		}
		if !errors.Is(err, errLeaseLost) {
			return err
		}
		l.log.Warn("another collector has taken over")
	}
}

var errLeaseLost = errors.New("lease lost")

// open waits for the bucket: it may not be made yet.
func (l *lease) open(ctx context.Context, conn buckets) (leaseStore, error) {
	for {
		kv, err := conn.Bucket(ctx, bus.LeaseBucket)
		if err == nil {
			return kv, nil
		}
		if err := daemon.Wait(ctx, leaseBeat); err != nil {
			return nil, err
		}
		l.log.Warn("leases not reached", "error", err)
	}
}

// acquire returns when the lease is ours, or ctx has ended.
func (l *lease) acquire(ctx context.Context, store leaseStore) error {
	var seen uint64
	var since time.Time
	for {
		took, revision, err := l.try(ctx, store, seen, time.Since(since) >= leaseExpires && !since.IsZero())
		l.others.Store(err == nil && !took)
		switch {
		case err != nil && ctx.Err() == nil:
			l.log.Warn("lease not acquired", "error", err)
		case took:
			l.revision = revision
			return nil
		case revision != seen:
			seen, since = revision, time.Now()
		}
		if err := daemon.Wait(ctx, leaseBeat); err != nil {
			return err
		}
	}
}

// try takes the lease if it is free: never held, let go, or without a sign of life since revision seen. It returns the
// revision that it wrote or found. That another candidate is faster is no error.
func (l *lease) try(ctx context.Context, store leaseStore, seen uint64, expired bool) (took bool, revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	entry, err := store.Get(ctx, l.key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		revision, err = store.Create(ctx, l.key, []byte(l.owner))
	case err != nil:
		return false, 0, fmt.Errorf("read the lease: %w", err)
	case len(entry.Value()) == 0 || string(entry.Value()) == l.owner || expired && entry.Revision() == seen:
		revision, err = store.Update(ctx, l.key, []byte(l.owner), entry.Revision())
	default:
		return false, entry.Revision(), nil
	}
	if bus.LostRace(err) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("write the lease: %w", err)
	}
	return true, revision, nil
}

// keep gives signs of life until the lease is another's. A bus that does not answer is no reason to stop: whoever else might
// take over needs it too.
func (l *lease) keep(ctx context.Context, store leaseStore) error {
	for {
		if err := daemon.Wait(ctx, leaseBeat); err != nil {
			return err
		}
		within, cancel := context.WithTimeout(ctx, leaseTimeout)
		revision, err := store.Update(within, l.key, []byte(l.owner), l.revision)
		cancel()
		switch {
		case err == nil:
			l.revision = revision
		case bus.LostRace(err):
			// It may be our own sign of life whose answer was lost.
			took, revision, err := l.try(ctx, store, 0, false)
			if err == nil && !took {
				return errLeaseLost
			}
			if took {
				l.revision = revision
			}
		case ctx.Err() == nil:
			l.log.Warn("lease not renewed", "error", err)
		}
	}
}

// release lets go, so that another need not wait.
func (l *lease) release(ctx context.Context, store leaseStore) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTimeout)
	defer cancel()
	if _, err := store.Update(ctx, l.key, nil, l.revision); err != nil {
		l.log.Debug("lease not released", "error", err)
	}
}
