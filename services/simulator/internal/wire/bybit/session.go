package bybit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

const (
	// silence is how long a client may say nothing.
	silence = 10 * time.Minute
	// maxArgs bounds the topics of one request, maxTopics those of one connection (21,000 characters).
	maxArgs   = 10
	maxTopics = 1000
)

// session is the exchange's side of one connection.
type session struct {
	*Server
	connID string
	heard  time.Time // the client's last word
}

func newSession(s *Server) *session {
	n := uint64(s.conns.Add(1))
	return &session{Server: s, connID: fmt.Sprintf("%08x-0000-4000-8000-%012x", n*0x9e3779b1&0xffffffff, n), heard: time.Now()}
}

// Begin implements wire.Handler: the exchange does not greet.
func (h *session) Begin(context.Context, *wire.Session) error { return nil }

// Beat implements wire.Handler.
func (h *session) Beat(context.Context, *wire.Session) error {
	if time.Since(h.heard) > silence {
		return wire.Goodbye{Code: 1000, Reason: "no ping within 10 minutes"}
	}
	return nil
}

// Wrap implements wire.Handler.
func (h *session) Wrap(_ *wire.Sub, f tape.Frame) []byte { return f.Data }

// answer is what the exchange says to a request.
type answer struct {
	Success bool            `json:"success"`
	RetMsg  string          `json:"ret_msg"`
	ConnID  string          `json:"conn_id"`
	ReqID   json.RawMessage `json:"req_id,omitempty"` // as it came: libraries send texts and numbers
	Op      string          `json:"op"`
}

func (h *session) say(ctx context.Context, s *wire.Session, a answer) error {
	a.ConnID = h.connID
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	return s.Send(ctx, body)
}

// Handle implements wire.Handler.
func (h *session) Handle(ctx context.Context, s *wire.Session, data []byte) error {
	h.heard = time.Now()
	if isPing(data) {
		return s.Send(ctx, []byte("pong"))
	}
	var c struct {
		ReqID json.RawMessage `json:"req_id"`
		Op    string          `json:"op"`
		Args  []string        `json:"args"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return h.say(ctx, s, answer{RetMsg: "Invalid JSON", Op: c.Op})
	}
	a := answer{ReqID: c.ReqID, Op: c.Op}
	switch c.Op {
	case "ping":
		a.Success, a.RetMsg = true, "pong"
		return h.say(ctx, s, a)
	case "subscribe", "unsubscribe":
	default:
		a.RetMsg = "error:request op not found"
		return h.say(ctx, s, a)
	}
	if len(c.Args) > maxArgs {
		a.RetMsg = "args size >10"
		return h.say(ctx, s, a)
	}
	for _, topic := range c.Args { // one bad topic fails the request
		if a.RetMsg = h.refuse(s, c.Op, topic); a.RetMsg != "" {
			return h.say(ctx, s, a)
		}
	}
	if c.Op == "unsubscribe" {
		for _, topic := range c.Args {
			s.Drop(split(topic).Key())
		}
		a.Success = true
		return h.say(ctx, s, a)
	}
	return h.subscribe(ctx, s, a, c.Args)
}

// refuse says why a topic cannot be had; empty if it can.
func (h *session) refuse(s *wire.Session, op, topic string) string {
	t := split(topic)
	if _, ok := h.words.Channel(t.Channel); !ok {
		return "error:handler not found,topic:" + topic
	}
	if _, ok := h.symbols[t.Symbol]; !ok {
		return "Invalid symbol :[" + topic + "]"
	}
	if op == "subscribe" && s.Sub(t.Key()) != nil {
		return "error:topic:" + topic + ",already subscribed"
	}
	if op == "subscribe" && s.Refused(t.Symbol) {
		return "Invalid symbol :[" + topic + "]"
	}
	return ""
}

func (h *session) subscribe(ctx context.Context, s *wire.Session, a answer, topics []string) error {
	var pictures [][]byte
	for _, topic := range topics {
		t := split(topic)
		if s.Sub(t.Key()) != nil {
			continue // twice in one request
		}
		stream, err := h.market.Follow(t)
		if err == nil && len(s.Subs()) >= maxTopics {
			err = errors.New("too many topics")
		}
		if errors.Is(err, venue.ErrNoBook) {
			a.RetMsg = "error:no data,topic:" + topic
			return h.say(ctx, s, a)
		}
		if err != nil {
			return err
		}
		sub := &wire.Sub{Key: t.Key(), Tape: stream.Tape, Pos: stream.Pos, Release: stream.Release}
		if kind, _ := h.words.Channel(t.Channel); kind.Kind == venue.Books {
			sub.Book = t.Symbol
		}
		s.Follow(sub)
		if stream.Picture != nil {
			pictures = append(pictures, stream.Picture)
		}
	}
	a.Success, a.RetMsg = true, "subscribe"
	if err := h.say(ctx, s, a); err != nil {
		return err
	}
	for _, picture := range pictures {
		if err := s.Send(ctx, picture); err != nil {
			return err
		}
	}
	return nil
}
