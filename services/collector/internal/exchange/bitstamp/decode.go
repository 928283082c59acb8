package bitstamp

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

// message is what the keys of a frame say. Bitstamp sends the data before the channel it is of, so levels are read for the
// listing that the end of the frame seems to name; where it names another, the frame is read again.
type message struct {
	event, channel  []byte
	listing         *exchange.Listing
	bids, asks      []book.Level
	sides           int
	stamp           uint64 // µs
	number          []byte
	price, size     []byte
	kind            []byte
	code, complaint []byte
}

// Decode reads a frame.
func (Exchange) Decode(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	m := message{listing: presumed(frame, known)}
	err := m.read(frame, out)
	if l := known.Find(pairOf(m.channel)); l != m.listing && m.channel != nil {
		m = message{listing: l}
		err = m.read(frame, out)
	}
	if err != nil {
		return blame(err, frame, known, out)
	}
	switch string(m.event) {
	case "data":
		return m.addChanges(frame, known, out)
	case "trade":
		if err := m.addTrade(out); err != nil {
			return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
		}
	case "bts:subscription_succeeded", "bts:unsubscription_succeeded":
		out.Add(exchange.OnAnswer, m.listing).Answer = exchange.Answer{
			Listing: m.listing,
			Book:    bytes.HasPrefix(m.channel, []byte(bookChannel)),
			Ends:    string(m.event) == "bts:unsubscription_succeeded",
		}
	case "bts:request_reconnect":
		out.Add(exchange.OnGoodbye, nil)
	case "bts:error": // it names no channel
		out.Add(exchange.OnAnswer, nil).Answer = exchange.Answer{
			Unnamed: true, Refused: fmt.Sprintf("error %.20s: %.200s", m.code, bytes.Trim(m.complaint, `"`)),
		}
	}
	return nil // a heartbeat
}

func (m *message) read(frame []byte, out *exchange.Batch) error {
	c := scan.New(frame)
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "event":
			m.event = c.Text()
		case "channel":
			m.channel = c.Text()
		case "data":
			if c.Peek() == '{' {
				m.readData(&c, out)
			} else {
				c.Skip()
			}
		default:
			c.Skip()
		}
	}
	c.End()
	return c.Err()
}

func (m *message) readData(c *scan.Cursor, out *exchange.Batch) {
	c.Enter('{')
	for c.More('}') {
		switch key := c.Key(); string(key) {
		case "microtimestamp":
			m.stamp = c.Uint()
		case "bids":
			m.bids = m.readLevels(c, out)
		case "asks":
			m.asks = m.readLevels(c, out)
		case "id":
			m.number = c.Raw()
		case "price_str", "price": // the first is exact; the other is its float, and counts where it stands alone
			m.price = better(m.price, key, c.Raw())
		case "amount_str", "amount":
			m.size = better(m.size, key, c.Raw())
		case "type":
			m.kind = c.Raw()
		case "code":
			m.code = c.Raw()
		case "message":
			m.complaint = c.Raw()
		default:
			c.Skip()
		}
	}
}

func (m *message) readLevels(c *scan.Cursor, out *exchange.Batch) []book.Level {
	m.sides++
	if m.listing == nil {
		c.Skip()
		return nil
	}
	return priced(out.PairLevels(c, m.listing.Scale))
}

// priced leaves out levels without a price, which have been seen in the REST book.
func priced(levels []book.Level) []book.Level {
	return slices.DeleteFunc(levels, func(l book.Level) bool { return l.Price == 0 })
}

func better(have, key, raw []byte) []byte {
	if have == nil || bytes.HasSuffix(key, []byte("_str")) {
		return raw
	}
	return have
}

func (m *message) addChanges(frame []byte, known *exchange.Table, out *exchange.Batch) error {
	switch {
	case m.channel != nil && m.listing == nil, !bytes.HasPrefix(m.channel, []byte(bookChannel)):
		return nil // not one that we follow
	case m.sides != 2 || m.stamp == 0 || m.stamp > math.MaxInt64:
		return blame(fmt.Errorf("%w: changes of %d sides at %d", scan.ErrSyntax, m.sides, m.stamp), frame, known, out)
	}
	out.Add(exchange.OnBook, m.listing).Update = book.Update{
		Kind: book.Delta, First: book.Seq(m.stamp), Last: book.Seq(m.stamp), Time: micros(m.stamp), Bids: m.bids, Asks: m.asks,
	}
	return nil
}

func (m *message) addTrade(out *exchange.Batch) error {
	if m.listing == nil {
		return nil
	}
	price, size := scan.New(m.price), scan.New(m.size)
	t := exchange.Trade{
		ID:    string(bytes.Trim(m.number, `"`)),
		Price: exchange.Units(&price, m.listing.Scale.Price),
		Size:  exchange.Units(&size, m.listing.Scale.Size),
		Time:  micros(m.stamp),
	}
	switch string(bytes.Trim(m.kind, `"`)) { // the taker's
	case "0":
		t.Taker = market.Buy
	case "1":
		t.Taker = market.Sell
	}
	price.Fail(size.Err())
	if !t.Taker.Valid() || t.ID == "" {
		price.Fail(fmt.Errorf("%w: id %s, type %s", scan.ErrSyntax, m.number, m.kind))
	}
	if err := price.Err(); err != nil {
		return fmt.Errorf("trade of %s: %w", m.listing.Wire, err)
	}
	out.Add(exchange.OnTrade, m.listing).Trade = t
	return nil
}

// micros returns a time in microseconds; what no clock shows is no time.
func micros(us uint64) time.Time {
	if us == 0 || us > math.MaxInt64/1000 {
		return time.Time{}
	}
	return time.UnixMicro(int64(us)).UTC()
}

var (
	channelKey = []byte(`"channel":"`)
	diffStart  = []byte(`"channel":"` + bookChannel)
	tradeStart = []byte(`"channel":"` + tradeChannel)
)

// pairOf returns the pair's name at the end of a channel's.
func pairOf(channel []byte) []byte {
	for _, prefix := range [2]string{bookChannel, tradeChannel} {
		if pair, ok := bytes.CutPrefix(channel, []byte(prefix)); ok {
			return pair
		}
	}
	return nil
}

func presumed(frame []byte, known *exchange.Table) *exchange.Listing {
	i := bytes.LastIndex(frame, channelKey)
	if i < 0 {
		return nil
	}
	channel, _, _ := bytes.Cut(frame[i+len(channelKey):], []byte(`"`))
	return known.Find(pairOf(channel))
}

// blame says whose book an unreadable frame breaks. It is looked for in the bytes, because the frame may be cut off.
func blame(err error, frame []byte, known *exchange.Table, out *exchange.Batch) error {
	if i := bytes.LastIndex(frame, diffStart); i >= 0 {
		pair, _, _ := bytes.Cut(frame[i+len(diffStart):], []byte(`"`))
		if l := known.Find(pair); l != nil {
			out.AddBroken(l, err)
			return nil
		}
	}
	if bytes.Contains(frame, tradeStart) {
		return fmt.Errorf("%w: %w", exchange.ErrNoBook, err)
	}
	return err
}
