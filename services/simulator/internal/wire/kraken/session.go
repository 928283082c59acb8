package kraken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
)

// maxTopics bounds the subscriptions of one connection; past it a subscription is refused.
const maxTopics = 1024

// depths are the depths a book can be had in; another one is refused, not rounded.
var depths = []int{10, 25, 100, 500, 1000}

const stamp = "2006-01-02T15:04:05.000000Z"

// session is the exchange's side of one connection.
type session struct {
	*Server
	quiet bool // nothing has been subscribed to, so there is no heartbeat yet
}

func newSession(s *Server) *session { return &session{s, true} }

// Begin implements wire.Handler: the first frame tells the state of the exchange.
func (h *session) Begin(ctx context.Context, s *wire.Session) error {
	id := fnv.New64a()
	fmt.Fprintf(id, "%p %d", s, h.market.Now().UnixNano()) //nolint:errcheck // a hash takes everything
	return s.Send(ctx, fmt.Appendf(nil, `{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online",`+
		`"api_version":"v2","connection_id":%d}]}`, id.Sum64()>>1))
}

// Beat implements wire.Handler: a heartbeat a second, whatever else flows, as recorded.
func (h *session) Beat(ctx context.Context, s *wire.Session) error {
	if h.quiet {
		return nil
	}
	return s.Send(ctx, []byte(`{"channel":"heartbeat"}`))
}

// Wrap implements wire.Handler.
func (h *session) Wrap(_ *wire.Sub, f tape.Frame) []byte { return f.Data }

// command is a client's frame.
type command struct {
	Method string `json:"method"`
	Params struct {
		Channel  string   `json:"channel"`
		Symbol   []string `json:"symbol"`
		Depth    int      `json:"depth"`
		Interval int      `json:"interval"`
		Snapshot *bool    `json:"snapshot"`
	} `json:"params"`
	ReqID *int64 `json:"req_id"`

	in time.Time
}

// reply is the answer to a command.
type reply struct {
	Error   string         `json:"error,omitempty"`
	Method  string         `json:"method,omitempty"`
	Result  map[string]any `json:"result,omitempty"`
	Success *bool          `json:"success,omitempty"`
	Symbol  string         `json:"symbol,omitempty"`
	TimeIn  string         `json:"time_in,omitempty"`
	TimeOut string         `json:"time_out,omitempty"`
	ReqID   *int64         `json:"req_id,omitempty"`
}

func (h *session) send(ctx context.Context, s *wire.Session, c command, r reply) error {
	r.ReqID, r.TimeIn, r.TimeOut = c.ReqID, c.in.Format(stamp), h.market.Now().UTC().Format(stamp)
	if r.Method == "" {
		r.Method = c.Method
	}
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	return s.Send(ctx, body)
}

func (h *session) refuse(ctx context.Context, s *wire.Session, c command, symbol, why string) error {
	no := false
	return h.send(ctx, s, c, reply{Error: why, Symbol: symbol, Success: &no})
}

// Handle implements wire.Handler.
func (h *session) Handle(ctx context.Context, s *wire.Session, data []byte) error {
	c := command{in: h.market.Now().UTC()}
	if err := json.Unmarshal(data, &c); err != nil {
		return h.refuse(ctx, s, c, "", "JSON parsing failed")
	}
	switch c.Method {
	case "ping":
		return h.send(ctx, s, c, reply{Method: "pong"})
	case "subscribe", "unsubscribe":
		if c.Params.Channel == "instrument" {
			return h.instrument(ctx, s, c)
		}
		if len(c.Params.Symbol) == 0 {
			return h.refuse(ctx, s, c, "", "Symbol(s) not found")
		}
		for _, symbol := range c.Params.Symbol {
			if err := h.one(ctx, s, c, symbol); err != nil {
				return err
			}
		}
		return nil
	}
	return h.refuse(ctx, s, c, "", "Unsupported method")
}

// topic reads what a command is about, or says why it is refused.
func (h *session) topic(c command, symbol string) (Topic, string) {
	t := Topic{Channel: c.Params.Channel, Symbol: symbol}
	if _, ok := h.bySym[symbol]; !ok {
		return t, "Currency pair not supported " + symbol
	}
	switch t.Channel {
	case "book":
		if t.Depth = c.Params.Depth; t.Depth == 0 {
			t.Depth = 10
		}
		if !slices.Contains(depths, t.Depth) {
			return t, "Subscription depth not supported"
		}
	case "ohlc":
		if t.Interval = c.Params.Interval; t.Interval == 0 {
			t.Interval = 1
		}
		if _, ok := span.Kraken(strconv.Itoa(t.Interval)); !ok {
			return t, "Subscription ohlc interval not supported"
		}
	case "trade":
	default:
		return t, "Unsupported channel"
	}
	return t, ""
}

