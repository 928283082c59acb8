package collector

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
)

// oneKey is a bucket of one key.
type oneKey struct {
	jetstream.KeyValue

	mu       sync.Mutex // guards all below
	value    []byte
	revision uint64
	down     bool
	deaf     bool // writes happen, but their answers are lost
}

type entry struct {
	jetstream.KeyValueEntry
	value    []byte
	revision uint64
}

func (e entry) Value() []byte    { return e.value }
func (e entry) Revision() uint64 { return e.revision }

var errDown = errors.New("no bus")

func (k *oneKey) Get(context.Context, string) (jetstream.KeyValueEntry, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.down:
		return nil, errDown
	case k.revision == 0:
		return nil, jetstream.ErrKeyNotFound
	}
	return entry{value: k.value, revision: k.revision}, nil
}

func (k *oneKey) Create(ctx context.Context, key string, value []byte, _ ...jetstream.KVCreateOpt) (uint64, error) {
	return k.Update(ctx, key, value, 0)
}

func (k *oneKey) Update(_ context.Context, _ string, value []byte, revision uint64) (uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return 0, errDown
	}
	if revision != k.revision {
		return 0, jetstream.ErrKeyRevisionMismatch
	}
	k.value, k.revision = value, k.revision+1
	if k.deaf {
		return 0, errDown
	}
	return k.revision, nil
}

func (k *oneKey) set(down, deaf bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down, k.deaf = down, deaf
}

// candidate runs a lease and returns it with what stops it: gracefully, or as a process that dies.
func candidate(t *testing.T, k *oneKey) (l *lease, stop func(), freeze func()) {
	t.Helper()
	l = newLease("binance", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	store := &mortal{oneKey: k}
	done := make(chan error, 1)
	go func() {
		done <- l.hold(ctx, way{store}, func(g *daemon.Group) {
			g.Go("work", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		})
	}()
	return l, func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("hold: %v", err)
		}
	}, store.freeze
}

// mortal is one process's way to the bucket.
type mortal struct {
	*oneKey

	mu     sync.Mutex // guards frozen
	frozen bool
}

func (m *mortal) freeze() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frozen = !m.frozen
}

// way leads to a bucket.
type way struct{ jetstream.KeyValue }

func (w way) Bucket(context.Context, string) (jetstream.KeyValue, error) { return w.KeyValue, nil }

func (m *mortal) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	m.mu.Lock()
	frozen := m.frozen
	m.mu.Unlock()
	if frozen {
		return 0, errDown
	}
	return m.oneKey.Update(ctx, key, value, revision)
}

func elapse(d time.Duration) {
	time.Sleep(d) // in a bubble: the clock jumps
	synctest.Wait()
}

func TestOneOfTwoCollectsAndTheOtherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &oneKey{}
		first, stopFirst, _ := candidate(t, k)
		elapse(0)
		second, stopSecond, freezeSecond := candidate(t, k)
		elapse(time.Minute)
		if !first.held.Load() || second.held.Load() || !second.others.Load() {
			t.Fatal("the first must hold and the second stand by")
		}
		stopFirst()
		elapse(leaseBeat)
		if !second.held.Load() {
			t.Fatal("what was let go must be taken at the next look")
		}
		third, stopThird, _ := candidate(t, k)
		elapse(time.Minute)
		freezeSecond() // it lives, but nobody hears of it
		elapse(leaseExpires - leaseBeat)
		if third.held.Load() {
			t.Fatal("taken before it had expired")
		}
		elapse(2*leaseBeat + leaseBeat)
		if !third.held.Load() {
			t.Fatal("not taken although nothing was heard of the holder")
		}
		freezeSecond()
		elapse(2 * leaseBeat)
		if second.held.Load() {
			t.Fatal("the second must see that it has lost")
		}
		stopSecond()
		stopThird()
	})
}

func TestABusThatDoesNotAnswerEndsNoCollecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &oneKey{}
		k.set(true, false)
		l, stop, _ := candidate(t, k)
		elapse(10 * time.Second)
		if l.held.Load() || l.others.Load() {
			t.Fatal("holds what it cannot know")
		}
		k.set(false, false)
		elapse(leaseBeat)
		if !l.held.Load() {
			t.Fatal("not held")
		}
		k.set(true, false)
		elapse(time.Minute)
		k.set(false, true) // a sign of life is written, but the answer is lost
		elapse(leaseBeat)
		k.set(false, false)
		elapse(10 * leaseBeat)
		if !l.held.Load() {
			t.Fatal("lost to itself")
		}
		stop()
	})
}
