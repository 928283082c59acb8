package kucoin

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// message is what the keys of a frame say. KuCoin sends the data before it says what they are of, so the keys of all
// channels are read alike, and those of a book's levels at once where its symbol came first.
type message struct {
	form, subject, id []byte
	code              []byte
	complaint         []byte
	listing           *exchange.Listing
	named             bool // a symbol was given, known to us or not

	changes     bool // there are levels
	raw         []byte
	bids, asks  []book.Level
	first, last book.Seq

	price, size, number, at []byte
	side                    market.Side
}

// Decode reads a frame.
func (Exchange) Decode(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	c := scan.New(frame)
	var m message
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "type":
			m.form = c.Text()
		case "subject":
			m.subject = c.Text()
		case "id":
			m.id = c.Text()
		case "code":
			m.code = c.Text()
		case "data":
			m.readData(&c, known, out)
		default:
			c.Skip()
		}
	}
	c.End()
	if err := c.Err(); err != nil {
		return m.blame(err, frame, known, out)
	}
	switch string(m.form) {
	case "message":
		return m.addMessage(frame, known, out)
	case "welcome":
		out.Add(exchange.OnWelcome, nil)
	case "ack", "error":
		return m.addAnswer(out)
	}
	return nil // a pong
}

func (m *message) readData(c *scan.Cursor, known *exchange.Table, out *exchange.Batch) {
	switch c.Peek() {
	case '{':
	case '"': // of an error
		m.complaint = c.Text()
		return
	default:
		c.Skip()
		return
	}
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "symbol":
			m.listing, m.named = known.Find(c.Text()), true
		case "sequenceStart":
			m.first = book.Seq(c.Uint())
		case "sequenceEnd":
			m.last = book.Seq(c.Uint())
		case "changes":
			m.changes = true
			if m.listing != nil {
				m.readChanges(c, out)
			} else {
				m.raw = c.Raw()
			}
		case "price":
			m.price = c.Raw()
		case "size":
			m.size = c.Raw()
		case "tradeId":
			m.number = c.Raw()
		case "time": // of a book in milliseconds, of a match in nanoseconds
			m.at = c.Raw()
		case "side":
			m.side = exchange.ReadSide(c) // the taker's
		default:
			c.Skip()
		}
	}
}

func (m *message) readChanges(c *scan.Cursor, out *exchange.Batch) {
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "bids":
			m.bids = visible(out.PairLevelsCut(c, m.listing.Scale))
		case "asks":
			m.asks = visible(out.PairLevelsCut(c, m.listing.Scale))
		default:
			c.Skip()
		}
	}
}

// visible leaves out what has the price 0: something changed that is not in the book, only the sequence goes on (rule 5).
func visible(levels []book.Level) []book.Level {
	return slices.DeleteFunc(levels, func(l book.Level) bool { return l.Price == 0 })
}

func (m *message) addMessage(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	switch {
	case m.changes || string(m.subject) == "trade.l2update":
		return m.addChanges(frame, known, out)
	case string(m.subject) == "trade.l3match":
		if err := m.addTrade(out); err != nil {
			return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
		}
	}
	return nil
}

func (m *message) addChanges(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	switch {
	case m.listing == nil && m.named:
		return nil // not one that we follow
	case m.raw != nil && m.listing != nil:
		c := scan.New(m.raw)
		if m.readChanges(&c, out); c.Err() != nil {
			return m.blame(c.Err(), frame, known, out)
		}
	}
	if m.listing == nil || !m.changes || m.last == 0 || m.first > m.last {
		err := fmt.Errorf("%w: level 2 of %d to %d, with changes %t", scan.ErrSyntax, m.first, m.last, m.changes)
		return m.blame(err, frame, known, out)
	}
	at := scan.New(m.at)
	u := book.Update{Kind: book.Delta, First: m.first, Last: m.last, Bids: m.bids, Asks: m.asks}
	if m.at != nil { // until 2022 there was none
		u.Time = exchange.Millis(at.Int())
	}
	if err := at.Err(); err != nil {
		return m.blame(err, frame, known, out)
	}
	out.Add(exchange.OnBook, m.listing).Update = u
	return nil
}

func (m *message) addTrade(out *exchange.Batch) error {
	switch {
	case m.listing == nil && m.named:
		return nil
	case m.listing == nil:
		return fmt.Errorf("%w: match without a symbol", scan.ErrSyntax)
	}
	price, size, number, at := scan.New(m.price), scan.New(m.size), scan.New(m.number), scan.New(m.at)
	t := exchange.Trade{
		ID:    string(number.Text()),
		Price: exchange.Units(&price, m.listing.Scale.Price),
		Size:  exchange.UnitsCut(&size, m.listing.Scale.Size),
		Taker: m.side,
	}
	if ns := at.Int(); ns > 0 {
		t.Time = time.Unix(0, ns).UTC()
	}
	for _, c := range []*scan.Cursor{&price, &size, &number, &at} {
		if err := c.Err(); err != nil {
			return fmt.Errorf("match of %s: %w", m.listing.Wire, err)
		}
	}
	if !t.Taker.Valid() {
		return fmt.Errorf("%w: match of %s has no side", scan.ErrSyntax, m.listing.Wire)
	}
	out.Add(exchange.OnTrade, m.listing).Trade = t
	return nil
}

func (m *message) addAnswer(out *exchange.Batch) error {
	id, err := strconv.ParseUint(string(m.id), 10, 64)
	refused := ""
	if string(m.form) == "error" {
		refused = fmt.Sprintf("error %s: %.200s", m.code, m.complaint)
	}
	switch {
	case err == nil:
		out.Add(exchange.OnAnswer, nil).Answer = exchange.Answer{ID: id, Refused: refused}
	case refused != "": // not about a request of ours that could be told
		return fmt.Errorf("%w: %w: %s", exchange.ErrNoBook, exchange.ErrRefused, refused)
	}
	return nil
}

var (
	symbolKey = []byte(`"symbol":"`)
	ofBook    = []byte(`"sequenceStart"`) // in no other channel
	topicKey  = []byte(`"topic":"` + bookTopic)
	ofMatch   = []byte(`"topic":"` + tradeTopic)
)

// blame says whose book an unreadable frame breaks. It is looked for in the bytes, because the frame may be cut off.
func (m *message) blame(err error, frame []byte, known *exchange.Table, out *exchange.Batch) error {
	name, isBook := []byte(nil), bytes.Contains(frame, ofBook)
	if i := bytes.Index(frame, topicKey); i >= 0 {
		name, isBook = frame[i+len(topicKey):], true
	} else if i := bytes.Index(frame, symbolKey); i >= 0 {
		name = frame[i+len(symbolKey):]
	}
	name, _, _ = bytes.Cut(name, []byte(`"`))
	if l := known.Find(name); isBook && l != nil {
		out.AddBroken(l, err)
		return nil
	}
	if bytes.Contains(frame, ofMatch) {
		return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
	}
	return err
}
