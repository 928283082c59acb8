package gateio

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

// maxStreams bounds the streams of one connection; past it a subscription is refused.
const maxStreams = 1024

// session is the exchange's side of one connection.
type session struct{ *Server }

// Begin implements wire.Handler; the exchange says nothing by itself.
func (h *session) Begin(context.Context, *wire.Session) error { return nil }

// Beat implements wire.Handler; the exchange has no heartbeat besides its answers to pings.
func (h *session) Beat(context.Context, *wire.Session) error { return nil }

// Wrap implements wire.Handler.
func (h *session) Wrap(_ *wire.Sub, f tape.Frame) []byte { return f.Data }

// command is a client's frame. The id comes back as it was sent.
type command struct {
	ID      json.RawMessage `json:"id"`
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	Payload []string        `json:"payload"`
}

// answer is the exchange's to a command.
type answer struct {
	Time    int64           `json:"time"`
	TimeMS  int64           `json:"time_ms"`
	ID      json.RawMessage `json:"id,omitempty"`
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	Payload []string        `json:"payload,omitempty"`
	Error   *refusal        `json:"error"`
	Result  any             `json:"result"`
}

type refusal struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (h *session) send(ctx context.Context, s *wire.Session, c command, a answer) error {
	now := h.market.Now()
	a.Time, a.TimeMS, a.ID, a.Payload = now.Unix(), now.UnixMilli(), c.ID, c.Payload
	if a.Channel == "" {
		a.Channel, a.Event = c.Channel, c.Event
	}
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	return s.Send(ctx, body)
}

func (h *session) refuse(ctx context.Context, s *wire.Session, c command, code int, why string) error {
	return h.send(ctx, s, c, answer{Error: &refusal{code, why}, Result: map[string]string{"status": "fail"}})
}

// Handle implements wire.Handler.
func (h *session) Handle(ctx context.Context, s *wire.Session, data []byte) error {
	var c command
	if err := json.Unmarshal(data, &c); err != nil {
		return h.refuse(ctx, s, command{}, 1, "Invalid request body format")
	}
	if c.Channel == "spot.ping" {
		return h.send(ctx, s, c, answer{Channel: "spot.pong"})
	}
	if c.Event != "subscribe" && c.Event != "unsubscribe" {
		return h.refuse(ctx, s, c, 1, fmt.Sprintf("Unknown event %.40s", c.Event))
	}
	list, why := h.parse(c)
	if why != "" {
		return h.refuse(ctx, s, c, 2, why)
	}
	if c.Event == "unsubscribe" {
		for _, a := range list {
			s.Drop(a.key())
		}
		return h.send(ctx, s, c, answer{Result: map[string]string{"status": "success"}})
	}
	return h.subscribe(ctx, s, c, list)
}

// asked is one stream that a command names.
type asked struct{ symbol, kind string }

func (a asked) key() string { return a.kind + "|" + a.symbol }

// depths are those the channels of books are served in.
var depths = map[string][]string{pictureKind: {"5", "10", "20", "50", "100"}, bookKind: {"50", "400"}}

// parse reads what a command is about, or says why it is refused.
func (h *session) parse(c command) ([]asked, string) {
	var out []asked
	pairs := c.Payload
	kind := c.Channel
	part := func(i int) string {
		if i < len(c.Payload) {
			return c.Payload[i]
		}
		return ""
	}
	switch c.Channel {
	case tradesKind, tickersKind, touchKind:
	case updateKind:
		if every := part(1); every != "100ms" && every != "20ms" {
			return nil, "invalid interval: " + every
		}
		pairs = c.Payload[:1]
	case "spot.order_book":
		if kind = pictureKind + part(1); !slices.Contains(depths[pictureKind], part(1)) {
			return nil, "invalid level: " + part(1)
		}
		pairs = c.Payload[:1]
	case "spot.obu":
		for _, name := range c.Payload {
			pair, n, ok := cutBook(name)
			if _, known := h.symbols[pair]; !ok || !known || !slices.Contains(depths[bookKind], n) {
				return nil, "unknown stream " + name
			}
			out = append(out, asked{pair, bookKind + n})
		}
		pairs = nil
	case "spot.candlesticks":
		if _, ok := interval(part(0)); !ok || len(c.Payload) != 2 {
			return nil, "invalid interval: " + part(0)
		}
		kind, pairs = candlesKind+part(0), c.Payload[1:]
	default:
		return nil, "unknown channel " + c.Channel
	}
	for _, pair := range pairs {
		if _, ok := h.symbols[pair]; !ok {
			return nil, "unknown currency pair: " + pair
		}
		out = append(out, asked{pair, kind})
	}
	if len(out) == 0 {
		return nil, "empty payload"
	}
	return out, ""
}

// cutBook takes a book's name in the newer channel apart: ob.BTC_USDT.50.
func cutBook(name string) (pair, depth string, ok bool) {
	rest, ok := strings.CutPrefix(name, "ob.")
	i := strings.LastIndexByte(rest, '.')
	if !ok || i < 0 {
		return "", "", false
	}
	return rest[:i], rest[i+1:], true
}

func (h *session) subscribe(ctx context.Context, s *wire.Session, c command, list []asked) error {
	if len(s.Subs())+len(list) > maxStreams {
		return h.refuse(ctx, s, c, 2, "too many subscriptions")
	}
	for _, a := range list {
		if s.Refused(a.symbol) {
			return h.refuse(ctx, s, c, 2, "unknown currency pair: "+a.symbol)
		}
		if strings.HasPrefix(a.kind, bookKind) && s.Sub(a.key()) != nil {
			return h.refuse(ctx, s, c, 2, "Alert sub "+stream(a.symbol, a.kind)+": already subscribed")
		}
	}
	if err := h.send(ctx, s, c, answer{Result: map[string]string{"status": "success"}}); err != nil {
		return err
	}
	for _, a := range list {
		if s.Sub(a.key()) != nil {
			continue // asking twice changes nothing
		}
		followed, ok := h.market.Follow(a.symbol, a.kind)
		if !ok {
			followed = stall.Stream{} // granted, but nothing was recorded of it
		}
		sub := &wire.Sub{Key: a.key(), Tape: followed.Tape, Pos: followed.Pos, Release: followed.Release}
		if a.kind == updateKind || strings.HasPrefix(a.kind, bookKind) {
			sub.Book = a.symbol
		}
		s.Follow(sub)
		if followed.Picture != nil {
			if err := s.Send(ctx, followed.Picture); err != nil {
				return err
			}
		}
	}
	return nil
}
