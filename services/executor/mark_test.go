package executor

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// markMemory is a bucket with one key.
type markMemory struct {
	jetstream.KeyValueEntry
	value    []byte
	revision uint64
	writes   int
}

func (m *markMemory) Value() []byte    { return m.value }
func (m *markMemory) Revision() uint64 { return m.revision }

func (m *markMemory) Get(context.Context, string) (jetstream.KeyValueEntry, error) {
	if m.revision == 0 {
		return nil, jetstream.ErrKeyNotFound
	}
	return m, nil
}

func (m *markMemory) Create(ctx context.Context, key string, value []byte, _ ...jetstream.KVCreateOpt) (uint64, error) {
	return m.Update(ctx, key, value, 0)
}

func (m *markMemory) Update(_ context.Context, _ string, value []byte, revision uint64) (uint64, error) {
	if revision != m.revision {
		return 0, jetstream.ErrKeyExists
	}
	m.value, m.revision, m.writes = value, m.revision+1, m.writes+1
	return m.revision, nil
}

func TestTheMarkFollowsTheLogAndIsNeverLowered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &markMemory{}
		m := &mark{store, slog.New(slog.DiscardHandler)}
		var stored atomic.Uint64
		stored.Store(7)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.keep(ctx, &stored) }()
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		if string(store.value) != "7" || store.writes != 1 {
			t.Errorf("mark %s after %d writes, want 7 after one", store.value, store.writes)
		}
		stored.Store(9)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		if string(store.value) != "9" {
			t.Errorf("mark %s at the end, want 9", store.value)
		}
		if err := m.raise(t.Context(), 3); err != nil || string(store.value) != "9" {
			t.Errorf("mark %s after an executor that lags (%v), want 9", store.value, err)
		}
	})
}
