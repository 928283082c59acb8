package binance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
)

// maxStreams is the exchange's bound on the streams of one connection.
const maxStreams = 1024

// session is the exchange's side of one connection.
type session struct {
	market Market
	// combined says that messages are wrapped with their stream's name.
	combined bool
	initial  []string
}

func newSession(m Market, r *http.Request) *session {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/stream"); ok {
		return &session{m, true, append(streamNames(rest), streamNames(r.URL.Query().Get("streams"))...)}
	}
	return &session{m, false, streamNames(strings.TrimPrefix(r.URL.Path, "/ws"))}
}

// Begin implements wire.Handler.
func (h *session) Begin(_ context.Context, s *wire.Session) error {
	if len(h.initial) > maxStreams {
		return fmt.Errorf("more than %d streams", maxStreams)
	}
	for _, name := range h.initial {
		h.follow(s, name)
	}
	return nil
}

func (h *session) follow(s *wire.Session, name string) {
	if s.Sub(name) != nil {
		return // asking twice changes nothing
	}
	t, pos, release := h.market.Follow(name)
	sub := &wire.Sub{Key: name, Tape: t, Pos: pos, Release: release}
	if symbol, kind, _ := strings.Cut(name, "@"); strings.HasPrefix(kind, "depth") {
		sub.Book = symbol
	}
	s.Follow(sub)
}

// request is a client's command. The id comes back as it was sent.
type request struct {
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	ID     json.RawMessage   `json:"id"`
}

// Handle implements wire.Handler.
func (h *session) Handle(ctx context.Context, s *wire.Session, data []byte) error {
	var r request
	if err := json.Unmarshal(data, &r); err != nil {
		return answer(ctx, s, nil, nil, &fault{Code: 3, Msg: "Invalid JSON: " + err.Error()})
	}
	if f := r.checkID(); f != nil {
		return answer(ctx, s, nil, nil, f)
	}
	switch r.Method {
	case "SUBSCRIBE", "UNSUBSCRIBE":
		names, f := r.streams()
		if f == nil && r.Method == "SUBSCRIBE" && len(s.Subs())+len(names) > maxStreams {
			return fmt.Errorf("more than %d streams", maxStreams)
		}
		if f == nil && r.Method == "SUBSCRIBE" {
			f = refused(s, names)
		}
		if f != nil {
			return answer(ctx, s, r.ID, nil, f)
		}
		// The answer first: the exchange sends nothing of a stream before it has confirmed the subscription.
		if err := answer(ctx, s, r.ID, nil, nil); err != nil {
			return err
		}
		for _, name := range names {
			if r.Method == "SUBSCRIBE" {
				h.follow(s, name)
			} else {
				s.Drop(name)
			}
		}
		return nil
	case "LIST_SUBSCRIPTIONS":
		names := []string{}
		for _, sub := range s.Subs() {
			names = append(names, sub.Key)
		}
		return answer(ctx, s, r.ID, names, nil)
	case "SET_PROPERTY", "GET_PROPERTY":
		result, f := h.property(r)
		return answer(ctx, s, r.ID, result, f)
	}
	return answer(ctx, s, r.ID, nil, &fault{Code: 2, Msg: fmt.Sprintf("Invalid request: unknown variant `%.40s`, expected one of "+
		"`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`", r.Method)})
}

// refused says no to all of a subscription where that has been requested of one of its symbols.
func refused(s *wire.Session, names []string) *fault {
	for _, name := range names {
		if symbol, _, _ := strings.Cut(name, "@"); s.Refused(symbol) {
			return &fault{Code: 2, Msg: "Invalid request: cannot subscribe to `" + name + "`"}
		}
	}
	return nil
}

// checkID refuses what the exchange does: an id is an unsigned number, a short text, or absent.
func (r request) checkID() *fault {
	id := string(r.ID)
	if id == "" || id == "null" || id[0] >= '0' && id[0] <= '9' && !strings.ContainsAny(id, ".eE") || id[0] == '"' && len(id) <= 38 {
		return nil
	}
	return &fault{Code: 2, Msg: "Invalid request: request ID must be an unsigned integer"}
}

func (r request) streams() ([]string, *fault) {
	if len(r.Params) == 0 {
		return nil, &fault{Code: 2, Msg: "Invalid request: missing field `params`"}
	}
	names := make([]string, len(r.Params))
	for i, p := range r.Params {
		if err := json.Unmarshal(p, &names[i]); err != nil {
			return nil, &fault{Code: 2, Msg: "Invalid request: stream name must be a string"}
		}
	}
	return names, nil
}

func (h *session) property(r request) (any, *fault) {
	var name string
	if len(r.Params) == 0 || json.Unmarshal(r.Params[0], &name) != nil {
		return nil, &fault{Code: 2, Msg: "Invalid request: property name must be a string"}
	}
	if name != "combined" {
		return nil, &fault{Code: 0, Msg: "Unknown property"}
	}
	if r.Method == "GET_PROPERTY" {
		return h.combined, nil
	}
	if len(r.Params) < 2 || json.Unmarshal(r.Params[1], &h.combined) != nil {
		return nil, &fault{Code: 1, Msg: "Invalid value type: expected Boolean"}
	}
	return nil, nil
}

// answer sends a result, null where it is nil, or a fault.
func answer(ctx context.Context, s *wire.Session, id json.RawMessage, result any, f *fault) error {
	if id == nil {
		id = json.RawMessage("null")
	}
	var frame any = struct {
		Result any             `json:"result"`
		ID     json.RawMessage `json:"id"`
	}{result, id}
	if f != nil {
		frame = struct {
			Error *fault          `json:"error"`
			ID    json.RawMessage `json:"id"`
		}{f, id}
	}
	body, err := json.Marshal(frame)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	return s.Send(ctx, body)
}

// Beat implements wire.Handler; the exchange has no heartbeat besides its pings.
func (h *session) Beat(context.Context, *wire.Session) error { return nil }

// Wrap implements wire.Handler.
func (h *session) Wrap(sub *wire.Sub, f tape.Frame) []byte {
	if !h.combined {
		return f.Data
	}
	if f.Whole != nil {
		return f.Whole
	}
	out := make([]byte, 0, len(f.Data)+len(sub.Key)+24)
	out = append(out, `{"stream":"`...)
	out = append(out, sub.Key...)
	out = append(out, `","data":`...)
	out = append(out, f.Data...)
	return append(out, '}')
}
