// Package coinbase speaks the public protocol of Coinbase Exchange: whole books in batches of 50 ms, matches, heartbeats,
// and the REST calls products and candles.
//
// It is an exchange.Exchange: without state, clock or socket. Nothing on this protocol proves that a message about a book
// was lost: there is neither a sequence nor a checksum. What is left is that a crossed book is a broken one, and a new
// snapshot now and then. Recordings of level2, which has needed a login since August 2023, are read as well.
package coinbase

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Where Coinbase Exchange is.
const (
	WS   = "wss://ws-feed.exchange.coinbase.com"
	REST = "https://api.exchange.coinbase.com"
)

// Exchange is the adapter.
type Exchange struct{}

var _ exchange.Exchange = Exchange{}

// Name returns "coinbase".
func (Exchange) Name() market.Exchange { return "coinbase" }

// Traits returns Coinbase's limits. A snapshot of a busy pair is one frame of over a megabyte.
func (Exchange) Traits() exchange.Traits {
	return exchange.Traits{
		Listings:   50,
		Batch:      50,
		RequestGap: 50 * time.Millisecond, // 20 messages a second, of 100
		Answer:     10 * time.Second,
		Stale:      4 * time.Second, // a heartbeat comes every second and pair
		Silence:    10 * time.Second,
		Refresh:    30 * time.Minute, // because nothing proves a loss
		Dials:      4,                // of 8
		DialsPer:   time.Second,
		Weight:     5, // of about 10
		WeightPer:  time.Second,
		CandleRows: 300, // asking for more is an error
		SparseRows: true,
	}
}

// Rules returns the ways of Coinbase's books: none but that a snapshot comes first.
func (Exchange) Rules() book.Rules { return book.Rules{} }

// Endpoint returns the address as it is.
func (Exchange) Endpoint(base string) string { return base }

// The channels. Heartbeats tell a quiet pair from a dead connection.
const (
	bookChannel = "level2_batch"
	allChannels = bookChannel + `","matches","heartbeat`
)

// Subscribe asks for book, matches and heartbeat of each listing in a request of its own: a bad product fails the whole
// request that names it.
func (Exchange) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return each("subscribe", id, listings)
}

// Unsubscribe ends all three.
func (Exchange) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return each("unsubscribe", id, listings)
}

// Resync ends the book's subscription and begins another, which a snapshot follows.
func (Exchange) Resync(id uint64, l *exchange.Listing) []exchange.Request {
	return []exchange.Request{request("unsubscribe", bookChannel, id, l), request("subscribe", bookChannel, id+1, l)}
}

func each(op string, id uint64, listings []*exchange.Listing) []exchange.Request {
	requests := make([]exchange.Request, len(listings))
	for i, l := range listings {
		requests[i] = request(op, allChannels, id+uint64(i), l)
		requests[i].Trades = true
	}
	return requests
}

// request does not send its id: Coinbase has no place for one, answers are told by whom they are about.
func request(op, channels string, id uint64, l *exchange.Listing) exchange.Request {
	return exchange.Request{
		ID:       id,
		Frame:    []byte(`{"type":"` + op + `","product_ids":["` + l.Wire + `"],"channels":["` + channels + `"]}`),
		Listings: []*exchange.Listing{l}, EachAnswers: true, Book: true, Ends: op == "unsubscribe",
	}
}
