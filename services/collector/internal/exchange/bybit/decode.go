package bybit

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// How topics begin; a book's goes on with the depth and a point, both end with the symbol.
const (
	bookTopic  = "orderbook."
	tradeTopic = "publicTrade."
)

// message is what the keys of a frame say. Keys may come in any order (spot and futures differ), so data whose topic is not
// known yet is kept as bytes and read last.
type message struct {
	topic   []byte
	listing *exchange.Listing
	form    []byte
	sent    int64 // ms, when the frame was made
	matched int64 // ms, when the matching engine made the change
	data    []byte
	update  book.Update
	levels  bool

	op, text      []byte
	id            uint64
	success, told bool // told: success was given
}

// Decode reads a frame.
func (Exchange) Decode(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	c := scan.New(frame)
	before := len(out.Events)
	var m message
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "topic":
			m.topic = c.Text()
			m.listing = known.Find(m.topic[bytes.LastIndexByte(m.topic, '.')+1:])
		case "type":
			m.form = c.Text()
		case "ts":
			m.sent = c.Int()
		case "cts":
			m.matched = c.Int()
		case "data":
			if m.topic != nil {
				m.read(&c, out)
			} else {
				m.data = c.Raw()
			}
		default:
			m.readAnswer(&c, key)
		}
	}
	c.End()
	if c.Err() == nil && m.data != nil {
		c = scan.New(m.data)
		m.read(&c, out)
	}
	if c.Err() == nil && m.isBook() && m.listing != nil {
		m.addBook(&c, out)
	}
	if err := c.Err(); err != nil {
		out.Withdraw(before)
		return m.blame(err, out)
	}
	m.addAnswer(out)
	return nil
}

func (m *message) isBook() bool { return bytes.HasPrefix(m.topic, []byte(bookTopic)) }

// read reads the data of a topic. Other topics say nothing to us.
func (m *message) read(c *scan.Cursor, out *exchange.Batch) {
	switch {
	case m.listing == nil:
		c.Skip()
	case m.isBook():
		m.readBook(c, out)
	case bytes.HasPrefix(m.topic, []byte(tradeTopic)):
		c.Enter('[')
		for c.More(']') {
			m.readTrade(c, out)
		}
	default:
		c.Skip()
	}
}

func (m *message) readBook(c *scan.Cursor, out *exchange.Batch) {
	bids, asks := false, false
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "b":
			m.update.Bids, bids = out.PairLevels(c, m.listing.Scale), true
		case "a":
			m.update.Asks, asks = out.PairLevels(c, m.listing.Scale), true
		case "u":
			m.update.Last = book.Seq(c.Uint())
		default: // seq is shared by all depths and symbols, it only grows
			c.Skip()
		}
	}
	m.levels = bids && asks
}

// addBook adds the book's update once all keys are read: what kind it is and when it was may stand behind its data.
func (m *message) addBook(c *scan.Cursor, out *exchange.Batch) {
	u := &m.update
	switch string(m.form) {
	case "snapshot":
		u.Kind = book.Snapshot
	case "delta":
		if u.Last == 1 {
			u.Kind = book.Snapshot // the service was restarted
		}
	default:
		c.Fail(fmt.Errorf("%w: type %.20q", scan.ErrSyntax, m.form))
	}
	if !m.levels || u.Last == 0 {
		c.Fail(fmt.Errorf("%w: incomplete", scan.ErrSyntax))
	}
	if c.Err() != nil {
		return
	}
	u.First = u.Last
	if u.Time = exchange.Millis(m.matched); m.matched == 0 {
		u.Time = exchange.Millis(m.sent)
	}
	out.Add(exchange.OnBook, m.listing).Update = *u
}

func (m *message) readTrade(c *scan.Cursor, out *exchange.Batch) {
	t := exchange.Trade{Price: -1, Size: -1}
	block := false
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "i":
			t.ID = string(c.Text())
		case "p":
			t.Price = exchange.Units(c, m.listing.Scale.Price)
		case "v":
			t.Size = exchange.Units(c, m.listing.Scale.Size)
		case "S": // the taker's
			t.Taker = exchange.ReadSide(c)
		case "T":
			t.Time = exchange.Millis(c.Int())
		case "BT":
			block = c.Bool()
		default:
			c.Skip()
		}
	}
	if t.Price < 0 || t.Size < 0 || !t.Taker.Valid() {
		c.Fail(fmt.Errorf("%w: trade of %s", scan.ErrSyntax, m.listing.Wire))
	}
	if c.Err() == nil && !block { // a block trade was agreed upon beside the book
		out.Add(exchange.OnTrade, m.listing).Trade = t
	}
}

// readAnswer reads the keys of an answer to a request.
func (m *message) readAnswer(c *scan.Cursor, key []byte) {
	switch string(key) {
	case "success":
		m.success, m.told = c.Bool(), true
	case "ret_msg":
		m.text = c.Text()
	case "req_id":
		m.id = exchange.ReadID(c)
	case "op":
		m.op = c.Text()
	default:
		c.Skip()
	}
}

func (m *message) addAnswer(out *exchange.Batch) {
	a := exchange.Answer{ID: m.id, Book: true, Ends: string(m.op) == "unsubscribe"}
	switch {
	case !m.told || string(m.op) == "ping" || string(m.op) == "pong":
		return
	case !m.success && !strings.Contains(string(m.text), "already subscribed"): // then what was asked for is the case
		a.Refused = fmt.Sprintf("%.200s", m.text)
		if a.Refused == "" {
			a.Refused = "no reason given"
		}
	}
	out.Add(exchange.OnAnswer, nil).Answer = a
}

// blame says whose book an unreadable frame breaks. Where the frame is cut off before its topic, that cannot be told; the
// count of messages will.
func (m *message) blame(err error, out *exchange.Batch) error {
	switch {
	case m.topic != nil && !m.isBook():
		return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
	case m.listing != nil:
		out.AddBroken(m.listing, err)
		return nil
	}
	return err
}
