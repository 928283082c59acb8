package binance

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// kind is what a message is.
type kind uint8

const (
	other kind = iota
	depth
	trade
	aggTrade
	shutdown
)

// message is what the keys of a frame say. Keys may come in any order, so levels whose symbol is not known yet are kept as
// bytes and read last.
type message struct {
	kind    kind
	stream  []byte
	listing *exchange.Listing
	named   bool // a symbol was given, known to us or not

	event, traded       int64 // ms
	first, last         book.Seq
	bids, asks          []book.Level
	rawBids, rawAsks    []byte
	price, size, number []byte
	maker               bool

	answers bool
	id      uint64
	refused string
}

// Decode reads a frame of a combined or of a single stream.
func (Exchange) Decode(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	c := scan.New(frame)
	var m message
	m.read(&c, known, out, true)
	c.End()
	if err := c.Err(); err != nil {
		return m.broken(err, known, out)
	}
	switch m.kind {
	case depth:
		return m.addDepth(known, out)
	case trade, aggTrade:
		return m.addTrade(out)
	case shutdown:
		out.Add(exchange.OnGoodbye, nil)
	case other:
		if m.answers {
			out.Add(exchange.OnAnswer, nil).Answer = exchange.Answer{ID: m.id, Refused: m.refused}
		}
	}
	return nil
}

func (m *message) read(c *scan.Cursor, known *exchange.Table, out *exchange.Batch, outer bool) {
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "stream":
			m.stream = c.Text()
		case "data":
			if outer && c.Peek() == '{' {
				m.read(c, known, out, false)
			} else {
				c.Skip()
			}
		case "e":
			m.kind = kindOf(c.Text())
		case "E":
			m.event = c.Int()
		case "s":
			m.listing, m.named = known.Find(c.Text()), true
		case "U":
			m.first = book.Seq(c.Uint())
		case "u":
			m.last = book.Seq(c.Uint())
		case "b":
			m.bids, m.rawBids = m.levels(c, out)
		case "a":
			m.asks, m.rawAsks = m.levels(c, out)
		default:
			m.readRest(c, key)
		}
	}
}

// readRest reads the keys of trades and answers.
func (m *message) readRest(c *scan.Cursor, key []byte) {
	switch string(key) {
	case "p":
		m.price = c.Text()
	case "q":
		m.size = c.Raw() // "q" of a kline is a number of its own, so the text is taken only from a trade
	case "t":
		m.number = c.Raw()
	case "T":
		m.traded = c.Int()
	case "m":
		m.maker = c.Bool()
	case "id":
		if b := c.Peek(); b >= '0' && b <= '9' {
			m.id = c.Uint()
		} else {
			c.Skip()
		}
	case "result":
		m.answers = true
		c.Skip()
	case "error", "code":
		m.answers = true
		m.refused = "error " + string(c.Raw())
	case "msg":
		m.answers = true
		m.refused = string(c.Text())
	default:
		c.Skip()
	}
}

func kindOf(e []byte) kind {
	switch string(e) {
	case "depthUpdate":
		return depth
	case "trade":
		return trade
	case "aggTrade":
		return aggTrade
	case "serverShutdown":
		return shutdown
	}
	return other
}

// levels reads a side at once where its symbol is known, and keeps its bytes where it is not, or where "a" and "b" are
// something else (order ids of a trade).
func (m *message) levels(c *scan.Cursor, out *exchange.Batch) ([]book.Level, []byte) {
	if m.kind == depth && m.listing != nil && c.Peek() == '[' {
		return out.PairLevels(c, m.listing.Scale), nil
	}
	return nil, c.Raw()
}

func (m *message) addDepth(known *exchange.Table, out *exchange.Batch) error {
	if m.listing == nil {
		return m.unnamed("depth")
	}
	if m.rawBids != nil || m.rawAsks != nil {
		if err := m.readLate(out); err != nil {
			return m.broken(err, known, out)
		}
	}
	if m.last == 0 || m.first > m.last {
		return m.broken(fmt.Errorf("%w: ids %d to %d", scan.ErrSyntax, m.first, m.last), known, out)
	}
	out.Add(exchange.OnBook, m.listing).Update = book.Update{
		Kind: book.Delta, First: m.first, Last: m.last, Time: millis(m.event), Bids: m.bids, Asks: m.asks,
	}
	return nil
}

// readLate reads the sides that stood before their symbol.
func (m *message) readLate(out *exchange.Batch) error {
	if m.rawBids != nil {
		c := scan.New(m.rawBids)
		if m.bids = out.PairLevels(&c, m.listing.Scale); c.Err() != nil {
			return c.Err()
		}
	}
	if m.rawAsks != nil {
		c := scan.New(m.rawAsks)
		if m.asks = out.PairLevels(&c, m.listing.Scale); c.Err() != nil {
			return c.Err()
		}
	}
	return nil
}

func (m *message) addTrade(out *exchange.Batch) error {
	if m.listing == nil {
		return m.unnamed("trade")
	}
	number := m.number
	if m.kind == aggTrade {
		number = m.rawAsks
	}
	size := scan.New(m.size)
	c := scan.New(m.price)
	t := exchange.Trade{
		ID:    string(bytes.Trim(number, `"`)),
		Price: exchange.Units(&c, m.listing.Scale.Price),
		Size:  exchange.Units(&size, m.listing.Scale.Size),
		Taker: market.Buy,
		Time:  millis(m.traded),
	}
	c.Fail(size.Err())
	if err := c.Err(); err != nil {
		return fmt.Errorf("trade of %s: %w", m.listing.Wire, err)
	}
	if m.maker {
		t.Taker = market.Sell // the buyer was the maker, so the taker sold
	}
	out.Add(exchange.OnTrade, m.listing).Trade = t
	return nil
}

// unnamed passes over what is about a symbol we do not follow, and is an error where no symbol is given.
func (m *message) unnamed(what string) error {
	if m.named {
		return nil
	}
	return fmt.Errorf("%w: %s without a symbol", scan.ErrSyntax, what)
}

// broken blames an unreadable frame on the book it is about, by its symbol or by the name of its stream. A trade that
// cannot be read harms no book.
func (m *message) broken(err error, known *exchange.Table, out *exchange.Batch) error {
	name, channel, _ := bytes.Cut(m.stream, []byte("@"))
	if m.listing == nil {
		m.listing = known.Find(bytes.ToUpper(name))
	}
	if m.listing != nil && (m.kind == depth || bytes.HasPrefix(channel, []byte("depth"))) {
		out.AddBroken(m.listing, err)
		return nil
	}
	return err
}

// millis returns a time in milliseconds; what no clock shows is no time.
func millis(ms int64) time.Time {
	if ms <= 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
