// Package market holds the words for a market: instruments, sides, levels and books.
//
// Everything here is a value. A Book is an immutable snapshot: who has one may keep it and hand it on, nobody changes its
// levels. The package knows no exchange's protocol and keeps no state; live books are kept by the collector.
package market

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// ErrName says that a text is not the name of an exchange or the symbol of an instrument.
var ErrName = errors.New("not a valid name")

// Side is the side of an order or of the taker of a trade.
type Side string

// The two sides.
const (
	Buy  Side = "buy"
	Sell Side = "sell"
)

// Valid reports whether s is one of the two sides.
func (s Side) Valid() bool { return s == Buy || s == Sell }

// Opposite returns the other side.
func (s Side) Opposite() Side {
	if s == Buy {
		return Sell
	}
	return Buy
}

// Exchange is the name of an exchange: lower-case letters, digits and underscores, at most 32, a safe subject token.
type Exchange string

// All stands for every exchange that lists a symbol. It is a choice in a request, never the name of an exchange.
const All Exchange = "all"

var exchangeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// ParseExchange checks an exchange's name.
func ParseExchange(s string) (Exchange, error) {
	if !exchangeName.MatchString(s) || Exchange(s) == All {
		return "", fmt.Errorf("exchange %.40q: %w", s, ErrName)
	}
	return Exchange(s), nil
}

// Symbol is the canonical name of a pair, BASE-QUOTE in upper case: BTC-USDT. It is a safe subject token.
type Symbol string

var symbolName = regexp.MustCompile(`^[A-Z0-9]{1,20}-[A-Z0-9]{1,10}$`)

// ParseSymbol checks a canonical symbol. An exchange's own spelling is looked up in its instruments instead.
func ParseSymbol(s string) (Symbol, error) {
	if !symbolName.MatchString(s) {
		return "", fmt.Errorf("symbol %.40q: %w", s, ErrName)
	}
	return Symbol(s), nil
}

// Pair returns the symbol of a base and a quote asset.
func Pair(base, quote string) (Symbol, error) { return ParseSymbol(base + "-" + quote) }

// Base returns the asset that is bought and sold.
func (s Symbol) Base() string {
	base, _, _ := strings.Cut(string(s), "-")
	return base
}

// Quote returns the asset that prices are in.
func (s Symbol) Quote() string {
	_, quote, _ := strings.Cut(string(s), "-")
	return quote
}

// Status says whether an instrument can be traded.
type Status string

// The states of an instrument.
const (
	Trading Status = "trading"
	Halted  Status = "halted" // listed, but refuses orders
)

// Instrument is a pair as one exchange lists it. Prices are in the quote asset, quantities in the base asset.
type Instrument struct {
	Exchange     Exchange        `json:"exchange"`
	Symbol       Symbol          `json:"symbol"`
	Native       string          `json:"native"` // the exchange's own spelling
	Base         string          `json:"base"`
	Quote        string          `json:"quote"`
	Status       Status          `json:"status"`
	PriceTick    decimal.Decimal `json:"price_tick"`
	QuantityStep decimal.Decimal `json:"quantity_step"`
	MinQuantity  decimal.Decimal `json:"min_quantity"`
	MinNotional  decimal.Decimal `json:"min_notional"`
}

// Level is the displayed quantity at a price; in JSON the pair ["price", "quantity"].
type Level struct {
	Price    decimal.Decimal
	Quantity decimal.Decimal
}

// MarshalJSON implements json.Marshaler.
func (l Level) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 40), `["`...)
	b = append(l.Price.Append(b), `","`...)
	return append(l.Quantity.Append(b), `"]`...), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *Level) UnmarshalJSON(b []byte) error {
	if l.read(b) {
		return nil
	}
	var pair [2]decimal.Decimal
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	l.Price, l.Quantity = pair[0], pair[1]
	return nil
}

