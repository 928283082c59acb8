// Package gemini speaks Gemini's public protocols, the second one for market data and REST, over whatever venue.Market it is
// given.
//
// A Server may serve any number of connections at once. Private channels, auctions, derivatives and the first protocol for
// market data are not simulated.
package gemini

import (
	"fmt"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

// Name is the exchange's name.
const Name = "gemini"

// Words are Gemini's.
type Words struct{}

// The intervals, as REST and as the channels name them.
var (
	frames = map[string]span.Span{
		"1m": span.Minutes(1), "5m": span.Minutes(5), "15m": span.Minutes(15), "30m": span.Minutes(30), "1hr": span.Minutes(60),
		"6hr": span.Minutes(360), "1day": span.Minutes(1440),
	}
	candles = map[string]span.Span{
		"1m": span.Minutes(1), "5m": span.Minutes(5), "15m": span.Minutes(15), "30m": span.Minutes(30), "1h": span.Minutes(60),
		"6h": span.Minutes(360), "1d": span.Minutes(1440),
	}
)

// Symbol implements venue.Words.
func (Words) Symbol(base, quote string) string { return base + quote }

// Short implements venue.Words.
func (Words) Short() (price, qty bool) { return false, true }

// Channel implements venue.Words.
func (Words) Channel(name string) (venue.Channel, bool) {
	if name == "l2" {
		return venue.Channel{Kind: venue.Books, WithTrades: true}, true
	}
	if interval, ok := strings.CutPrefix(name, "candles_"); ok {
		s, ok := candles[interval]
		return venue.Channel{Kind: venue.Candles, Span: s}, ok
	}
	return venue.Channel{}, false
}

// Book implements venue.Words. Former trades mark the whole book.
func (Words) Book(m *venue.BookMessage) []byte {
	b := make([]byte, 0, 256+40*(len(m.Bids)+len(m.Asks)))
	b = fmt.Appendf(b, `{"type":"l2_updates","symbol":"%s","changes":[`, m.Topic.Symbol)
	b = append(venue.AppendChanges(b, m.Bids, m.Asks), ']')
	if m.Picture {
		b = append(b, `,"trades":[`...)
		for i := len(m.Past) - 1; i >= 0; i-- { // newest first
			if i < len(m.Past)-1 {
				b = append(b, ',')
			}
			b = append(b, trade(m.Topic.Symbol, m.Past[i])...)
		}
		b = append(b, `],"auction_events":[]`...)
	}
	return append(b, '}')
}

func side(sell bool) string {
	if sell {
		return "sell"
	}
	return "buy"
}

func trade(symbol string, t venue.Trade) []byte {
	return fmt.Appendf(nil, `{"type":"trade","symbol":"%s","event_id":%d,"timestamp":%d,"price":"%s","quantity":"%s","side":"%s"}`,
		symbol, t.ID, t.At.UnixMilli(), t.Price, t.Qty, side(t.Sell))
}

// Trades implements venue.Words: a message for each.
func (Words) Trades(t venue.Topic, trades []venue.Trade) [][]byte {
	out := make([][]byte, len(trades))
	for i, tr := range trades {
		out[i] = trade(t.Symbol, tr)
	}
	return out
}

// Candle implements venue.Words.
func (Words) Candle(t venue.Topic, c *venue.Candle, _ bool, _ time.Time) []byte {
	return updates(t, []venue.Candle{*c})
}

// updates spells candles, newest first.
func updates(t venue.Topic, list []venue.Candle) []byte {
	b := fmt.Appendf(nil, `{"type":"%s_updates","symbol":"%s","changes":[`, t.Channel, t.Symbol)
	for i := len(list) - 1; i >= 0; i-- {
		c := list[i]
		if i < len(list)-1 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `[%d,%s,%s,%s,%s,%s]`, c.Start.UnixMilli(), c.Open, c.High, c.Low, c.Close, c.Base)
	}
	return append(b, `]}`...)
}
