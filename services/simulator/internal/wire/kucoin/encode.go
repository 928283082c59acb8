package kucoin

import (
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/stall"
)

// The kinds of streams; each is a topic but for the symbol.
const (
	changesKind = "/market/level2:"
	matchKind   = "/market/match:"
	tickerKind  = "/market/ticker:"
	candlesKind = "/market/candles:"
	depth5Kind  = "/spotMarket/level2Depth5:"
	depth50Kind = "/spotMarket/level2Depth50:"
)

// topic is how a stream is called: a candle's interval stands behind the symbol.
func topic(symbol, kind string) string {
	if in, ok := strings.CutPrefix(kind, candlesKind); ok {
		return candlesKind + symbol + "_" + in
	}
	return kind + symbol
}

// encoder makes the messages of a kind over the synthetic market.
func encoder(kind string) (stall.Encoder, bool) {
	switch kind {
	case changesKind:
		return stall.Encoder{Update: changes}, true
	case matchKind:
		return stall.Encoder{Update: match}, true
	case tickerKind:
		return stall.Encoder{Update: touches}, true
	case depth5Kind:
		return stall.Encoder{Update: depth(5)}, true
	case depth50Kind:
		return stall.Encoder{Update: depth(50)}, true
	}
	if name, ok := strings.CutPrefix(kind, candlesKind); ok {
		if in, ok := interval(name); ok {
			return stall.Encoder{Start: func(c *stall.Channel) { c.RunCandles(in) }, Update: candles}, true
		}
	}
	return stall.Encoder{}, false
}

type level2 struct {
	Changes struct {
		Asks [][3]string `json:"asks"`
		Bids [][3]string `json:"bids"`
	} `json:"changes"`
	Last   int64  `json:"sequenceEnd"`
	First  int64  `json:"sequenceStart"`
	Symbol string `json:"symbol"`
	Time   int64  `json:"time"`
}

// changes tells of every change since the last message. Each level bears a number of its own within the message's range.
func changes(c *stall.Channel, u *market.Update) {
	if len(u.Changes) == 0 {
		return
	}
	m := level2{Last: u.LastID, First: u.FirstID, Symbol: c.Symbol, Time: u.At.UnixMilli()}
	m.Changes.Asks, m.Changes.Bids = [][3]string{}, [][3]string{}
	for i, ch := range u.Changes {
		number := u.LastID - int64(len(u.Changes)-1-i)
		row := [3]string{c.Price(ch.Price), c.Qty(ch.Qty), strconv.FormatInt(number, 10)}
		if ch.Bid {
			m.Changes.Bids = append(m.Changes.Bids, row)
		} else {
			m.Changes.Asks = append(m.Changes.Asks, row)
		}
	}
	c.Append(encode(topic(c.Symbol, c.Kind), "trade.l2update", m))
}

func match(c *stall.Channel, u *market.Update) {
	for _, t := range c.Prints(u.Trades) {
		c.Append(encode(topic(c.Symbol, c.Kind), "trade.l3match", map[string]string{
			"symbol": c.Symbol, "sequence": strconv.FormatInt(t.ID, 10), "side": t.Side(), "size": t.Qty, "price": t.Price,
			"takerOrderId": strconv.FormatInt(t.Order, 10), "makerOrderId": strconv.FormatInt(t.ID, 10), "type": "match",
			"tradeId": strconv.FormatInt(t.ID, 10), "time": strconv.FormatInt(t.At.UnixNano(), 10),
		}))
	}
}

func touches(c *stall.Channel, u *market.Update) {
	if len(u.Touches) == 0 {
		return
	}
	last := u.Touches[len(u.Touches)-1]
	t := ticker{
		Sequence: strconv.FormatInt(last.ID, 10), Time: u.At.UnixMilli(), BestBid: c.Price(last.Bid.Price), BestBidSize: c.Qty(last.Bid.Qty),
		BestAsk: c.Price(last.Ask.Price), BestAskSize: c.Qty(last.Ask.Qty), Price: c.Price(last.Bid.Price), Size: c.Qty(last.Bid.Qty),
	}
	if n := len(u.Trades); n > 0 {
		t.Price, t.Size = c.Price(u.Trades[n-1].Price), c.Qty(u.Trades[n-1].Qty)
	}
	c.Append(encode(topic(c.Symbol, c.Kind), "trade.ticker", t))
}

func depth(n int) func(*stall.Channel, *market.Update) {
	return func(c *stall.Channel, u *market.Update) {
		if len(u.Changes) == 0 {
			return
		}
		c.Append(encode(topic(c.Symbol, c.Kind), "level2", map[string]any{
			"asks": c.Levels(c.Pair.Asks(nil, n)), "bids": c.Levels(c.Pair.Bids(nil, n)), "timestamp": u.At.UnixMilli(),
		}))
	}
}

// candles are told once a second; a candle is final when the next one is added.
func candles(c *stall.Channel, u *market.Update) {
	now, ended := c.Candle(u, time.Second)
	tell := func(subject string, candle *stall.Candle) {
		c.Append(encode(topic(c.Symbol, c.Kind), subject, map[string]any{
			"symbol": c.Symbol, "candles": row(candle), "time": u.At.UnixNano(),
		}))
	}
	if ended != nil {
		tell("trade.candles.update", ended)
	}
	if now != nil {
		subject := "trade.candles.update"
		if c.ID != now.Start.Unix() {
			c.ID, subject = now.Start.Unix(), "trade.candles.add"
		}
		tell(subject, now)
	}
}