func (t Topic) key() string {
	return strings.Join([]string{t.Channel, t.Symbol, strconv.Itoa(t.Depth), strconv.Itoa(t.Interval)}, " ")
}

// one handles a command for one of its symbols; each gets an answer of its own.
func (h *session) one(ctx context.Context, s *wire.Session, c command, symbol string) error {
	t, why := h.topic(c, symbol)
	if why != "" {
		return h.refuse(ctx, s, c, symbol, why)
	}
	result := map[string]any{"channel": t.Channel, "symbol": symbol}
	if t.Interval > 0 {
		result["interval"] = t.Interval
	}
	yes := true
	if c.Method == "unsubscribe" {
		if t.Depth > 0 {
			result["depth"] = t.Depth
		}
		if !drop(s, t) {
			return h.refuse(ctx, s, c, symbol, "Subscription Not Found")
		}
		return h.send(ctx, s, c, reply{Result: result, Success: &yes})
	}
	if s.Sub(t.key()) != nil {
		return h.refuse(ctx, s, c, symbol, "Already subscribed")
	}
	if len(s.Subs()) >= maxTopics {
		return h.refuse(ctx, s, c, symbol, "Exceeded subscription limit")
	}
	if s.Refused(symbol) {
		return h.refuse(ctx, s, c, symbol, "Currency pair not supported "+symbol)
	}
	stream, err := h.market.Follow(t)
	if errors.Is(err, errNoBook) {
		return h.refuse(ctx, s, c, symbol, "Market data not available")
	}
	if err != nil {
		return err
	}
	sub := &wire.Sub{Key: t.key(), Tape: stream.Tape, Pos: stream.Pos, Release: stream.Release}
	if t.Channel == "book" {
		sub.Book = symbol
	}
	s.Follow(sub)
	h.quiet = false
	snapshot := c.Params.Snapshot == nil || *c.Params.Snapshot
	result["snapshot"] = snapshot
	if t.Depth > 0 {
		result["depth"] = stream.Depth
	}
	if err := h.send(ctx, s, c, reply{Result: result, Success: &yes}); err != nil {
		return err
	}
	if !snapshot {
		return nil
	}
	return h.snapshot(ctx, s, t, stream)
}

// drop ends a subscription. A book is also found by its symbol alone: the depth granted may differ from the one asked for, and
// a client can name either.
func drop(s *wire.Session, t Topic) bool {
	if s.Drop(t.key()) {
		return true
	}
	if t.Channel == "book" {
		for _, sub := range s.Subs() {
			if strings.HasPrefix(sub.Key, "book "+t.Symbol+" ") {
				return s.Drop(sub.Key)
			}
		}
	}
	return false
}

// snapshot sends what a channel starts with.
func (h *session) snapshot(ctx context.Context, s *wire.Session, t Topic, stream Stream) error {
	var frame []byte
	switch t.Channel {
	case "book":
		frame = stream.Picture
	case "trade":
		trades, err := h.market.Trades(t.Symbol, 50)
		if err != nil {
			return err
		}
		frame = tradeFrame("snapshot", t.Symbol, trades)
	case "ohlc":
		interval, _ := span.Kraken(strconv.Itoa(t.Interval))
		candles, err := h.market.Candles(t.Symbol, interval, span.Window{Limit: maxOHLC})
		if err != nil {
			return err
		}
		frame = ohlcFrame("snapshot", t.Symbol, t.Interval, candles, h.market.Now())
	}
	if frame == nil {
		return nil
	}
	return s.Send(ctx, frame)
}

// instrument answers the channel that describes all pairs: a snapshot and, since nothing changes here, no update after it.
func (h *session) instrument(ctx context.Context, s *wire.Session, c command) error {
	yes := true
	result := map[string]any{"channel": "instrument"}
	if c.Method == "unsubscribe" {
		if !s.Drop("instrument") {
			return h.refuse(ctx, s, c, "", "Subscription Not Found")
		}
		return h.send(ctx, s, c, reply{Result: result, Success: &yes})
	}
	if s.Sub("instrument") != nil {
		return h.refuse(ctx, s, c, "", "Already subscribed")
	}
	s.Follow(&wire.Sub{Key: "instrument"})
	h.quiet = false
	snapshot := c.Params.Snapshot == nil || *c.Params.Snapshot
	result["snapshot"] = snapshot
	if err := h.send(ctx, s, c, reply{Result: result, Success: &yes}); err != nil || !snapshot {
		return err
	}
	return s.Send(ctx, instrumentFrame(h.pairs))
}
