package venue

import (
	"math/big"
	"strings"

	"github.com/hourglass-trading/hourglass/services/simulator/internal/market"
)

// Short spells a number without zeros at its end.
func Short(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Zero says whether a number is zero.
func Zero(s string) bool { return strings.Trim(s, "0.") == "" }

// AppendPairs appends levels as ["price","quantity"],… with a tail within each bracket that may depend on the level.
func AppendPairs(b []byte, levels []Level, tail func(Level) string) []byte {
	for i, l := range levels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `["`...)
		b = append(b, l.Price...)
		b = append(b, `","`...)
		b = append(b, l.Qty...)
		b = append(b, '"')
		if tail != nil {
			b = append(b, tail(l)...)
		}
		b = append(b, ']')
	}
	return b
}

// AppendChanges appends changes as ["buy","price","quantity"],… bids first.
func AppendChanges(b []byte, bids, asks []Level) []byte {
	first := true
	for _, side := range []struct {
		word   string
		levels []Level
	}{{`["buy","`, bids}, {`["sell","`, asks}} {
		for _, l := range side.levels {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(b, side.word...)
			b = append(b, l.Price...)
			b = append(b, `","`...)
			b = append(b, l.Qty...)
			b = append(b, `"]`...)
		}
	}
	return b
}

// fixed spells v / 10^decimals.
func fixed(v *big.Int, decimals int) string {
	s := v.String()
	if pad := decimals + 1 - len(s); pad > 0 {
		s = strings.Repeat("0", pad) + s
	}
	if decimals == 0 {
		return s
	}
	return s[:len(s)-decimals] + "." + s[len(s)-decimals:]
}

// spelling is how a pair's numbers are written.
type spelling struct {
	spec              *market.Spec
	shortPx, shortQty bool
}

func (s spelling) price(ticks int64) string {
	if s.shortPx {
		return Short(s.spec.Price(ticks))
	}
	return s.spec.Price(ticks)
}

func (s spelling) qty(steps int64) string {
	if s.shortQty {
		return Short(s.spec.Qty(steps))
	}
	return s.spec.Qty(steps)
}

func (s spelling) levels(side []market.Level) []Level {
	out := make([]Level, len(side))
	for i, l := range side {
		out[i] = Level{s.price(l.Price), s.qty(l.Qty)}
	}
	return out
}

// trades spells the trades of an update, and spreads its ids over them.
func (s spelling) trades(u *market.Update) []Trade {
	out := make([]Trade, len(u.Trades))
	for i, t := range u.Trades {
		seq := u.FirstID + int64(i+1)*(u.LastID-u.FirstID)/int64(len(out))
		out[i] = Trade{t.ID, seq, s.price(t.Price), s.qty(t.Qty), t.At, t.Sell}
	}
	return out
}

func (s spelling) candle(b *market.Bar) Candle {
	return Candle{
		Start: b.Start, Next: b.Next, Open: s.price(b.Open), High: s.price(b.High), Low: s.price(b.Low), Close: s.price(b.Close),
		Base: s.qty(b.Qty), Quote: Short(fixed(b.Value.Int(), s.spec.PriceDecimals+s.spec.QtyDecimals)), Trades: b.Trades,
	}
}
