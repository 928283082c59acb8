package gateio

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

// The kinds of streams: channels, some with a part of what was asked for behind them.
const (
	updateKind  = "spot.order_book_update"
	pictureKind = "spot.order_book "
	bookKind    = "spot.obu "
	tradesKind  = "spot.trades"
	tickersKind = "spot.tickers"
	touchKind   = "spot.book_ticker"
	candlesKind = "spot.candlesticks "
)

// encoder makes the messages of a kind over the synthetic market.
func encoder(kind string) (stall.Encoder, bool) {
	switch kind {
	case updateKind:
		return stall.Encoder{Update: changes}, true
	case tradesKind:
		return stall.Encoder{Update: prints}, true
	case tickersKind:
		return stall.Encoder{Update: tickers}, true
	case touchKind:
		return stall.Encoder{Update: touches}, true
	}
	channel, rest, _ := strings.Cut(kind, " ")
	switch channel + " " {
	case pictureKind:
		n, err := strconv.Atoi(rest)
		return stall.Encoder{Update: picture(n)}, err == nil
	case bookKind:
		n, err := strconv.Atoi(rest)
		return stall.Encoder{
			Start: func(c *stall.Channel) { c.Window(n) }, Picture: full, Update: func(c *stall.Channel, u *market.Update) { window(c, u, n) },
		}, err == nil
	case candlesKind:
		in, ok := interval(rest)
		return stall.Encoder{Start: func(c *stall.Channel) { c.RunCandles(in) }, Update: candles}, ok
	}
	return stall.Encoder{}, false
}

// message is a message of a channel.
type message struct {
	Time    int64  `json:"time,omitempty"`
	Channel string `json:"channel"`
	Event   string `json:"event,omitempty"`
	Result  any    `json:"result"`
	TimeMS  int64  `json:"time_ms"`
}

func encode(m message) []byte {
	body, err := json.Marshal(m)
	if err != nil {
		return []byte(`{}`) // plain values only: cannot happen
	}
	return body
}

// update spells a message of a channel; of the newer book channel it lacks the time in seconds and the event.
func update(channel string, at time.Time, result any) []byte {
	m := message{Time: at.Unix(), Channel: channel, Event: "update", Result: result, TimeMS: at.UnixMilli()}
	if channel+" " == bookKind {
		m.Time, m.Event = 0, ""
	}
	return encode(m)
}

// depth is a book or a change of it, in the words of both channels.
type depth struct {
	T     int64         `json:"t"`
	Full  bool          `json:"full,omitempty"`
	Event string        `json:"e,omitempty"`
	E     int64         `json:"E,omitempty"`
	S     string        `json:"s"`
	U     int64         `json:"U,omitempty"`
	Last  int64         `json:"u"`
	Bids  []stall.Level `json:"b"`
	Asks  []stall.Level `json:"a"`
}

func changes(c *stall.Channel, u *market.Update) {
	if len(u.Changes) == 0 {
		return
	}
	c.Append(update(updateKind, u.At, depth{
		T: u.At.UnixMilli(), Event: "depthUpdate", E: u.At.Unix(), S: c.Symbol, U: u.FirstID, Last: u.LastID,
		Bids: c.Changed(u, true), Asks: c.Changed(u, false),
	}))
}

// stream is how the newer channel calls a book: ob.BTC_USDT.50.
func stream(symbol, kind string) string {
	return "ob." + symbol + "." + strings.TrimPrefix(kind, bookKind)
}

// full is what the newer channel begins with: the book of the market's time at, which is not the wall clock's.
func full(c *stall.Channel, at time.Time) []byte {
	return update("spot.obu", at, depth{
		T: at.UnixMilli(), Full: true, S: stream(c.Symbol, c.Kind), Last: c.ID, Bids: c.Levels(c.Bids), Asks: c.Levels(c.Asks),
	})
}

func window(c *stall.Channel, u *market.Update, n int) {
	if len(u.Changes) == 0 {
		return
	}
	bids, asks := c.Window(n)
	if len(bids) == 0 && len(asks) == 0 {
		return // what has changed lies further down
	}
	c.Append(update("spot.obu", u.At, depth{
		T: u.At.UnixMilli(), S: stream(c.Symbol, c.Kind), U: c.ID + 1, Last: u.LastID, Bids: c.Levels(bids), Asks: c.Levels(asks),
	}))
	c.ID = u.LastID
}

func picture(n int) func(*stall.Channel, *market.Update) {
	return func(c *stall.Channel, u *market.Update) {
		if len(u.Changes) == 0 {
			return
		}
		c.Append(update("spot.order_book", u.At, map[string]any{
			"t": u.At.UnixMilli(), "lastUpdateId": u.LastID, "s": c.Symbol, "l": strconv.Itoa(n),
			"bids": c.Levels(c.Pair.Bids(nil, n)), "asks": c.Levels(c.Pair.Asks(nil, n)),
		}))
	}
}

func prints(c *stall.Channel, u *market.Update) {
	for _, t := range c.Prints(u.Trades) {
		c.Append(update(tradesKind, u.At, spell(c.Symbol, &t, false)))
	}
}

func touches(c *stall.Channel, u *market.Update) {
	for _, t := range u.Touches {
		c.Append(update(touchKind, u.At, map[string]any{
			"t": u.At.UnixMilli(), "u": t.ID, "s": c.Symbol, "b": c.Price(t.Bid.Price), "B": c.Qty(t.Bid.Qty),
			"a": c.Price(t.Ask.Price), "A": c.Qty(t.Ask.Qty),
		}))
	}
}

// tickers tell of the touch and the last trade once a second; the figures of the day stand over REST.
func tickers(c *stall.Channel, u *market.Update) {
	if u.At.Nanosecond() != 0 {
		return
	}
	bids, asks := c.Levels(c.Pair.Bids(nil, 1)), c.Levels(c.Pair.Asks(nil, 1))
	if len(bids) == 0 || len(asks) == 0 {
		return
	}
	last := bids[0][0]
	if n := len(u.Trades); n > 0 {
		last = c.Price(u.Trades[n-1].Price)
	}
	c.Append(update(tickersKind, u.At, map[string]string{
		"currency_pair": c.Symbol, "last": last, "lowest_ask": asks[0][0], "highest_bid": bids[0][0], "change_percentage": "0",
		"base_volume": "0", "quote_volume": "0", "high_24h": last, "low_24h": last,
	}))
}

func candles(c *stall.Channel, u *market.Update) {
	now, ended := c.Candle(u, 2*time.Second)
	tell := func(candle *stall.Candle, closed bool) {
		name := strings.TrimPrefix(c.Kind, candlesKind) + "_" + c.Symbol
		c.Append(update("spot.candlesticks", u.At, map[string]any{
			"t": strconv.FormatInt(candle.Start.Unix(), 10), "v": candle.QuoteVolume, "c": candle.Close, "h": candle.High, "l": candle.Low,
			"o": candle.Open, "n": name, "a": candle.Volume, "w": closed,
		}))
	}
	if ended != nil {
		tell(ended, true)
	}
	if now != nil {
		tell(now, false)
	}
}
