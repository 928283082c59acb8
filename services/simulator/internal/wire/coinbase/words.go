// Package coinbase speaks the public protocol of Coinbase Exchange over whatever venue.Market it is given.
//
// A Server may serve any number of connections at once. Signatures are not checked: whoever sends one is let in. The channels
// full, level3 and user, and the Advanced Trade protocol, are not simulated.
package coinbase

import (
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/wire/venue"
)

// Name is the exchange's name.
const Name = "coinbase"

// Words are Coinbase's.
type Words struct{}

const stamp = "2006-01-02T15:04:05.000000Z"

// Symbol implements venue.Words.
func (Words) Symbol(base, quote string) string { return base + "-" + quote }

// Short implements venue.Words.
func (Words) Short() (price, qty bool) { return false, false }

// Channel implements venue.Words.
func (Words) Channel(name string) (venue.Channel, bool) {
	switch name {
	case "level2":
		return venue.Channel{Kind: venue.Books}, true
	case "matches":
		return venue.Channel{Kind: venue.Trades}, true
	case "ticker", "ticker_batch":
		return venue.Channel{Kind: venue.Tickers}, true
	case "heartbeat", "status":
		return venue.Channel{Kind: venue.Others}, true
	}
	return venue.Channel{}, false
}

// Book implements venue.Words.
func (Words) Book(m *venue.BookMessage) []byte {
	b := make([]byte, 0, 256+40*(len(m.Bids)+len(m.Asks)))
	if m.Picture {
		b = fmt.Appendf(b, `{"type":"snapshot","product_id":"%s","asks":[`, m.Topic.Symbol)
		b = venue.AppendPairs(b, m.Asks, nil)
		b = append(b, `],"bids":[`...)
		b = venue.AppendPairs(b, m.Bids, nil)
	} else {
		b = fmt.Appendf(b, `{"type":"l2update","product_id":"%s","changes":[`, m.Topic.Symbol)
		b = venue.AppendChanges(b, m.Bids, m.Asks)
	}
	b = append(b, `],"time":"`...)
	b = m.At.UTC().AppendFormat(b, stamp)
	return append(b, `"}`...)
}

// maker is the side of the resting order, which is what the exchange tells.
func maker(takerSold bool) string {
	if takerSold {
		return "buy"
	}
	return "sell"
}

// order makes up the id of an order of a trade.
func order(trade int64, kind int) string {
	h := (uint64(trade) + 1) * 0x9e3779b97f4a7c15
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", h>>32, h>>16&0xffff, h>>4&0xfff, kind, trade)
}

// match spells a trade; the form is match, or last_match for the last one before a subscription.
func match(form, product string, t venue.Trade) []byte {
	return fmt.Appendf(nil, `{"type":"%s","trade_id":%d,"maker_order_id":"%s","taker_order_id":"%s","side":"%s","size":"%s","price":"%s",`+
		`"product_id":"%s","sequence":%d,"time":"%s"}`,
		form, t.ID, order(t.ID, 1), order(t.ID, 2), maker(t.Sell), venue.Short(t.Qty), venue.Short(t.Price), product, t.Seq,
		t.At.UTC().Format(stamp))
}

// Trades implements venue.Words: a message for each.
func (Words) Trades(t venue.Topic, trades []venue.Trade) [][]byte {
	frames := make([][]byte, len(trades))
	for i, tr := range trades {
		frames[i] = match("match", t.Symbol, tr)
	}
	return frames
}

// Candle implements venue.Words: there is no channel of them.
func (Words) Candle(venue.Topic, *venue.Candle, bool, time.Time) []byte { return nil }

// Ticker implements venue.Ticking.
func (Words) Ticker(t venue.Topic, k *venue.Tick) []byte {
	return fmt.Appendf(nil, `{"type":"ticker","sequence":%d,"product_id":"%s","price":"%s","open_24h":"%s","volume_24h":"%s","low_24h":"%s",`+
		`"high_24h":"%s","volume_30d":"%s","best_bid":"%s","best_bid_size":"%s","best_ask":"%s","best_ask_size":"%s","side":"%s",`+
		`"time":"%s","trade_id":%d,"last_size":"%s"}`,
		k.Last.Seq, t.Symbol, venue.Short(k.Last.Price), venue.Short(k.Day.Open), k.Day.Base, venue.Short(k.Day.Low), venue.Short(k.Day.High),
		k.Day.Base, k.Bid.Price, k.Bid.Qty, k.Ask.Price, k.Ask.Qty, taker(k.Last.Sell), k.Last.At.UTC().Format(stamp), k.Last.ID, k.Last.Qty)
}

// taker is the side that a ticker tells.
func taker(sold bool) string {
	if sold {
		return "sell"
	}
	return "buy"
}
