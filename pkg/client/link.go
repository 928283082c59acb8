package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// link is one sequence's connection and what must outlive it.
type link struct {
	c        *Client
	stream   Stream
	subs     []Subscription // FromSeq is where to go on
	accepted []bool         // once a subscription was confirmed, a refusal is a server that is not ready yet
	token    string
}

func newLink(c *Client, s Stream) *link {
	return &link{c: c, stream: s, subs: slices.Clone(s.Subscriptions), accepted: make([]bool, len(s.Subscriptions))}
}

// run connects and yields frames until the connection ends. received reports whether a frame was yielded, or all was
// subscribed.
func (l *link) run(ctx context.Context, yield func(Frame, error) bool) (received bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Reading answers the server's pings. Silence of both ends the connection, since a dead peer says nothing at all.
	watch := time.AfterFunc(dialPatience, cancel)
	defer watch.Stop()
	conn, err := l.dial(ctx, watch)
	if err != nil {
		return false, err
	}
	defer conn.CloseNow()
	open := 0 // subscriptions that wait for their answer
	for {
		frame, err := read(ctx, conn)
		if err != nil {
			return received, l.closed(ctx, err)
		}
		watch.Reset(silence)
		switch frame.Type {
		case "hello":
			if open, err = l.subscribe(ctx, conn); err != nil {
				return received, err
			}
			continue
		case "ack":
			if l.confirmed(frame) {
				if open--; open == 0 {
					received = true
					if l.stream.Subscribed != nil {
						l.stream.Subscribed()
					}
				}
			}
			continue
		case "error":
			if err := l.refused(frame); err != nil {
				return received, err
			}
		case "warning":
			if frame.Code == "token_expires" {
				if err := l.authenticate(ctx, conn); err != nil {
					return received, err
				}
				continue
			}
		case "shutdown", "pong":
			continue
		}
		fresh, err := l.advance(frame)
		if err != nil {
			return received, err
		}
		if !fresh {
			continue
		}
		received = true
		if !yield(frame, nil) {
			_ = conn.Close(websocket.StatusNormalClosure, "") // a courtesy
			return received, errStopped
		}
		watch.Reset(silence) // whoever ranges may have taken its time
	}
}

func (l *link) dial(ctx context.Context, watch *time.Timer) (*websocket.Conn, error) {
	var err error
	if l.token, err = l.c.token(ctx, false); err != nil {
		return nil, hopeless(err)
	}
	header := http.Header{"User-Agent": {l.c.agent}, "Authorization": {"Bearer " + l.token}}
	conn, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(l.c.base, "http")+"ws", &websocket.DialOptions{ //nolint:bodyclose // Dial closes it, its doc says
		HTTPClient: l.c.http, HTTPHeader: header,
		OnPingReceived: func(context.Context, []byte) bool {
			watch.Reset(silence)
			return true
		},
	})
	if err != nil {
		if res != nil && res.StatusCode == http.StatusUnauthorized {
			return nil, l.unauthorized(ctx, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	conn.SetReadLimit(maxMessage)
	watch.Reset(silence)
	return conn, nil
}

// unauthorized replaces the token, for the next attempt.
func (l *link) unauthorized(ctx context.Context, err error) error {
	if l.c.apiKey != "" {
		return &final{fmt.Errorf("%w: %w", ErrUnauthorized, err)}
	}
	if renewErr := l.c.renew(ctx, l.token); renewErr != nil {
		return hopeless(renewErr)
	}
	return fmt.Errorf("%w: %w", ErrUnauthorized, err)
}

// final is an error that trying again does not mend.
type final struct{ error }

// Unwrap makes the cause visible.
func (f *final) Unwrap() error { return f.error }

// hopeless makes an error final if no token can be had.
func hopeless(err error) error {
	if errors.Is(err, ErrUnauthorized) {
		return &final{err}
	}
	return err
}

func read(ctx context.Context, conn *websocket.Conn) (Frame, error) {
	_, data, err := conn.Read(ctx)
	if err != nil {
		return Frame{}, err
	}
	frame := Frame{Raw: data}
	if err := json.Unmarshal(data, &frame); err != nil {
		return frame, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return frame, nil
}

// closed explains the end of a connection.
func (l *link) closed(ctx context.Context, err error) error {
	if websocket.CloseStatus(err) == closeUnauthorized {
		return l.unauthorized(ctx, err)
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// subscribe asks for everything, with its place in the list as the id.
func (l *link) subscribe(ctx context.Context, conn *websocket.Conn) (int, error) {
	for i, sub := range l.subs {
		if err := write(ctx, conn, struct {
			ID     int    `json:"id"`
			Action string `json:"action"`
			Subscription
		}{i + 1, "subscribe", sub}); err != nil {
			return 0, err
		}
	}
	return len(l.subs), nil
}

// authenticate shows a new token before the old one ends.
func (l *link) authenticate(ctx context.Context, conn *websocket.Conn) error {
	var err error
	if l.token, err = l.c.token(ctx, false); err != nil {
		return err
	}
	return write(ctx, conn, struct {
		Action string `json:"action"`
		Token  string `json:"token"`
	}{"auth", l.token})
}

func write(ctx context.Context, conn *websocket.Conn, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	if err := conn.Write(ctx, websocket.MessageText, data); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return nil
}

// which returns the place of the subscription that an answer is about.
func (l *link) which(f Frame) (int, bool) {
	n, err := strconv.Atoi(f.ID.String())
	return n - 1, err == nil && n >= 1 && n <= len(l.subs)
}

// confirmed takes the confirmation of a subscription. Order events have their place from then on, so that a connection lost
// before the first of them leaves no hole either.
func (l *link) confirmed(f Frame) bool {
	i, ok := l.which(f)
	if !ok {
		return false // of an auth
	}
	l.accepted[i] = true
	if l.subs[i].Stream == StreamOrders && f.FromSeq > 0 {
		l.subs[i].FromSeq = f.FromSeq
	}
	return true
}

// passing are codes of refusals that pass by themselves.
var passing = []string{"unavailable", "internal", "too_many_markets", "timeout"}

// refused returns the error that a refused subscription ends the connection with, or nil if the frame is about nothing of
// ours.
func (l *link) refused(f Frame) error {
	i, ok := l.which(f)
	if !ok {
		return nil
	}
	refusal := &StreamError{Subscription: l.subs[i], Code: f.Code, Detail: f.Detail}
	// After a restart the server may not know its exchanges yet; that a place lies ahead of the account never mends itself.
	if slices.Contains(passing, f.Code) || l.accepted[i] && f.Code != "invalid_from_seq" {
		return fmt.Errorf("%w: %s", ErrUnavailable, refusal.Error())
	}
	return &final{refusal}
}

var errHole = errors.New("an event is missing")

// advance notes the place of an order event. It is not fresh if it came before.
func (l *link) advance(f Frame) (fresh bool, err error) {
	if f.Type != StreamOrders {
		return true, nil
	}
	fresh = false
	for i := range l.subs {
		sub := &l.subs[i]
		if sub.Stream != StreamOrders || sub.TokenID != "" && sub.TokenID != f.TokenID || f.Seq < sub.FromSeq {
			continue
		}
		if sub.TokenID == "" && sub.FromSeq > 0 && f.Seq > sub.FromSeq {
			return false, fmt.Errorf("%w: %d came, %d was next", errHole, f.Seq, sub.FromSeq) // asked for again
		}
		sub.FromSeq, fresh = f.Seq+1, true
	}
	return fresh, nil
}
