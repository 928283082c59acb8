package market

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// Part is what one exchange shows at a price of a consolidated book.
type Part struct {
	Exchange Exchange
	Quantity decimal.Decimal
}

// MergedLevel is a price of a consolidated book: the sum, and each exchange's part, by name. In JSON it is a Level with
// the parts behind: ["price", "quantity", {"binance": "quantity", …}].
type MergedLevel struct {
	Level
	Parts []Part
}

// MarshalJSON implements json.Marshaler.
func (l MergedLevel) MarshalJSON() ([]byte, error) {
	parts := make(map[Exchange]decimal.Decimal, len(l.Parts))
	for _, p := range l.Parts {
		parts[p.Exchange] = p.Quantity
	}
	return json.Marshal([]any{l.Price, l.Quantity, parts})
}

// Source says how one exchange takes part in a consolidated book.
type Source struct {
	Exchange Exchange  `json:"exchange"`
	State    State     `json:"state"`
	Reason   string    `json:"reason,omitempty"`
	Seq      uint64    `json:"seq"`
	AliveAt  time.Time `json:"alive_at"`
}

// Merged is the consolidated book of several exchanges. It may be crossed across exchanges, which is shown as it is.
type Merged struct {
	Symbol  Symbol        `json:"symbol"`
	Sources []Source      `json:"sources"` // every exchange, used or not, by name
	Bids    []MergedLevel `json:"bids"`    // best first
	Asks    []MergedLevel `json:"asks"`    // best first
}

// Merge makes one book of many, at most depth levels a side. Equal prices keep every exchange's part; a book that is not
// live or is crossed in itself gives no levels and says so in Sources. It fails with decimal.ErrOverflow where the
// quantities at a price do not add up within a Decimal.
func Merge(symbol Symbol, books []*Book, depth int) (Merged, error) {
	books = slices.Clone(books)
	slices.SortFunc(books, func(a, b *Book) int { return cmp.Compare(a.Exchange, b.Exchange) })
	m := Merged{Symbol: symbol}
	var usable []*Book
	for _, b := range books {
		src := Source{Exchange: b.Exchange, State: b.State, Reason: b.Reason, Seq: b.Seq, AliveAt: b.AliveAt}
		switch {
		case b.State != Live:
		case b.Crossed():
			src.State, src.Reason = Gapped, "crossed book"
		default:
			usable = append(usable, b)
		}
		m.Sources = append(m.Sources, src)
	}
	var err error
	if m.Bids, err = mergeSide(usable, Sell, depth); err != nil {
		return Merged{}, err
	}
	m.Asks, err = mergeSide(usable, Buy, depth)
	return m, err
}

// mergeSide merges the sides that an order of the given side takes from, best first.
func mergeSide(books []*Book, side Side, depth int) ([]MergedLevel, error) {
	rest := make([][]Level, len(books))
	for i, b := range books {
		rest[i] = b.Far(side)
	}
	out := []MergedLevel{}
	for len(out) < depth {
		best, found := decimal.Decimal{}, false
		for _, levels := range rest {
			if len(levels) > 0 && (!found || better(side, levels[0].Price, best)) {
				best, found = levels[0].Price, true
			}
		}
		if !found {
			break
		}
		level := MergedLevel{Level: Level{Price: best}}
		for i, levels := range rest {
			if len(levels) == 0 || levels[0].Price != best {
				continue
			}
			sum, err := level.Quantity.Add(levels[0].Quantity)
			if err != nil {
				return nil, err
			}
			level.Quantity = sum
			level.Parts = append(level.Parts, Part{Exchange: books[i].Exchange, Quantity: levels[0].Quantity})
			rest[i] = levels[1:]
		}
		out = append(out, level)
	}
	return out, nil
}

// better reports whether a is the better price to take for an order of the given side.
func better(side Side, a, b decimal.Decimal) bool {
	if side == Buy {
		return a.Less(b)
	}
	return b.Less(a)
}
