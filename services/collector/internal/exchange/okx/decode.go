package okx

import (
	"bytes"
	"fmt"
	"math"

	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// message is what the keys of a frame say. Keys may come in any order, so data whose channel is not known yet is kept as
// bytes and read last.
type message struct {
	channel, instID, action []byte
	listing                 *exchange.Listing
	data                    []byte

	event, code, text []byte
	id                uint64
}

// Decode reads a frame.
func (Exchange) Decode(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	if string(frame) == "pong" {
		return nil
	}
	c := scan.New(frame)
	before := len(out.Events)
	var m message
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "arg":
			m.readArg(&c, known)
		case "action":
			m.action = c.Text()
		case "data":
			if m.channel != nil && (m.action != nil || !m.isBook()) {
				m.read(&c, out)
			} else {
				m.data = c.Raw()
			}
		default:
			m.readEvent(&c, key)
		}
	}
	c.End()
	if c.Err() == nil && m.data != nil {
		c = scan.New(m.data)
		m.read(&c, out)
	}
	if err := c.Err(); err != nil {
		out.Withdraw(before)
		return m.blame(err, out)
	}
	m.addEvent(known, out)
	return nil
}

func (m *message) isBook() bool { return string(m.channel) == "books" }

func (m *message) readArg(c *scan.Cursor, known *exchange.Table) {
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "channel":
			m.channel = c.Text()
		case "instId":
			m.instID = c.Text()
		default:
			c.Skip()
		}
	}
	m.listing = known.Find(m.instID)
}

// read reads the data of a channel. Other channels say nothing to us.
func (m *message) read(c *scan.Cursor, out *exchange.Batch) {
	switch {
	case m.listing == nil:
		c.Skip()
	case m.isBook():
		kind := book.Delta
		switch string(m.action) {
		case "snapshot":
			kind = book.Snapshot
		case "update":
		default:
			c.Fail(fmt.Errorf("%w: action %.20q", scan.ErrSyntax, m.action))
		}
		c.Enter('[')
		for c.More(']') {
			m.readBook(c, kind, out)
		}
	case string(m.channel) == "trades":
		c.Enter('[')
		for c.More(']') {
			m.readTrade(c, out)
		}
	default:
		c.Skip()
	}
}

func (m *message) readBook(c *scan.Cursor, kind book.Kind, out *exchange.Batch) {
	const asks, bids, seq, prev = 1, 2, 4, 8
	u := book.Update{Kind: kind}
	seen := 0
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "asks": // the size is element 1; element 3 counts orders
			u.Asks = out.PairLevels(c, m.listing.Scale)
			seen |= asks
		case "bids":
			u.Bids = out.PairLevels(c, m.listing.Scale)
			seen |= bids
		case "ts":
			u.Time = exchange.Millis(c.Int())
		case "checksum":
			u.Checksum, u.Checked = readChecksum(c)
		case "seqId":
			u.Last = book.Seq(c.Uint())
			seen |= seq
		case "prevSeqId": // -1 on a snapshot
			u.Prev = book.Seq(max(c.Int(), 0))
			seen |= prev
		default:
			c.Skip()
		}
	}
	u.First = u.Last
	// Without ids at all it is a recording from before them. One without the other is a message of which something is missing.
	if ids := seen & (seq | prev); seen&(asks|bids) != asks|bids || ids == prev || ids == seq && kind == book.Delta {
		c.Fail(fmt.Errorf("%w: incomplete", scan.ErrSyntax))
	}
	if c.Err() == nil {
		out.Add(exchange.OnBook, m.listing).Update = u
	}
}

// readChecksum reads a sum as the signed number it is written as. Since 23 June 2026 it is always 0, which is no sum.
func readChecksum(c *scan.Cursor) (sum uint32, checked bool) {
	n := c.Int()
	if n < math.MinInt32 || n > math.MaxInt32 {
		c.Fail(fmt.Errorf("%w: checksum %d", scan.ErrSyntax, n))
	}
	return uint32(int32(n)), n != 0
}

func (m *message) readTrade(c *scan.Cursor, out *exchange.Batch) {
	t := exchange.Trade{Price: -1, Size: -1}
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "tradeId":
			t.ID = string(c.Text())
		case "px":
			t.Price = exchange.Units(c, m.listing.Scale.Price)
		case "sz":
			t.Size = exchange.Units(c, m.listing.Scale.Size)
		case "side": // the taker's
			t.Taker = exchange.ReadSide(c)
		case "ts":
			t.Time = exchange.Millis(c.Int())
		default:
			c.Skip()
		}
	}
	if t.Price < 0 || t.Size < 0 || !t.Taker.Valid() {
		c.Fail(fmt.Errorf("%w: trade of %s", scan.ErrSyntax, m.listing.Wire))
	}
	if c.Err() == nil {
		out.Add(exchange.OnTrade, m.listing).Trade = t
	}
}

// readEvent reads the keys of an answer or a notice.
func (m *message) readEvent(c *scan.Cursor, key []byte) {
	switch string(key) {
	case "event":
		m.event = c.Text()
	case "code":
		m.code = c.Text()
	case "msg":
		m.text = c.Text()
	case "id":
		m.id = exchange.ReadID(c)
	default:
		c.Skip()
	}
}

// upgrade is the code of the notice that a connection will be closed for maintenance.
const upgrade = "64008"

func (m *message) addEvent(known *exchange.Table, out *exchange.Batch) {
	a := exchange.Answer{ID: m.id, Listing: m.listing, Book: m.isBook()}
	switch string(m.event) {
	case "notice":
		if string(m.code) == upgrade {
			out.Add(exchange.OnGoodbye, nil)
		}
		return
	case "subscribe", "unsubscribe":
		if a.Listing == nil || !a.Book && string(m.channel) != "trades" {
			return // not of our asking
		}
		a.Ends = string(m.event) == "unsubscribe"
	case "error": // the channel and the instrument stand only in its text
		a.Refused = fmt.Sprintf("error %.20s: %.200s", m.code, m.text)
		a.Book = bytes.Contains(m.text, []byte("channel:books"))
		if _, after, named := bytes.Cut(m.text, []byte("instId:")); named {
			name := after[:len(after)-len(bytes.TrimLeft(after, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"))]
			if a.Listing = known.Find(name); a.Listing == nil {
				a.ID = 0 // about one that is not ours, so not about all of the request
			}
		}
	default:
		return
	}
	out.Add(exchange.OnAnswer, a.Listing).Answer = a
}

// blame says whose book an unreadable frame breaks. Where the frame is cut off within its arg, that cannot be told; the
// chain of ids will.
func (m *message) blame(err error, out *exchange.Batch) error {
	switch {
	case m.channel != nil && !m.isBook():
		return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
	case m.listing != nil && m.event == nil:
		out.AddBroken(m.listing, err)
		return nil
	}
	return err
}
