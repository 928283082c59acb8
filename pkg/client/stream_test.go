package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// connection is one connection of a client, as the gateway sees it.
type connection struct {
	t    *testing.T
	conn *websocket.Conn
	n    int // 0 is the first
}

// subscribed greets and returns what the client subscribes to first.
func (c connection) subscribed() (sub client.Subscription) {
	c.say(`{"type":"hello","status":"ok"}`)
	_, data, err := c.conn.Read(c.t.Context())
	if err != nil {
		return sub // the client has gone
	}
	if err := json.Unmarshal(data, &sub); err != nil {
		c.t.Errorf("the client sent %s: %v", data, err)
	}
	return sub
}

func (c connection) say(format string, args ...any) {
	_ = c.conn.Write(c.t.Context(), websocket.MessageText, fmt.Appendf(nil, format, args...)) // the client may have gone
}

func (c connection) event(seq uint64) { c.say(`{"type":"orders","stream":"orders","seq":%d}`, seq) }

// streaming is a gateway that does with each connection what serve says, and then drops it without a word. Tokens are a1,
// a2, …; only those that good says are let in.
func streaming(t *testing.T, serve func(connection), good func(token string) bool) *client.Client {
	t.Helper()
	var connections, logins atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/ws", func(w http.ResponseWriter, r *http.Request) {
		if !good(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		serve(connection{t, conn, int(connections.Add(1)) - 1})
	})
	login := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"access_token":"a%d","refresh_token":"r","expires_in":600}`, logins.Add(1))
	}
	mux.HandleFunc("/v1/login", login)
	mux.HandleFunc("/v1/token", login)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.WithPassword("me", "correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func anybody(string) bool { return true }

func TestEventsComeCompleteAndInOrderOverLostConnections(t *testing.T) {
	var from []uint64
	c := streaming(t, func(c connection) {
		from = append(from, c.subscribed().FromSeq)
		switch c.n {
		case 0: // granted and lost before the first event
			c.say(`{"type":"ack","id":1,"from_seq":5}`)
		case 1: // two events, then lost
			c.say(`{"type":"ack","id":1,"from_seq":5}`)
			c.event(5)
			c.event(6)
		case 2: // one comes again, and then one is missing
			c.say(`{"type":"ack","id":1,"from_seq":7}`)
			c.event(6)
			c.event(7)
			c.event(9)
			_, _, _ = c.conn.Read(t.Context()) // until the client has gone
		default:
			c.say(`{"type":"ack","id":1,"from_seq":8}`)
			c.event(8)
			c.event(9)
			_, _, _ = c.conn.Read(t.Context())
		}
	}, anybody)
	var seen []uint64
	for e, err := range c.Events(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if seen = append(seen, e.Seq); e.Seq == 9 {
			break
		}
	}
	if want := []uint64{5, 6, 7, 8, 9}; !slices.Equal(seen, want) {
		t.Errorf("saw the events %d, want %d", seen, want)
	}
	if want := []uint64{0, 5, 7, 8}; !slices.Equal(from, want) {
		t.Errorf("asked for the events from %d, want %d", from, want)
	}
}

func TestAnOrderIsFollowedToItsEnd(t *testing.T) {
	c := streaming(t, func(c connection) {
		sub := c.subscribed()
		if sub.TokenID != "t" || sub.FromSeq != 1 {
			t.Errorf("subscribed to %+v", sub)
		}
		c.say(`{"type":"ack","id":1,"from_seq":1}`)
		frame := func(seq int, status, slice string) {
			c.say(`{"type":"orders","stream":"orders","token_id":"t","seq":%d,"order":{"token_id":"t","status":%q},"slice":{"k":1,"status":%q}}`, seq, status, slice)
		}
		frame(3, "active", "sent")
		frame(7, "canceled", "sent") // it has ended, and a part is still on its way
		frame(8, "canceled", "filled")
		frame(9, "canceled", "filled") // not asked for any more
		_, _, _ = c.conn.Read(t.Context())
	}, anybody)
	var seen []uint64
	for e, err := range c.Follow(t.Context(), "t") {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, e.Seq)
	}
	if want := []uint64{3, 7, 8}; !slices.Equal(seen, want) {
		t.Errorf("saw the events %d, want %d", seen, want)
	}
}

func TestAStreamRenewsItsToken(t *testing.T) {
	var shown []string
	c := streaming(t, func(c connection) {
		c.subscribed()
		c.say(`{"type":"ack","id":1,"from_seq":1}`)
		if c.n == 0 {
			_ = c.conn.Close(4401, "expired")
			return
		}
		c.event(1)
		_, _, _ = c.conn.Read(t.Context())
	}, func(token string) bool {
		shown = append(shown, token)
		return token != "a1" || len(shown) > 1 // the first handshake is refused
	})
	for e, err := range c.Events(t.Context(), 1) {
		if err != nil || e.Seq != 1 {
			t.Fatalf("event %d: %v", e.Seq, err)
		}
		break
	}
	if want := []string{"a1", "a2", "a3"}; !slices.Equal(shown, want) {
		t.Errorf("showed the tokens %q, want %q", shown, want)
	}
}

func TestARefusedSubscriptionEndsAStream(t *testing.T) {
	c := streaming(t, func(c connection) {
		c.subscribed()
		c.say(`{"type":"error","id":1,"code":"unknown_symbol","detail":"no such pair"}`)
		_, _, _ = c.conn.Read(c.t.Context())
	}, anybody)
	for _, err := range c.Books(t.Context(), market.All, "NO-SUCH", 1, 0) {
		var refused *client.StreamError
		if !errors.Is(err, client.ErrInvalid) || !errors.As(err, &refused) || refused.Code != "unknown_symbol" {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestARefusedLoginEndsAStream(t *testing.T) {
	c := streaming(t, func(connection) {}, func(string) bool { return false })
	for _, err := range c.Events(t.Context(), 0) {
		if !errors.Is(err, client.ErrUnauthorized) {
			t.Errorf("ended with %v", err)
		}
	}
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := streaming(t, func(c connection) {
		c.subscribed()
		cancel()
		_, _, _ = c.conn.Read(t.Context())
	}, anybody)
	for _, err := range c.Events(ctx, 0) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	}
}
