// Package kraken speaks Kraken's public spot protocol, the second WebSocket protocol and REST, over whatever Market it is given.
//
// A Server may serve any number of connections at once; a Market must be safe for concurrent use. Private channels and
// endpoints, the first WebSocket protocol and rate limits are not simulated.
package kraken

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// errNoBook says that a symbol's book is not known.
var errNoBook = errors.New("no order book")

// Market is what the protocol is spoken over.
type Market interface {
	// Now is the exchange's time.
	Now() time.Time
	// Pairs are the pairs traded.
	Pairs() []Pair
	// Depth is the best n levels a side.
	Depth(symbol string, n int) (Book, error)
	// Candles are the candles of a window, oldest first.
	Candles(symbol string, s span.Span, w span.Window) ([]Candle, error)
	// Trades are the last n trades, oldest first.
	Trades(symbol string, n int) ([]Trade, error)
	// Follow returns a channel of a symbol from now on.
	Follow(t Topic) (Stream, error)
	// Changed returns a channel that is closed when a tape has grown; nil if that never happens.
	Changed() <-chan struct{}
}

// Topic is what can be subscribed to.
type Topic struct {
	Channel, Symbol string
	// Depth of a book, Interval in minutes of candles, else 0.
	Depth, Interval int
}

// Stream is a subscription as the market grants it.
type Stream struct {
	// Depth is the depth granted: a recording has but the one it was made with.
	Depth int
	// Picture is the book's snapshot at Pos, nil if the snapshot is still to come on the tape, or there is none.
	Picture []byte
	Tape    tape.Tape
	Pos     int64
	// Release, where not nil, is called once when the subscription ends.
	Release func()
}

// Pair is a traded pair.
type Pair struct {
	// Symbol is the name on the streams: BTC/USD.
	Symbol, Base, Quote string
	// Key is the name in REST answers, Alt and Old two more spellings that requests may use: XXBTZUSD, XBTUSD, XBT/USD.
	Key, Alt, Old string
	// BaseKey and QuoteKey are the assets' old names: XXBT, ZUSD.
	BaseKey, QuoteKey string
	// Entry is the recorded description, nil where there is none.
	Entry json.RawMessage
	// Decimals of prices and quantities, minimum quantity and value.
	PriceDecimals, QtyDecimals, CostDecimals int
	Tick, MinQty, MinValue                   string
	Status                                   string
}

// Level is a price and a quantity in the pair's full precision.
type Level struct{ Price, Qty string }

// Book is a picture of an order book, best first.
type Book struct{ Bids, Asks []Level }

// Trade is one print.
type Trade struct {
	ID         int64
	Price, Qty string
	At         time.Time
	Sell       bool
	OrdType    string
}

// Candle is what was traded in an interval.
type Candle struct {
	Start, Next            time.Time
	Open, High, Low, Close string
	VWAP, Volume           string
	Trades                 int
}

// oldNames are the assets whose names differ in the first protocol and in REST.
var oldNames = map[string]struct{ key, alt string }{
	"BTC": {"XXBT", "XBT"}, "DOGE": {"XXDG", "XDG"}, "ETH": {"XETH", "ETH"}, "XRP": {"XXRP", "XRP"}, "LTC": {"XLTC", "LTC"},
	"ETC": {"XETC", "ETC"}, "XLM": {"XXLM", "XLM"}, "XMR": {"XXMR", "XMR"}, "ZEC": {"XZEC", "ZEC"},
	"USD": {"ZUSD", "USD"}, "EUR": {"ZEUR", "EUR"}, "GBP": {"ZGBP", "GBP"}, "JPY": {"ZJPY", "JPY"}, "CAD": {"ZCAD", "CAD"},
}

// named fills in the old spellings of a pair. Pairs of two prefixed assets carry both prefixes in their key; the exchange makes
// exceptions, of which XDGUSD is the one that matters here.
func (p Pair) named() Pair {
	base, ok := oldNames[p.Base]
	quote, ok2 := oldNames[p.Quote]
	if !ok {
		base.key, base.alt = p.Base, p.Base
	}
	if !ok2 {
		quote.key, quote.alt = p.Quote, p.Quote
	}
	p.BaseKey, p.QuoteKey = base.key, quote.key
	p.Alt, p.Old = base.alt+quote.alt, base.alt+"/"+quote.alt
	if p.Key == "" {
		p.Key = p.Alt
		if ok && ok2 && p.Base != "DOGE" {
			p.Key = base.key + quote.key
		}
	}
	return p
}

// entry spells the pair's description in AssetPairs.
func (p Pair) entry() json.RawMessage {
	if p.Entry != nil {
		return p.Entry
	}
	raw, err := json.Marshal(map[string]any{
		"altname": p.Alt, "wsname": p.Old, "aclass_base": "currency", "base": p.BaseKey, "aclass_quote": "currency", "quote": p.QuoteKey,
		"lot": "unit", "cost_decimals": p.CostDecimals, "pair_decimals": p.PriceDecimals, "lot_decimals": p.QtyDecimals,
		"lot_multiplier": 1, "leverage_buy": []int{}, "leverage_sell": []int{},
		"fees": [][2]float64{{0, 0.4}}, "fees_maker": [][2]float64{{0, 0.25}}, "fee_volume_currency": "ZUSD",
		"margin_call": 80, "margin_stop": 40, "ordermin": p.MinQty, "costmin": p.MinValue, "tick_size": p.Tick, "status": p.Status,
	})
	if err != nil {
		return nil // cannot happen: plain values only
	}
	return raw
}
