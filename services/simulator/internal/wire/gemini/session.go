package gemini

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

const (
	// heartbeat is how often the exchange says that it is there.
	heartbeat = 5 * time.Second
	// maxTopics bounds what one connection may follow; past it a subscription is refused.
	maxTopics = 500
)

// session is the exchange's side of one connection.
type session struct {
	*Server
	beaten time.Time
}

func newSession(s *Server) *session { return &session{s, time.Now()} }

// Begin implements wire.Handler: the exchange does not greet.
func (h *session) Begin(context.Context, *wire.Session) error { return nil }

// Wrap implements wire.Handler.
func (h *session) Wrap(_ *wire.Sub, f tape.Frame) []byte { return f.Data }

// Beat implements wire.Handler.
func (h *session) Beat(ctx context.Context, s *wire.Session) error {
	if time.Since(h.beaten) < heartbeat {
		return nil
	}
	h.beaten = time.Now()
	return s.Send(ctx, fmt.Appendf(nil, `{"type":"heartbeat","timestamp":%d}`, h.market.Now().UnixMilli()))
}

func (h *session) fail(ctx context.Context, s *wire.Session, reason, message string) error {
	body, err := json.Marshal(fault{"error", reason, message})
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	return s.Send(ctx, body)
}

// Handle implements wire.Handler. Nothing is acknowledged: what comes is the answer.
func (h *session) Handle(ctx context.Context, s *wire.Session, data []byte) error {
	var c struct {
		Type          string `json:"type"`
		Subscriptions []struct {
			Name    string   `json:"name"`
			Symbols []string `json:"symbols"`
		} `json:"subscriptions"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return h.fail(ctx, s, "InvalidJson", "The message is not valid JSON")
	}
	if c.Type != "subscribe" && c.Type != "unsubscribe" {
		return h.fail(ctx, s, "InvalidMessage", fmt.Sprintf("Unknown type %.40q", c.Type))
	}
	for _, sub := range c.Subscriptions {
		for _, symbol := range sub.Symbols {
			t := venue.Topic{Channel: sub.Name, Symbol: symbol}
			if c.Type == "unsubscribe" {
				s.Drop(t.Key())
				continue
			}
			if err := h.subscribe(ctx, s, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *session) subscribe(ctx context.Context, s *wire.Session, t venue.Topic) error {
	kind, ok := h.words.Channel(t.Channel)
	if !ok {
		return h.fail(ctx, s, "InvalidSubscription", fmt.Sprintf("Unknown subscription %.40q", t.Channel))
	}
	if _, ok := h.symbols[t.Symbol]; !ok {
		return h.fail(ctx, s, "InvalidSymbol", fmt.Sprintf("Supplied value %.40q is not a valid symbol", t.Symbol))
	}
	if s.Sub(t.Key()) != nil {
		return nil
	}
	if len(s.Subs()) >= maxTopics {
		return h.fail(ctx, s, "TooManySubscriptions", "The connection follows too much")
	}
	if s.Refused(t.Symbol) {
		return h.fail(ctx, s, "InvalidSymbol", fmt.Sprintf("Supplied value %.40q is not a valid symbol", t.Symbol))
	}
	stream, err := h.market.Follow(t)
	if errors.Is(err, venue.ErrNoBook) {
		return h.fail(ctx, s, "MarketNotOpen", t.Symbol+" has no book")
	}
	if err != nil {
		return err
	}
	sub := &wire.Sub{Key: t.Key(), Tape: stream.Tape, Pos: stream.Pos, Release: stream.Release}
	first := stream.Picture
	if kind.Kind == venue.Books {
		sub.Book = t.Symbol
	} else {
		list, err := h.market.Candles(t.Symbol, kind.Span, span.Window{Limit: maxCandles})
		if err != nil {
			return err
		}
		first = updates(t, list)
	}
	s.Follow(sub)
	if first == nil {
		return nil
	}
	return s.Send(ctx, first)
}
