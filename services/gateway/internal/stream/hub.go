// Package stream serves the WebSocket: market data and an account's events to any number of clients.
//
// Market data is taken from the view, one subscription of the bus for each subject however many clients look. What several
// clients see alike is a channel: its frames are encoded once and shared. A client too slow for market data loses old
// frames (of a book at most the newest waits), never their order. Account events are never dropped: they are read from the
// account's own record at the client's pace, and a client that falls too far behind is closed and told where to resume.
//
// A connection has two goroutines, of which one reads and one writes; the HTTP server's own, whose stack a request has
// grown, is given back. Only the writer writes, and only it closes, so that what was queued before a close still goes out;
// what falls due together goes out as one. The package knows no trading rule and keeps nothing that
// a client could not ask for again.
package stream

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// The bounds of what clients can make us hold, beside those of the configuration.
const (
	maxFrame = 16 << 10
	maxDepth = 50
)

// Limits bound what clients may ask for; zero fields have their defaults.
type Limits struct {
	Connections     int // of all clients; a further one is answered 503
	PerAccount      int // connections; a further one is closed with 4429
	Subscriptions   int // of a connection; a further one is an error
	FramesPerSecond int // of a client, with five seconds' worth at once; more are closed with 4429
}

// DefaultLimits hold 10,000 clients on one small machine.
func DefaultLimits() Limits {
	return Limits{Connections: 10_000, PerAccount: 20, Subscriptions: 100, FramesPerSecond: 10}
}

func (l Limits) withDefaults() Limits {
	def := DefaultLimits()
	return Limits{
		Connections: cmp.Or(l.Connections, def.Connections), PerAccount: cmp.Or(l.PerAccount, def.PerAccount),
		Subscriptions: cmp.Or(l.Subscriptions, def.Subscriptions), FramesPerSecond: cmp.Or(l.FramesPerSecond, def.FramesPerSecond),
	}
}

// Close codes of our own (RFC 6455 leaves 4000–4999 to applications).
const (
	closeUnauthorized = websocket.StatusCode(4401)
	closeTooSlow      = websocket.StatusCode(4408)
	closeFlood        = websocket.StatusCode(4429)
)

// Authenticator knows who a token speaks for, and whether it still does.
type Authenticator interface {
	Verify(ctx context.Context, token string, from netip.Addr) (auth.Identity, error)
	Redeem(ctx context.Context, ticket string, from netip.Addr) (auth.Identity, error)
	Revoked(session string) bool
}

// Config is what a Hub is told.
type Config struct {
	Public  bool     // market streams need no token
	Origins []string // scheme://host of the other sites whose pages may connect
	Market  string   // live, sim or replay
	Version string
	Limits  Limits
	Metrics Metrics
	Tracer  *tracing.Tracer
}

// Hub holds the connections and the channels they share.
type Hub struct {
	cfg      Config
	auth     Authenticator
	catalog  *view.Catalog
	market   *view.Market
	accounts *view.Accounts
	log      *slog.Logger

	running sync.WaitGroup // connections and what they have started

	mu       sync.Mutex // guards what follows
	closing  bool
	sessions map[*session]struct{}
	users    map[order.AccountID]int // connections
	channels map[channelKey]*channel
	ending   chan struct{} // closed when it stops
}

// NewHub returns a hub without connections.
func NewHub(cfg Config, a Authenticator, c *view.Catalog, m *view.Market, accounts *view.Accounts, log *slog.Logger) *Hub {
	cfg.Limits = cfg.Limits.withDefaults()
	return &Hub{
		cfg: cfg, auth: a, catalog: c, market: m, accounts: accounts, log: log,
		sessions: map[*session]struct{}{}, users: map[order.AccountID]int{}, channels: map[channelKey]*channel{}, ending: make(chan struct{}),
	}
}

// Revoke closes the connections of a session or an API key that was ended.
func (h *Hub) Revoke(session string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sessions {
		if s.speaksBy(session) {
			s.end(closeUnauthorized, "the session was ended")
		}
	}
}

// Serve takes the connection of a client at an address over; Run waits for its end.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, from netip.Addr) {
	s := newSession(h)
	s.from = from
	if !h.enter(s) {
		w.Header().Set("Retry-After", "5")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(encode(map[string]any{
			"type": "urn:hourglass:problem:too_many_connections", "title": http.StatusText(http.StatusServiceUnavailable),
			"status": http.StatusServiceUnavailable, "code": "too_many_connections", "detail": "no more connections are taken now",
			"request_id": w.Header().Get("X-Request-Id"),
		}))
		return
	}
	// Cross-origin requests are refused by the library but for the listed ones; without Origin it is no browser, and a token
	// is asked for.
	over := &taken{ResponseWriter: w}
	conn, err := websocket.Accept(over, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled, OriginPatterns: h.cfg.Origins})
	if err != nil {
		h.leave(s)
		return // answered by Accept
	}
	s.conn, s.packer = conn, over.conn
	// A hijacked connection outlives its request's context, so the session has one of its own.
	ctx, authorization := context.WithoutCancel(r.Context()), r.Header.Get("Authorization")
	h.running.Go(func() {
		defer h.leave(s)
		s.run(ctx, authorization)
	})
}

func (h *Hub) enter(s *session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing || len(h.sessions) >= h.cfg.Limits.Connections {
		h.cfg.Metrics.refused.Inc()
		return false
	}
	h.cfg.Metrics.accepted.Inc()
	h.sessions[s] = struct{}{}
	h.running.Add(1)
	return true
}

func (h *Hub) leave(s *session) {
	h.mu.Lock()
	delete(h.sessions, s)
	if s.counted != "" {
		if h.users[s.counted]--; h.users[s.counted] == 0 {
			delete(h.users, s.counted)
		}
	}
	h.mu.Unlock()
	h.running.Done()
}

// count counts a connection of an account, once; false if there are too many.
func (h *Hub) count(s *session, id order.AccountID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.counted == "" {
		if h.users[id] >= h.cfg.Limits.PerAccount {
			return false
		}
		h.users[id]++
		s.counted = id
	}
	return true
}

// Run looks each second for touches that have become stale without a word, until ctx ends. Then it takes no more
// connections, tells those there are, and returns when they have ended, at most two seconds later.
func (h *Hub) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			h.shutdown()
			return nil
		case now := <-tick.C:
			for _, c := range h.touches() {
				c.touched(now)
			}
		}
	}
}

func (h *Hub) touches() []*channel {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []*channel
	for key, c := range h.channels {
		if key.stream == streamTouch && c.opened.Load() {
			found = append(found, c)
		}
	}
	return found
}

// shutdownGrace is how long clients have to answer the closing frame.
const shutdownGrace = 2 * time.Second

func (h *Hub) shutdown() {
	h.mu.Lock()
	h.closing = true
	close(h.ending)
	for s := range h.sessions {
		s.say(shutdownFrame(time.Now()))
		s.end(websocket.StatusGoingAway, "the server is stopping")
	}
	h.mu.Unlock()
	late := time.AfterFunc(shutdownGrace, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for s := range h.sessions {
			s.cutOff()
		}
	})
	defer late.Stop()
	h.running.Wait()
}
