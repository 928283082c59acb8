package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a network of net.Pipe, so that everything can run in a bubble of testing/synctest.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

// server plays an exchange: what it does on a connection and for a call is said by the test.
type server struct {
	socket func(*peer)                                  // returns when the connection is to end
	call   func(w http.ResponseWriter, r *http.Request) // a REST call
	refuse func() int                                   // status to refuse a handshake with, 0 to accept
	mute   bool                                         // leave pings unanswered

	mu     sync.Mutex // guards all below
	dials  []time.Time
	calls  []time.Time
	frames []string // received, all connections
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if r.Header.Get("Upgrade") == "" {
		s.mu.Lock()
		s.calls = append(s.calls, now)
		s.mu.Unlock()
		s.call(w, r)
		return
	}
	s.mu.Lock()
	s.dials = append(s.dials, now)
	s.mu.Unlock()
	if s.refuse != nil {
		if status := s.refuse(); status != 0 {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
			return
		}
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		OnPingReceived: func(context.Context, []byte) bool { return !s.mute },
	})
	if err != nil {
		return
	}
	defer func() { _ = ws.CloseNow() }()
	s.socket(&peer{s: s, ws: ws, ctx: r.Context()})
}

func (s *server) seen() (dials, calls []time.Time, frames []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.dials), slices.Clone(s.calls), slices.Clone(s.frames)
}

// peer is the exchange's end of a connection.
type peer struct {
	s   *server
	ws  *websocket.Conn
	ctx context.Context
}

// read returns the next frame, or "" when the connection has ended.
func (p *peer) read() string {
	_, data, err := p.ws.Read(p.ctx)
	if err != nil {
		return ""
	}
	p.s.mu.Lock()
	p.s.frames = append(p.s.frames, string(data))
	p.s.mu.Unlock()
	return string(data)
}

func (p *peer) write(format string, args ...any) {
	_ = p.ws.Write(p.ctx, websocket.MessageText, fmt.Appendf(nil, format, args...)) // the feed may be gone
}

// sink notes what it is shown.
type sink struct {
	mu     sync.Mutex // guards all below
	states map[market.Symbol][]string
	arrive map[market.Symbol]bool
	gone   []market.Symbol
	seq    map[market.Symbol]book.Seq
	alive  time.Time
	reason map[market.Symbol]string
}

func newSink() *sink {
	return &sink{states: map[market.Symbol][]string{}, arrive: map[market.Symbol]bool{}, seq: map[market.Symbol]book.Seq{}, reason: map[market.Symbol]string{}}
}

func (s *sink) Look(l *exchange.Listing, v View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := s.states[l.Symbol]
	if len(states) == 0 || states[len(states)-1] != string(v.State) {
		s.states[l.Symbol] = append(states, string(v.State))
	}
	if v.Book != nil {
		s.seq[l.Symbol] = v.Book.Seq()
	}
	s.alive, s.reason[l.Symbol] = v.Alive, v.Reason
}

func (s *sink) Trade(*exchange.Listing, *exchange.Trade, time.Time) {}

func (s *sink) Trades(l *exchange.Listing, arrive bool, _ time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrive[l.Symbol] = arrive
}

func (s *sink) Gone(l *exchange.Listing, _ time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = append(s.gone, l.Symbol)
}

// path returns the states of a symbol so far, in order, but for the one that it has before there is a connection.
func (s *sink) path(symbol market.Symbol) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimPrefix(strings.Join(s.states[symbol], " "), "down ")
}

// last returns the newest number, reason and arrival of trades of a symbol.
func (s *sink) last(symbol market.Symbol) (book.Seq, string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq[symbol], s.reason[symbol], s.arrive[symbol]
}

// rest returns what is not about one symbol.
func (s *sink) rest() (alive time.Time, gone int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive, len(s.gone)
}

// listing makes an instrument with two decimals of price and four of size.
func listing(t *testing.T, base, quote, wire string) *exchange.Listing {
	t.Helper()
	l := &exchange.Listing{Wire: wire, Code: wire}
	l.Base, l.Quote, l.PriceTick, l.QuantityStep = base, quote, decimal.New(1, 2), decimal.New(1, 4)
	if err := l.Complete(); err != nil {
		t.Fatal(err)
	}
	return l
}

// play runs a feed against a server and stops both after check. Tests call it in a bubble of testing/synctest.
func play(t *testing.T, ex exchange.Exchange, s *server, check func(f *Feed, k *sink)) {
	t.Helper()
	network := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	web := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(network) }()
	transport := &http.Transport{DialContext: network.DialContext}
	k := newSink()
	f := New(Config{
		Exchange: ex, WS: "ws://exchange", REST: NewREST("http://exchange", ex.Traits(), WebOver(transport)),
		Web: WebOver(transport), Sink: k, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- f.Run(ctx) }()
	check(f, k)
	cancel()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	transport.CloseIdleConnections()
	_ = web.Close()
	<-served
}

// after lets time pass, and everything that follows from it.
func after(d time.Duration) {
	time.Sleep(d) // in a bubble: the clock jumps
	synctest.Wait()
}
