package daemon

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func get(t *testing.T, h *Health, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return rec.Code, strings.TrimSpace(rec.Body.String())
}

func TestReadyOnlyWhenEveryPartWorks(t *testing.T) {
	h := NewHealth("bus", "market")
	steps := []struct {
		do   func()
		code int
		body string
	}{
		{func() {}, 503, `{"status":"unavailable","checks":{"bus":"starting","market":"starting"}}`},
		{func() { h.Set("bus", nil) }, 503, `{"status":"unavailable","checks":{"bus":"ok","market":"starting"}}`},
		{func() { h.Set("market", nil) }, 200, `{"status":"ok","checks":{"bus":"ok","market":"ok"}}`},
		{func() { h.Set("bus", errors.New("no servers")) }, 503, `{"status":"unavailable","checks":{"bus":"no servers","market":"ok"}}`},
		{func() { h.Check("bus", func(context.Context) error { return nil }) }, 200, `{"status":"ok","checks":{"bus":"ok","market":"ok"}}`},
	}
	for _, step := range steps {
		step.do()
		if code, body := get(t, h, "/readyz"); code != step.code || body != step.body {
			t.Errorf("readyz answers %d %s, want %d %s", code, body, step.code, step.body)
		}
		if code, body := get(t, h, "/healthz"); code != 200 || body != `{"status":"ok"}` {
			t.Errorf("healthz answers %d %s", code, body)
		}
	}
}

func TestSlowCheckIsCutOffAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHealth()
		h.Check("bus", func(ctx context.Context) error {
			h.Set("market", nil) // would block for ever if checks ran under the lock
			<-ctx.Done()
			return ctx.Err()
		})
		start := time.Now()
		report := h.Report(t.Context())
		if took := time.Since(start); took != checkTimeout || report.Ready() {
			t.Errorf("%+v after %s", report, took)
		}
	})
}

func TestHealthIsSafeForConcurrentUse(t *testing.T) {
	h := NewHealth("bus")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				h.Set("bus", nil)
				h.Report(t.Context())
			}
		})
	}
	all.Wait()
}

func TestProbeTellsReadyFromUnreadyFromDead(t *testing.T) {
	var config net.ListenConfig
	ln, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := NewHealth("bus")
	ctx, cancel := context.WithCancel(t.Context())
	g := NewGroup(ctx)
	g.Go("health", func(ctx context.Context) error { return Serve(ctx, ln, h.Handler()) })

	addr := ln.Addr().String()
	vars := map[string]string{"HOURGLASS_HEALTH_LISTEN": addr}
	command := func() (int, string) {
		var logs bytes.Buffer
		p := process{args: []string{"health"}, getenv: environ(vars), stderr: &logs}
		return p.run(nil), logs.String()
	}
	if code, logs := command(); code != ExitFailed || !strings.Contains(logs, "starting") {
		t.Errorf("while starting: exit code %d, %s", code, logs)
	}
	h.Set("bus", nil)
	if code, logs := command(); code != ExitOK {
		t.Errorf("when ready: exit code %d, %s", code, logs)
	}
	cancel()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if err := Probe(t.Context(), addr); err == nil || errors.Is(err, ErrNotReady) {
		t.Errorf("after the end: %v", err)
	}
	vars["HOURGLASS_HEALTH_LISTEN"] = "nowhere"
	if code, _ := command(); code != ExitConfig {
		t.Errorf("with a bad address: exit code %d", code)
	}
}

func TestListenAndServeWithoutAnAddressOnlyWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ListenAndServe(ctx, "", NewHealth().Handler()); err != nil {
		t.Error(err)
	}
	if err := ListenAndServe(t.Context(), "256.0.0.1:0", NewHealth().Handler()); err == nil {
		t.Error("no error for an address nobody has")
	}
}
