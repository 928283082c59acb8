package coinbase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

const (
	// hurry is how soon a client must subscribe to something.
	hurry = 5 * time.Second
	// maxTopics bounds what one connection may follow; past it a subscription is refused.
	maxTopics = 1000
)

// names are the channels a client may ask for: what they are here, and under what name they are acknowledged.
var names = map[string]struct{ channel, acknowledged string }{
	"level2": {"level2", "level2"}, "level2_batch": {"level2", "level2_50"}, "level2_50": {"level2", "level2_50"},
	"matches": {"matches", "matches"}, "ticker": {"ticker", "ticker"}, "ticker_batch": {"ticker_batch", "ticker_batch"},
	"heartbeat": {"heartbeat", "heartbeat"}, "status": {"status", "status"},
}

// locked are the channels that need a login.
var locked = []string{"level2", "level3", "full", "user"}

// session is the exchange's side of one connection.
type session struct {
	*Server
	opened time.Time
	busy   bool                // it has subscribed to something
	acks   map[string][]string // acknowledged names to products, as they were asked for
	order  []string            // of the names
}

func newSession(s *Server) *session {
	return &session{Server: s, opened: time.Now(), acks: map[string][]string{}}
}

// Begin implements wire.Handler: the exchange does not greet.
func (h *session) Begin(context.Context, *wire.Session) error { return nil }

// Wrap implements wire.Handler.
func (h *session) Wrap(_ *wire.Sub, f tape.Frame) []byte { return f.Data }

// Beat implements wire.Handler: a heartbeat a second and product, of the session's own also in a replay, which ends while the
// connection goes on.
func (h *session) Beat(ctx context.Context, s *wire.Session) error {
	if !h.busy && time.Since(h.opened) > hurry {
		return wire.Goodbye{Code: 1008, Reason: "no subscription within 5 seconds"}
	}
	for _, product := range h.acks["heartbeat"] {
		last, err := h.market.Trades(product, 1)
		if err != nil {
			return err
		}
		b, err := h.market.Book(product, 1)
		if err != nil && !errors.Is(err, venue.ErrNoBook) {
			return err
		}
		trade, sequence := int64(0), b.Seq
		if len(last) > 0 {
			trade, sequence = last[0].ID, max(sequence, last[0].Seq)
		}
		frame := fmt.Appendf(nil, `{"type":"heartbeat","last_trade_id":%d,"product_id":"%s","sequence":%d,"time":"%s"}`,
			trade, product, sequence, h.market.Now().UTC().Format(stamp))
		if err := s.Send(ctx, frame); err != nil {
			return err
		}
	}
	return nil
}

// wanted is a channel of a command: a name alone, or with products of its own.
type wanted struct {
	Name     string   `json:"name"`
	Products []string `json:"product_ids"`
}

func (c *wanted) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &c.Name)
	}
	type plain wanted
	return json.Unmarshal(data, (*plain)(c))
}

type command struct {
	Type      string   `json:"type"`
	Products  []string `json:"product_ids"`
	Channels  []wanted `json:"channels"`
	Signature string   `json:"signature"`
}

func (h *session) fail(ctx context.Context, s *wire.Session, message, reason string) error {
	body, err := json.Marshal(struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Reason  string `json:"reason,omitempty"`
	}{"error", message, reason})
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	return s.Send(ctx, body)
}

// Handle implements wire.Handler.
func (h *session) Handle(ctx context.Context, s *wire.Session, data []byte) error {
	var c command
	if err := json.Unmarshal(data, &c); err != nil {
		return h.fail(ctx, s, "Malformed JSON", "")
	}
	switch c.Type {
	case "subscribe":
		return h.subscribe(ctx, s, &c)
	case "unsubscribe":
		h.unsubscribe(s, &c)
		return h.acknowledge(ctx, s)
	}
	return h.fail(ctx, s, "Invalid message", fmt.Sprintf("%s is not a valid type", c.Type))
}

// fault says why a command is refused; one bad product or channel fails all of it.
func (h *session) fault(s *wire.Session, c *command) string {
	if len(c.Channels) == 0 {
		return "no channels specified"
	}
	for _, ch := range c.Channels {
		if _, ok := names[ch.Name]; slices.Contains(locked, ch.Name) && (c.Signature == "" || !ok) {
			return "level2, level3, and full channels now require authentication. https://docs.cdp.coinbase.com/exchange/docs/websocket-auth"
		} else if !ok {
			return ch.Name + " is not a valid channel"
		}
		products := slices.Concat(c.Products, ch.Products)
		if len(products) == 0 && ch.Name != "status" {
			return "no product_ids specified"
		}
		for _, p := range products {
			if _, ok := h.products[p]; !ok {
				return p + " is not a valid product"
			}
			if s.Refused(p) {
				return p + " is not a valid product"
			}
		}
	}
	return ""
}

