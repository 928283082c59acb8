package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/bus"
)

// keyStore is what a mark needs of the bucket that keeps it, as leases do.
type keyStore interface {
	Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error)
	Create(ctx context.Context, key string, value []byte, opts ...jetstream.KVCreateOpt) (uint64, error)
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
}

// mark keeps bus.MarkKey: how far the event log has been seen to reach.
type mark struct {
	store keyStore
	log   *slog.Logger
}

// newMark opens the mark, and says loudly if the event log, which reaches the sequence last, ends before it.
func newMark(ctx context.Context, store keyStore, last uint64, log *slog.Logger) (*mark, error) {
	m := &mark{store, log}
	seen, _, err := m.read(ctx)
	if err != nil {
		return nil, err
	}
	if seen > last {
		log.Error("events are missing at the end of the log", "last", last, "mark", seen)
	}
	return m, nil
}

// keep raises the mark to stored every bus.MarkEvery, and once more when ctx ends.
func (m *mark) keep(ctx context.Context, stored *atomic.Uint64) error {
	tick := time.NewTicker(bus.MarkEvery)
	defer tick.Stop()
	for told := uint64(0); ; {
		select {
		case <-ctx.Done():
			m.end(context.WithoutCancel(ctx), stored.Load())
			return ctx.Err()
		case <-tick.C:
		}
		now := stored.Load()
		if now == told {
			continue
		}
		if err := m.raise(ctx, now); err != nil {
			m.log.Warn("mark not raised", "error", err)
			continue // the next tick has another try
		}
		told = now
	}
}

// end raises the mark a last time, while the process is stopping.
func (m *mark) end(ctx context.Context, seq uint64) {
	ctx, cancel := context.WithTimeout(ctx, bus.MarkEvery)
	defer cancel()
	if err := m.raise(ctx, seq); err != nil {
		m.log.Warn("mark not raised at the end", "error", err)
	}
}

// raise sets the mark to seq unless it is there already. Several executors raise it: the revision keeps one that lags from
// lowering it.
func (m *mark) raise(ctx context.Context, seq uint64) error {
	seen, revision, err := m.read(ctx)
	if err != nil || seen >= seq {
		return err
	}
	value := strconv.AppendUint(nil, seq, 10)
	if revision == 0 {
		_, err = m.store.Create(ctx, bus.MarkKey, value)
	} else {
		_, err = m.store.Update(ctx, bus.MarkKey, value, revision)
	}
	if err != nil {
		return fmt.Errorf("raise the mark to %d: %w", seq, err)
	}
	return nil
}

// read returns the mark and its revision; both are 0 if there is none yet.
func (m *mark) read(ctx context.Context) (seq, revision uint64, err error) {
	entry, err := m.store.Get(ctx, bus.MarkKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read the mark: %w", err)
	}
	seq, err = strconv.ParseUint(string(entry.Value()), 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("read the mark: %w", err)
	}
	return seq, entry.Revision(), nil
}
