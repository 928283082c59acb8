package executor

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/services/executor/internal/lease"
)

// leaseBucket is a bucket of leases in memory; each that uses it does so through a leaseView.
type leaseBucket struct {
	mu       sync.Mutex
	revision uint64
	entries  map[string]leaseEntry
	watches  map[*leaseWatch]bool
}

type leaseEntry struct {
	jetstream.KeyValueEntry
	key, value string
	revision   uint64
	operation  jetstream.KeyValueOp
}

func (e leaseEntry) Key() string                     { return e.key }
func (e leaseEntry) Value() []byte                   { return []byte(e.value) }
func (e leaseEntry) Revision() uint64                { return e.revision }
func (e leaseEntry) Operation() jetstream.KeyValueOp { return e.operation }

type leaseWatch struct {
	bucket *leaseBucket
	out    chan jetstream.KeyValueEntry
}

func (w *leaseWatch) Updates() <-chan jetstream.KeyValueEntry { return w.out }

func (w *leaseWatch) Stop() error {
	w.bucket.mu.Lock()
	defer w.bucket.mu.Unlock()
	delete(w.bucket.watches, w)
	return nil
}

// leaseView is the bucket as one executor sees it.
type leaseView struct {
	*leaseBucket
	refuse func(key string) error // asked at each write, while nobody else waits for the bucket
}

func (v *leaseView) Get(_ context.Context, key string) (jetstream.KeyValueEntry, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, there := v.entries[key]
	if !there {
		return nil, jetstream.ErrKeyNotFound
	}
	return e, nil
}

func (v *leaseView) Create(ctx context.Context, key string, value []byte, _ ...jetstream.KVCreateOpt) (uint64, error) {
	return v.Update(ctx, key, value, 0)
}

func (v *leaseView) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if err := v.refuse(key); errors.Is(err, context.DeadlineExceeded) {
		<-ctx.Done()
		return 0, ctx.Err()
	} else if err != nil {
		return 0, err
	}
	return v.put(leaseEntry{key: key, value: string(value)}, &revision)
}

func (v *leaseView) Delete(_ context.Context, key string, _ ...jetstream.KVDeleteOpt) error {
	_, err := v.put(leaseEntry{key: key, operation: jetstream.KeyValueDelete}, nil)
	return err
}

func (b *leaseBucket) put(e leaseEntry, revision *uint64) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if revision != nil && b.entries[e.key].revision != *revision {
		return 0, jetstream.ErrKeyExists
	}
	b.revision++
	e.revision = b.revision
	b.entries[e.key] = e
	for w := range b.watches {
		w.out <- e // has room for all that a test writes while nobody reads
	}
	return e.revision, nil
}

func (v *leaseView) WatchFiltered(context.Context, []string, ...jetstream.WatchOpt) (jetstream.KeyWatcher, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := &leaseWatch{v.leaseBucket, make(chan jetstream.KeyValueEntry, 4096)}
	for _, e := range v.entries {
		w.out <- e
	}
	w.out <- nil
	v.watches[w] = true
	return w, nil
}

// held counts the partitions by owner, and says when one of them changed hands last.
func (b *leaseBucket) held() (held map[string]int, last uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	held = map[string]int{}
	for key, e := range b.entries {
		if !strings.Contains(key, ".") {
			held[e.value]++
			last = max(last, e.revision)
		}
	}
	return held, last
}

// keepLeases runs the keeper of leases of an executor until the test ends.
func keepLeases(t *testing.T, b *leaseBucket, refuse func(key string) error) *leases {
	m := &meters{}
	forget := func(context.Context, string) error { return nil }
	l := newLeases(&leaseView{b, refuse}, forget, make(chan lease.Holdings, 1), m, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	worked, ended := make(chan struct{}), make(chan error, 1)
	close(worked)
	go func() { ended <- l.keep(ctx, worked) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return l
}

func TestAnExecutorThatCannotWriteLeasesFallsSilent(t *testing.T) {
	for name, fault := range map[string]error{"no answer": context.DeadlineExceeded, "an error": errNetwork} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &leaseBucket{entries: map[string]leaseEntry{}, watches: map[*leaseWatch]bool{}}
				well := func(string) error { return nil }
				a := keepLeases(t, b, well)
				time.Sleep(time.Second)
				var mu sync.Mutex
				ill := true
				sick := keepLeases(t, b, func(key string) error {
					mu.Lock()
					defer mu.Unlock()
					if ill && !strings.Contains(key, ".") {
						return fault
					}
					return nil
				})
				began := time.Now()
				for sick.meters.silences.Load() == 0 && time.Since(began) < time.Minute {
					time.Sleep(10 * time.Millisecond)
				}
				if after := time.Since(began); after > 3*lease.Tolerated { // unanswered writes take their time
					t.Errorf("silent after %s", after)
				}
				time.Sleep(lease.Orphaned)
				synctest.Wait()
				held, last := b.held()
				if held[a.id] != 64 || a.meters.silences.Load() != 0 {
					t.Fatalf("%v held", held)
				}
				time.Sleep(lease.FirstSilence - lease.Orphaned - time.Second)
				synctest.Wait()
				if _, now := b.held(); now != last {
					t.Error("partitions change hands during the silence")
				}
				time.Sleep(time.Minute)
				if n := sick.meters.silences.Load(); n < 3 || n > 4 {
					t.Errorf("silent %d times in a minute", n)
				}
				mu.Lock()
				ill = false
				mu.Unlock()
				time.Sleep(lease.MaxSilence + time.Second)
				synctest.Wait()
				if held, _ := b.held(); held[a.id] != 32 || held[sick.id] != 32 {
					t.Errorf("well again: %v held", held)
				}
			})
		})
	}
}
