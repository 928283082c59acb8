package coinbase

import (
	"bytes"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// message is what the keys of a frame say. Keys may come in any order, so levels whose product is not known yet are kept as
// bytes and read last.
type message struct {
	form    []byte
	listing *exchange.Listing
	named   bool // a product was given, known to us or not
	time    time.Time

	bids, asks                []book.Level
	rawBids, rawAsks, changes []byte
	seen                      int

	number, price, size, side []byte // of a match
	channels, text, reason    []byte // of an answer
}

// The lists that a frame may hold.
const (
	sawBids = 1 << iota
	sawAsks
	sawChanges
)

// Decode reads a frame.
func (Exchange) Decode(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	c := scan.New(frame)
	before := len(out.Events)
	var m message
	m.read(&c, known, out)
	c.End()
	if c.Err() == nil {
		m.say(&c, known, out)
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
		case "product_id":
			m.listing, m.named = known.Find(c.Text()), true
		case "time":
			m.time = readTime(c)
		case "bids":
			m.bids, m.rawBids = m.levels(c, out)
			m.seen |= sawBids
		case "asks":
			m.asks, m.rawAsks = m.levels(c, out)
			m.seen |= sawAsks
		case "changes":
			if m.listing != nil {
				m.bids, m.asks = out.SidedLevels(c, m.listing.Scale)
			} else {
				m.changes = c.Raw()
			}
			m.seen |= sawChanges
		default:
			m.readRest(c, key)
		}
	}
}

func (m *message) levels(c *scan.Cursor, out *exchange.Batch) ([]book.Level, []byte) {
	if m.listing != nil {
		return out.PairLevels(c, m.listing.Scale), nil
	}
	return nil, c.Raw()
}

// readRest reads the keys of matches and answers.
func (m *message) readRest(c *scan.Cursor, key []byte) {
	switch string(key) {
	case "trade_id":
		m.number = c.Text()
	case "price":
		m.price = c.Text()
	case "size":
		m.size = c.Text()
	case "side":
		m.side = c.Text()
	case "channels":
		m.channels = c.Raw()
	case "message":
		m.text = c.Text()
	case "reason":
		m.reason = c.Text()
	default:
		c.Skip()
	}
}

// say adds what the frame says. A last_match is the trade before the subscription, history; tickers, heartbeats and what
// may be invented yet say nothing to us beyond being alive.
func (m *message) say(c *scan.Cursor, known *exchange.Table, out *exchange.Batch) {
	switch string(m.form) {
	case "snapshot":
		m.addBook(c, book.Snapshot, sawBids|sawAsks, out)
	case "l2update":
		m.addBook(c, book.Delta, sawChanges, out)
	case "match":
		m.addTrade(c, out)
	case "subscriptions":
		addAnswers(c, m.channels, known, out)
	case "error":
		m.addRefusal(known, out)
	}
}

// addBook adds a book's update, for whose kind the frame must hold certain lists.
func (m *message) addBook(c *scan.Cursor, kind book.Kind, need int, out *exchange.Batch) {
	if m.listing == nil {
		if !m.named {
			c.Fail(fmt.Errorf("%w: %s without a product", scan.ErrSyntax, m.form))
		}
		return
	}
	if m.seen != need {
		c.Fail(fmt.Errorf("%w: incomplete", scan.ErrSyntax))
		return
	}
	m.readKept(c, out)
	if c.Err() == nil {
		out.Add(exchange.OnBook, m.listing).Update = book.Update{Kind: kind, Time: m.time, Bids: m.bids, Asks: m.asks}
	}
}

// readKept reads the lists that stood before the product.
func (m *message) readKept(c *scan.Cursor, out *exchange.Batch) {
	if m.rawBids != nil {
		raw := scan.New(m.rawBids)
		m.bids = out.PairLevels(&raw, m.listing.Scale)
		c.Fail(raw.Err())
	}
	if m.rawAsks != nil {
		raw := scan.New(m.rawAsks)
		m.asks = out.PairLevels(&raw, m.listing.Scale)
		c.Fail(raw.Err())
	}
	if m.changes != nil {
		raw := scan.New(m.changes)
		m.bids, m.asks = out.SidedLevels(&raw, m.listing.Scale)
		c.Fail(raw.Err())
	}
}

func (m *message) addTrade(c *scan.Cursor, out *exchange.Batch) {
	if m.listing == nil {
		if !m.named {
			c.Fail(fmt.Errorf("%w: match without a product", scan.ErrSyntax))
		}
		return
	}
	t := exchange.Trade{ID: string(m.number), Time: m.time}
	var errPrice, errSize error
	t.Price, errPrice = book.ParseUnits(m.price, m.listing.Scale.Price)
	t.Size, errSize = book.ParseUnits(m.size, m.listing.Scale.Size)
	switch string(m.side) { // the maker's: where the maker sold, the taker bought (494 of 495 recorded)
	case "sell":
		t.Taker = market.Buy
	case "buy":
		t.Taker = market.Sell
	}
	if errPrice != nil || errSize != nil || !t.Taker.Valid() {
		c.Fail(fmt.Errorf("%w: trade of %s", scan.ErrSyntax, m.listing.Wire))
		return
	}
	out.Add(exchange.OnTrade, m.listing).Trade = t
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

// addAnswers reads the list of all that is subscribed now, which answers every request. It adds one answer a book: those
// that answer nothing are passed over by whoever asked.
func addAnswers(c *scan.Cursor, channels []byte, known *exchange.Table, out *exchange.Batch) {
	list := scan.New(channels)
	list.Enter('[')
	for list.More(']') {
		var name, products []byte
		list.Enter('{')
		for list.More('}') {
			switch key := list.Key(); string(key) {
			case "name":
				name = list.Text()
			case "product_ids":
				products = list.Raw()
			default:
				list.Skip()
			}
		}
		switch string(name) {
		case "level2_50", bookChannel, "level2": // level2_batch is acknowledged under the first name
		default:
			continue
		}
		each := scan.New(products)
		each.Enter('[')
		for each.More(']') {
			if l := known.Find(each.Text()); l != nil {
				out.Add(exchange.OnAnswer, l).Answer = exchange.Answer{Listing: l, Book: true}
			}
		}
		c.Fail(each.Err())
	}
	c.Fail(list.Err())
}

// addRefusal adds that a subscription failed. Whose it was stands only at the beginning of the reason: "BTC-XYZ is not a
// valid product".
func (m *message) addRefusal(known *exchange.Table, out *exchange.Batch) {
	name, _, _ := bytes.Cut(m.reason, []byte(" "))
	l := known.Find(name)
	out.Add(exchange.OnAnswer, l).Answer = exchange.Answer{
		Listing: l, Book: true, Refused: fmt.Sprintf("%.100s: %.200s", m.text, m.reason),
	}
}

// blame says whose book an unreadable frame breaks. Type and product come first on the wire, so all but the shortest cut
// off frames tell.
func (m *message) blame(err error, out *exchange.Batch) error {
	switch string(m.form) {
	case "snapshot", "l2update":
		if m.listing != nil {
			out.AddBroken(m.listing, err)
			return nil
		}
		if m.named {
			return fmt.Errorf("%w: %w", exchange.ErrNoBook, err) // none of ours
		}
	case "":
	default:
		return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
	}
	return err
}
