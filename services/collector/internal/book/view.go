package book

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Scale returns the book's units.
func (b *Book) Scale() Scale { return b.scale }

// Len returns how many levels each side holds.
func (b *Book) Len() (bids, asks int) { return len(b.bids.levels), len(b.asks.levels) }

// Narrow reports whether fewer than n levels of a side can be shown because the last snapshot reached no further.
func (b *Book) Narrow(n int) bool {
	return b.bids.shown(n) < min(n, len(b.bids.levels)) || b.asks.shown(n) < min(n, len(b.asks.levels))
}

// Bid returns the i-th bid from the best, counted from 0; ok is false if there is none.
func (b *Book) Bid(i int) (Level, bool) { return peek(&b.bids, i) }

// Ask returns the i-th ask from the best, counted from 0; ok is false if there is none.
func (b *Book) Ask(i int) (Level, bool) { return peek(&b.asks, i) }

func peek(s *side, i int) (Level, bool) {
	if i < 0 || i >= len(s.levels) {
		return Level{}, false
	}
	return s.at(i), true
}

// Market returns a level of this book in decimals.
func (b *Book) Market(l Level) market.Level {
	return market.Level{Price: b.scale.price(l.Price), Quantity: b.scale.size(l.Size)}
}

// Top returns the best depth levels of each side, best first, in a piece of memory of their own.
func (b *Book) Top(depth int) (bids, asks []market.Level) {
	nb, na := min(depth, len(b.bids.levels)), min(depth, len(b.asks.levels))
	levels := make([]market.Level, nb+na)
	bids, asks = levels[:nb:nb], levels[nb:]
	for i := range bids {
		bids[i] = b.Market(b.bids.at(i))
	}
	for i := range asks {
		asks[i] = b.Market(b.asks.at(i))
	}
	return bids, asks
}

// AppendAll appends the whole book as text: "price:size" pairs joined by "|", bids best first, "#", asks best first, the
// numbers plain and without zeros behind. Two books are the same if and only if their texts are.
func (b *Book) AppendAll(to []byte) []byte {
	to = b.appendSide(to, &b.bids)
	to = append(to, '#')
	return b.appendSide(to, &b.asks)
}

func (b *Book) appendSide(to []byte, s *side) []byte {
	for i := range s.levels {
		if i > 0 {
			to = append(to, '|')
		}
		l := s.at(i)
		to = append(b.scale.price(l.Price).Append(to), ':')
		to = b.scale.size(l.Size).Append(to)
	}
	return to
}

// AppendLevels appends the best depth levels of a side as the JSON of []market.Level, without making one.
func (b *Book) appendLevels(to []byte, s *side, depth int) []byte {
	to = append(to, '[')
	for i := range s.shown(depth) {
		if i > 0 {
			to = append(to, ',')
		}
		l := s.at(i)
		to = append(to, `["`...)
		to = AppendUnits(to, l.Price, b.scale.Price)
		to = append(to, `","`...)
		to = AppendUnits(to, l.Size, b.scale.Size)
		to = append(to, `"]`...)
	}
	return append(to, ']')
}

// AppendBids appends the best depth bids as the JSON of []market.Level, without making one.
func (b *Book) AppendBids(to []byte, depth int) []byte { return b.appendLevels(to, &b.bids, depth) }

// AppendAsks appends the best depth asks as the JSON of []market.Level, without making one.
func (b *Book) AppendAsks(to []byte, depth int) []byte { return b.appendLevels(to, &b.asks, depth) }

// AppendUnits appends units of 10^-decimals in plain notation without zeros behind, as decimal.Decimal writes it.
func AppendUnits(to []byte, units int64, decimals uint8) []byte {
	if units < 0 || decimals > MaxDecimals {
		return decimal.New(units, int(decimals)).Append(to)
	}
	// Quotients by hand, so that each digit costs one multiplication: fifty levels a side are two hundred numbers a book.
	u, left := uint64(units), int(decimals)
	for left > 0 {
		q := u / 10
		if q*10 != u {
			break
		}
		u, left = q, left-1
	}
	var digits [24]byte
	i := len(digits)
	if left > 0 {
		for ; left > 0; left-- {
			q := u / 10
			i--
			digits[i], u = byte('0'+u-q*10), q
		}
		i--
		digits[i] = '.'
	}
	for u >= 10 {
		q := u / 10
		i--
		digits[i], u = byte('0'+u-q*10), q
	}
	i--
	digits[i] = byte('0' + u)
	return append(to, digits[i:]...)
}
