package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/auth"
)

const (
	authPatience  = 5 * time.Second
	heartbeat     = 20 * time.Second // between pings
	pongPatience  = 10 * time.Second
	writePatience = 30 * time.Second // for one round; a client whose socket is full for longer is gone
	expiryWarning = 30 * time.Second // before the token expires
	maxControl    = 64               // answers that wait for a slow client; more of them is a flood
	burstSeconds  = 5                // worth of frames that may come at once
)

// session is one connection.
type session struct {
	hub     *Hub
	conn    *websocket.Conn
	packer  *packer       // beneath conn
	wake    chan struct{} // has room for one: there is something to write
	from    netip.Addr    // where the client is
	limiter *rate.Limiter // the reader's own
	counted order.AccountID

	mu       sync.Mutex // guards what follows
	cancel   context.CancelFunc
	identity auth.Identity // zero until authenticated
	greeted  bool
	warned   bool
	authBy   time.Time
	pingAt   time.Time
	control  [][]byte // answers, oldest first
	subs     map[subKey]*subscription
	ended    bool
	code     websocket.StatusCode // why it ends, once ended
	reason   string
	behind   *orders // the place to resume at, where that is why
}

func newSession(h *Hub) *session {
	now, perSecond := time.Now(), h.cfg.Limits.FramesPerSecond
	return &session{
		hub: h, wake: make(chan struct{}, 1), limiter: rate.NewLimiter(rate.Limit(perSecond), burstSeconds*perSecond),
		authBy: now.Add(authPatience), pingAt: now.Add(heartbeat), subs: map[subKey]*subscription{},
	}
}

// run serves the connection until either side ends it.
func (s *session) run(ctx context.Context, authorization string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	s.mu.Unlock()
	// An unmasked frame makes Read fail without closing the connection, so this is always done.
	defer s.conn.CloseNow()
	// Nor does it know of a round that is being sent: a client that does not read would hold up the end.
	defer context.AfterFunc(ctx, func() { _ = s.packer.Close() })()
	s.conn.SetReadLimit(-1) // receive has the limit

	switch token, given := bearer(authorization); {
	case given:
		s.authenticate(ctx, nil, token)
	case s.hub.cfg.Public:
		s.greet()
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		defer cancel()
		s.write(ctx)
	})
	s.read(ctx)
	cancel()
	writer.Wait()
	for _, sub := range s.subs { // nobody else is there any more
		s.drop(sub)
	}
}

func bearer(header string) (token string, given bool) {
	if header == "" {
		return "", false
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return strings.TrimSpace(token), true
}

// authenticate takes a token, at the start or later to live longer than the first one.
func (s *session) authenticate(ctx context.Context, id []byte, token string) {
	within, cancel := context.WithTimeout(ctx, authPatience)
	defer cancel()
	verify := s.hub.auth.Verify
	if strings.HasPrefix(token, "hgt_") {
		verify = s.hub.auth.Redeem
	}
	identity, err := verify(within, token, s.from)
	s.mu.Lock()
	before := s.identity
	s.mu.Unlock()
	switch {
	case errors.Is(err, auth.ErrExpired):
		s.end(closeUnauthorized, "the token has expired")
		return
	case errors.Is(err, auth.ErrAddress):
		s.end(closeUnauthorized, "the key is not for use from this address")
		return
	case err != nil:
		s.end(closeUnauthorized, "the token is not valid")
		return
	case before.Account != "" && before.Account != identity.Account:
		s.end(closeUnauthorized, "the token is another account's")
		return
	case !identity.May(auth.Read):
		s.end(closeUnauthorized, "the key is not for reading")
		return
	case !s.hub.count(s, identity.Account):
		s.end(closeFlood, "too many connections of this account")
		return
	}
	s.mu.Lock()
	s.identity, s.warned = identity, false
	s.mu.Unlock()
	if s.hub.auth.Revoked(identity.Session) { // while it was being checked
		s.end(closeUnauthorized, "the session was ended")
		return
	}
	if before.Account == "" {
		s.greet()
		return
	}
	s.say(ackFrame(id, "auth", nil))
}

func (s *session) greet() {
	s.mu.Lock()
	authenticated := s.identity.Account != ""
	s.greeted = true
	s.mu.Unlock()
	s.say(helloFrame(s.hub.cfg, authenticated, time.Now()))
}

// speaksBy reports whether the session's token belongs to a login or an API key.
func (s *session) speaksBy(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity.Session == session
}

// account returns whom the session speaks for, "" if that is not known.
func (s *session) account() order.AccountID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity.Account
}

// say queues a frame that must not get lost. A client that does not read its answers but goes on asking floods us.
func (s *session) say(frame []byte) {
	s.mu.Lock()
	full := len(s.control) >= maxControl
	if !full {
		s.control = append(s.control, frame)
	}
	s.mu.Unlock()
	if full {
		s.end(closeFlood, "answers are not read")
	}
	s.notify()
}

// end has the writer close the connection after what is queued. The first reason counts.
func (s *session) end(code websocket.StatusCode, reason string) {
	s.mu.Lock()
	if !s.ended {
		s.ended, s.code, s.reason = true, code, reason
	}
	s.mu.Unlock()
	s.notify()
}

