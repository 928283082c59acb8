package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// DefaultHealthListen is where a service tells its health unless HOURGLASS_HEALTH_LISTEN says otherwise: on loopback,
// for the container's own health check.
const DefaultHealthListen = "127.0.0.1:8081"

const (
	checkTimeout  = 2 * time.Second // all checks of one answer together; below a health check's own limit
	probeTimeout  = 3 * time.Second // of Probe, so that checkTimeout shows as a reason and not as silence
	maxProbe      = 64 << 10        // bytes of an answer that Probe reads; enough for a thousand reasons
	shutdownGrace = 2 * time.Second // for answers under way when the process stops
)

// ErrStarting is the state of a check about which nothing is known yet.
var ErrStarting = errors.New("starting")

// ErrNotReady is returned by Probe when the process lives but is not ready.
var ErrNotReady = errors.New("not ready")

// Health is the state of a process's parts, by name: told by Set whenever it changes, or asked for by Check.
type Health struct {
	mu     sync.Mutex // guards checks
	checks map[string]func(context.Context) error
}

// NewHealth returns a Health that is not ready until each of the named parts has been Set.
func NewHealth(parts ...string) *Health {
	h := &Health{checks: map[string]func(context.Context) error{}}
	for _, name := range parts {
		h.Set(name, ErrStarting)
	}
	return h
}

// Set tells the state of a part: nil when it works, else why it does not. The reason is shown to whoever may ask.
func (h *Health) Set(name string, err error) {
	h.Check(name, func(context.Context) error { return err })
}

// Check lets a part be asked at each question. The check must return when its context ends, after two seconds at most.
func (h *Health) Check(name string, check func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks[name] = check
}

// Report is what /healthz and /readyz answer.
type Report struct {
	Status string            `json:"status"` // "ok" or "unavailable"
	Checks map[string]string `json:"checks,omitempty"`
}

// Ready reports whether every part works.
func (r Report) Ready() bool { return r.Status == "ok" }

// Report asks all parts, one after the other.
func (h *Health) Report(ctx context.Context) Report {
	h.mu.Lock()
	checks := maps.Clone(h.checks) // checks run outside the lock: one that is slow must not hold up Set
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	report := Report{Status: "ok", Checks: make(map[string]string, len(checks))}
	for name, check := range checks {
		report.Checks[name] = "ok"
		if err := check(ctx); err != nil {
			report.Status, report.Checks[name] = "unavailable", err.Error()
		}
	}
	return report
}

// Handler answers GET /healthz (200 as long as the process answers at all) and GET /readyz (200, or 503 with reasons).
// It is meant for an internal listener: the reasons may name hosts.
func (h *Health) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, Report{Status: "ok"}) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, h.Report(r.Context())) })
	return mux
}

func answer(w http.ResponseWriter, report Report) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !report.Ready() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report) // the only error is a client that left
}

// Serve answers on ln until ctx ends; it closes ln and returns when all answers are done, at most two seconds later.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler) error {
	srv := &http.Server{
		Handler: handler, ReadHeaderTimeout: 2 * time.Second, ReadTimeout: 5 * time.Second,
		WriteTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := srv.Shutdown(grace)
	if err != nil {
		err = srv.Close() // a client that will not finish is cut off
	}
	if closed := <-served; err == nil && !errors.Is(closed, http.ErrServerClosed) {
		err = closed
	}
	return err
}

// ListenAndServe is a Group's part that serves an internal page, a Health's above all, on addr until ctx ends. With an
// empty addr it only waits: several services in one process need no listener each.
func ListenAndServe(ctx context.Context, addr string, handler http.Handler) error {
	if addr == "" {
		<-ctx.Done()
		return nil
	}
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	return Serve(ctx, ln, handler)
}

// Probe asks the process that listens on addr whether it is ready: nil, ErrNotReady with its reasons, or why it did not answer.
func Probe(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask for health: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxProbe))
	if err != nil {
		return fmt.Errorf("read health: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %d %s", ErrNotReady, res.StatusCode, strings.TrimSpace(string(body)))
	}
	return nil
}

func probeFromEnv(ctx context.Context, getenv func(string) string) error {
	env := NewLookup(getenv)
	addr := env.Addr("HOURGLASS_HEALTH_LISTEN", DefaultHealthListen)
	if err := env.Err(); err != nil {
		return err
	}
	return Probe(ctx, addr)
}