// read reads a level as MarshalJSON writes it: a book has a hundred of them. It reports whether it is one; else it does
// nothing.
func (l *Level) read(b []byte) bool {
	b, begins := bytes.CutPrefix(b, []byte(`["`))
	price, b, between := bytes.Cut(b, []byte(`","`))
	quantity, ends := bytes.CutSuffix(b, []byte(`"]`))
	if !begins || !between || !ends {
		return false
	}
	p, err := decimal.ParseBytes(price)
	if err != nil {
		return false
	}
	q, err := decimal.ParseBytes(quantity)
	if err != nil {
		return false
	}
	l.Price, l.Quantity = p, q
	return true
}

// State says what a book may be used for.
type State string

// The states of a book. Only a live book is in sync with its exchange.
const (
	Live   State = "live"
	Gapped State = "gapped" // a message was lost or a checksum failed; a new snapshot is under way
	Stale  State = "stale"  // connected, but nothing has been heard for too long
	Down   State = "down"   // not connected
)

// Book is an immutable snapshot of one exchange's order book. Its JSON is the payload of md.book.
type Book struct {
	Exchange Exchange `json:"exchange"`
	Symbol   Symbol   `json:"symbol"`
	// Seq is our own: it counts the published states of this book and never goes back while the collector lives.
	Seq uint64 `json:"seq"`
	// ExchangeSeq is the exchange's own sequence number of the newest change, 0 where it has none.
	ExchangeSeq uint64 `json:"exchange_seq"`
	// State is Live, or why the levels must not be used; Reason then says what happened.
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	// ExchangeTime is the time of the newest change by the exchange's clock, zero where it tells none; ReceivedAt by ours.
	ExchangeTime time.Time `json:"exchange_time,omitzero"`
	ReceivedAt   time.Time `json:"received_at,omitzero"`
	// AliveAt is when the last message of any kind came on the connection that carries the book, by our clock.
	AliveAt time.Time `json:"alive_at,omitzero"`
	Bids    []Level   `json:"bids"` // best first
	Asks    []Level   `json:"asks"` // best first
}

// Best returns the best level that an order of side s would take from; ok is false if there is none.
func (b *Book) Best(s Side) (l Level, ok bool) {
	if far := b.Far(s); len(far) > 0 {
		return far[0], true
	}
	return Level{}, false
}

// Far returns the levels that an order of side s takes from: asks for a buy, bids for a sell.
func (b *Book) Far(s Side) []Level {
	if s == Buy {
		return b.Asks
	}
	return b.Bids
}

// Crossed reports whether the best bid is at or above the best ask, which no single exchange's true book can be.
func (b *Book) Crossed() bool {
	return len(b.Bids) > 0 && len(b.Asks) > 0 && !b.Bids[0].Price.Less(b.Asks[0].Price)
}

// Trade is one trade of an exchange. Its JSON is the payload of md.trade.
type Trade struct {
	Exchange     Exchange        `json:"exchange"`
	Symbol       Symbol          `json:"symbol"`
	ID           string          `json:"id"` // the exchange's own
	Price        decimal.Decimal `json:"price"`
	Quantity     decimal.Decimal `json:"quantity"`
	TakerSide    Side            `json:"taker_side"`
	ExchangeTime time.Time       `json:"exchange_time,omitzero"`
	ReceivedAt   time.Time       `json:"received_at"`
}

// Touch is the best bid and the best ask of a book. Its JSON is the payload of md.touch; a side without levels is absent.
type Touch struct {
	Exchange     Exchange  `json:"exchange"`
	Symbol       Symbol    `json:"symbol"`
	Seq          uint64    `json:"seq"` // of the book it was taken from
	Bid          *Level    `json:"bid,omitempty"`
	Ask          *Level    `json:"ask,omitempty"`
	ExchangeTime time.Time `json:"exchange_time,omitzero"`
	ReceivedAt   time.Time `json:"received_at"`
}

// Candle is what was traded in one interval. Volume is in the base asset.
type Candle struct {
	OpenTime  time.Time       `json:"open_time"`
	Open      decimal.Decimal `json:"open"`
	High      decimal.Decimal `json:"high"`
	Low       decimal.Decimal `json:"low"`
	Close     decimal.Decimal `json:"close"`
	Volume    decimal.Decimal `json:"volume"`
	CloseTime time.Time       `json:"close_time"` // the last millisecond of the interval
	Complete  bool            `json:"complete"`   // false while the interval is running
}
