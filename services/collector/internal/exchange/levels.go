package exchange

import (
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// PairLevels reads [["price","size",…],…] with numbers as strings or bare. Elements beyond the second are passed over. A
// number that the scale cannot hold is the cursor's error.
func (b *Batch) PairLevels(c *scan.Cursor, scale book.Scale) []book.Level {
	mark := b.Mark()
	c.Enter('[')
	for c.More(']') {
		var l book.Level
		c.Enter('[')
		i := 0
		for ; c.More(']'); i++ {
			switch i {
			case 0:
				l.Price = Units(c, scale.Price)
			case 1:
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
