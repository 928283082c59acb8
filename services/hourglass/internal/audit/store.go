package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/datadir"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// ErrStore says that a store cannot be read at all, which is no less a loss than an event that is missing.
var ErrStore = errors.New("the store cannot be audited")

// silence bounds the wait for the next event of a stream that says it has one. A damaged block can make the server fall
// silent instead of saying so.
const silence = 10 * time.Second

// Bus audits the events that a running server holds, up to the last that was there when it began.
func Bus(ctx context.Context, conn *bus.Conn) (Result, error) {
	stream, err := conn.EventLog(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("%w: open the events: %w", ErrStore, err)
	}
	last := stream.CachedInfo().State.LastSeq
	marked, err := mark(ctx, conn)
	if err != nil {
		return Result{}, err
	}
	a := New()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	read := make(chan error, 1)
	seen := make(chan struct{}, 1)
	go func() {
		read <- conn.ReadEvents(ctx, "", 1, func(m bus.Stored) error {
			if m.Seq <= last {
				a.Event(&m)
			}
			select {
			case seen <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	for {
		select {
		case err := <-read:
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			if err != nil {
				return a.Result(), fmt.Errorf("%w: after %d events: %w", ErrStore, a.events, err)
			}
			a.End(max(last, marked))
			return a.Result(), nil
		case <-seen:
			quiet.Reset(silence)
		case <-quiet.C:
			cancel(fmt.Errorf("no event within %s", silence))
		}
	}
}

// mark returns the sequence that the events have been seen to reach; 0 if no executor has said so yet.
func mark(ctx context.Context, conn *bus.Conn) (uint64, error) {
	leases, err := conn.Bucket(ctx, bus.LeaseBucket)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrStore, err)
	}
	entry, err := leases.Get(ctx, bus.MarkKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%w: read the mark: %w", ErrStore, err)
	}
	seq, err := strconv.ParseUint(string(entry.Value()), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: read the mark: %w", ErrStore, err)
	}
	return seq, nil
}

// Data audits the data folder of a platform that is not running. It works on a copy: on opening, NATS repairs what it finds
// damaged, and the evidence must stay as it was found. The copy needs as much space again for as long as the audit takes.
func Data(ctx context.Context, dir string, log *slog.Logger) (result Result, err error) {
	unlock, err := datadir.Lock(dir)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	source := datadir.NATS(dir)
	if _, err := os.Stat(filepath.Join(source, "jetstream")); err != nil {
		return Result{}, fmt.Errorf("%w: not a data folder: %w", ErrStore, err)
	}
	work, err := os.MkdirTemp("", "hourglass-audit-")
	if err != nil {
		return Result{}, fmt.Errorf("make room for a copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := os.CopyFS(work, os.DirFS(source)); err != nil {
		return Result{}, fmt.Errorf("copy the store: %w", err)
	}
	server, err := embedded.Start(embedded.Config{Dir: work}, log)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrStore, err)
	}
	defer embedded.Stop(server)
	conn, err := bus.Connect(ctx, bus.Config{InProcess: server, Name: "audit"}, log)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	return Bus(ctx, conn)
}
