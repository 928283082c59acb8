// Package gemini speaks Gemini's public market data protocol version 2: whole books, trades, heartbeats, and the REST calls
// for symbols and candles.
//
// It is an exchange.Exchange: without state, clock or socket. Nothing on this protocol proves that a message about a book
// was lost: there is neither a sequence nor a checksum. What is left is that a crossed book is a broken one, and a new
// snapshot now and then. Nor are subscriptions acknowledged: the first book that comes is the answer.
package gemini

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Where Gemini is.
const (
	WS   = "wss://api.gemini.com"
	REST = "https://api.gemini.com"
)

// Exchange is the adapter.
type Exchange struct{}

var _ exchange.Exchange = Exchange{}

// Name returns "gemini".
func (Exchange) Name() market.Exchange { return "gemini" }

// Traits returns Gemini's limits. It documents few for its sockets; those of REST are general knowledge.
func (Exchange) Traits() exchange.Traits {
	return exchange.Traits{
		Listings:   50,
		Batch:      50,
		RequestGap: 100 * time.Millisecond,
		Answer:     15 * time.Second,
		PingEvery:  1600 * time.Millisecond, // its own heartbeat comes every 5 s, too seldom to tell quiet from dead
		Stale:      4 * time.Second,
		Silence:    10 * time.Second,
		Refresh:    30 * time.Minute, // because nothing proves a loss
		Dials:      30,
		DialsPer:   time.Minute,
		Weight:     60, // of 120
		WeightPer:  time.Minute,
		CandleRows: 1440, // as many as there are of any interval
	}
}

// Rules returns the ways of Gemini's books: none but that a snapshot comes first.
func (Exchange) Rules() book.Rules { return book.Rules{} }

// Endpoint returns the address of version 2.
func (Exchange) Endpoint(base string) string { return base + "/v2/marketdata" }

// Subscribe asks for l2, which holds book and trades, of each listing in a request of its own, so that a bad symbol fails
// no other.
func (Exchange) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return each("subscribe", id, listings)
}

// Unsubscribe ends it.
func (Exchange) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return each("unsubscribe", id, listings)
}

// Resync ends the subscription and begins another, which the whole book follows.
func (Exchange) Resync(id uint64, l *exchange.Listing) []exchange.Request {
	return []exchange.Request{request("unsubscribe", id, l), request("subscribe", id+1, l)}
}

func each(op string, id uint64, listings []*exchange.Listing) []exchange.Request {
	requests := make([]exchange.Request, len(listings))
	for i, l := range listings {
		requests[i] = request(op, id+uint64(i), l)
	}
	return requests
}

// request does not send its id: Gemini has no place for one.
func request(op string, id uint64, l *exchange.Listing) exchange.Request {
	return exchange.Request{
		ID:       id,
		Frame:    []byte(`{"type":"` + op + `","subscriptions":[{"name":"l2","symbols":["` + l.Wire + `"]}]}`),
		Listings: []*exchange.Listing{l}, EachAnswers: true, Book: true, Trades: true, Ends: op == "unsubscribe",
	}
}
