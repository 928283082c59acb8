package wire

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// maxSessions bounds the WebSocket connections of one simulator; the next one gets HTTP 503.
const maxSessions = 512

// Door lets WebSocket clients in.
type Door struct {
	log      *slog.Logger
	sessions sync.WaitGroup
	faults   *Faults

	mu     sync.Mutex // guards the two below
	open   int
	closed bool
}

// NewDoor returns an open door.
func NewDoor(log *slog.Logger) *Door { return &Door{log: log, faults: newFaults()} }

// Faults are what can be made to go wrong on the connections behind the door.
func (d *Door) Faults() *Faults { return d.faults }

// Serve accepts a WebSocket connection and serves it until it ends; ctx, not the request's context, ends it from our side.
// Changed returns a channel that is closed when a live tape has grown; nil where all tapes are complete.
func (d *Door) Serve(ctx context.Context, w http.ResponseWriter, r *http.Request, h Handler, changed func() <-chan struct{}) {
	if !d.enter() {
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	defer d.leave()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{OnPingReceived: func(context.Context, []byte) bool {
		_, mute := d.faults.quiet()
		return !mute // in a silence without heartbeats, pings are not answered either
	}})
	if err != nil {
		return // Accept has answered
	}
	s := &Session{conn: conn, handler: h, changed: changed, faults: d.faults, seen: d.faults.count()}
	if err := s.run(ctx); err != nil {
		d.log.Debug("client session ended", "path", r.URL.Path, "remote", r.RemoteAddr, "reason", err)
	}
}

func (d *Door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.open >= maxSessions {
		return false
	}
	d.open++
	d.sessions.Add(1)
	return true
}

func (d *Door) leave() {
	d.mu.Lock()
	d.open--
	d.mu.Unlock()
	d.sessions.Done()
}

// Close lets nobody in any more and waits for the sessions to end, which the end of their ctx brings about.
func (d *Door) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.sessions.Wait()
}
