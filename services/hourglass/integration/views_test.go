package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
	edge "github.com/hourglass-trading/hourglass/services/gateway"
)

// window is a gateway and what it is asked with.
type window struct {
	t           *testing.T
	url, health string
	token       string
}

// serve starts a gateway on the floor's bus. Those that share a folder of keys know one another's tokens.
func (f *floor) serve(keys string) *window {
	f.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	ready := make(chan struct{})
	cfg := edge.Config{
		Listener: listener, HealthListen: freeAddr(f.t), KeyDir: keys, Market: "sim", Exchanges: []market.Exchange{"binance"}, Version: "test",
		Limits: edge.Limits{Off: true}, Ready: func(net.Addr) { close(ready) },
	}
	conn := f.connect()
	f.goes(func(ctx context.Context) {
		if err := edge.Run(ctx, cfg, conn, slog.New(slog.DiscardHandler)); err != nil && ctx.Err() == nil {
			f.t.Errorf("the gateway ended with %v", err)
		}
	})
	<-ready
	return &window{t: f.t, url: "http://" + listener.Addr().String(), health: "http://" + cfg.HealthListen}
}

// ask sends a request and returns the status and the body of the answer.
func (w *window) ask(method, url, body string, headers ...string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, requestID.ReplaceAllString(string(text), "")
}

// requestID is what no two answers have in common.
var requestID = regexp.MustCompile(`,"request_id":"[^"]*"`)

func pause(t *testing.T) {
	t.Helper()
	if err := daemon.Wait(t.Context(), 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
}

// TestAGatewayOpensAnAccountFromItsSnapshot asks a gateway that has just started, and one that has seen all events come, the
// same: what the snapshot of the account tells, and what it lacks.
func TestAGatewayOpensAnAccountFromItsSnapshot(t *testing.T) {
	if testing.Short() {
		t.Skip("the first snapshot is made after half a minute")
	}
	t.Parallel()
	f := newFloor(t)
	f.execute()
	keys := t.TempDir()
	old := f.serve(keys)
	const user = `{"username": "trader", "password": "correct horse battery"}`
	old.ask(http.MethodPost, old.url+"/v1/register", user)
	_, text := old.ask(http.MethodPost, old.url+"/v1/login", user)
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(text), &tokens); err != nil || tokens.Access == "" {
		t.Fatalf("%s: %v", text, err)
	}
	old.token = tokens.Access
	key := 0 // of the first order: a refusal uses it up
	place := func(w *window, token, quantity string) (int, string) {
		return w.ask(http.MethodPost, w.url+"/v1/orders/twap", fmt.Sprintf(`{"token_id": %q, "symbol": "BTC-USDT", "exchange": "binance",
			"side": "buy", "quantity": %q, "duration_seconds": 3, "interval_seconds": 1}`, token, quantity), "Idempotency-Key", fmt.Sprint(token, key))
	}
	deposit := func(w *window) (int, string) {
		return w.ask(http.MethodPost, w.url+"/v1/deposit", `{"asset": "USDT", "amount": "1000"}`, "Idempotency-Key", "twice")
	}
	status, text := place(old, "first", "0.3")
	for began := time.Now(); status == http.StatusServiceUnavailable && time.Since(began) < time.Minute; pause(t) { // until the market is known
		key++
		status, text = place(old, "first", "0.3")
	}
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	place(old, "refused", "100000")
	deposit(old)
	f.snapshotted(1)
	place(old, "second", "0.2") // behind the snapshot
	await := func(token string) {
		for began := time.Now(); time.Since(began) < time.Minute; pause(t) {
			if _, text := old.ask(http.MethodGet, old.url+"/v1/orders/"+token+"/report", ""); strings.Contains(text, `"final":true`) {
				return
			}
		}
		t.Errorf("order %s does not end", token)
	}
	await("first")
	await("second")

	fresh := f.serve(keys)
	fresh.token = old.token
	same := func(path string) {
		t.Helper()
		status, want := old.ask(http.MethodGet, old.url+path, "")
		if got, text := fresh.ask(http.MethodGet, fresh.url+path, ""); got != status || text != want {
			t.Errorf("%s: %d %s\nwant %d %s", path, got, text, status, want)
		}
	}
	metric := func(want string) {
		t.Helper()
		if _, text := fresh.ask(http.MethodGet, fresh.health+"/metrics", ""); !strings.Contains(text, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	same("/v1/orders")
	same("/v1/balance")
	metric("hourglass_gateway_account_snapshots_total 1")
	metric("hourglass_gateway_account_completions_total 0")
	for _, order := range []string{"first", "second", "refused", "none"} {
		same("/v1/orders/" + order)
	}
	same("/v1/orders/first/executions")
	for _, again := range []func(*window) (int, string){
		deposit, func(w *window) (int, string) { return place(w, "first", "0.3") }, func(w *window) (int, string) { return place(w, "refused", "100000") },
	} {
		status, want := again(old)
		if got, text := again(fresh); got != status || text != want {
			t.Errorf("repeated: %d %s\nwant %d %s", got, text, status, want)
		}
	}
	same("/v1/balance")
	metric("hourglass_gateway_account_completions_total 1")
	metric("hourglass_gateway_account_snapshots_ignored_total 0")
}
