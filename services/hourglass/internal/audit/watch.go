package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
)

const (
	// endEvery is how often the end of the stream is looked at.
	endEvery = 5 * time.Second
	// pause is how long a watch waits before it reads again after the bus has failed it.
	pause = time.Second
)

// errRegressed says that the stream ends before an event that was there.
var errRegressed = errors.New("events that were stored are gone from the end of the stream")

// Watch audits the events as they are stored, for as long as it runs. It keeps what it needs to know of each account and
// each order, a few hundred bytes an order. Its methods may be called by any goroutine.
type Watch struct {
	log        *slog.Logger
	accounts   atomic.Uint64
	events     atomic.Uint64
	violations atomic.Uint64
	next       atomic.Uint64 // the sequence that is read next
	behind     atomic.Uint64 // events that are stored and not read yet, when the end was looked at last
}

// NewWatch returns a Watch that has seen nothing yet.
func NewWatch(log *slog.Logger) *Watch { return &Watch{log: log} }

// Readings are what a Watch has found.
type Readings struct {
	Accounts, Events uint64
	Violations       uint64 // must be 0
	Behind           uint64 // events stored and not audited yet, a few seconds ago
}

// Readings returns what was found so far.
func (w *Watch) Readings() Readings {
	return Readings{w.accounts.Load(), w.events.Load(), w.violations.Load(), w.behind.Load()}
}

// Healthy fails with ErrViolated once a promise was found broken. It is a check of daemon.Health.
func (w *Watch) Healthy(context.Context) error {
	if n := w.violations.Load(); n > 0 {
		return fmt.Errorf("%w: %d violations", ErrViolated, n)
	}
	return nil
}

// Run reads all events and then those to come, until ctx ends. Each violation is logged as an error. While the bus is away
// it waits; when events have vanished it says so and begins anew.
func (w *Watch) Run(ctx context.Context, conn *bus.Conn) error {
	a := New()
	for {
		err := w.read(ctx, conn, a)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errRegressed) {
			w.violations.Add(1)
			w.log.Error("promise broken", "rule", Sequence, "detail", err)
			a = New()
			w.accounts.Store(0)
			w.events.Store(0)
		} else {
			w.log.Warn("events not read, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// read folds the events from the next one on until ctx ends or the bus fails.
func (w *Watch) read(ctx context.Context, conn *bus.Conn, a *Auditor) error {
	w.next.Store(a.next)
	g := daemon.NewGroup(ctx)
	g.Go("events", func(ctx context.Context) error {
		return conn.FollowEvents(ctx, a.next, func(m bus.Stored) error {
			w.fold(a, &m)
			return nil
		})
	})
	g.Go("end of the events", func(ctx context.Context) error { return w.end(ctx, conn) })
	return g.Wait()
}

// fold takes an event and tells what is new.
func (w *Watch) fold(a *Auditor, m *bus.Stored) {
	known, before := len(a.violations), a.count
	a.Event(m)
	for _, v := range a.violations[known:] {
		w.log.Error("promise broken", "rule", v.Rule, "account", v.Account, "event", v.Event, "v", v.Version, "seq", v.Seq, "detail", v.Detail)
	}
	w.violations.Add(a.count - before)
	w.accounts.Store(uint64(len(a.accounts)))
	w.events.Store(a.events)
	w.next.Store(a.next)
}

// end looks at the end of the stream: how far behind the reading is, and whether the stream has become shorter.
func (w *Watch) end(ctx context.Context, conn *bus.Conn) error {
	tick := time.NewTicker(endEvery)
	defer tick.Stop()
	for {
		read := w.next.Load() - 1 // before the stream is asked: it only grows meanwhile
		stream, err := conn.JetStream().Stream(ctx, bus.EventStream)
		if err != nil {
			return fmt.Errorf("ask for the events: %w", err)
		}
		last := stream.CachedInfo().State.LastSeq
		if last < read {
			return fmt.Errorf("%w: sequence %d was there, the last is %d", errRegressed, read, last)
		}
		w.behind.Store(last - read)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
