package gateio

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// message is what the keys of a frame say. The keys of all channels are read alike, because they may come before the
// channel's name; levels are read at once where their symbol came first.
type message struct {
	channel, event []byte
	id             uint64
	refused        string

	listing          *exchange.Listing
	named            bool // a pair was given, known to us or not
	full             bool
	at               int64 // ms
	first, last      book.Seq
	bids, asks       []book.Level
	rawBids, rawAsks []byte

	price, size, number, traded []byte
	side                        market.Side
}

// Decode reads a frame, of either book channel.
func (Exchange) Decode(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	c := scan.New(frame)
	var m message
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "channel":
			m.channel = c.Text()
		case "event":
			m.event = c.Text()
		case "id":
			m.id = exchange.ReadID(&c)
		case "error":
			m.readError(&c)
		case "result":
			if c.Peek() == '{' {
				m.readResult(&c, known, out)
			} else {
				c.Skip()
			}
		default:
			c.Skip()
		}
	}
	c.End()
	if err := c.Err(); err != nil {
		return m.blame(err, frame, known, out)
	}
	switch event := string(m.event); {
	case event == "subscribe" || event == "unsubscribe":
		m.addAnswer(out)
		return nil
	case m.refused != "": // not about a request of ours that could be told
		return fmt.Errorf("%w: %w: %s", exchange.ErrNoBook, exchange.ErrRefused, m.refused)
	case event != "update" && event != "": // an update of spot.obu may lack the word
		return nil
	}
	switch string(m.channel) {
	case bookChannel, updateChannel:
		return m.addBook(frame, known, out)
	case tradeChannel:
		if err := m.addTrade(out); err != nil {
			return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
		}
	}
	return nil // a pong
}

func (m *message) readResult(c *scan.Cursor, known *exchange.Table, out *exchange.Batch) {
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "s", "currency_pair":
			m.listing, m.named = known.Find(pairOf(c.Text())), true
		case "t":
			m.at = c.Int()
		case "full":
			m.full = c.Bool()
		case "U":
			m.first = book.Seq(c.Uint())
		case "u":
			m.last = book.Seq(c.Uint())
		case "b":
			m.bids, m.rawBids = m.readLevels(c, out)
		case "a":
			m.asks, m.rawAsks = m.readLevels(c, out)
		case "price":
			m.price = c.Raw()
		case "amount":
			m.size = c.Raw()
		case "id":
			m.number = c.Raw()
		case "create_time_ms":
			m.traded = c.Raw()
		case "side":
			m.side = exchange.ReadSide(c) // the taker's
		case "status":
			if status := c.Text(); string(status) != "success" && m.refused == "" {
				m.refused = "status " + string(status)
			}
		default:
			c.Skip()
		}
	}
}

// readLevels keeps the bytes where the pair is not known yet, or where "a" is the volume of a candle.
func (m *message) readLevels(c *scan.Cursor, out *exchange.Batch) ([]book.Level, []byte) {
	if m.listing != nil && c.Peek() == '[' {
		return out.PairLevelsCut(c, m.listing.Scale), nil
	}
	return nil, c.Raw()
}

// readLate reads the levels that came before the pair's name.
func (m *message) readLate(out *exchange.Batch) error {
	bids, asks := scan.New(m.rawBids), scan.New(m.rawAsks)
	if m.rawBids != nil {
		m.bids = out.PairLevelsCut(&bids, m.listing.Scale)
	}
	if m.rawAsks != nil {
		m.asks = out.PairLevelsCut(&asks, m.listing.Scale)
	}
	bids.Fail(asks.Err())
	return bids.Err()
}

func (m *message) readError(c *scan.Cursor) {
	if c.Peek() != '{' {
		c.Skip()
		return
	}
	var code, text []byte
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "code":
			code = c.Text()
		case "message":
			text = c.Text()
		default:
			c.Skip()
		}
	}
	m.refused = fmt.Sprintf("error %s: %.200s", code, text)
}

func (m *message) addAnswer(out *exchange.Batch) {
	if strings.Contains(m.refused, "Alert sub ob.") {
		m.refused = "" // subscribed already: what was asked for is the case
	}
	out.Add(exchange.OnAnswer, nil).Answer = exchange.Answer{
		ID: m.id, Book: string(m.channel) != tradeChannel, Ends: string(m.event) == "unsubscribe", Refused: m.refused,
	}
}

func (m *message) addBook(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	if m.listing == nil && m.named {
		return nil // not one that we follow
	}
	if m.listing != nil && (m.rawBids != nil || m.rawAsks != nil) {
		if err := m.readLate(out); err != nil {
			return m.blame(err, frame, known, out)
		}
	}
	u := book.Update{
		Kind: book.Delta, First: m.first, Last: m.last, Time: exchange.Millis(m.at), Bids: m.bids, Asks: m.asks,
	}
	if m.full {
		u.Kind, u.First = book.Snapshot, m.last
	}
	if m.listing == nil || u.Last == 0 || u.First == 0 || u.First > u.Last {
		return m.blame(fmt.Errorf("%w: %s of %d to %d", scan.ErrSyntax, m.channel, m.first, m.last), frame, known, out)
	}
	out.Add(exchange.OnBook, m.listing).Update = u
	return nil
}

func (m *message) addTrade(out *exchange.Batch) error {
	switch {
	case m.listing == nil && m.named:
		return nil
	case m.listing == nil:
		return fmt.Errorf("%w: trade without a pair", scan.ErrSyntax)
	}
	price, size, traded := scan.New(m.price), scan.New(m.size), scan.New(m.traded)
	t := exchange.Trade{
		ID:    string(bytes.Trim(m.number, `"`)),
		Price: exchange.Units(&price, m.listing.Scale.Price),
		Size:  exchange.UnitsCut(&size, m.listing.Scale.Size),
		Taker: m.side,
	}
	if ns := exchange.UnitsCut(&traded, 6); ns > 0 { // milliseconds, with a fraction
		t.Time = time.Unix(0, ns).UTC()
	}
	if !t.Taker.Valid() || t.ID == "" {
		price.Fail(fmt.Errorf("%w: id %s, side %q", scan.ErrSyntax, m.number, m.side))
	}
	price.Fail(size.Err())
	price.Fail(traded.Err())
	if err := price.Err(); err != nil {
		return fmt.Errorf("trade of %s: %w", m.listing.Wire, err)
	}
	out.Add(exchange.OnTrade, m.listing).Trade = t
	return nil
}

// pairOf returns the pair of a stream's name: ob.BTC_USDT.400 is of BTC_USDT, and so is BTC_USDT itself.
func pairOf(stream []byte) []byte {
	pair, ok := bytes.CutPrefix(stream, []byte("ob."))
	if i := bytes.LastIndexByte(pair, '.'); ok && i >= 0 {
		return pair[:i]
	}
	return stream
}

var nameKey = []byte(`"s":"`)

// blame says whose book an unreadable frame breaks. It is looked for in the bytes, because the frame may be cut off.
func (m *message) blame(err error, frame []byte, known *exchange.Table, out *exchange.Batch) error {
	switch string(m.channel) {
	case bookChannel, updateChannel, "":
	default:
		return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
	}
	if i := bytes.Index(frame, nameKey); i >= 0 {
		name, _, _ := bytes.Cut(frame[i+len(nameKey):], []byte(`"`))
		if l := known.Find(pairOf(name)); l != nil {
			out.AddBroken(l, err)
			return nil
		}
	}
	return err
}
