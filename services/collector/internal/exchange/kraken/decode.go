package kraken

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// message is what the keys of a frame say. Keys may come in any order, so data whose channel is not known yet is kept as
// bytes and read last.
type message struct {
	channel, form, method []byte
	data                  []byte
	answer                exchange.Answer
	success, told, named  bool // told: success was given; named: a symbol was, known to us or not
}

// Decode reads a frame.
func (Exchange) Decode(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	c := scan.New(frame)
	before := len(out.Events)
	var m message
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "channel":
			m.channel = c.Text()
		case "type":
			m.form = c.Text()
		case "data":
			if m.form != nil && m.channel != nil {
				m.read(&c, known, out)
			} else {
				m.data = c.Raw()
			}
		default:
			m.readAnswer(&c, key, known)
		}
	}
	c.End()
	if err := c.Err(); err != nil {
		out.Withdraw(before)
		return blame(err, frame, m.channel, known, out)
	}
	if m.data != nil {
		c = scan.New(m.data)
		if m.read(&c, known, out); c.Err() != nil {
			out.Withdraw(before)
			return blame(c.Err(), frame, m.channel, known, out)
		}
	}
	return m.addAnswer(out)
}

// read reads the data of a channel. Other channels (heartbeat, status, instrument) say nothing to us beyond being alive.
func (m *message) read(c *scan.Cursor, known *exchange.Table, out *exchange.Batch) {
	switch {
	case string(m.channel) == "book":
		kind := book.Delta
		if string(m.form) == "snapshot" {
			kind = book.Snapshot
		}
		c.Enter('[')
		for c.More(']') { // one entry in every message recorded, but it is a list
			readBook(c, kind, known, out)
		}
	case string(m.channel) == "trade" && string(m.form) == "update": // a snapshot of trades is history
		c.Enter('[')
		for c.More(']') {
			readTrade(c, known, out)
		}
	default:
		c.Skip()
	}
}

func readBook(c *scan.Cursor, kind book.Kind, known *exchange.Table, out *exchange.Batch) {
	var l *exchange.Listing
	var rawBids, rawAsks []byte
	u := book.Update{Kind: kind}
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "symbol":
			l = known.Find(c.Text())
		case "bids":
			u.Bids, rawBids = readLevels(c, l, out)
		case "asks":
			u.Asks, rawAsks = readLevels(c, l, out)
		case "checksum":
			sum := c.Uint()
			if sum > math.MaxUint32 {
				c.Fail(fmt.Errorf("%w: checksum %d", scan.ErrSyntax, sum))
			}
			u.Checksum, u.Checked = uint32(sum), true
		case "timestamp": // older snapshots lack it
			u.Time = readTime(c)
		default:
			c.Skip()
		}
	}
	if l == nil || c.Err() != nil {
		return
	}
	if rawBids != nil {
		u.Bids = readLate(c, rawBids, l, out)
	}
	if rawAsks != nil {
		u.Asks = readLate(c, rawAsks, l, out)
	}
	if c.Err() != nil {
		return
	}
	if !u.Checked && kind == book.Delta {
		c.Fail(fmt.Errorf("%w: no checksum", scan.ErrSyntax)) // without it nothing at all would tell of a loss
		return
	}
	out.Add(exchange.OnBook, l).Update = u
}

func readLevels(c *scan.Cursor, l *exchange.Listing, out *exchange.Batch) ([]book.Level, []byte) {
	if l == nil {
		return nil, c.Raw()
	}
	return out.KeyedLevels(c, l.Scale, "price", "qty"), nil
}

// readLate reads a side that stood before its symbol.
func readLate(c *scan.Cursor, raw []byte, l *exchange.Listing, out *exchange.Batch) []book.Level {
	late := scan.New(raw)
	levels := out.KeyedLevels(&late, l.Scale, "price", "qty")
	c.Fail(late.Err())
	return levels
}

