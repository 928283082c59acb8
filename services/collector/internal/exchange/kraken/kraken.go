// Package kraken speaks Kraken's public WebSocket protocol version 2: books that start from a snapshot in the stream and
// carry a checksum over their ten best levels, trades, and the REST calls AssetPairs and OHLC.
//
// It is an exchange.Exchange: without state, clock or socket. A book's depth is what the exchange acknowledges; whoever
// keeps the book must truncate it to that after each message, because the exchange sends no removal for a level that was
// pushed out.
package kraken

import (
	"hash/crc32"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Where Kraken is.
const (
	WS   = "wss://ws.kraken.com"
	REST = "https://api.kraken.com"
)

// DefaultDepth holds the fifty levels that are published, and as many again for the price to move into.
const DefaultDepth = 100

// Depths are the book depths that Kraken accepts; others it refuses, it does not round.
var Depths = []int{10, 25, 100, 500, 1000}

// Exchange is the adapter. The zero value asks for books of DefaultDepth.
type Exchange struct {
	Depth int // one of Depths
}

var _ exchange.Exchange = Exchange{}

// Name returns "kraken".
func (Exchange) Name() market.Exchange { return "kraken" }

// Traits returns Kraken's limits. It documents few; the rest is what others measured in 2026.
func (Exchange) Traits() exchange.Traits {
	return exchange.Traits{
		Listings:   200,
		Batch:      20,
		RequestGap: 250 * time.Millisecond, // the rate is not documented, the excess is answered by an error each
		Answer:     10 * time.Second,
		Stale:      4 * time.Second, // a heartbeat comes every second
		Silence:    10 * time.Second,
		Dials:      75, // of about 150
		DialsPer:   10 * time.Minute,
		Weight:     15, // about one call a second
		WeightPer:  15 * time.Second,
		CandleRows: 720,
	}
}

// Rules returns the ways of Kraken's books: nothing but the checksum tells of a loss.
func (Exchange) Rules() book.Rules { return book.Rules{Checksum: Checksum} }

// checked is how many levels a side the checksum covers.
const checked = 10

// Checksum is CRC-32 (IEEE) over the ten best asks, then the ten best bids, best first: for each the digits of the price,
// then those of the size, without point and without zeros in front. At the pair's precision our integers are just that.
func Checksum(b *book.Book, scratch []byte) uint32 {
	const most = 4 * checked * 19 // digits of forty numbers
	if cap(scratch) < most {
		scratch = make([]byte, most)
	}
	// Written from the end, because that is where a number's digits come from: forty numbers for each message are most of what
	// a Kraken book costs.
	text := scratch[:cap(scratch)]
	at := len(text)
	for i := checked - 1; i >= 0; i-- {
		if l, ok := b.Bid(i); ok { // a thin book is summed up as far as it goes
			at = prepend(text, prepend(text, at, uint64(l.Size)), uint64(l.Price))
		}
	}
	for i := checked - 1; i >= 0; i-- {
		if l, ok := b.Ask(i); ok {
			at = prepend(text, prepend(text, at, uint64(l.Size)), uint64(l.Price))
		}
	}
	return crc32.ChecksumIEEE(text[at:])
}

// prepend writes the digits of n before text[at] and returns where they begin.
func prepend(text []byte, at int, n uint64) int {
	for n >= 10 {
		at--
		text[at] = byte('0' + n%10)
		n /= 10
	}
	at--
	text[at] = byte('0' + n)
	return at
}

// Endpoint returns the address of version 2.
func (Exchange) Endpoint(base string) string { return base + "/v2" }

// Subscribe asks for books and for trades, without the history of the latter.
func (e Exchange) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return []exchange.Request{e.bookRequest("subscribe", id, listings), tradeRequest("subscribe", id+1, listings)}
}

// Unsubscribe ends both.
func (e Exchange) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return []exchange.Request{e.bookRequest("unsubscribe", id, listings), tradeRequest("unsubscribe", id+1, listings)}
}

// Resync ends the book's subscription and begins another, whose snapshot replaces the book.
func (e Exchange) Resync(id uint64, l *exchange.Listing) []exchange.Request {
	one := []*exchange.Listing{l}
	return []exchange.Request{e.bookRequest("unsubscribe", id, one), e.bookRequest("subscribe", id+1, one)}
}

func (e Exchange) depth() int {
	if e.Depth == 0 {
		return DefaultDepth
	}
	return e.Depth
}

func (e Exchange) bookRequest(method string, id uint64, listings []*exchange.Listing) exchange.Request {
	// An unsubscription must name the depth too, or it is another subscription's.
	params := `"channel":"book","depth":` + strconv.Itoa(e.depth())
	if method == "subscribe" {
		params += `,"snapshot":true`
	}
	r := request(method, params, id, listings)
	r.Book = true
	return r
}

func tradeRequest(method string, id uint64, listings []*exchange.Listing) exchange.Request {
	params := `"channel":"trade"`
	if method == "subscribe" {
		params += `,"snapshot":false`
	}
	r := request(method, params, id, listings)
	r.Trades = true
	return r
}

func request(method, params string, id uint64, listings []*exchange.Listing) exchange.Request {
	b := append([]byte(`{"method":"`), method...)
	b = append(b, `","params":{`...)
	b = append(b, params...)
	b = append(b, `,"symbol":[`...)
	for i, l := range listings {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `"`+l.Wire+`"`...)
	}
	b = append(b, `]},"req_id":`...)
	b = append(strconv.AppendUint(b, id, 10), '}')
	return exchange.Request{
		ID: id, Frame: b, Listings: listings, EachAnswers: true, Ends: method == "unsubscribe",
	}
}
