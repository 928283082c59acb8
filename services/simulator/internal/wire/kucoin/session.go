package kucoin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

// The exchange's bounds on the topics of a connection and on the symbols of a request.
const (
	maxTopics = 400
	maxBatch  = 100
)

// session is the exchange's side of one connection.
type session struct {
	*Server
	token, id string
}

func newSession(s *Server, r *http.Request) *session {
	q := r.URL.Query()
	return &session{s, q.Get("token"), q.Get("connectId")}
}

// Begin implements wire.Handler: a connection with a token is welcome, another one is not.
func (h *session) Begin(ctx context.Context, s *wire.Session) error {
	if h.token == "" {
		if err := h.send(ctx, s, map[string]any{"id": h.id, "type": "error", "code": 401, "data": "token is invalid"}); err != nil {
			return err
		}
		return fmt.Errorf("token is invalid")
	}
	return h.send(ctx, s, map[string]any{"id": h.id, "type": "welcome"})
}

// Beat implements wire.Handler; the exchange has no heartbeat besides its answers to pings.
func (h *session) Beat(context.Context, *wire.Session) error { return nil }

// Wrap implements wire.Handler.
func (h *session) Wrap(_ *wire.Sub, f tape.Frame) []byte { return f.Data }

func (h *session) send(ctx context.Context, s *wire.Session, frame map[string]any) error {
	body, err := json.Marshal(frame)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	return s.Send(ctx, body)
}

// command is a client's frame. Its id is a text or a number, and comes back as a text.
type command struct {
	ID       json.RawMessage `json:"id"`
	Type     string          `json:"type"`
	Topic    string          `json:"topic"`
	Response bool            `json:"response"`
}

func (c command) id() string { return strings.Trim(string(c.ID), `"`) }

// Handle implements wire.Handler.
func (h *session) Handle(ctx context.Context, s *wire.Session, data []byte) error {
	var c command
	if err := json.Unmarshal(data, &c); err != nil {
		return h.send(ctx, s, map[string]any{"type": "error", "code": 400, "data": "invalid json"})
	}
	switch c.Type {
	case "ping":
		return h.send(ctx, s, map[string]any{"id": c.id(), "type": "pong"})
	case "subscribe", "unsubscribe":
		return h.subscribe(ctx, s, c)
	}
	return h.refuse(ctx, s, c, 400, fmt.Sprintf("type %.40s is not supported", c.Type))
}

func (h *session) refuse(ctx context.Context, s *wire.Session, c command, code int, why string) error {
	return h.send(ctx, s, map[string]any{"id": c.id(), "type": "error", "code": code, "data": why})
}

// kinds are those of topics that name a symbol behind them.
var kinds = []string{changesKind, matchKind, tickerKind, candlesKind, depth5Kind, depth50Kind}

// parse splits a topic of several symbols into streams; one that is unknown refuses all.
func (h *session) parse(text string) ([]asked, bool) {
	i := strings.IndexByte(text, ':')
	if i < 0 || !slices.Contains(kinds, text[:i+1]) {
		return nil, false
	}
	var out []asked
	for symbol := range strings.SplitSeq(text[i+1:], ",") {
		a := asked{kind: text[:i+1], symbol: symbol}
		if a.kind == candlesKind {
			name, in, _ := strings.Cut(symbol, "_")
			if _, ok := interval(in); !ok {
				return nil, false
			}
			a.symbol, a.kind = name, candlesKind+in
		}
		if _, ok := h.symbols[a.symbol]; !ok {
			return nil, false
		}
		out = append(out, a)
	}
	return out, true
}

// asked is one stream that a topic names.
type asked struct{ symbol, kind string }

func (h *session) subscribe(ctx context.Context, s *wire.Session, c command) error {
	list, ok := h.parse(c.Topic)
	if c.Type == "subscribe" {
		ok = ok && !slices.ContainsFunc(list, func(a asked) bool { return s.Refused(a.symbol) })
	}
	switch {
	case !ok:
		return h.refuse(ctx, s, c, 404, fmt.Sprintf("topic %.200s is not found", c.Topic))
	case len(list) > maxBatch:
		return h.refuse(ctx, s, c, 509, fmt.Sprintf("exceed max subscription count limitation of %d per time", maxBatch))
	case c.Type == "subscribe" && len(s.Subs())+len(list) > maxTopics:
		return h.refuse(ctx, s, c, 509, fmt.Sprintf("exceed max subscription count limitation of %d per session", maxTopics))
	}
	// The answer first: nothing of a stream comes before it.
	if c.Response {
		if err := h.send(ctx, s, map[string]any{"id": c.id(), "type": "ack"}); err != nil {
			return err
		}
	}
	for _, a := range list {
		key := topic(a.symbol, a.kind)
		if c.Type == "unsubscribe" {
			s.Drop(key)
			continue
		}
		if s.Sub(key) == nil {
			h.follow(s, key, a)
		}
	}
	return nil
}

func (h *session) follow(s *wire.Session, key string, a asked) {
	stream, ok := h.market.Follow(a.symbol, a.kind)
	if !ok {
		stream = stall.Stream{} // asked for and granted, but nothing was recorded of it
	}
	sub := &wire.Sub{Key: key, Tape: stream.Tape, Pos: stream.Pos, Release: stream.Release}
	if a.kind == changesKind {
		sub.Book = a.symbol
	}
	s.Follow(sub)
}
