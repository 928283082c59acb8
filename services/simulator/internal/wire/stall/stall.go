// Package stall is one exchange's place on the market, as its protocol needs it: symbols, books, candles, trades and streams, with all
// numbers spelled. Sim makes it of the synthetic market, Replay of recordings; what the messages look like is the protocol's
// affair, in a package of its own.
//
// A Market may be used by any number of goroutines. The package opens no socket and starts no goroutine.
package stall

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// ErrNoBook says that a symbol's book is not known, now or ever.
var ErrNoBook = errors.New("no order book")

// Market is what a protocol is spoken over. Symbols given to its methods are among those of Symbols.
type Market interface {
	// Now is the exchange's time.
	Now() time.Time
	// Symbols are the pairs traded.
	Symbols() []Symbol
	// Book is the best n levels a side, all where n is 0. It may wait a few seconds for a recorded book's first picture.
	// It fails with ErrNoBook where there is none.
	Book(ctx context.Context, symbol string, n int) (Book, error)
	// Candles are the candles of a window, oldest first.
	Candles(symbol string, s span.Span, w span.Window) ([]Candle, error)
	// Trades are the last n trades, oldest first.
	Trades(symbol string, n int) ([]Trade, error)
	// Follow returns a stream of a symbol from now on; false where there is no such kind of stream.
	Follow(symbol, kind string) (Stream, bool)
	// Changed returns a channel that is closed when a tape has grown; nil if that never happens.
	Changed() <-chan struct{}
}

// Symbol is a traded pair.
type Symbol struct {
	// Symbol is the exchange's name of the pair; Base and Quote are the common names of its assets.
	Symbol, Base, Quote string
	// Entry is the recorded description, nil where there is none; then the numbers below make one.
	Entry                      json.RawMessage
	PriceDecimals, QtyDecimals int
	MinQty, MinValue           string
}

// Level is a price and a quantity.
type Level = [2]string

// Book is an order book, best levels first.
type Book struct {
	Bids, Asks []Level
	// ID is the last id it contains.
	ID int64
	// At is the exchange's time of it.
	At time.Time
}

// Trade is one print.
type Trade struct {
	ID         int64
	Price, Qty string
	At         time.Time
	// Sell says that the taker sold.
	Sell bool
	// Order numbers the taker orders, where that is known.
	Order int64
}

// Side is the taker's side as most exchanges spell it.
func (t *Trade) Side() string {
	if t.Sell {
		return "sell"
	}
	return "buy"
}

// Candle is what was traded in an interval.
type Candle struct {
	Start, Next             time.Time
	Open, High, Low, Close  string
	Volume, QuoteVolume     string
	Trades                  int
	TakerVolume, TakerQuote string
}

// Stream is a followed stream.
type Stream struct {
	// Tape may be nil: a stream on which nothing ever comes.
	Tape tape.Tape
	Pos  int64
	// Picture, where not nil, is what the stream begins with.
	Picture []byte
	// Release, where not nil, is to be called when the stream is followed no longer.
	Release func()
}

// Day is what a ticker tells: the running day of UTC, and the touch. Bid and Ask are empty levels where there is no book.
type Day struct {
	Candle
	Bid, Ask Level
	ID       int64
}

// Today reads a symbol's Day.
func Today(ctx context.Context, m Market, symbol string) (Day, error) {
	candles, err := m.Candles(symbol, span.Minutes(1440), span.Window{Limit: 1})
	if err != nil {
		return Day{}, err
	}
	d := Day{Candle: Candle{Open: "0", High: "0", Low: "0", Close: "0", Volume: "0", QuoteVolume: "0"}}
	if len(candles) > 0 {
		d.Candle = candles[len(candles)-1]
	}
	book, err := m.Book(ctx, symbol, 1)
	if errors.Is(err, ErrNoBook) {
		return d, nil
	}
	if err != nil {
		return Day{}, err
	}
	if len(book.Bids) > 0 && len(book.Asks) > 0 {
		d.Bid, d.Ask, d.ID = book.Bids[0], book.Asks[0], book.ID
	}
	return d, nil
}

// spell writes v / 10^decimals with all decimals; v is not negative.
func spell(v *big.Int, decimals int) string {
	text := v.String()
	for len(text) <= decimals {
		text = "0" + text
	}
	if decimals == 0 {
		return text
	}
	return text[:len(text)-decimals] + "." + text[len(text)-decimals:]
}
