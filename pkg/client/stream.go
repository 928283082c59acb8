package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/pkg/market"
)

// The streams that a Subscription may name.
const (
	StreamBook   = "book"
	StreamTouch  = "best_touch"
	StreamTrades = "trades"
	StreamKlines = "klines"
	StreamOrders = "orders"
)

// Subscription chooses a stream. Fields that do not concern it stay zero.
type Subscription struct {
	Stream     string          `json:"stream"`
	Symbol     string          `json:"symbol,omitempty"`
	Exchange   market.Exchange `json:"exchange,omitempty"`    // empty: all
	Interval   string          `json:"interval,omitempty"`    // of candles
	Depth      int             `json:"depth,omitempty"`       // of books, 1…50 levels a side, 0 for 10
	IntervalMS int             `json:"interval_ms,omitempty"` // between books, 100…60000, 0 for 1000
	TokenID    string          `json:"token_id,omitempty"`    // of one order alone
	FromSeq    uint64          `json:"from_seq,omitempty"`    // of the first order event; 0: what happens from now on
}

// Stream is what to receive over one connection, and whom to tell how the connection is doing. The functions may be nil;
// they are called by the goroutine that ranges, and may not block.
type Stream struct {
	Subscriptions []Subscription
	// Subscribed is called whenever all subscriptions have been confirmed, again after each new connection: what happens
	// from then on is received.
	Subscribed func()
	// Lost is called when the connection is lost, with the reason and the pause before it is tried again.
	Lost func(err error, pause time.Duration)
}

// Frame is one message of a stream. Seq counts the frames of a market stream from its last (re)connection, and the events
// of an account over its whole life.
type Frame struct {
	Type     string          `json:"type"`
	Stream   string          `json:"stream"`
	Symbol   market.Symbol   `json:"symbol"`
	Exchange market.Exchange `json:"exchange"`
	TokenID  string          `json:"token_id"`
	Seq      uint64          `json:"seq"`
	TS       time.Time       `json:"ts"`
	Code     string          `json:"code"`   // of warnings and errors
	Detail   string          `json:"detail"` // of warnings and errors

	Raw json.RawMessage `json:"-"` // the whole message, as it came

	ID      json.Number `json:"id"`
	FromSeq uint64      `json:"from_seq"`
}

// StreamError is a refusal of a subscription: it cannot be had, however often it is asked for.
type StreamError struct {
	Subscription Subscription
	Code         string
	Detail       string
}

// Error implements error.
func (e *StreamError) Error() string {
	return fmt.Sprintf("subscribe to %s: %s (%s)", e.Subscription.Stream, e.Detail, e.Code)
}

// Is makes a refusal ErrUnauthorized or ErrInvalid.
func (e *StreamError) Is(target error) bool {
	return target == ErrInvalid || target == ErrUnauthorized && e.Code == "unauthorized"
}

// What the server closes a connection with, beyond RFC 6455.
const closeUnauthorized websocket.StatusCode = 4401

// The bounds of a connection.
const (
	firstReconnect = 100 * time.Millisecond
	longReconnect  = 5 * time.Second
	silence        = 60 * time.Second // the server pings every 20 s: who has been silent for three of them is gone
	dialPatience   = 10 * time.Second
	maxMessage     = 8 << 20 // bytes; the biggest is an event of an order with 10,000 slices in its schedule
)

// Frames connects, subscribes, and yields what comes. A lost connection is made again for as long as ctx lives, all is
// subscribed again, and order events go on after the last one yielded: none is missing, none comes twice. It ends with an
// error where trying again is useless: a refused subscription (*StreamError), a refused login (ErrUnauthorized), or the end
// of ctx. Ranging slowly is safe: see the package's comment.
func (c *Client) Frames(ctx context.Context, s Stream) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		l := newLink(c, s)
		for failures := 0; ; failures++ {
			received, err := l.run(ctx, yield)
			if errors.Is(err, errStopped) {
				return
			}
			if received {
				failures = 0
			}
			var end *final
			switch {
			case ctx.Err() != nil:
				err = ctx.Err()
			case errors.As(err, &end):
				err = end.error
			case errors.Is(err, ErrUnauthorized) && failures > 0: // with a new token too
			default:
				pause := backoff(firstReconnect, longReconnect, failures)
				if s.Lost != nil {
					s.Lost(err, pause)
				}
				if wait(ctx, pause) == nil {
					continue
				}
				err = ctx.Err()
			}
			yield(Frame{}, err)
			return
		}
	}
}

// errStopped says that whoever ranges has had enough.
var errStopped = errors.New("stopped")

// of is the sequence of one stream's frames, decoded. Books and touches have the newest state, trades and candles each one.
func of[T any](ctx context.Context, c *Client, s Stream) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for frame, err := range c.Frames(ctx, s) {
			var v T
			if err == nil {
				if frame.Type != frame.Stream {
					continue // a warning
				}
				if err = json.Unmarshal(frame.Raw, &v); err != nil {
					err = fmt.Errorf("%w: %w", ErrProtocol, err)
				}
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// one is a Stream of a single subscription.
func one(s Subscription) Stream { return Stream{Subscriptions: []Subscription{s}} }

// Books yields the order book at most every interval (100 ms…1 min), always the newest. Exchange may be market.All.
func (c *Client) Books(ctx context.Context, exchange market.Exchange, symbol string, depth int, interval time.Duration) iter.Seq2[Book, error] {
	return of[Book](ctx, c, one(Subscription{
		Stream: StreamBook, Exchange: exchange, Symbol: symbol, Depth: depth, IntervalMS: int(interval / time.Millisecond),
	}))
}

// Candle is the current candle of a stream, or a finished one.
type Candle struct {
	Exchange market.Exchange `json:"exchange"`
	Symbol   market.Symbol   `json:"symbol"`
	Interval string          `json:"interval"`
	market.Candle
}

// Candles yields the current candle each second, and each finished one.
func (c *Client) Candles(ctx context.Context, exchange market.Exchange, symbol, interval string) iter.Seq2[Candle, error] {
	return of[Candle](ctx, c, one(Subscription{Stream: StreamKlines, Exchange: exchange, Symbol: symbol, Interval: interval}))
}
