package stream

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// encode encodes a frame of ours. What we make can always be encoded; if not, the client is told that something is wrong.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`{"type":"error","code":"internal"}`)
	}
	return b
}

// stamp is a time as the frames tell it: in UTC with all its digits, and six of them also where they are zero.
type stamp time.Time

const stampLayout = "2006-01-02T15:04:05.000000Z07:00"

// MarshalText implements encoding.TextMarshaler.
func (s stamp) MarshalText() ([]byte, error) {
	layout := stampLayout
	if time.Time(s).Nanosecond()%1_000 != 0 {
		layout = time.RFC3339Nano
	}
	return time.Time(s).UTC().AppendFormat(nil, layout), nil
}

type limits struct {
	Subscriptions   int `json:"subscriptions"`
	FrameBytes      int `json:"frame_bytes"`
	FramesPerSecond int `json:"frames_per_second"`
	Depth           int `json:"depth"`
	MinIntervalMS   int `json:"min_interval_ms"`
	MaxIntervalMS   int `json:"max_interval_ms"`
}

func helloFrame(cfg Config, authenticated bool, now time.Time) []byte {
	return encode(struct {
		Type             string `json:"type"`
		Status           string `json:"status"`
		Authenticated    bool   `json:"authenticated"`
		Market           string `json:"market"`
		Version          string `json:"version"`
		HeartbeatSeconds int    `json:"heartbeat_seconds"`
		Limits           limits `json:"limits"`
		TS               stamp  `json:"ts"`
	}{
		"hello", "ok", authenticated, cfg.Market, cfg.Version, int(heartbeat / time.Second),
		limits{cfg.Limits.Subscriptions, maxFrame, cfg.Limits.FramesPerSecond, maxDepth, minIntervalMS, maxIntervalMS}, stamp(now),
	})
}

// ackFrame confirms an action; of a subscription it says the parameters that hold, and how the exchanges where it is listed
// spell the symbol.
func ackFrame(id json.RawMessage, action string, sub *subscription, listed ...market.Instrument) []byte {
	f := struct {
		Type       string          `json:"type"`
		ID         json.RawMessage `json:"id,omitempty"`
		Action     string          `json:"action"`
		Stream     string          `json:"stream,omitempty"`
		Symbol     string          `json:"symbol,omitempty"`
		Native     any             `json:"native,omitempty"`
		Exchange   string          `json:"exchange,omitempty"`
		Interval   string          `json:"interval,omitempty"`
		Depth      int             `json:"depth,omitempty"`
		IntervalMS int             `json:"interval_ms,omitempty"`
		HalfLife   int             `json:"half_life,omitempty"`
		TokenID    string          `json:"token_id,omitempty"`
		FromSeq    uint64          `json:"from_seq,omitempty"`
		TS         stamp           `json:"ts"`
	}{Type: "ack", ID: id, Action: action, TS: stamp(time.Now())}
	if sub != nil {
		k := sub.key
		f.Stream, f.Symbol, f.Exchange, f.Interval, f.TokenID = k.stream, string(k.symbol), string(k.exchange), k.interval, k.tokenID
		f.HalfLife, f.Native = k.halfLife, native(k.exchange, listed)
		f.Depth, f.IntervalMS = sub.depth, int(sub.every/time.Millisecond)
		if sub.orders != nil {
			f.FromSeq = sub.orders.next.Load()
		}
	}
	return encode(f)
}

// native is how an exchange spells a symbol, or of all exchanges how each does; nil where nothing is listed.
func native(e market.Exchange, listed []market.Instrument) any {
	if len(listed) == 0 {
		return nil
	}
	if e != market.All {
		return listed[0].Native
	}
	return view.Natives(listed)
}

func pongFrame(id json.RawMessage) []byte {
	return encode(struct {
		Type string          `json:"type"`
		ID   json.RawMessage `json:"id,omitempty"`
		TS   stamp           `json:"ts"`
	}{"pong", id, stamp(time.Now())})
}

func errorFrame(id json.RawMessage, code, detail string, matches ...string) []byte {
	return encode(struct {
		Type         string          `json:"type"`
		ID           json.RawMessage `json:"id,omitempty"`
		Code         string          `json:"code"`
		Detail       string          `json:"detail"`
		CloseMatches []string        `json:"close_matches,omitempty"`
		TS           stamp           `json:"ts"`
	}{"error", id, code, detail, matches, stamp(time.Now())})
}

func warningFrame(code, detail string, now time.Time) []byte {
	return encode(struct {
		Type   string `json:"type"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
		TS     stamp  `json:"ts"`
	}{"warning", code, detail, stamp(now)})
}

func shutdownFrame(now time.Time) []byte {
	return encode(struct {
		Type string `json:"type"`
		TS   stamp  `json:"ts"`
	}{"shutdown", stamp(now)})
}

// eventFrame is an account event as its owner gets it: the parts that concern the owner, as they are stored.
func eventFrame(data []byte) (frame []byte, e eventHead, err error) {
	var f struct {
		Type   string `json:"type"`
		Stream string `json:"stream"`
		Seq    uint64 `json:"seq"`
		eventHead
		eventParts
	}
	if err := json.Unmarshal(data, &f.eventParts); err != nil {
		return nil, e, err
	}
	var stored struct {
		Version uint64          `json:"v"`
		Type    order.EventType `json:"type"`
		At      time.Time       `json:"at"`
		OrderID order.ID        `json:"order_id"`
		TokenID string          `json:"token_id"`
	}
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, e, err
	}
	f.Type, f.Stream, f.Seq = streamOrders, streamOrders, stored.Version
	f.eventHead = eventHead{TS: stamp(stored.At), Event: stored.Type, OrderID: stored.OrderID, TokenID: stored.TokenID}
	frame, err = json.Marshal(f)
	return frame, f.eventHead, err
}

type eventHead struct {
	TS      stamp           `json:"ts"`
	Event   order.EventType `json:"event"`
	OrderID order.ID        `json:"order_id,omitempty"`
	TokenID string          `json:"token_id,omitempty"`
}

type eventParts struct {
	Order     json.RawMessage `json:"order,omitempty"`
	Accepted  json.RawMessage `json:"accepted,omitempty"`
	Schedule  json.RawMessage `json:"schedule,omitempty"`
	Slice     json.RawMessage `json:"slice,omitempty"`
	Fills     json.RawMessage `json:"fills,omitempty"`
	Balances  json.RawMessage `json:"balances,omitempty"`
	Deposit   json.RawMessage `json:"deposit,omitempty"`
	Rejection json.RawMessage `json:"rejection,omitempty"`
	Report    json.RawMessage `json:"report,omitempty"`
}

// head is the part of a subscription's frames that is the same in all of them, up to the number.
func head(k subKey) []byte {
	b := encode(struct {
		Type     string `json:"type"`
		Stream   string `json:"stream"`
		Symbol   string `json:"symbol"`
		Exchange string `json:"exchange"`
		Interval string `json:"interval,omitempty"`
	}{k.stream, k.stream, string(k.symbol), string(k.exchange), k.interval})
	return append(b[:len(b)-1], `,"seq":`...)
}

// join appends a frame to dst: a head, a number, the time, and a body that others share: an object with at least one member.
func join(dst, head []byte, seq uint64, now time.Time, body []byte) []byte {
	dst = append(dst, head...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, `,"ts":"`...)
	dst = now.UTC().AppendFormat(dst, stampLayout)
	dst = append(dst, `",`...)
	return append(dst, body[1:]...)
}