func readTrade(c *scan.Cursor, known *exchange.Table, out *exchange.Batch) {
	var l *exchange.Listing
	var price, size []byte
	var t exchange.Trade
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "symbol":
			l = known.Find(c.Text())
		case "side": // the taker's
			switch side := c.Text(); string(side) {
			case "buy":
				t.Taker = market.Buy
			case "sell":
				t.Taker = market.Sell
			}
		case "price":
			price = c.Text()
		case "qty":
			size = c.Text()
		case "trade_id":
			t.ID = string(c.Text())
		case "timestamp":
			t.Time = readTime(c)
		default:
			c.Skip()
		}
	}
	if l == nil || c.Err() != nil {
		return
	}
	var errPrice, errSize error
	t.Price, errPrice = book.ParseUnits(price, l.Scale.Price)
	t.Size, errSize = book.ParseUnits(size, l.Scale.Size)
	if errPrice != nil || errSize != nil || !t.Taker.Valid() {
		c.Fail(fmt.Errorf("%w: trade of %s", scan.ErrSyntax, l.Wire))
		return
	}
	out.Add(exchange.OnTrade, l).Trade = t
}

func readTime(c *scan.Cursor) time.Time {
	var t time.Time
	if text := c.Text(); c.Err() == nil {
		if err := t.UnmarshalText(text); err != nil {
			c.Fail(fmt.Errorf("%w: time: %w", scan.ErrSyntax, err))
		}
	}
	return t.UTC()
}

// readAnswer reads the keys of an answer to a request.
func (m *message) readAnswer(c *scan.Cursor, key []byte, known *exchange.Table) {
	switch string(key) {
	case "method":
		m.method = c.Text()
	case "req_id":
		if b := c.Peek(); b >= '0' && b <= '9' {
			m.answer.ID = c.Uint()
		} else {
			c.Skip()
		}
	case "success":
		m.success, m.told = c.Bool(), true
	case "error":
		m.answer.Refused = string(c.Text())
	case "symbol": // here only in a refusal
		m.answer.Listing, m.named = known.Find(c.Text()), true
	case "result":
		if c.Peek() != '{' {
			c.Skip()
			return
		}
		c.Enter('{')
		for c.More('}') {
			switch key := c.Key(); string(key) {
			case "channel":
				m.answer.Book = string(c.Text()) == "book"
			case "symbol":
				m.answer.Listing, m.named = known.Find(c.Text()), true
			case "depth":
				m.answer.Depth = int(min(c.Uint(), 1<<20))
			default:
				c.Skip()
			}
		}
	default:
		c.Skip()
	}
}

func (m *message) addAnswer(out *exchange.Batch) error {
	subscribes, ends := string(m.method) == "subscribe", string(m.method) == "unsubscribe"
	switch {
	case !subscribes && !ends:
		if m.answer.Refused != "" { // not about a request of ours that could be told
			return fmt.Errorf("%w: %w: %.200s", exchange.ErrNoBook, exchange.ErrRefused, m.answer.Refused)
		}
		return nil
	case m.named && m.answer.Listing == nil:
		return nil // about a listing that is not followed any more; without a name it would be taken for all
	case strings.HasPrefix(m.answer.Refused, "Already subscribed"):
		m.answer.Refused = "" // what was asked for is the case
	case m.told && !m.success && m.answer.Refused == "":
		m.answer.Refused = "no reason given"
	}
	m.answer.Ends = ends
	out.Add(exchange.OnAnswer, m.answer.Listing).Answer = m.answer
	return nil
}

var symbolKey = []byte(`"symbol":"`)

// blame says whose books an unreadable frame breaks. The symbols are looked for in the bytes, because the frame as a whole
// may be cut off.
func blame(err error, frame, channel []byte, known *exchange.Table, out *exchange.Batch) error {
	if string(channel) == "trade" {
		return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
	}
	blamed := false
	for rest := frame; ; {
		_, after, found := bytes.Cut(rest, symbolKey)
		if !found {
			break
		}
		rest = after
		name, _, _ := bytes.Cut(after, []byte(`"`))
		if l := known.Find(name); l != nil {
			out.AddBroken(l, err)
			blamed = true
		}
	}
	if blamed {
		return nil
	}
	return err
}
