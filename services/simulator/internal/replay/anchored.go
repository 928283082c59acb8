package replay

import (
	"bytes"
	"fmt"
	"net/url"
	"time"
)

// AnchoredOverREST says whether the exchange's books start from an answer over REST.
func (r *Recording) AnchoredOverREST() bool {
	d := dialects[r.Exchange]
	return r.binance() || d != nil && d.fetched != nil
}

// addAnswer keeps an answer of the book's endpoint; other endpoints are of no use here.
func (r *Recording) addAnswer(d *dialect, at time.Duration, l line) error {
	u, err := url.Parse(l.url)
	if err != nil {
		return nil //nolint:nilerr // an address we cannot read is not the book's
	}
	symbol, id, err := d.fetched(u, l.body)
	if err != nil || symbol == "" {
		return err
	}
	r.bodies[symbol] = append(r.bodies[symbol], body{at, id, l.body})
	return nil
}

// advanceAnchored plays a book on that starts from an answer over REST. Messages that the answer contains are passed over.
func (g *progress) advanceAnchored(d *dialect, position time.Duration) error {
	if position < g.anchor.at {
		return nil
	}
	if !g.begun {
		if _, err := d.apply(&g.book, g.anchor.data); err != nil {
			return err
		}
		g.lastID, g.begun = g.anchor.id, true
	}
	for ; g.next < len(g.stream.Frames) && g.stream.Frames[g.next].At <= position; g.next++ {
		data := g.stream.Frames[g.next].Data
		last, ok := integer(data, d.last)
		if !ok {
			return fmt.Errorf("no %s in %.40q", d.last, data)
		}
		if last <= g.lastID {
			continue
		}
		if _, err := d.apply(&g.book, data); err != nil {
			return err
		}
		g.lastID = last
	}
	return nil
}

// listUnder finds the list under a key; nil where there is none.
func listUnder(data []byte, key string) []byte {
	i := bytes.Index(data, []byte(key))
	if i < 0 {
		return nil
	}
	rest := bytes.TrimLeft(data[i+len(key):], " ")
	if len(rest) == 0 || rest[0] != '[' {
		return nil
	}
	return rest[1:]
}

// pairLevels visits the levels of a message that are ["price","quantity"] under "bids" and "asks", or "b" and "a".
func pairLevels(data []byte, visit func(bid bool, price, qty []byte) error) error {
	for _, side := range []struct {
		bid   bool
		words [2]string
	}{{true, [2]string{`"bids":`, `"b":`}}, {false, [2]string{`"asks":`, `"a":`}}} {
		levels := listUnder(data, side.words[0])
		if levels == nil {
			levels = listUnder(data, side.words[1])
		}
		if levels == nil {
			return fmt.Errorf("no %s in %.40q", side.words[0], data)
		}
		if err := tuples(levels, func(price, qty []byte) error { return visit(side.bid, price, qty) }); err != nil {
			return err
		}
	}
	return nil
}

// applyPairs applies such a message. A price of 0 is none: KuCoin says so that something changed which is not in the book, and
// Bitstamp has been seen to slip.
func applyPairs(b *Book, data []byte) (bool, error) {
	return false, pairLevels(data, func(bid bool, price, qty []byte) error {
		if p, ok := parseNumber(price); ok && p.zero() {
			return nil
		}
		return b.set(bid, price, qty)
	})
}

func eachPair(data []byte, visit func(price, qty []byte) error) error {
	return pairLevels(data, func(_ bool, price, qty []byte) error { return visit(price, qty) })
}