func (h *session) subscribe(ctx context.Context, s *wire.Session, c *command) error {
	if why := h.fault(s, c); why != "" {
		return h.fail(ctx, s, "Failed to subscribe", why)
	}
	h.busy = true
	var pictures [][]byte
	for _, ch := range c.Channels {
		name := names[ch.Name]
		if name.channel == "status" {
			pictures = append(pictures, h.status())
		}
		for _, product := range slices.Concat(c.Products, ch.Products) {
			t := venue.Topic{Channel: name.channel, Symbol: product}
			if s.Sub(t.Key()) != nil {
				continue
			}
			if len(s.Subs()) >= maxTopics {
				return h.fail(ctx, s, "Failed to subscribe", "too many subscriptions")
			}
			first, err := h.follow(s, t)
			if errors.Is(err, venue.ErrNoBook) {
				return h.fail(ctx, s, "Failed to subscribe", product+" has no book")
			}
			if err != nil {
				return err
			}
			pictures = append(pictures, first...)
			h.note(name.acknowledged, product)
		}
	}
	if err := h.acknowledge(ctx, s); err != nil {
		return err
	}
	for _, frame := range pictures {
		if err := s.Send(ctx, frame); err != nil {
			return err
		}
	}
	return nil
}

// follow follows a topic and returns what it begins with.
func (h *session) follow(s *wire.Session, t venue.Topic) ([][]byte, error) {
	stream, err := h.market.Follow(t)
	if err != nil {
		return nil, err
	}
	sub := &wire.Sub{Key: t.Key(), Tape: stream.Tape, Pos: stream.Pos, Release: stream.Release}
	if t.Channel == "level2" {
		sub.Book = t.Symbol
	}
	s.Follow(sub)
	switch {
	case stream.Picture != nil:
		return [][]byte{stream.Picture}, nil
	case t.Channel == "matches":
		last, err := h.market.Trades(t.Symbol, 1)
		if err != nil || len(last) == 0 {
			return nil, err
		}
		return [][]byte{match("last_match", t.Symbol, last[0])}, nil
	}
	return nil, nil
}

// note remembers a subscription for the acknowledgements.
func (h *session) note(name, product string) {
	if !slices.Contains(h.order, name) {
		h.order = append(h.order, name)
	}
	h.acks[name] = append(h.acks[name], product)
}

// unsubscribe ends what a command names; a channel without products ends for all. What is not followed is passed over.
func (h *session) unsubscribe(s *wire.Session, c *command) {
	for _, ch := range c.Channels {
		name, ok := names[ch.Name]
		if !ok {
			continue
		}
		products := slices.Concat(c.Products, ch.Products)
		for _, ack := range h.order {
			if names[ack].channel != name.channel {
				continue
			}
			for _, product := range slices.Clone(h.acks[ack]) {
				if len(products) > 0 && !slices.Contains(products, product) {
					continue
				}
				s.Drop(venue.Topic{Channel: name.channel, Symbol: product}.Key())
				h.acks[ack] = slices.DeleteFunc(h.acks[ack], func(p string) bool { return p == product })
			}
		}
	}
	h.order = slices.DeleteFunc(h.order, func(ack string) bool { return len(h.acks[ack]) == 0 })
}

// acknowledge tells all that is subscribed.
func (h *session) acknowledge(ctx context.Context, s *wire.Session) error {
	type channel struct {
		Name     string   `json:"name"`
		Products []string `json:"product_ids"`
		Accounts []string `json:"account_ids"`
	}
	channels := []channel{}
	for _, name := range h.order {
		channels = append(channels, channel{name, h.acks[name], nil})
	}
	body, err := json.Marshal(map[string]any{"type": "subscriptions", "channels": channels})
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	return s.Send(ctx, body)
}

// status is what the status channel begins with; nothing changes here, so nothing follows.
func (h *session) status() []byte {
	products := make([]json.RawMessage, 0, len(h.list))
	for _, i := range h.list {
		products = append(products, entry(i))
	}
	body, err := json.Marshal(map[string]any{"type": "status", "products": products, "currencies": h.assets()})
	if err != nil {
		h.log.Error("encode the status", "error", err)
		return []byte(`{"type":"status","products":[],"currencies":[]}`)
	}
	return body
}
