package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// The streams.
const (
	streamBook   = "book"
	streamTouch  = "best_touch"
	streamTrades = "trades"
	streamKlines = "klines"
	streamEWMA   = "ewma"
	streamOrders = "orders"
)

const (
	defaultDepth      = 10
	minIntervalMS     = 100
	maxIntervalMS     = 60_000
	defaultIntervalMS = 1_000
	maxID             = 64 // bytes of a client's id for its frame
)

// request is a frame of a client.
type request struct {
	ID         json.RawMessage `json:"id"`
	Action     string          `json:"action"`
	Token      string          `json:"token"`
	Stream     string          `json:"stream"`
	Symbol     string          `json:"symbol"`
	Exchange   string          `json:"exchange"`
	Interval   string          `json:"interval"`
	Depth      *int            `json:"depth"`
	IntervalMS *int            `json:"interval_ms"`
	HalfLife   *int            `json:"half_life"`
	TokenID    string          `json:"token_id"`
	FromSeq    *uint64         `json:"from_seq"`
}

// refused is what is wrong with a request.
type refused struct {
	code, detail string
	matches      []string
}

func (r *refused) Error() string { return r.detail }

func refuse(code, format string, args ...any) error {
	return &refused{code: code, detail: fmt.Sprintf(format, args...)}
}

