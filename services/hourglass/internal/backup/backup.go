// Package backup writes the state of a platform into a folder, and gives it back.
//
// A backup is the streams and buckets as snapshots that NATS makes, sequences and times included, and a manifest with their
// checksums. It is consistent while the platform works: each snapshot is, and they are taken in such an order that what one
// says about another is never ahead of it. It has been restored and audited before it is called done, and what is restored is
// audited before it takes its place. Nothing that is there is ever overwritten.
//
// A Backup or Restore has one caller; nothing is shared.
package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/datadir"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

var (
	// ErrDamaged says that a backup, or the store it would be made of, is not what it must be.
	ErrDamaged = errors.New("damaged")
	// ErrExists says that something is already where a backup or a store should go.
	ErrExists = errors.New("it is there already, and nothing is overwritten")
)

// taken are the streams of a backup, in the order in which they are taken. What speaks of events comes before the events: a
// mark, a snapshot or a user whose events are missing would be a loss, events without them are not. The commands come last:
// the events say how far they have been carried out, so every command up to there must be in the backup.
//
// Sessions are left out: a session that has been ended since would be alive again; whoever is logged in logs in anew. So are
// the keys that tokens are signed with, which would let the backup's reader be anybody; new ones are made at the next start.
// Wishes for books live a minute.
var taken = []string{
	kv(bus.LeaseBucket), kv(bus.SnapshotBucket), kv(bus.UserBucket), kv(bus.APIKeyBucket), bus.EventStream, bus.CommandStream,
}

func kv(bucket string) string { return "KV_" + bucket }

// Save writes a backup of the platform behind conn into the folder dir, which must not be there yet, and returns what the
// audit of the backup found. If anything is wrong nothing is left at dir.
func Save(ctx context.Context, conn *bus.Conn, dir string, log *slog.Logger) (result audit.Result, err error) {
	if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
		return result, fmt.Errorf("%s: %w", dir, errors.Join(ErrExists, err))
	}
	work, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), ".hourglass-backup-") // beside it: a rename must do
	if err != nil {
		return result, fmt.Errorf("make the folder of the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	m := manifest{Format: format, MadeAt: time.Now().UTC(), Version: daemon.Version()}
	for _, name := range taken {
		s, err := save(ctx, conn, name, work)
		if err != nil {
			return result, err
		}
		m.Streams = append(m.Streams, s)
	}
	if result, err = try(ctx, work, &m, log); err != nil {
		return result, err
	}
	m.Audit = audited{Accounts: result.Accounts, Events: result.Events, Violations: result.Count}
	if err := m.write(work); err != nil {
		return result, err
	}
	return result, place(work, dir)
}

// try restores what was written into a server of its own, which is thrown away, and audits it.
func try(ctx context.Context, dir string, m *manifest, log *slog.Logger) (result audit.Result, err error) {
	trial, err := os.MkdirTemp("", "hourglass-backup-")
	if err != nil {
		return result, fmt.Errorf("make room to try the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(trial)) }()
	return fill(ctx, dir, m, trial, log)
}

// fill makes a store in the folder of a NATS server of the streams of a backup, and audits it.
func fill(ctx context.Context, dir string, m *manifest, store string, log *slog.Logger) (result audit.Result, err error) {
	nats, err := embedded.Start(embedded.Config{Dir: store}, log)
	if err != nil {
		return result, err
	}
	defer embedded.Stop(nats)
	conn, err := bus.Connect(ctx, bus.Config{InProcess: nats, Name: "restore"}, log)
	if err != nil {
		return result, err
	}
	defer conn.Close()
	return into(ctx, conn, dir, m)
}

// into restores all streams of a backup by way of conn and audits them.
func into(ctx context.Context, conn *bus.Conn, dir string, m *manifest) (result audit.Result, err error) {
	for i := range m.Streams {
		if err := load(ctx, conn, dir, &m.Streams[i]); err != nil {
			return result, err
		}
	}
	if result, err = audit.Bus(ctx, conn); err != nil {
		return result, err
	}
	if result.Count > 0 {
		return result, fmt.Errorf("%w: %d violations", audit.ErrViolated, result.Count)
	}
	return result, nil
}

// Restore makes a backup the state of the data folder data, which must have none.
func Restore(ctx context.Context, dir, data string, log *slog.Logger) (result audit.Result, err error) {
	m, err := readManifest(dir)
	if err != nil {
		return result, err
	}
	unlock, err := datadir.Lock(data)
	if err != nil {
		return result, err
	}
	defer unlock()
	store := datadir.NATS(data)
	if _, err := os.Lstat(store); !errors.Is(err, os.ErrNotExist) {
		return result, fmt.Errorf("%s: %w", store, errors.Join(ErrExists, err))
	}
	work, err := os.MkdirTemp(data, ".restoring-")
	if err != nil {
		return result, fmt.Errorf("make the folder of the store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if result, err = fill(ctx, dir, m, work, log); err != nil {
		return result, err
	}
	return result, place(work, store)
}

// RestoreTo makes a backup the state of a NATS server that has none of its streams. A failure half-way leaves some of them:
// the server's store is then to be emptied by hand.
func RestoreTo(ctx context.Context, dir string, conn *bus.Conn) (result audit.Result, err error) {
	m, err := readManifest(dir)
	if err != nil {
		return result, err
	}
	for name := range conn.JetStream().StreamNames(ctx).Name() {
		return result, fmt.Errorf("stream %s: %w", name, ErrExists)
	}
	return into(ctx, conn, dir, m)
}

// place gives a finished folder its name, unless there is something by now.
func place(work, name string) error {
	if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: %w", name, errors.Join(ErrExists, err))
	}
	if err := os.Rename(work, name); err != nil {
		return fmt.Errorf("put the finished folder in its place: %w", err)
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(name)))
	if err != nil {
		return fmt.Errorf("put the finished folder in its place: %w", err)
	}
	return errors.Join(parent.Sync(), parent.Close()) // a power cut must not take the name back
}
