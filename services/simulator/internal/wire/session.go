// Package wire holds what the exchanges' protocols have in common on the server's side: a bounded number of WebSocket
// connections, and on each a session that answers requests and sends the messages of the streams it follows when they are due.
//
// A Door may be used by any number of goroutines. Everything of a Session happens on one goroutine, so its Handler needs no
// lock. The package knows no exchange; what a session says is the Handler's affair.
package wire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

const (
	// maxRequest bounds a client's frame: 1,024 stream names need about 40 kB.
	maxRequest = 64 << 10
	// maxRequests bounds the frames of a client in one second; a client past it is closed. The exchanges allow fewer.
	maxRequests = 100
	// writeTimeout is how long a client may refuse to read before it is closed.
	writeTimeout = 5 * time.Second
	// maxLag is how late a message may be sent; a client that is too slow for that is closed, as an exchange would do.
	maxLag = time.Minute
	// pingEvery and pongWithin are Binance's: a ping every 20 s, a client without an answer for a minute is dropped.
	pingEvery  = 20 * time.Second
	pongWithin = time.Minute
	// beatEvery is how often a Handler is asked whether it has something to say by itself.
	beatEvery = time.Second
	// batch bounds how many messages are sent before the client's requests are looked at again.
	batch = 64
)

// errSlow closes a client that does not keep up.
var errSlow = errors.New("client is too slow")

// Goodbye ends a connection with a code and a reason of the exchange's own.
type Goodbye struct {
	Code   websocket.StatusCode
	Reason string
}

func (g Goodbye) Error() string { return g.Reason }

// Handler speaks one exchange's protocol on one connection. An error ends the connection.
type Handler interface {
	// Begin is called once, first.
	Begin(ctx context.Context, s *Session) error
	// Handle answers a client's frame.
	Handle(ctx context.Context, s *Session, request []byte) error
	// Beat is called about once a second.
	Beat(ctx context.Context, s *Session) error
	// Wrap turns a stream's message into the frame to send.
	Wrap(sub *Sub, f tape.Frame) []byte
}

// Sub is a stream that a session follows.
type Sub struct {
	// Key is the handler's name for it.
	Key string
	// Tape may be nil: a stream on which nothing ever comes.
	Tape tape.Tape
	// Pos is the next message to send.
	Pos int64
	// Book is the symbol whose book the stream carries, empty if it carries none.
	Book string
	// Release, where not nil, is called when the session stops to follow the stream.
	Release func()

	seen int    // how many of the requested mishaps lie behind it
	held []byte // a message that comes behind the next one, on request
}

// Session is one client's connection.
type Session struct {
	conn    *websocket.Conn
	handler Handler
	changed func() <-chan struct{}
	faults  *Faults
	subs    []*Sub
	seen    int // how many of the requested mishaps lie behind it
}

// Send writes a text frame.
func (s *Session) Send(ctx context.Context, frame []byte) error {
	// Not ended by ctx, which would tear the connection down in the middle of a frame and leave no way to say goodbye.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, frame); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// Subs are the streams followed, in the order in which they were asked for.
func (s *Session) Subs() []*Sub { return s.subs }

// Sub finds a followed stream; nil if it is not followed.
func (s *Session) Sub(key string) *Sub {
	for _, sub := range s.subs {
		if sub.Key == key {
			return sub
		}
	}
	return nil
}

// Follow adds a stream.
func (s *Session) Follow(sub *Sub) {
	sub.seen = s.faults.count()
	s.subs = append(s.subs, sub)
}

// Refused says whether a subscription to a symbol is to be refused on request, for once. A Handler asks before it grants one.
func (s *Session) Refused(symbol string) bool { return s.faults.refused(symbol) }

// Drop stops to follow a stream; false if it was not followed.
func (s *Session) Drop(key string) bool {
	for i, sub := range s.subs {
		if sub.Key == key {
			s.subs = slices.Delete(s.subs, i, i+1)
			if sub.Release != nil {
				sub.Release()
			}
			return true
		}
	}
	return false
}

// run serves the connection until the client leaves, breaks a bound, or ctx ends.
func (s *Session) run(ctx context.Context) error {
	requests := make(chan []byte, 16) // full: the client's next frame waits in its socket
	var wg sync.WaitGroup
	defer wg.Wait()
	defer s.conn.CloseNow() // ends the reading below
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.conn.SetReadLimit(maxRequest)
	wg.Go(func() { cancel(s.read(work, requests)) })
	wg.Go(func() { cancel(s.ping(work)) })
	defer func() {
		for len(s.subs) > 0 {
			s.Drop(s.subs[0].Key)
		}
	}()

	err := s.serve(work, requests)
	var goodbye Goodbye
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		s.conn.Close(websocket.StatusGoingAway, "the simulator stops") //nolint:errcheck // a courtesy
		return nil
	case work.Err() != nil:
		return context.Cause(work)
	case errors.As(err, &goodbye):
		s.conn.Close(goodbye.Code, goodbye.Reason) //nolint:errcheck // a courtesy
	case errors.Is(err, errKicked):
		return err // without a closing word, as when a network fails
	case err != nil:
		s.conn.Close(websocket.StatusPolicyViolation, err.Error()) //nolint:errcheck // a courtesy
	}
	return err
}

