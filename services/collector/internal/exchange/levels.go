package exchange

import (
	"bytes"
	"errors"
	"math"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// PairLevels reads [["price","size",…],…] with numbers as strings or bare. Elements beyond the second are passed over. A
// number that the scale cannot hold is the cursor's error.
func (b *Batch) PairLevels(c *scan.Cursor, scale book.Scale) []book.Level {
	return b.pairLevels(c, scale, false)
}

// PairLevelsCut reads the same, but sizes as UnitsCut does.
func (b *Batch) PairLevelsCut(c *scan.Cursor, scale book.Scale) []book.Level {
	return b.pairLevels(c, scale, true)
}

func (b *Batch) pairLevels(c *scan.Cursor, scale book.Scale, cut bool) []book.Level {
	mark := b.Mark()
	c.Enter('[')
	for c.More(']') {
		var l book.Level
		c.Enter('[')
		i := 0
		for ; c.More(']'); i++ {
			switch {
			case i == 0:
				l.Price = Units(c, scale.Price)
			case i == 1 && cut: // not by a function handed in: the cursor would move to the heap
				l.Size = UnitsCut(c, scale.Size)
			case i == 1:
				l.Size = Units(c, scale.Size)
			default:
				c.Skip()
			}
		}
		if i < 2 {
			c.Fail(book.ErrLevel) // a size of zero would remove the price, which nobody said
		}
		if c.Err() != nil {
			break
		}
		b.Level(l)
	}
	return b.Since(mark)
}

// KeyedLevels reads [{"<price>":…,"<size>":…},…] in the same way, the keys given.
func (b *Batch) KeyedLevels(c *scan.Cursor, scale book.Scale, price, size string) []book.Level {
	mark := b.Mark()
	c.Enter('[')
	for c.More(']') {
		l := book.Level{Size: -1}
		c.Enter('{')
		for c.More('}') {
			switch key := c.Key(); {
			case string(key) == price:
				l.Price = Units(c, scale.Price)
			case string(key) == size:
				l.Size = Units(c, scale.Size)
			default:
				c.Skip()
			}
		}
		if l.Size < 0 {
			c.Fail(book.ErrLevel) // a size of zero would remove the price, which nobody said
		}
		if c.Err() != nil {
			break
		}
		b.Level(l)
	}
	return b.Since(mark)
}

// Units reads a number in units of 10^-decimals.
func Units(c *scan.Cursor, decimals uint8) int64 {
	text := c.Text()
	if c.Err() != nil {
		return 0
	}
	n, err := book.ParseUnits(text, decimals)
	if err != nil {
		c.Fail(err)
	}
	return n
}

// UnitsCut reads an amount in units of 10^-decimals and never gives more than there is: digits beyond the scale are cut
// off, and what no int64 holds is the most that one does. It is for exchanges whose books show what is left of orders that
// were filled by their worth, with decimals that no order may have; a whole book must not be lost for the twelfth of them.
func UnitsCut(c *scan.Cursor, decimals uint8) int64 {
	text := c.Text()
	if c.Err() != nil {
		return 0
	}
	n, err := book.ParseUnits(text, decimals)
	if errors.Is(err, book.ErrPrecision) && !bytes.ContainsAny(text, "eE") {
		whole := text[:bytes.IndexByte(text, '.')+1+int(decimals)]
		n, err = book.ParseUnits(bytes.TrimSuffix(whole, []byte(".")), decimals)
	}
	if errors.Is(err, book.ErrRange) {
		return math.MaxInt64
	}
	if err != nil {
		c.Fail(err)
	}
	return n
}

// SidedLevels reads [["buy","price","size"],…], the bids and the asks of one list, in the same way.
func (b *Batch) SidedLevels(c *scan.Cursor, scale book.Scale) (bids, asks []book.Level) {
	mark := b.Mark()
	b.other = b.other[:0]
	c.Enter('[')
	for c.More(']') {
		var l book.Level
		buys := false
		c.Enter('[')
		i := 0
		for ; c.More(']'); i++ {
			switch i {
			case 0:
				buys = buysOrSells(c)
			case 1:
				l.Price = Units(c, scale.Price)
			case 2:
				l.Size = Units(c, scale.Size)
			default:
				c.Skip()
			}
		}
		if i < 3 {
			c.Fail(book.ErrLevel) // a size of zero would remove the price, which nobody said
		}
		if c.Err() != nil {
			break
		}
		if buys {
			b.Level(l)
		} else {
			b.other = append(b.other, l)
		}
	}
	bids = b.Since(mark)
	mark = b.Mark()
	b.levels = append(b.levels, b.other...)
	return bids, b.Since(mark)
}

func buysOrSells(c *scan.Cursor) (buys bool) {
	switch side := ReadSide(c); side {
	case market.Buy:
		return true
	case market.Sell:
	default:
		c.Fail(book.ErrLevel)
	}
	return false
}

// ReadSide reads a side, whatever its case; what is none is an empty Side.
func ReadSide(c *scan.Cursor) market.Side {
	switch text := c.Text(); string(text) {
	case "buy", "Buy", "BUY":
		return market.Buy
	case "sell", "Sell", "SELL":
		return market.Sell
	}
	return ""
}

// Millis returns a time given in milliseconds since 1970; what no clock shows is no time.
func Millis(ms int64) time.Time {
	if ms <= 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// ReadID reads the id of a request, bare or as a string. What is none of ours is 0.
func ReadID(c *scan.Cursor) uint64 {
	raw := bytes.Trim(c.Raw(), `"`)
	n := uint64(0)
	for _, b := range raw {
		if d := uint64(b - '0'); d <= 9 && n <= (1<<64-1-d)/10 {
			n = n*10 + d
			continue
		}
		return 0
	}
	return n
}
