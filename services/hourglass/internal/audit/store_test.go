package audit

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/cli"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

var discard = slog.New(slog.DiscardHandler)

// running is a NATS server with the platform's streams, and a connection to it.
func running(t *testing.T) (*server.Server, *bus.Conn) {
	t.Helper()
	nats, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"}, discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Stop(nats) })
	conn, err := bus.Connect(t.Context(), bus.Config{URL: nats.ClientURL(), Name: "test"}, discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if err := conn.EnsureStreams(t.Context()); err != nil {
		t.Fatal(err)
	}
	return nats, conn
}

// store appends events as an executor does.
func store(t *testing.T, conn *bus.Conn, log []bus.Stored) {
	t.Helper()
	for _, m := range log {
		if _, err := conn.AppendEvent(t.Context(), m.Account, time.Now().String(), m.Data, m.Seq-1); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARunningPlatformIsAudited(t *testing.T) {
	nats, conn := running(t)
	store(t, conn, stored(t, history()))
	app := cli.New(t.Context(), cli.Globals{Output: "json"}, "test")
	cmd := Command{NATS: nats.ClientURL()}
	if err := cmd.Run(app); err != nil {
		t.Fatalf("a sound history: %v", err)
	}
	r, err := Bus(t.Context(), conn)
	if err != nil || r.Count != 0 || r.Events != 5 || r.Accounts != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	store(t, conn, []bus.Stored{{Seq: 6, Account: ann, Data: []byte(`{}`)}})
	if err := cmd.Run(app); !errors.Is(err, ErrViolated) {
		t.Errorf("after a foreign event: %v", err)
	}
	if code := app.Explain(ErrViolated); code == 0 {
		t.Error("the exit code is 0")
	}
}

func TestAWatchSeesAPromiseBrokenAsItHappens(t *testing.T) {
	_, conn := running(t)
	log := stored(t, history())
	store(t, conn, log[:2])
	told := make(chan slog.Record, 10)
	w := NewWatch(slog.New(recorder{slog.DiscardHandler, told}))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, conn) }()
	store(t, conn, log[2:4])
	store(t, conn, []bus.Stored{{Seq: 5, Account: ann, Data: log[3].Data}})
	select {
	case r := <-told:
		if r.Level != slog.LevelError || r.Message != "promise broken" {
			t.Errorf("%s %s", r.Level, r.Message)
		}
	case <-time.After(30 * time.Second):
		t.Error("nothing is said")
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if r := w.Readings(); r.Violations == 0 || r.Events != 5 || r.Accounts != 1 {
		t.Errorf("%+v", r)
	}
	if err := w.Healthy(t.Context()); !errors.Is(err, ErrViolated) {
		t.Errorf("healthy: %v", err)
	}
}

// recorder hands records on to a test.
type recorder struct {
	slog.Handler
	told chan<- slog.Record
}

func (recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r recorder) Handle(_ context.Context, rec slog.Record) error {
	select {
	case r.told <- rec:
	default:
	}
	return nil
}