func (s *Session) serve(ctx context.Context, requests <-chan []byte) error {
	if err := s.handler.Begin(ctx, s); err != nil {
		return err
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	window, count := time.Now(), 0
	kicked := s.faults.kicked()
	for {
		if err := s.faults.silent(ctx, kicked); err != nil {
			return err
		}
		// Taken before looking at the tapes, so that nothing appended in between goes unnoticed.
		changed, asked := s.changed(), s.faults.changed()
		if err := s.befall(ctx); err != nil {
			return err
		}
		wait, err := s.flush(ctx)
		if err != nil {
			return err
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-kicked:
			return errKicked
		case request := <-requests:
			if now := time.Now(); now.Sub(window) > time.Second {
				window, count = now, 0
			}
			if count++; count > maxRequests {
				return fmt.Errorf("more than %d requests in a second", maxRequests)
			}
			if err := s.handler.Handle(ctx, s, request); err != nil {
				return err
			}
		case <-beat.C:
			if err := s.handler.Beat(ctx, s); err != nil {
				return err
			}
		case <-changed:
		case <-asked:
		case <-timer.C:
		}
	}
}

// flush sends what is due, a batch at most, and returns how long nothing more is.
func (s *Session) flush(ctx context.Context) (time.Duration, error) {
	if left, _ := s.faults.quiet(); left > 0 {
		return left, nil
	}
	now := time.Now()
	for range batch {
		sub, f, err := s.earliest()
		if err != nil {
			return 0, err
		}
		if sub == nil {
			return time.Hour, nil // whatever comes next announces itself
		}
		if f.Due.After(now) {
			if now = time.Now(); f.Due.After(now) {
				return f.Due.Sub(now), nil
			}
		}
		if now.Sub(f.Due) > maxLag {
			return 0, errSlow
		}
		sub.Pos++
		for _, frame := range s.spoil(sub, s.handler.Wrap(sub, f)) {
			if err := s.Send(ctx, frame); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}

// befall lets the requested mishaps happen that concern the connection as a whole.
func (s *Session) befall(ctx context.Context) error {
	for {
		do, seen := s.faults.next(s.seen, sessionMishaps, "")
		s.seen = seen
		if do == "" {
			return nil
		}
		s.seen++
		frame := garbage
		if do == "huge" {
			frame = huge()
		}
		if err := s.Send(ctx, frame); err != nil {
			return err
		}
	}
}

// earliest finds the message that is to be sent next among all streams; nil if there is none yet.
func (s *Session) earliest() (*Sub, tape.Frame, error) {
	var best *Sub
	var first tape.Frame
	for _, sub := range s.subs {
		if sub.Tape == nil {
			continue
		}
		f, ok, err := sub.Tape.Frame(sub.Pos)
		if err != nil {
			return nil, f, fmt.Errorf("%w: %w", errSlow, err)
		}
		if !ok {
			continue
		}
		if best == nil || f.Due.Before(first.Due) || f.Due.Equal(first.Due) && f.Seq < first.Seq {
			best, first = sub, f
		}
	}
	return best, first, nil
}

func (s *Session) read(ctx context.Context, requests chan<- []byte) error {
	for {
		// Not ctx: its end would tear the connection down before the closing words are said. CloseNow ends this read.
		kind, data, err := s.conn.Read(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			return errors.New("client sent a binary frame")
		}
		select {
		case requests <- data:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Session) ping(ctx context.Context) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if _, mute := s.faults.quiet(); mute {
			continue
		}
		pong, cancel := context.WithTimeout(ctx, pongWithin)
		err := s.conn.Ping(pong)
		cancel()
		if err != nil {
			return fmt.Errorf("ping: %w", err)
		}
	}
}
