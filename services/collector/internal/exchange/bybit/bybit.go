// Package bybit speaks Bybit's public spot protocol version 5: books of a subscribed depth whose messages count up by one,
// trades, and the REST calls instruments-info and kline.
//
// It is an exchange.Exchange: without state, clock or socket. The older wire format (realtime_public) is another protocol
// and dead; it is not read.
package bybit

import (
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Where Bybit is.
const (
	WS   = "wss://stream.bybit.com"
	REST = "https://api.bybit.com"
)

// DefaultDepth holds the fifty levels that are published and room for the price to move into; it is pushed every 100 ms.
const DefaultDepth = 200

// Depths are the book depths that Bybit knows for spot, beside 1.
var Depths = []int{50, 200, 1000}

// Exchange is the adapter. The zero value asks for books of DefaultDepth.
type Exchange struct {
	Depth int // one of Depths
}

var (
	_ exchange.Exchange = Exchange{}
	_ exchange.Pinger   = Exchange{}
)

// Name returns "bybit".
func (Exchange) Name() market.Exchange { return "bybit" }

// Traits returns Bybit's limits as its documentation of July 2026 gives them, each with room left.
func (Exchange) Traits() exchange.Traits {
	return exchange.Traits{
		Listings:   200, // two topics of some 20 characters each, of 21,000 characters a connection
		Batch:      200,
		RequestGap: 50 * time.Millisecond, // no rate is documented
		Answer:     10 * time.Second,
		Stale:      4 * time.Second, // two pings and a half
		Silence:    10 * time.Second,
		Dials:      250, // of 500
		DialsPer:   5 * time.Minute,
		Weight:     400, // of 600
		WeightPer:  5 * time.Second,
		CandleRows: 1000,
		LossProven: true,
	}
}

// pingEvery is how often we ask for a sign of life; Bybit asks for it every 20 s, too seldom to tell quiet from dead.
const pingEvery = 1600 * time.Millisecond

// Ping is answered in kind.
func (Exchange) Ping(id uint64) ([]byte, time.Duration) {
	return []byte(`{"req_id":"` + strconv.FormatUint(id, 10) + `","op":"ping"}`), pingEvery
}

// Rules returns the ways of Bybit's books. A level that leaves the depth is normally removed by a message; that the book is
// cut off at the depth is a guard.
func (e Exchange) Rules() book.Rules { return book.Rules{Chain: Chain, Depth: e.depth()} }

// Chain judges by the number that each message counts up by one. A restart of the service begins a new count with a
// snapshot.
func Chain(last book.Seq, next *book.Update) book.Verdict {
	switch next.Last {
	case last + 1:
		return book.Apply
	case last:
		return book.Skip // the same message again
	}
	return book.StartOver
}

// Endpoint returns the address of spot.
func (Exchange) Endpoint(base string) string { return base + "/v5/public/spot" }

// Subscribe asks for book and trades of each listing in a request of its own: a bad topic fails the whole request that
// holds it, and a request may hold ten.
func (e Exchange) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return e.each("subscribe", id, listings)
}

// Unsubscribe ends both.
func (e Exchange) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return e.each("unsubscribe", id, listings)
}

// Resync ends the book's subscription and begins another, which a snapshot follows.
func (e Exchange) Resync(id uint64, l *exchange.Listing) []exchange.Request {
	return []exchange.Request{request("unsubscribe", id, l, e.book(l)), request("subscribe", id+1, l, e.book(l))}
}

func (e Exchange) depth() int {
	if e.Depth == 0 {
		return DefaultDepth
	}
	return e.Depth
}

func (e Exchange) book(l *exchange.Listing) string {
	return `"` + bookTopic + strconv.Itoa(e.depth()) + "." + l.Wire + `"`
}

func (e Exchange) each(op string, id uint64, listings []*exchange.Listing) []exchange.Request {
	requests := make([]exchange.Request, len(listings))
	for i, l := range listings {
		requests[i] = request(op, id+uint64(i), l, e.book(l)+`,"`+tradeTopic+l.Wire+`"`)
		requests[i].Trades = true
	}
	return requests
}

func request(op string, id uint64, l *exchange.Listing, topics string) exchange.Request {
	return exchange.Request{
		ID:       id,
		Frame:    []byte(`{"req_id":"` + strconv.FormatUint(id, 10) + `","op":"` + op + `","args":[` + topics + `]}`),
		Listings: []*exchange.Listing{l}, Book: true, Ends: op == "unsubscribe",
	}
}
