package gemini

import (
	"fmt"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// message is what the keys of a frame say. Keys may come in any order, so changes whose symbol is not known yet are kept as
// bytes and read last.
type message struct {
	form    []byte
	listing *exchange.Listing
	named   bool // a symbol was given, known to us or not
	sent    int64

	bids, asks []book.Level
	changes    []byte
	changed    bool
	whole      bool // a list of former trades: only the first message of a subscription has one

	number, price, size, side []byte // of a trade

	result, reason, text []byte // of a complaint
}

// Decode reads a frame.
func (Exchange) Decode(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	c := scan.New(frame)
	before := len(out.Events)
	var m message
	m.read(&c, known, out)
	c.End()
	if c.Err() == nil {
		m.say(&c, out)
	}
	if err := c.Err(); err != nil {
		out.Withdraw(before)
		return m.blame(err, out)
	}
	return nil
}

func (m *message) read(c *scan.Cursor, known *exchange.Table, out *exchange.Batch) {
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "type":
			m.form = c.Text()
		case "symbol":
			m.listing, m.named = known.Find(c.Text()), true
		case "changes":
			m.changed = true
			switch {
			case m.form == nil || m.listing == nil:
				m.changes = c.Raw()
			case m.isBook():
				m.bids, m.asks = out.SidedLevels(c, m.listing.Scale)
			default: // of candles
				c.Skip()
			}
		case "trades": // history
			m.whole = true
			c.Skip()
		case "timestamp":
			m.sent = c.Int()
		default:
			m.readRest(c, key)
		}
	}
}

// readRest reads the keys of trades and complaints.
func (m *message) readRest(c *scan.Cursor, key []byte) {
	switch string(key) {
	case "event_id":
		m.number = c.Text()
	case "price":
		m.price = c.Text()
	case "quantity":
		m.size = c.Text()
	case "side":
		m.side = c.Text()
	case "result":
		m.result = c.Text()
	case "reason":
		m.reason = c.Text()
	case "message":
		m.text = c.Text()
	default:
		c.Skip()
	}
}

func (m *message) isBook() bool { return string(m.form) == "l2_updates" }

// say adds what the frame says; heartbeats and other channels say nothing to us beyond being alive.
func (m *message) say(c *scan.Cursor, out *exchange.Batch) {
	switch {
	case m.isBook():
		m.addBook(c, out)
	case string(m.form) == "trade":
		m.addTrade(c, out)
	case string(m.result) == "error":
		out.Add(exchange.OnAnswer, nil).Answer = exchange.Answer{
			Unnamed: true, Refused: fmt.Sprintf("%.100s: %.200s", m.reason, m.text),
		}
	}
}

func (m *message) addBook(c *scan.Cursor, out *exchange.Batch) {
	switch {
	case !m.named:
		c.Fail(fmt.Errorf("%w: changes without a symbol", scan.ErrSyntax))
		return
	case m.listing == nil:
		return
	case !m.changed:
		c.Fail(fmt.Errorf("%w: incomplete", scan.ErrSyntax))
		return
	case m.changes != nil:
		raw := scan.New(m.changes)
		m.bids, m.asks = out.SidedLevels(&raw, m.listing.Scale)
		c.Fail(raw.Err())
	}
	if c.Err() != nil {
		return
	}
	kind := book.Delta
	if m.whole {
		kind = book.Snapshot
		out.Add(exchange.OnAnswer, m.listing).Answer = exchange.Answer{Listing: m.listing, Book: true}
	}
	out.Add(exchange.OnBook, m.listing).Update = book.Update{Kind: kind, Time: exchange.Millis(m.sent), Bids: m.bids, Asks: m.asks}
}

func (m *message) addTrade(c *scan.Cursor, out *exchange.Batch) {
	if m.listing == nil {
		if !m.named {
			c.Fail(fmt.Errorf("%w: trade without a symbol", scan.ErrSyntax))
		}
		return
	}
	t := exchange.Trade{ID: string(m.number), Time: exchange.Millis(m.sent), Taker: market.Side(m.side)}
	var errPrice, errSize error
	t.Price, errPrice = book.ParseUnits(m.price, m.listing.Scale.Price)
	t.Size, errSize = book.ParseUnits(m.size, m.listing.Scale.Size)
	if errPrice != nil || errSize != nil || !t.Taker.Valid() {
		c.Fail(fmt.Errorf("%w: trade of %s", scan.ErrSyntax, m.listing.Wire))
		return
	}
	out.Add(exchange.OnTrade, m.listing).Trade = t
}

// blame says whose book an unreadable frame breaks. Type and symbol come first on the wire, so all but the shortest cut off
// frames tell.
func (m *message) blame(err error, out *exchange.Batch) error {
	switch {
	case m.isBook() && m.listing != nil:
		out.AddBroken(m.listing, err)
		return nil
	case m.isBook() && m.named, m.form != nil && !m.isBook(): // a book that is none of ours, or no book
		return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
	}
	return err
}
