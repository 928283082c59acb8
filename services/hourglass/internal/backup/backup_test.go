package backup

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/datadir"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

const ann = order.AccountID("aann")

var discard = slog.New(slog.DiscardHandler)

// start starts a server on a folder, and a connection to it.
func start(t *testing.T, dir string) (*server.Server, *bus.Conn) {
	t.Helper()
	nats, err := embedded.Start(embedded.Config{Dir: dir}, discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Stop(nats) })
	conn, err := bus.Connect(t.Context(), bus.Config{InProcess: nats, Name: "test"}, discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return nats, conn
}

// platform is a server with an account, a user, a session and a command.
func platform(t *testing.T) *bus.Conn {
	t.Helper()
	ctx := t.Context()
	_, conn := start(t, t.TempDir())
	if err := conn.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	hundred := decimal.MustParse("100")
	body, err := order.Encode(&order.Event{
		Account: ann, Version: 1, ID: "open", Type: order.AccountOpened, CommandID: "c1", CommandSeq: 1,
		Postings: []order.Posting{{Asset: "USD", Bucket: order.Available, Amount: hundred}, {Asset: "USD", Bucket: order.Funding, Amount: hundred.Neg()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.AppendCommand(ctx, &order.Command{ID: "c1", Account: ann, Type: order.OpenAccount}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.AppendEvent(ctx, ann, "open", body, 0); err != nil {
		t.Fatal(err)
	}
	for bucket, key := range map[string]string{bus.UserBucket: "ann", bus.SessionBucket: "ann", bus.LeaseBucket: bus.MarkKey} {
		put(t, conn, bucket, key, "1")
	}
	return conn
}

func put(t *testing.T, conn *bus.Conn, bucket, key, value string) {
	t.Helper()
	kv, err := conn.Bucket(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.PutString(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
}

func saveTo(t *testing.T, conn *bus.Conn) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "backup")
	r, err := Save(t.Context(), conn, dir, discard)
	if err != nil || r.Events != 1 || r.Accounts != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	return dir
}

func TestWhatIsRestoredIsWhatWasSaved(t *testing.T) {
	ctx, conn := t.Context(), platform(t)
	dir, data := saveTo(t, conn), t.TempDir()
	if r, err := Restore(ctx, dir, data, discard); err != nil || r.Events != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	_, restored := start(t, datadir.NATS(data))
	if err := restored.EnsureStreams(ctx); err != nil { // as every service does when it starts
		t.Fatal(err)
	}
	var last uint64
	err := restored.ReadEvents(ctx, ann, 1, func(m bus.Stored) error {
		last = m.Seq
		return nil
	})
	if err != nil || last != 1 {
		t.Errorf("the last event is %d, %v", last, err)
	}
	if seq, err := restored.AppendCommand(ctx, &order.Command{ID: "c2", Account: ann}); err != nil || seq != 2 {
		t.Errorf("the next command has sequence %d, %v", seq, err)
	}
	for bucket, want := range map[string]int{bus.UserBucket: 1, bus.SessionBucket: 0} {
		kv, err := restored.Bucket(ctx, bucket)
		if err != nil {
			t.Fatal(err)
		}
		status, err := kv.Status(ctx)
		if err != nil || int(status.Values()) != want {
			t.Errorf("%s has %d entries, %v", bucket, status.Values(), err)
		}
	}
}

func TestARunningServerCanBeGivenABackup(t *testing.T) {
	dir := saveTo(t, platform(t))
	_, empty := start(t, t.TempDir())
	if r, err := RestoreTo(t.Context(), dir, empty); err != nil || r.Events != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := RestoreTo(t.Context(), dir, empty); !errors.Is(err, ErrExists) {
		t.Errorf("a second time: %v", err)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	ctx, conn := t.Context(), platform(t)
	dir := saveTo(t, conn)
	if _, err := Save(ctx, conn, dir, discard); !errors.Is(err, ErrExists) {
		t.Errorf("a backup over a backup: %v", err)
	}
	data := t.TempDir()
	if _, err := Restore(ctx, dir, data, discard); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(ctx, dir, data, discard); !errors.Is(err, ErrExists) {
		t.Errorf("a store over a store: %v", err)
	}
	left, err := os.ReadDir(data)
	if err != nil || len(left) != 2 { // the lock and the store
		t.Errorf("left in the data folder: %v, %v", left, err)
	}
}

func TestABackupOfABrokenStoreIsNotMade(t *testing.T) {
	conn := platform(t)
	if _, err := conn.AppendEvent(t.Context(), ann, "x", []byte("{}"), 1); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "backup")
	if _, err := Save(t.Context(), conn, dir, discard); !errors.Is(err, audit.ErrViolated) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestADamagedBackupIsRefused(t *testing.T) {
	good := saveTo(t, platform(t))
	change := func(name string, edit func([]byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			body, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), edit(body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	replace := func(old, with string) func([]byte) []byte {
		return func(b []byte) []byte { return []byte(strings.Replace(string(b), old, with, 1)) }
	}
	tests := map[string]func(t *testing.T, dir string){
		"a byte is another": change("EVT.snapshot", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }),
		"a file is shorter": change("CMD.snapshot", func(b []byte) []byte { return b[:len(b)-1] }),
		"a file is missing": func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, "KV_USERS.snapshot")); err != nil {
				t.Fatal(err)
			}
		},
		"there is no manifest": func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, manifestName)); err != nil {
				t.Fatal(err)
			}
		},
		"the manifest is cut":      change(manifestName, func(b []byte) []byte { return b[:len(b)/2] }),
		"the format is a later":    change(manifestName, replace(`"format": 1`, `"format": 2`)),
		"a stream is not named":    change(manifestName, replace(`"name": "CMD"`, `"name": "EVT"`)),
		"a file is somewhere else": change(manifestName, replace(`"file": "EVT.snapshot"`, `"file": "../EVT.snapshot"`)),
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			dir, data := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
				t.Fatal(err)
			}
			damage(t, dir)
			if _, err := Restore(context.Background(), dir, data, discard); !errors.Is(err, ErrDamaged) {
				t.Errorf("%v", err)
			}
			if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a data folder was begun: %v", err)
			}
		})
	}
}
