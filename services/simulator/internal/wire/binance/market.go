// Package binance speaks Binance's public spot protocol, REST and WebSocket, over whatever Market it is given.
//
// A Server may serve any number of connections at once; a Market must be safe for concurrent use. Private endpoints, weights
// and bans are not simulated: a client cannot be refused for being busy, except past the bounds package wire names.
package binance

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// Market is what the protocol is spoken over.
type Market interface {
	// Now is the exchange's time.
	Now() time.Time
	// Symbols are the pairs traded.
	Symbols() []Symbol
	// Depth is the answer to a depth request with that many levels a side. It may wait a few seconds for the book's first
	// picture. It fails with errNoBook where there is none.
	Depth(ctx context.Context, symbol string, limit int) ([]byte, error)
	// Candles are the candles of a window, oldest first.
	Candles(symbol string, s span.Span, w span.Window) ([]Candle, error)
	// Trades are the last n trades, oldest first.
	Trades(symbol string, n int) ([]Trade, error)
	// Touch is the best bid and ask. It fails with errNoBook where there is no book.
	Touch(symbol string) (Touch, error)
	// Follow returns a stream from now on, and what to call when it is followed no longer. The tape is nil where the stream
	// does not exist: as at the exchange, that is not an error.
	Follow(stream string) (t tape.Tape, pos int64, release func())
	// Changed returns a channel that is closed when a tape has grown; nil if that never happens.
	Changed() <-chan struct{}
}

// errNoBook says that a symbol's book is not known.
var errNoBook = errors.New("no order book")

// Symbol is a traded pair.
type Symbol struct {
	Symbol, Base, Quote string
	// Entry is the recorded description, nil where there is none; then the numbers below make one.
	Entry                        json.RawMessage
	Tick, Step, MinQty, MaxQty   string
	MinPrice, MaxPrice, MinValue string
}

// Touch is the top of a book.
type Touch struct {
	Symbol   string `json:"symbol"`
	BidPrice string `json:"bidPrice"`
	BidQty   string `json:"bidQty"`
	AskPrice string `json:"askPrice"`
	AskQty   string `json:"askQty"`
}

// Trade is one print.
type Trade struct {
	ID           int64  `json:"id"`
	Price        string `json:"price"`
	Qty          string `json:"qty"`
	QuoteQty     string `json:"quoteQty"`
	Time         int64  `json:"time"`
	IsBuyerMaker bool   `json:"isBuyerMaker"`
	IsBestMatch  bool   `json:"isBestMatch"`
}

// Candle is what was traded in an interval. Numbers are spelled with eight decimals.
type Candle struct {
	// Open and Close are the interval's first and last millisecond.
	Open, Close             time.Time
	O, H, L, C              string
	Volume, QuoteVolume     string
	TakerVolume, TakerQuote string
	Trades                  int
	FirstID, LastID         int64
}

// MarshalJSON spells a row of the klines endpoint.
func (c Candle) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{
		c.Open.UnixMilli(), c.O, c.H, c.L, c.C, c.Volume, c.Close.UnixMilli(), c.QuoteVolume, c.Trades, c.TakerVolume, c.TakerQuote, "0",
	})
}

// event spells the message of a kline stream.
func (c Candle) event(symbol, interval string, at time.Time, closed bool) ([]byte, error) {
	type kline struct {
		Start  int64  `json:"t"`
		End    int64  `json:"T"`
		Symbol string `json:"s"`
		I      string `json:"i"`
		First  int64  `json:"f"`
		Last   int64  `json:"L"`
		O      string `json:"o"`
		C      string `json:"c"`
		H      string `json:"h"`
		Low    string `json:"l"`
		V      string `json:"v"`
		N      int    `json:"n"`
		X      bool   `json:"x"`
		Q      string `json:"q"`
		TakerV string `json:"V"`
		TakerQ string `json:"Q"`
		B      string `json:"B"`
	}
	return json.Marshal(struct {
		Type   string `json:"e"`
		At     int64  `json:"E"`
		Symbol string `json:"s"`
		K      kline  `json:"k"`
	}{"kline", at.UnixMilli(), symbol, kline{
		c.Open.UnixMilli(), c.Close.UnixMilli(), symbol, interval, c.FirstID, c.LastID, c.O, c.C, c.H, c.L, c.Volume, c.Trades, closed,
		c.QuoteVolume, c.TakerVolume, c.TakerQuote, "0",
	}})
}

// entry spells the symbol's description in exchangeInfo.
func (s Symbol) entry() json.RawMessage {
	if s.Entry != nil {
		return s.Entry
	}
	type filter map[string]any
	raw, err := json.Marshal(map[string]any{
		"symbol": s.Symbol, "status": "TRADING",
		"baseAsset": s.Base, "baseAssetPrecision": 8, "quoteAsset": s.Quote, "quotePrecision": 8, "quoteAssetPrecision": 8,
		"baseCommissionPrecision": 8, "quoteCommissionPrecision": 8,
		"orderTypes":     []string{"LIMIT", "LIMIT_MAKER", "MARKET"},
		"icebergAllowed": true, "ocoAllowed": true, "quoteOrderQtyMarketAllowed": true,
		"isSpotTradingAllowed": true, "isMarginTradingAllowed": false,
		"filters": []filter{
			{"filterType": "PRICE_FILTER", "minPrice": s.MinPrice, "maxPrice": s.MaxPrice, "tickSize": s.Tick},
			{"filterType": "LOT_SIZE", "minQty": s.MinQty, "maxQty": s.MaxQty, "stepSize": s.Step},
			{"filterType": "NOTIONAL", "minNotional": s.MinValue, "applyMinToMarket": true, "maxNotional": "9000000.00000000",
				"applyMaxToMarket": false, "avgPriceMins": 5},
		},
		"permissions": []string{"SPOT"},
	})
	if err != nil {
		return nil // strings and numbers only: cannot happen
	}
	return raw
}