func parseRequest(frame []byte) (request, error) {
	var r request
	if !utf8.Valid(frame) { // the library does not look
		return r, refuse("invalid_frame", "the frame is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(frame))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return request{ID: r.ID}, refuse("invalid_frame", "the frame is not a request: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return request{}, refuse("invalid_frame", "something follows the request")
	}
	if len(r.ID) > maxID || (len(r.ID) > 0 && r.ID[0] != '"' && r.ID[0] != '-' && (r.ID[0] < '0' || r.ID[0] > '9')) {
		return request{}, refuse("invalid_id", "id is a text or a number of at most %d bytes", maxID)
	}
	return r, nil
}

// read handles the client's frames, one after the other.
func (s *session) read(ctx context.Context) {
	for {
		kind, frame, err := s.receive(ctx)
		if errors.Is(err, websocket.ErrMessageTooBig) {
			s.end(websocket.StatusMessageTooBig, fmt.Sprintf("a frame of more than %d bytes", maxFrame))
			<-ctx.Done() // the writer closes, and reads what is left of it
			return
		}
		if err != nil {
			return // closed by either side, or broken
		}
		if !s.limiter.Allow() {
			s.end(closeFlood, "too many frames")
			continue // the writer closes, and Read ends
		}
		if kind != websocket.MessageText {
			s.say(errorFrame(nil, "invalid_frame", "frames are text"))
			continue
		}
		s.handle(ctx, frame)
	}
}

// receive returns the next message. The library's own limit is not used: it closes by itself, beside the writer, and leaves
// the rest of the message unread.
func (s *session) receive(ctx context.Context) (websocket.MessageType, []byte, error) {
	kind, r, err := s.conn.Reader(ctx)
	if err != nil {
		return 0, nil, err
	}
	frame, err := io.ReadAll(io.LimitReader(r, maxFrame+1))
	if err == nil && len(frame) > maxFrame {
		err = websocket.ErrMessageTooBig
	}
	return kind, frame, err
}

// handle carries a request out and answers it.
func (s *session) handle(ctx context.Context, frame []byte) {
	r, err := parseRequest(frame)
	s.mu.Lock()
	greeted := s.greeted
	s.mu.Unlock()
	if !greeted && (err != nil || r.Action != "auth") {
		s.end(closeUnauthorized, "the first frame must be auth")
		return
	}
	if err == nil {
		err = s.act(ctx, &r)
	}
	if err == nil {
		return
	}
	code, detail, matches := explain(err)
	if code == "internal" {
		s.hub.log.Error("stream request failed", "action", r.Action, "stream", r.Stream, "error", err)
	}
	s.say(errorFrame(r.ID, code, detail, matches...))
}

func (s *session) act(ctx context.Context, r *request) error {
	switch r.Action {
	case "auth":
		s.authenticate(ctx, r.ID, r.Token)
		return nil
	case "ping":
		s.say(pongFrame(r.ID))
		return nil
	case "subscribe":
		return s.subscribe(ctx, r)
	case "unsubscribe":
		key, _, err := s.key(ctx, r)
		if err != nil {
			return err
		}
		s.mu.Lock()
		sub := s.subs[key]
		delete(s.subs, key)
		s.mu.Unlock()
		if sub == nil {
			return refuse("not_subscribed", "there is no such subscription")
		}
		s.drop(sub)
		s.say(ackFrame(r.ID, r.Action, sub))
		return nil
	}
	return refuse("unknown_action", "action must be auth, subscribe, unsubscribe or ping")
}

// explain returns what a client is told about an error.
func explain(err error) (code, detail string, matches []string) {
	var (
		no      *refused
		missing *view.NotFound
		failure *bus.Failure
	)
	switch {
	case errors.As(err, &no):
		return no.code, no.detail, no.matches
	case errors.As(err, &missing):
		return "unknown_" + missing.What, missing.Error(), missing.Matches
	case errors.As(err, &failure):
		return failure.Code, failure.Detail, nil
	case errors.Is(err, view.ErrTooMany):
		return "too_many_markets", err.Error(), nil
	case errors.Is(err, bus.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "unavailable", "the state is not reachable right now", nil
	}
	return "internal", "", nil
}

// key checks a request's parameters and returns what it is about.
func (s *session) key(ctx context.Context, r *request) (subKey, []market.Instrument, error) {
	k := subKey{stream: r.Stream}
	switch r.Stream {
	case streamOrders:
		if r.TokenID != "" && !order.ValidTokenID(r.TokenID) {
			return k, nil, refuse("invalid_token_id", "token_id must be 1–64 of A–Z a–z 0–9 _ -")
		}
		k.tokenID = r.TokenID
		return k, nil, nil
	case streamBook, streamTouch, streamTrades:
	case streamEWMA:
		if r.HalfLife == nil || *r.HalfLife < 1 || *r.HalfLife > maxHalfLife {
			return k, nil, refuse("invalid_half_life", "half_life must be 1…%d seconds", maxHalfLife)
		}
		k.halfLife = *r.HalfLife
	case streamKlines:
		interval, err := bus.ParseInterval(r.Interval)
		if err != nil || !served(interval) {
			return k, nil, refuse("unknown_interval", "interval must be one of %v", bus.Intervals)
		}
		k.interval = interval.String()
	default:
		return k, nil, refuse("unknown_stream", "stream must be book, best_touch, trades, klines, ewma or orders")
	}
	exchanges := []market.Exchange{market.All}
	if r.Exchange != "" && r.Exchange != string(market.All) {
		e, err := s.hub.catalog.Exchange(r.Exchange)
		if err != nil {
			return k, nil, err
		}
		exchanges[0] = e
	} else if r.Stream == streamKlines {
		return k, nil, refuse("invalid_exchange", "candles are those of one exchange: name it")
	}
	if r.Symbol == "" {
		return k, nil, refuse("invalid_symbol", "symbol is required")
	}
	within, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	instruments, err := s.hub.catalog.Resolve(within, exchanges, r.Symbol)
	if err != nil {
		return k, nil, err
	}
	k.exchange, k.symbol = exchanges[0], instruments[0].Symbol
	return k, instruments, nil
}

func served(i bus.Interval) bool {
	for _, known := range bus.Intervals {
		if known == i {
			return true
		}
	}
	return false
}

func (s *session) subscribe(ctx context.Context, r *request) error {
	if r.Stream == streamOrders && s.account() == "" {
		return refuse("unauthorized", "orders are shown to their owner: send auth first")
	}
	key, instruments, err := s.key(ctx, r)
	if err != nil {
		return err
	}
	sub := &subscription{key: key, session: s, head: head(key), since: time.Now()}
	if key.stream == streamBook {
		if sub.depth, err = within("depth", r.Depth, defaultDepth, 1, maxDepth); err != nil {
			return err
		}
		ms, err := within("interval_ms", r.IntervalMS, defaultIntervalMS, minIntervalMS, maxIntervalMS)
		if err != nil {
			return err
		}
		sub.every = time.Duration(ms) * time.Millisecond
	}
	most := s.hub.cfg.Limits.Subscriptions
	s.mu.Lock()
	old := s.subs[key]
	full := old == nil && len(s.subs) >= most
	s.mu.Unlock()
	if full {
		return refuse("too_many_subscriptions", "a connection may have %d subscriptions", most)
	}
	if old != nil { // the same again with other parameters: it starts over
		s.mu.Lock()
		delete(s.subs, key)
		s.mu.Unlock()
		s.drop(old)
	}
	if key.stream == streamOrders {
		err = sub.openOrders(ctx, r)
	} else {
		shared := key.stream
		if shared == streamEWMA { // made of touches
			shared, sub.average = streamTouch, average{halfLife: time.Duration(key.halfLife) * time.Second, at: sub.since}
		}
		sub.channel, err = s.hub.join(ctx, channelKey{shared, key.exchange, key.symbol, key.interval}, instruments)
	}
	if err != nil {
		return err
	}
	s.say(ackFrame(r.ID, r.Action, sub, instruments...)) // before its first frame: the writer takes answers first
	s.mu.Lock()
	s.subs[key] = sub
	s.mu.Unlock()
	if sub.channel != nil {
		sub.channel.add(sub)
	}
	s.notify()
	return nil
}

func within(name string, v *int, def, low, high int) (int, error) {
	if v == nil {
		return def, nil
	}
	if *v < low || *v > high {
		return 0, refuse("invalid_"+name, "%s must be %d…%d", name, low, high)
	}
	return *v, nil
}

// drop gives back what a subscription holds.
func (s *session) drop(sub *subscription) {
	if sub.channel != nil {
		sub.channel.remove(sub)
		s.hub.part(sub.channel)
	}
	if sub.orders != nil {
		sub.orders.stop()
		s.hub.accounts.Close(sub.orders.account)
	}
}
