// Package venue is a market as it is seen by the protocols whose books begin with a picture on their stream: what there is to
// trade, books, trades and candles, and channels that are followed from a picture on. It has two: Sim over the synthetic
// market, Replay over recordings.
//
// A Market is safe for concurrent use. The package knows no exchange: an exchange's Words name its channels and spell its
// messages, and are called under the market's lock, so they must not call back.
package venue

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/span"
	"github.com/hourglass-trading/hourglass/services/simulator/internal/tape"
)

// ErrNoBook says that a symbol's book is not known.
var ErrNoBook = errors.New("no order book")

// Market is what a protocol is spoken over. Symbols and channels given to it must be ones that exist.
type Market interface {
	// Now is the exchange's time.
	Now() time.Time
	// Instruments are the pairs traded.
	Instruments() []Instrument
	// Book is the best n levels a side; all if n is 0. ErrNoBook where none is known, which may change.
	Book(symbol string, n int) (Book, error)
	// Trades are the last n trades, oldest first.
	Trades(symbol string, n int) ([]Trade, error)
	// Candles are the candles of a window, oldest first.
	Candles(symbol string, s span.Span, w span.Window) ([]Candle, error)
	// Follow returns a topic from now on. ErrNoBook where it is a book's and none was recorded.
	Follow(t Topic) (Stream, error)
	// Changed returns a channel that is closed when a tape has grown; nil if that never happens.
	Changed() <-chan struct{}
}

// Words are an exchange's.
type Words interface {
	// Symbol spells a pair.
	Symbol(base, quote string) string
	// Short says whether prices and quantities go without zeros at their end.
	Short() (price, qty bool)
	// Channel says what a channel carries; false if there is no such channel.
	Channel(name string) (Channel, bool)
	// Book spells a message of a book.
	Book(m *BookMessage) []byte
	// Trades spells trades, in as many messages as the exchange makes of them.
	Trades(t Topic, trades []Trade) [][]byte
	// Candle spells a candle; closed says that it will not change any more.
	Candle(t Topic, c *Candle, closed bool, at time.Time) []byte
}

// Kind is what a channel carries.
type Kind int

// The kinds of channels.
const (
	Books    Kind = iota // a picture, then changes
	Pictures             // the whole book each time it has changed
	Trades
	Candles
	Tickers // after each trade
	Others  // nothing comes, unless something was recorded
)

// Channel describes a channel.
type Channel struct {
	Kind Kind
	// Depth is the number of levels a side, which the exchange keeps itself: what leaves them is removed. 0 is all.
	Depth int
	// Steps of 100 ms lie between two messages of a book; 0 is 1.
	Steps int
	// Best is how many of the best levels a message's spelling wants to know besides the changed ones.
	Best int
	// WithTrades says that a book's channel carries the trades too.
	WithTrades bool
	// Span of candles.
	Span span.Span
}

// Topic is a channel of a symbol.
type Topic struct{ Channel, Symbol string }

// Key names the topic, also in recordings.
func (t Topic) Key() string { return t.Channel + " " + t.Symbol }

// Stream is a subscription as the market grants it.
type Stream struct {
	// Topic is the one granted: of a recorded book there is but the depth it was recorded with.
	Topic Topic
	// Picture is what the subscription starts with; nil if that is still to come on the tape, or there is none.
	Picture []byte
	Tape    tape.Tape // nil where nothing ever comes
	Pos     int64
	// Release, where not nil, is called once when the subscription ends.
	Release func()
}

// Instrument is a traded pair.
type Instrument struct {
	Symbol, Base, Quote string
	// Entry is the recorded description, nil where there is none.
	Entry json.RawMessage
	// Tick and Step are powers of ten; MinQty and MinValue the smallest order.
	Tick, Step, MinQty, MinValue string
}

// Level is a price and a quantity as the exchange spells them.
type Level struct{ Price, Qty string }

// Book is a picture of an order book, best first.
type Book struct {
	Bids, Asks []Level
	// Seq is the id of the last change, 0 where the exchange has none; At the exchange's time.
	Seq int64
	At  time.Time
}

// BookMessage is what a message of a book says.
type BookMessage struct {
	Topic Topic
	// Picture says that it is the whole book, else it is changes: a quantity of zero removes a price.
	Picture    bool
	Bids, Asks []Level
	// BestBids and BestAsks are those that the channel wants to know, after the message.
	BestBids, BestAsks []Level
	// Seq is the id of the last change in it, Prev that of the message before, Count grows by one with each message.
	Seq, Prev, Count int64
	At               time.Time
	// Past are the last trades, oldest first, where the channel carries them and the message is a picture.
	Past []Trade
	// Recorded is the last recorded message of a picture that stands in for recorded ones; nil otherwise.
	Recorded []byte
}

// Trade is one print.
type Trade struct {
	ID int64
	// Seq numbers it among all events of the book.
	Seq        int64
	Price, Qty string
	At         time.Time
	// Sell says that the taker sold.
	Sell bool
}

// Candle is what was traded in an interval.
type Candle struct {
	Start, Next            time.Time
	Open, High, Low, Close string
	// Base and Quote are the volumes.
	Base, Quote string
	Trades      int
}

// Day is what was traded in the last 24 hours, to the minute; false if that is nothing.
func Day(m Market, symbol string) (Candle, bool, error) {
	const day = 24 * time.Hour
	// A grid on which the running interval has begun a day ago, less than a minute short of it.
	begin := m.Now().Truncate(time.Minute).Add(time.Minute)
	offset := time.Duration(begin.UnixNano()) % day
	candles, err := m.Candles(symbol, span.Shifted(day, offset), span.Window{Limit: 1})
	if err != nil || len(candles) == 0 {
		return Candle{}, false, err
	}
	return candles[0], true, nil
}
