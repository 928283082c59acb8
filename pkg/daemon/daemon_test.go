package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environ returns a lookup in a map, as os.Getenv is one in the environment.
func environ(vars map[string]string) func(string) string {
	return func(key string) string { return vars[key] }
}

func TestExitCodeSaysHowTheProcessEnded(t *testing.T) {
	tests := map[string]struct {
		run  func(context.Context, Env) error
		vars map[string]string
		want int
		logs string
	}{
		"ended by itself":    {run: func(context.Context, Env) error { return nil }, want: ExitOK},
		"failed":             {run: func(context.Context, Env) error { return errors.New("no bus") }, want: ExitFailed, logs: "no bus"},
		"cancelled unasked":  {run: func(context.Context, Env) error { return context.Canceled }, want: ExitFailed, logs: "context canceled"},
		"configuration":      {run: badConfig, want: ExitConfig, logs: "HOURGLASS_SPEED"},
		"broken part":        {run: brokenPart, want: ExitFailed, logs: "goroutine"},
		"logging at fault":   {vars: map[string]string{"HOURGLASS_LOG_LEVEL": "loud"}, want: ExitConfig, logs: "HOURGLASS_LOG_LEVEL"},
		"log format unknown": {vars: map[string]string{"HOURGLASS_LOG_FORMAT": "xml"}, want: ExitConfig, logs: "none of json, text"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var logs bytes.Buffer
			p := process{getenv: environ(tt.vars), stderr: &logs}
			if got := p.run(tt.run); got != tt.want {
				t.Errorf("exit code %d, want %d", got, tt.want)
			}
			if !strings.Contains(logs.String(), tt.logs) {
				t.Errorf("logs lack %q: %s", tt.logs, &logs)
			}
			if n := strings.Count(logs.String(), `"level":"ERROR"`); tt.want != ExitOK && n != 1 {
				t.Errorf("%d errors logged, want one: %s", n, &logs)
			}
		})
	}
}

func badConfig(_ context.Context, env Env) error {
	l := NewLookup(env.Getenv)
	l.Fault("HOURGLASS_SPEED", errors.New("not positive"))
	return l.Err()
}

func brokenPart(ctx context.Context, _ Env) error {
	g := NewGroup(ctx)
	g.Go("loop", func(context.Context) error { panic("index out of range") })
	return g.Wait()
}

func TestFirstSignalStopsAndSecondExits(t *testing.T) {
	tests := map[string]struct {
		signals int
		want    int
	}{
		"one signal lets the process finish":      {signals: 1, want: ExitOK},
		"two signals do not wait for its last 5s": {signals: 2, want: ExitKilled},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals := make(chan os.Signal, 2)
				for range tt.signals {
					signals <- syscall.SIGTERM
				}
				killed := ExitOK
				p := process{getenv: environ(nil), stderr: &bytes.Buffer{}, signals: signals, exit: func(code int) { killed = code }}
				code := p.run(func(ctx context.Context, _ Env) error {
					<-ctx.Done()
					<-time.After(5 * time.Second)
					return ctx.Err()
				})
				if got := max(code, killed); got != tt.want {
					t.Errorf("exit code %d, want %d", got, tt.want)
				}
			})
		})
	}
}

func TestRunGetsTheEnvironment(t *testing.T) {
	var out bytes.Buffer
	p := process{args: []string{"up", "--market"}, getenv: environ(map[string]string{"A": "b"}), stdout: &out, stderr: &bytes.Buffer{}}
	p.run(func(_ context.Context, env Env) error {
		if len(env.Args) != 2 || env.Getenv("A") != "b" || env.Log == nil {
			t.Errorf("environment %+v", env)
		}
		_, err := env.Stdout.Write([]byte("ready\n"))
		return err
	})
	if out.String() != "ready\n" {
		t.Errorf("wrote %q", &out)
	}
}

func TestLogsAreJSONInUTCOffATerminal(t *testing.T) {
	var out bytes.Buffer
	log, err := newLog(&out, false, environ(map[string]string{"HOURGLASS_LOG_LEVEL": "debug"}))
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("frame", "seen_at", time.Date(2026, 7, 9, 12, 0, 0, 0, time.FixedZone("UTC+2", 7200)))
	var line struct {
		Time, Msg string
		SeenAt    string `json:"seen_at"`
	}
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%s: %v", &out, err)
	}
	if line.Msg != "frame" || !strings.HasSuffix(line.Time, "Z") || line.SeenAt != "2026-07-09T10:00:00Z" {
		t.Errorf("line %+v", line)
	}
}

func TestLogsAreTextOnATerminal(t *testing.T) {
	var out bytes.Buffer
	log, err := newLog(&out, true, environ(nil))
	if err != nil {
		t.Fatal(err)
	}
	log.Log(t.Context(), slog.LevelInfo, "started")
	log.Debug("not shown by default")
	if s := out.String(); !strings.Contains(s, "started") || strings.Contains(s, "{") || strings.Contains(s, "not shown") {
		t.Errorf("logged %q", s)
	}
}

func TestVersionIsNeverEmpty(t *testing.T) {
	if Version() == "" {
		t.Error("empty version")
	}
}