// tooSlow is end for a client that is too far behind in its events.
func (s *session) tooSlow(o *orders) {
	s.mu.Lock()
	if !s.ended {
		s.ended, s.code, s.behind = true, closeTooSlow, o
		s.hub.cfg.Metrics.slow.Inc()
	}
	s.mu.Unlock()
}

// cutOff ends the connection without a word.
func (s *session) cutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
}

func (s *session) notify() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// write sends what there is to send until the connection ends.
func (s *session) write(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		sent, next, err := s.pump(ctx)
		if err != nil {
			return
		}
		if sent {
			continue
		}
		if code, reason, ended := s.ending(); ended {
			s.hub.cfg.Metrics.closed.With(strconv.Itoa(int(code))).Inc()
			if code == websocket.StatusMessageTooBig {
				_ = s.packer.last() // fails only where the connection is gone
			}
			_ = s.conn.Close(code, reason) // the other side may be gone already
			return
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
	}
}

func (s *session) ending() (websocket.StatusCode, string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind != nil { // said by the writer itself, so nothing is on its way any more
		s.reason = fmt.Sprintf("too slow; resume with from_seq %d", s.behind.next.Load())
	}
	return s.code, s.reason, s.ended && len(s.control) == 0
}

// pump sends one round of everything that is ready as one: answers first, then what must not be lost, then market data.
// next is when something falls due by itself.
func (s *session) pump(ctx context.Context) (sent bool, next time.Time, err error) {
	within, cancel := context.WithTimeout(ctx, writePatience)
	defer cancel()
	s.packer.hold()
	sent, next, err = s.round(within)
	return sent, next, errors.Join(err, s.packer.release())
}

func (s *session) round(ctx context.Context) (sent bool, next time.Time, err error) {
	now := time.Now()
	control, subs, ended := s.take(now)
	for _, frame := range control {
		if err := s.send(ctx, frame); err != nil {
			return false, next, err
		}
	}
	if ended {
		return len(control) > 0, next, nil // nothing else goes out any more
	}
	sent, next = len(control) > 0, s.nextTimer(ctx, now)
	for _, sub := range subs {
		n, due, err := sub.pump(ctx, s, now)
		if err != nil {
			return false, next, err
		}
		sent = sent || n > 0
		if !due.IsZero() && due.Before(next) {
			next = due
		}
	}
	return sent, next, nil
}

// take returns the answers to send and the subscriptions behind them, both of the same instant: a subscription's answer is
// queued before it counts, so its frames never overtake it.
func (s *session) take(now time.Time) (frames [][]byte, subs []*subscription, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	expires := s.identity.ExpiresAt
	switch {
	case s.ended:
	case !s.greeted && !now.Before(s.authBy):
		s.ended, s.code, s.reason = true, closeUnauthorized, "no token in time"
	case s.identity.Account != "" && !now.Before(expires):
		s.ended, s.code, s.reason = true, closeUnauthorized, "the token has expired"
	case s.identity.Account != "" && !s.warned && !now.Before(expires.Add(-expiryWarning)):
		s.warned = true
		s.control = append(s.control, warningFrame("token_expires", "send auth with a new token before "+expires.UTC().Format(time.RFC3339), now))
	}
	frames, s.control = s.control, nil
	return frames, slices.Collect(maps.Values(s.subs)), s.ended
}

// nextTimer returns when the session itself has something to do, and pings when it is time.
func (s *session) nextTimer(ctx context.Context, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.Before(s.pingAt) {
		s.pingAt = now.Add(heartbeat)
		s.hub.running.Go(func() { s.ping(context.WithoutCancel(ctx)) }) // it outlives the round; the connection's end ends it
	}
	next := s.pingAt
	if !s.greeted && s.authBy.Before(next) {
		next = s.authBy
	}
	if s.identity.Account != "" {
		expires := s.identity.ExpiresAt
		if warn := expires.Add(-expiryWarning); !s.warned && warn.Before(next) {
			next = warn
		}
		if expires.Before(next) {
			next = expires
		}
	}
	return next
}

// ping asks whether the client is still there. It waits for the answer, which the writer must not.
func (s *session) ping(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, pongPatience)
	defer cancel()
	if err := s.conn.Ping(within); err != nil {
		s.cutOff()
	}
}

func (s *session) send(ctx context.Context, frame []byte) error {
	s.hub.cfg.Metrics.frames.Inc()
	return s.conn.Write(ctx, websocket.MessageText, frame)
}

// sendBody sends a frame of a subscription: its head, the frame's number, the time, and a body that others share.
func (s *session) sendBody(ctx context.Context, sub *subscription, now time.Time, body []byte) error {
	sub.seq++
	frame := frames.Get().(*[]byte)
	defer frames.Put(frame)
	*frame = join((*frame)[:0], sub.head, sub.seq, now, body)
	return s.send(ctx, *frame)
}

// frames are buffers for frames that are made of parts; who sends one has it back at once.
var frames = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}
