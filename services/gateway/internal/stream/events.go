package stream

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// eventsAlive is how often a client that has nothing to hear is told that the connection lives; also how long a token
// that has ended may go on listening.
const eventsAlive = time.Second

// Events sends an account's events as server-sent events, those after the version last and all that follow, at the pace
// of the client; without one it begins with the next. The id of each is its version, which Last-Event-ID names to go on
// without a hole. It returns when the client leaves, the token ends, or the hub stops; an error was not told yet.
func (h *Hub) Events(w http.ResponseWriter, r *http.Request, id auth.Identity, last *uint64) error {
	s := newSession(h) // counts among the connections
	if !h.enter(s) {
		return view.ErrTooMany
	}
	defer h.leave(s)
	if !h.count(s, id.Account) {
		return view.ErrTooMany
	}
	account, err := h.accounts.Open(r.Context(), id.Account)
	if err != nil {
		return err
	}
	defer h.accounts.Close(account)
	stop := account.Watch(func(uint64) { s.notify() })
	defer stop()
	next := account.Version() + 1
	if last != nil {
		next = *last + 1
	}
	head := w.Header()
	head.Set("Content-Type", "text/event-stream")
	head.Set("X-Accel-Buffering", "no") // a proxy that collects would hold events back
	w.WriteHeader(http.StatusOK)
	out := eventWriter{w: w, control: http.NewResponseController(w)}
	if out.write("retry: 1000\n: hourglass\n\n") != nil {
		return nil
	}
	h.listen(r.Context(), s, &out, account, id, next)
	return nil
}

// listen sends events until something ends it.
func (h *Hub) listen(ctx context.Context, s *session, out *eventWriter, account *view.Account, id auth.Identity, next uint64) {
	alive := time.NewTicker(eventsAlive)
	defer alive.Stop()
	for {
		reading, cancel := context.WithTimeout(ctx, eventsPatience)
		events, err := account.Events(reading, next, eventBatch)
		cancel()
		for _, e := range events {
			frame, _, err := eventFrame(e.Data)
			if err != nil {
				h.log.Error("event not understood", "account", id.Account, "version", e.Version, "error", err)
				return
			}
			if out.write(fmt.Sprintf("id: %d\nevent: orders\ndata: %s\n\n", e.Version, frame)) != nil {
				return
			}
			next = e.Version + 1
		}
		if err == nil && len(events) > 0 {
			continue // there may be more
		}
		// Nothing more now, or the bus is away: then the next tick tries again and nothing is lost.
		select {
		case <-ctx.Done():
			return
		case <-h.ending:
			return
		case <-s.wake:
		case now := <-alive.C:
			if h.auth.Revoked(id.Session) || now.After(id.ExpiresAt) {
				_ = out.write("event: unauthorized\ndata: {\"code\":\"token_expired\"}\n\n")
				return
			}
			if out.write(": alive\n\n") != nil {
				return
			}
		}
	}
}

// eventWriter writes and flushes with a deadline of its own, as the server's is for answers that end.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (e *eventWriter) write(text string) error {
	if err := e.control.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	if _, err := e.w.Write([]byte(text)); err != nil {
		return err
	}
	return e.control.Flush()
}
