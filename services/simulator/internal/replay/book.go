package replay

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
)

// Level is a price and a quantity as the exchange last spelled them.
type Level struct{ Price, Qty []byte }

type level struct {
	price number
	Level
}

// Book is an order book in the recorded spelling. Its zero value is empty.
type Book struct {
	bids, asks []level // best first
	// depth is how many levels a side are kept; 0 keeps all.
	depth int
}

// Bids returns the best n bids, best first; all if n is 0.
func (b *Book) Bids(n int) []Level { return top(b.bids, n) }

// Asks returns the best n asks, best first; all if n is 0.
func (b *Book) Asks(n int) []Level { return top(b.asks, n) }

func top(side []level, n int) []Level {
	if n <= 0 || n > len(side) {
		n = len(side)
	}
	out := make([]Level, n)
	for i := range out {
		out[i] = side[i].Level
	}
	return out
}

func (b *Book) reset() { b.bids, b.asks = b.bids[:0], b.asks[:0] }

// set makes qty the quantity at a price; a quantity of zero removes the price, held or not.
func (b *Book) set(bid bool, price, qty []byte) error {
	p, ok := parseNumber(price)
	q, ok2 := parseNumber(qty)
	if !ok || !ok2 {
		return fmt.Errorf("level %.40q, %.40q is not a pair of decimals", price, qty)
	}
	side := &b.asks
	if bid {
		side = &b.bids
	}
	i, held := slices.BinarySearchFunc(*side, p, func(l level, p number) int {
		if bid {
			return p.compare(l.price)
		}
		return l.price.compare(p)
	})
	switch {
	case q.zero() && held:
		*side = slices.Delete(*side, i, i+1)
	case q.zero():
	case held:
		(*side)[i].Level = Level{price, qty}
	default:
		*side = slices.Insert(*side, i, level{p, Level{price, qty}})
	}
	return nil
}

func (b *Book) truncate() {
	if b.depth > 0 {
		b.bids = b.bids[:min(b.depth, len(b.bids))]
		b.asks = b.asks[:min(b.depth, len(b.asks))]
	}
}

// Checksum is Kraken's: CRC-32 over the ten best asks and bids, each number without its point and leading zeros.
func (b *Book) Checksum() uint32 {
	var text []byte
	for _, side := range [][]level{b.asks, b.bids} {
		for _, l := range side[:min(10, len(side))] {
			text = appendSignificant(text, l.Price)
			text = appendSignificant(text, l.Qty)
		}
	}
	return crc32.ChecksumIEEE(text)
}

func appendSignificant(dst, text []byte) []byte {
	start := len(dst)
	for _, c := range text {
		if c != '.' && (c != '0' || len(dst) > start) {
			dst = append(dst, c)
		}
	}
	return dst
}

// applyBinance applies a depth message or replaces the book by a depth answer.
func (b *Book) applyBinance(data []byte, bids, asks string) error {
	for _, side := range []struct {
		key string
		bid bool
	}{{bids, true}, {asks, false}} {
		i := bytes.Index(data, []byte(side.key))
		if i < 0 {
			return fmt.Errorf("no %s in %.40q", side.key, data)
		}
		err := tuples(data[i+len(side.key):], func(price, qty []byte) error { return b.set(side.bid, price, qty) })
		if err != nil {
			return err
		}
	}
	return nil
}

// tuples reads ["price","quantity"],… up to the bracket that closes the list.
func tuples(data []byte, visit func(price, qty []byte) error) error {
	for {
		data = bytes.TrimLeft(data, ", \t")
		if len(data) == 0 {
			return fmt.Errorf("level list without an end")
		}
		if data[0] == ']' {
			return nil
		}
		end := bytes.IndexByte(data, ']')
		if end < 0 || data[0] != '[' {
			return fmt.Errorf("level list %.40q is not as expected", data)
		}
		price, qty, ok := bytes.Cut(data[1:end], []byte(","))
		if !ok {
			return fmt.Errorf("level %.40q has no quantity", data[:end])
		}
		qty, _, _ = bytes.Cut(qty, []byte(",")) // 2017's answers carry an empty third element
		if err := visit(unquote(price), unquote(qty)); err != nil {
			return err
		}
		data = data[end+1:]
	}
}

func unquote(b []byte) []byte { return bytes.Trim(b, `" `) }

func isSnapshot(data []byte) bool {
	return bytes.Contains(data[:min(80, len(data))], []byte(`"type":"snapshot"`))
}

// applyKraken applies a book message. A snapshot replaces the book; every message is followed by a cut to the depth, because
// the exchange sends no removal for a level that was pushed out.
func (b *Book) applyKraken(data []byte) error {
	if isSnapshot(data) {
		b.reset()
	}
	for _, side := range []struct {
		key string
		bid bool
	}{{`"bids":[`, true}, {`"asks":[`, false}} {
		i := bytes.Index(data, []byte(side.key))
		if i < 0 {
			continue // a side without a change may be left out
		}
		err := objects(data[i+len(side.key):], func(price, qty []byte) error { return b.set(side.bid, price, qty) })
		if err != nil {
			return err
		}
	}
	b.truncate()
	return nil
}

// objects reads {"price":1.0,"qty":2.0},… up to the bracket that closes the list.
func objects(data []byte, visit func(price, qty []byte) error) error {
	end := bytes.IndexByte(data, ']')
	if end < 0 {
		return fmt.Errorf("level list without an end")
	}
	data = data[:end]
	for len(data) > 0 {
		object, rest, ok := bytes.Cut(data, []byte("}"))
		price, qty := field(object, `"price":`), field(object, `"qty":`)
		if !ok || price == nil || qty == nil {
			return fmt.Errorf("level %.60q is not as expected", data)
		}
		if err := visit(price, qty); err != nil {
			return err
		}
		data = rest
	}
	return nil
}

// field is the bare number after a key, nil where there is none.
func field(object []byte, key string) []byte {
	i := bytes.Index(object, []byte(key))
	if i < 0 {
		return nil
	}
	value := object[i+len(key):]
	if end := bytes.IndexByte(value, ','); end >= 0 {
		value = value[:end]
	}
	return bytes.TrimSpace(value)
}
