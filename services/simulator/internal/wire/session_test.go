package wire

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// recorded is a tape that is complete from the start.
type recorded []tape.Frame

func (r recorded) Frame(pos int64) (tape.Frame, bool, error) {
	if pos >= int64(len(r)) {
		return tape.Frame{}, false, nil
	}
	return r[pos], true, nil
}

// fake is a handler made of what a test gives it.
type fake struct{ subs []*Sub }

func (f fake) Begin(_ context.Context, s *Session) error {
	for _, sub := range f.subs {
		s.Follow(sub)
	}
	return nil
}

func (f fake) Handle(ctx context.Context, s *Session, request []byte) error {
	return s.Send(ctx, request)
}
func (f fake) Beat(context.Context, *Session) error { return nil }
func (f fake) Wrap(_ *Sub, fr tape.Frame) []byte    { return fr.Data }

// pipes is a listener whose connections never leave the process, so that a test's time is its own.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// connect serves a handler and returns a client, and what ends both.
func connect(t *testing.T, h Handler) (*websocket.Conn, func()) {
	t.Helper()
	ln := pipes{make(chan net.Conn), make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	door := NewDoor(slog.New(slog.DiscardHandler))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		door.Serve(ctx, w, r, h, func() <-chan struct{} { return nil })
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		ln.conns <- server
		return client, nil
	}}
	conn, _, err := websocket.Dial(ctx, "ws://simulator/", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return conn, func() {
		conn.CloseNow()
		cancel()
		door.Close()
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	}
}

func TestMessagesOfAllStreamsAreSentInOrderWhenTheyAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		at := func(ms int, seq int64, text string) tape.Frame {
			return tape.Frame{Due: begin.Add(time.Duration(ms) * time.Millisecond), Seq: seq, Data: []byte(text)}
		}
		conn, stop := connect(t, fake{[]*Sub{
			{Key: "a", Tape: recorded{at(100, 1, "a1"), at(250, 4, "a2"), at(250, 6, "a3")}},
			{Key: "nothing ever"},
			{Key: "b", Tape: recorded{at(0, 0, "skipped"), at(120, 2, "b1"), at(250, 5, "b2")}, Pos: 1},
		}})
		defer stop()
		for _, want := range []struct {
			text string
			ms   int64
		}{{"a1", 100}, {"b1", 120}, {"a2", 250}, {"b2", 250}, {"a3", 250}} {
			_, got, err := conn.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if ms := time.Since(begin).Milliseconds(); string(got) != want.text || ms != want.ms {
				t.Errorf("%s after %d ms, want %s after %d", got, ms, want.text, want.ms)
			}
		}
	})
}

func TestAClientThatDoesNotReadIsClosedAfterTheWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		conn, stop := connect(t, fake{[]*Sub{{Key: "a", Tape: recorded{{Due: begin, Data: []byte("never read")}}}}})
		defer stop()
		time.Sleep(writeTimeout + time.Second) // the bubble's time
		if _, _, err := conn.Read(t.Context()); err == nil {
			t.Error("the client could still read")
		}
	})
}

func TestAClientThatFallsBehindItsTapeIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, tp := range map[string]tape.Tape{
			"messages older than the greatest lag": recorded{{Due: time.Now().Add(-maxLag - time.Second), Data: []byte("late")}},
			"messages no longer kept":              forgotten{},
		} {
			conn, stop := connect(t, fake{[]*Sub{{Key: "a", Tape: tp}}})
			if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
				t.Errorf("%s: %v", name, err)
			}
			stop()
		}
	})
}

type forgotten struct{}

func (forgotten) Frame(int64) (tape.Frame, bool, error) { return tape.Frame{}, false, tape.ErrLost }

func TestAClientWithoutAPongIsDroppedAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		conn, stop := connect(t, fake{})
		defer stop()
		// A client that reads answers the pings and stays.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		_, _, err := conn.Read(ctx)
		cancel()
		if time.Since(begin) < 10*time.Minute {
			t.Fatalf("a client that answers was dropped after %v: %v", time.Since(begin), err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ln := pipes{make(chan net.Conn), make(chan struct{})}
		door := NewDoor(slog.New(slog.DiscardHandler))
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			door.Serve(t.Context(), w, r, fake{}, func() <-chan struct{} { return nil })
		})}
		served := make(chan error, 1)
		go func() { served <- server.Serve(ln) }()
		client, pipe := net.Pipe()
		ln.conns <- pipe
		begin := time.Now()
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: simulator\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		// This one takes what comes and says nothing.
		if _, err := io.Copy(io.Discard, client); err != nil {
			t.Fatal(err)
		}
		if gone := time.Since(begin); gone < pingEvery+pongWithin || gone > pingEvery+pongWithin+15*time.Second {
			t.Errorf("dropped after %v, want %v", gone, pingEvery+pongWithin)
		}
		door.Close()
		server.Close()
		<-served
	})
}

func TestTheDoorIsShutWhenFull(t *testing.T) {
	d := NewDoor(slog.New(slog.DiscardHandler))
	for range maxSessions {
		if !d.enter() {
			t.Fatal("the door is shut too early")
		}
	}
	if d.enter() {
		t.Error("one too many was let in")
	}
	for range maxSessions {
		d.leave()
	}
	d.Close()
	if d.enter() {
		t.Error("a closed door let somebody in")
	}
}
