package bitstamp

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

// The kinds of channels; each is a channel's name but for the pair.
const (
	changesKind = "diff_order_book_"
	bookKind    = "order_book_"
	tradesKind  = "live_trades_"
)

// bestLevels is how many levels a side the channel of whole books shows.
const bestLevels = 100

// maxChannels bounds the channels of one connection; past it a subscription is refused.
const maxChannels = 1024

// encoder makes the messages of a kind over the synthetic market.
func encoder(kind string) (stall.Encoder, bool) {
	switch kind {
	case changesKind:
		return stall.Encoder{Update: changes}, true
	case bookKind:
		return stall.Encoder{Update: whole}, true
	case tradesKind:
		return stall.Encoder{Update: trades}, true
	}
	return stall.Encoder{}, false
}

type message struct {
	Data    any    `json:"data"`
	Channel string `json:"channel"`
	Event   string `json:"event"`
}

func encode(m message) []byte {
	body, err := json.Marshal(m)
	if err != nil {
		return []byte(`{}`) // plain values only: cannot happen
	}
	return body
}

func changes(c *stall.Channel, u *market.Update) {
	if len(u.Changes) > 0 {
		c.Append(encode(message{picture(u.At.UnixMicro(), c.Changed(u, true), c.Changed(u, false)), c.Kind + c.Symbol, "data"}))
	}
}

func whole(c *stall.Channel, u *market.Update) {
	if len(u.Changes) > 0 {
		bids, asks := c.Levels(c.Pair.Bids(nil, bestLevels)), c.Levels(c.Pair.Asks(nil, bestLevels))
		c.Append(encode(message{picture(u.At.UnixMicro(), bids, asks), c.Kind + c.Symbol, "data"}))
	}
}

func trades(c *stall.Channel, u *market.Update) {
	for _, t := range c.Prints(u.Trades) {
		us := t.At.UnixMicro()
		buy, sell := t.Order, t.ID
		if t.Sell {
			buy, sell = sell, buy
		}
		c.Append(encode(message{map[string]any{
			"id": t.ID, "timestamp": strconv.FormatInt(us/1e6, 10), "amount": json.Number(t.Qty), "amount_str": t.Qty,
			"price": json.Number(t.Price), "price_str": t.Price, "type": kindOf(&t), "microtimestamp": strconv.FormatInt(us, 10),
			"buy_order_id": buy, "sell_order_id": sell,
		}, c.Kind + c.Symbol, "trade"}))
	}
}

// session is the exchange's side of one connection.
type session struct{ *Server }

// Begin implements wire.Handler; the exchange says nothing by itself.
func (h *session) Begin(context.Context, *wire.Session) error { return nil }

// Beat implements wire.Handler; the exchange has no heartbeat besides its answers to the client's.
func (h *session) Beat(context.Context, *wire.Session) error { return nil }

// Wrap implements wire.Handler.
func (h *session) Wrap(_ *wire.Sub, f tape.Frame) []byte { return f.Data }

// Handle implements wire.Handler.
func (h *session) Handle(ctx context.Context, s *wire.Session, data []byte) error {
	var c struct {
		Event string `json:"event"`
		Data  struct {
			Channel string `json:"channel"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return refuse(ctx, s, "Incorrect JSON format.")
	}
	channel := c.Data.Channel
	switch c.Event {
	case "bts:heartbeat":
		return s.Send(ctx, []byte(`{"event":"bts:heartbeat","channel":"","data":{"status":"success"}}`))
	case "bts:subscribe":
		return h.subscribe(ctx, s, channel)
	case "bts:unsubscribe":
		if !s.Drop(channel) {
			return refuse(ctx, s, "Bad subscription string.")
		}
		return answer(ctx, s, "bts:unsubscription_succeeded", channel)
	}
	return refuse(ctx, s, fmt.Sprintf("Unknown event %.40s.", c.Event))
}

func (h *session) subscribe(ctx context.Context, s *wire.Session, channel string) error {
	kind, symbol := split(channel)
	if _, ok := h.symbols[symbol]; !ok || kind == "" || len(s.Subs()) >= maxChannels || s.Refused(symbol) {
		return refuse(ctx, s, "Bad subscription string.")
	}
	if err := answer(ctx, s, "bts:subscription_succeeded", channel); err != nil {
		return err
	}
	if s.Sub(channel) != nil {
		return nil // asking twice changes nothing
	}
	stream, ok := h.market.Follow(symbol, kind)
	if !ok {
		stream = stall.Stream{} // granted, but nothing was recorded of it
	}
	sub := &wire.Sub{Key: channel, Tape: stream.Tape, Pos: stream.Pos, Release: stream.Release}
	if kind == changesKind {
		sub.Book = symbol
	}
	s.Follow(sub)
	return nil
}

// split takes a channel's name apart; both are empty where it is none.
func split(channel string) (kind, symbol string) {
	for _, kind := range []string{changesKind, bookKind, tradesKind} {
		if symbol, ok := strings.CutPrefix(channel, kind); ok {
			return kind, symbol
		}
	}
	return "", ""
}

func answer(ctx context.Context, s *wire.Session, event, channel string) error {
	return s.Send(ctx, encode(message{struct{}{}, channel, event}))
}

// refuse names no channel, as the exchange does not.
func refuse(ctx context.Context, s *wire.Session, why string) error {
	return s.Send(ctx, encode(message{map[string]any{"code": nil, "message": why}, "", "bts:error"}))
}
