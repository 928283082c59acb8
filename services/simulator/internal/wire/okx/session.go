package okx

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
	// idle is how long a connection may be without a word from either side.
	idle = 30 * time.Second
	// maxCommands bounds the subscriptions and their ends of a connection in an hour.
	maxCommands = 480
	// maxTopics bounds what one connection may follow; past it a subscription is refused.
	maxTopics = 480
)

// session is the exchange's side of one connection.
type session struct {
	*Server
	business bool
	connID   string
	spoken   time.Time // when either side last said something
	window   time.Time
	commands int
}

func newSession(s *Server, business bool) *session {
	return &session{Server: s, business: business, connID: fmt.Sprintf("%08x", s.conns.Add(1)*0x9e3779b1), spoken: time.Now()}
}

// Begin implements wire.Handler: the exchange does not greet.
func (h *session) Begin(context.Context, *wire.Session) error { return nil }

// Beat implements wire.Handler.
func (h *session) Beat(context.Context, *wire.Session) error {
	if time.Since(h.spoken) > idle {
		return wire.Goodbye{Code: 4004, Reason: "No data received in 30s."}
	}
	return nil
}

// Wrap implements wire.Handler.
func (h *session) Wrap(_ *wire.Sub, f tape.Frame) []byte {
	h.spoken = time.Now()
	return f.Data
}

// arg is what a command is about.
type arg struct {
	Channel  string `json:"channel"`
	InstID   string `json:"instId,omitempty"`
	InstType string `json:"instType,omitempty"`
}

// answer is what the exchange says to a command.
type answer struct {
	ID     json.RawMessage `json:"id,omitempty"` // as it came: libraries send texts and numbers
	Event  string          `json:"event"`
	Arg    *arg            `json:"arg,omitempty"`
	Code   string          `json:"code,omitempty"`
	Msg    string          `json:"msg,omitempty"`
	ConnID string          `json:"connId"`
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
	h.spoken = time.Now()
	if string(data) == "ping" {
		return s.Send(ctx, []byte("pong"))
	}
	var c struct {
		ID   json.RawMessage `json:"id"`
		Op   string          `json:"op"`
		Args []arg           `json:"args"`
	}
	wrong := answer{Event: "error", Code: "60012", Msg: "Invalid request: " + string(data[:min(len(data), 200)])}
	if err := json.Unmarshal(data, &c); err != nil {
		return h.say(ctx, s, wrong)
	}
	wrong.ID = c.ID
	switch c.Op {
	case "subscribe", "unsubscribe":
		if len(c.Args) == 0 {
			return h.say(ctx, s, wrong)
		}
	case "login":
		return h.say(ctx, s, answer{ID: c.ID, Event: "error", Code: "60009", Msg: "Login failed."})
	default:
		return h.say(ctx, s, wrong)
	}
	if !h.counted() {
		return h.say(ctx, s, answer{ID: c.ID, Event: "error", Code: "60014", Msg: "Requests too frequent"})
	}
	for _, a := range c.Args {
		if err := h.one(ctx, s, c.ID, c.Op, a); err != nil {
			return err
		}
	}
	return nil
}

// counted counts a command; false if it is one too many.
func (h *session) counted() bool {
	if time.Since(h.window) > time.Hour {
		h.window, h.commands = time.Now(), 0
	}
	h.commands++
	return h.commands <= maxCommands
}

// one handles a command for one of its topics; each gets an answer of its own.
func (h *session) one(ctx context.Context, s *wire.Session, id json.RawMessage, op string, a arg) error {
	t := venue.Topic{Channel: a.Channel, Symbol: a.InstID}
	_, known := h.words.Channel(a.Channel)
	_, listed := h.instruments[a.InstID]
	if listed = listed || a.Channel == "instruments" || a.Channel == "status"; !known || !listed || business(a.Channel) != h.business ||
		op == "subscribe" && s.Refused(a.InstID) {
		return h.say(ctx, s, answer{ID: id, Event: "error", Code: "60018", Msg: fmt.Sprintf(
			"Wrong URL or channel:%s,instId:%s doesn't exist. Please use the correct URL, channel and parameters referring to API document.",
			a.Channel, a.InstID)})
	}
	ok := answer{ID: id, Event: op, Arg: &a}
	if op == "unsubscribe" {
		s.Drop(t.Key())
		return h.say(ctx, s, ok)
	}
	if s.Sub(t.Key()) != nil {
		return h.say(ctx, s, ok) // but no second picture
	}
	if len(s.Subs()) >= maxTopics {
		return h.say(ctx, s, answer{ID: id, Event: "error", Code: "60011", Msg: "Too many subscriptions"})
	}
	stream, err := h.follow(t)
	if errors.Is(err, venue.ErrNoBook) {
		return h.say(ctx, s, answer{ID: id, Event: "error", Code: "63999", Msg: fmt.Sprintf(
			"No book of channel:%s,instId:%s was recorded", a.Channel, a.InstID)})
	}
	if err != nil {
		return err
	}
	sub := &wire.Sub{Key: t.Key(), Tape: stream.Tape, Pos: stream.Pos, Release: stream.Release}
	if a.Channel == "books" {
		sub.Book = a.InstID
	}
	s.Follow(sub)
	if err := h.say(ctx, s, ok); err != nil || stream.Picture == nil {
		return err
	}
	return s.Send(ctx, stream.Picture)
}

// follow follows a topic; those without an instrument bring nothing.
func (h *session) follow(t venue.Topic) (venue.Stream, error) {
	if _, ok := h.instruments[t.Symbol]; !ok {
		return venue.Stream{Topic: t}, nil
	}
	return h.market.Follow(t)
}
