package stream

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door admits by a table.
type door map[string]auth.Identity

func (d door) Verify(_ context.Context, token string, _ netip.Addr) (auth.Identity, error) {
	if id, ok := d[token]; ok {
		id.Scopes = []auth.Scope{auth.Read}
		return id, nil
	}
	return auth.Identity{}, auth.ErrToken
}

func (d door) Redeem(context.Context, string, netip.Addr) (auth.Identity, error) {
	return auth.Identity{}, auth.ErrToken
}
func (d door) Revoked(string) bool { return false }

// serve runs a hub without a bus behind it, and returns how to connect.
func serve(t *testing.T, d door) (dial func() *websocket.Conn) {
	t.Helper()
	url := serveAt(t, d)
	return func() *websocket.Conn {
		conn, _, err := websocket.Dial(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.CloseNow() })
		return conn
	}
}

// serveAt does the same and returns where.
func serveAt(t *testing.T, d door) (url string) {
	t.Helper()
	hub := NewHub(Config{Market: "sim"}, d, nil, nil, nil, slog.New(slog.DiscardHandler))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hub.Serve(w, r, netip.Addr{}) }))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := hub.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { stop(); <-done; srv.Close() })
	return srv.URL
}

func say(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hear returns the type of the next frame, or the code that the connection is closed with.
func hear(t *testing.T, conn *websocket.Conn) (kind string, code websocket.StatusCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, data, err := conn.Read(ctx)
	var closing websocket.CloseError
	if errors.As(err, &closing) {
		return "", closing.Code
	}
	var f struct{ Type string }
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f.Type, 0
}

func TestAnExpiringTokenIsWarnedOfAndMayBeRenewed(t *testing.T) {
	now := time.Now()
	dial := serve(t, door{
		"short": {Account: "alice", ExpiresAt: now.Add(time.Second)},
		"long":  {Account: "alice", ExpiresAt: now.Add(time.Hour)},
		"bob":   {Account: "bob", ExpiresAt: now.Add(time.Hour)},
	})
	renewed, expiring, other := dial(), dial(), dial()
	for _, conn := range []*websocket.Conn{renewed, expiring, other} {
		say(t, conn, `{"action":"auth","token":"short"}`)
		for _, want := range []string{"hello", "warning"} {
			if kind, code := hear(t, conn); kind != want {
				t.Fatalf("heard %q %d, want %s", kind, code, want)
			}
		}
	}
	say(t, renewed, `{"action":"auth","token":"long"}`)
	say(t, other, `{"action":"auth","token":"bob"}`)
	if kind, _ := hear(t, renewed); kind != "ack" {
		t.Errorf("renewal: %q", kind)
	}
	if _, code := hear(t, other); code != closeUnauthorized {
		t.Errorf("another account's token: %d", code)
	}
	if _, code := hear(t, expiring); code != closeUnauthorized {
		t.Errorf("expiry: %d", code)
	}
	say(t, renewed, `{"action":"ping"}`)
	if kind, code := hear(t, renewed); kind != "pong" {
		t.Errorf("after the first token's end: %q %d", kind, code)
	}
}

func TestAnAccountMayHaveSoManyConnections(t *testing.T) {
	dial := serve(t, door{"t": {Account: "alice", ExpiresAt: time.Now().Add(time.Hour)}})
	for range DefaultLimits().PerAccount {
		conn := dial()
		say(t, conn, `{"action":"auth","token":"t"}`)
		if kind, code := hear(t, conn); kind != "hello" {
			t.Fatalf("heard %q %d", kind, code)
		}
	}
	conn := dial()
	say(t, conn, `{"action":"auth","token":"t"}`)
	if _, code := hear(t, conn); code != closeFlood {
		t.Errorf("one too many: %d", code)
	}
}
