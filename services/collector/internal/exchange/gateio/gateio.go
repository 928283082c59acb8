// Package gateio speaks Gate.io's public spot protocol, version 4: books of the channel spot.obu, which start from a snapshot
// in the stream and whose numbers chain, trades, currency pairs and candlesticks.
//
// It is an exchange.Exchange: without state, clock or socket; the time that every request must carry is put in by Stamp.
// Anchored is the same exchange by its older book channel, whose books start from a REST snapshot: it is what recordings
// from before 2025 hold.
package gateio

import (
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Where Gate.io is.
const (
	WS   = "wss://api.gateio.ws"
	REST = "https://api.gateio.ws"
)

// Depths are the book depths that Gate.io offers: 50 levels every 20 ms, 400 every 100 ms.
var Depths = []int{50, 400}

// DefaultDepth holds the fifty levels that are published and leaves room for the price to move, at a fifth of the messages.
const DefaultDepth = 400

// Exchange is the adapter. The zero value asks for books of DefaultDepth.
type Exchange struct {
	Depth int // one of Depths
}

// Anchored asks for the channel spot.order_book_update instead of spot.obu.
type Anchored struct{ Exchange }

var (
	_ exchange.Exchange    = Exchange{}
	_ exchange.Pinger      = Exchange{}
	_ exchange.Stamper     = Exchange{}
	_ exchange.Exchange    = Anchored{}
	_ exchange.Snapshotter = Anchored{}
)

// Name returns "gateio".
func (Exchange) Name() market.Exchange { return "gateio" }

// Traits returns Gate.io's limits. It documents 200 public calls in 10 s and none for its sockets; what is known of those is
// that 300 connections of one address are too many.
func (Exchange) Traits() exchange.Traits {
	return exchange.Traits{
		Listings:   100,
		Batch:      10, // one unknown pair refuses the trades of all
		RequestGap: 100 * time.Millisecond,
		Answer:     10 * time.Second,
		Stale:      4 * time.Second, // a pong comes every 1.6 s
		Silence:    10 * time.Second,
		Dials:      50,
		DialsPer:   5 * time.Minute,
		Weight:     150, // of 200
		WeightPer:  10 * time.Second,
		CandleRows: 1000,
		SparseRows: true, // nothing is documented of intervals without trades
		LossProven: true,
	}
}

func (e Exchange) depth() int {
	if e.Depth == 0 {
		return DefaultDepth
	}
	return e.Depth
}

// Rules returns the ways of Gate.io's books. Whether a level pushed out of the depth is removed by a message of its own is
// not documented; to truncate is right either way.
func (e Exchange) Rules() book.Rules { return book.Rules{Chain: Chain, Depth: e.depth()} }

// Chain judges a message of spot.obu: it must begin just behind the last one.
func Chain(last book.Seq, next *book.Update) book.Verdict {
	switch {
	case next.Last <= last:
		return book.Skip // sent again
	case next.First != last+1:
		return book.StartOver // "the depth data is not continuous: unsubscribe and resubscribe"
	}
	return book.Apply
}

// Rules returns the ways of books anchored by a REST snapshot.
func (Anchored) Rules() book.Rules { return book.Rules{Anchored: true, Chain: ChainAnchored} }

// ChainAnchored judges a message of spot.order_book_update, by the numbered rules of Gate.io's manual.
func ChainAnchored(last book.Seq, next *book.Update) book.Verdict {
	switch {
	case next.Last <= last:
		return book.Skip // rule 5: in the snapshot already
	case next.First > last+1:
		return book.StartOver // rule 6: some updates are lost; rule 5 while catching up: the snapshot is too old
	}
	return book.Apply // rule 4: the range may straddle the snapshot
}

// Endpoint returns the address of version 4.
func (Exchange) Endpoint(base string) string { return base + "/ws/v4/" }

const (
	bookChannel   = "spot.obu"
	updateChannel = "spot.order_book_update"
	tradeChannel  = "spot.trades"
)

// Subscribe asks for each book by itself, and for all trades at once.
func (e Exchange) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return requests("subscribe", id, listings, e.book)
}

// Unsubscribe ends both.
func (e Exchange) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return requests("unsubscribe", id, listings, e.book)
}

// Resync ends the book's subscription and begins another, whose snapshot replaces the book. To subscribe twice is refused.
func (e Exchange) Resync(id uint64, l *exchange.Listing) []exchange.Request {
	one := []*exchange.Listing{l}
	return []exchange.Request{e.book("unsubscribe", id, one), e.book("subscribe", id+1, one)}
}

// Subscribe asks for each book by itself, and for all trades at once.
func (Anchored) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return requests("subscribe", id, listings, updates)
}

// Unsubscribe ends both.
func (Anchored) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return requests("unsubscribe", id, listings, updates)
}

// Resync needs no request: the changes keep flowing while another snapshot is fetched.
func (Anchored) Resync(uint64, *exchange.Listing) []exchange.Request { return nil }

// Ping returns a ping in Gate.io's own words. It wants none; the answer tells quiet from dead.
func (Exchange) Ping(id uint64) ([]byte, time.Duration) {
	return []byte(`{"id":` + strconv.FormatUint(id, 10) + `,"channel":"spot.ping"}`), 1600 * time.Millisecond
}

// Stamp puts in the time of sending: Gate.io documents that it refuses requests more than 60 s off.
func (Exchange) Stamp(frame []byte, at time.Time) []byte {
	stamped := strconv.AppendInt([]byte(`{"time":`), at.Unix(), 10)
	return append(append(stamped, ','), frame[1:]...)
}

// ask makes the request for books; it is called with one listing.
type ask func(event string, id uint64, listings []*exchange.Listing) exchange.Request

func (e Exchange) book(event string, id uint64, one []*exchange.Listing) exchange.Request {
	r := request(bookChannel, event, id, one, "ob."+one[0].Wire+"."+strconv.Itoa(e.depth()))
	r.Book = true
	return r
}

func updates(event string, id uint64, one []*exchange.Listing) exchange.Request {
	r := request(updateChannel, event, id, one, one[0].Wire, "100ms")
	r.Book = true
	return r
}

func requests(event string, id uint64, listings []*exchange.Listing, book ask) []exchange.Request {
	list := make([]exchange.Request, 0, len(listings)+1)
	pairs := make([]string, len(listings))
	for i, l := range listings {
		list = append(list, book(event, id+uint64(i), listings[i:i+1:i+1]))
		pairs[i] = l.Wire
	}
	trades := request(tradeChannel, event, id+uint64(len(listings)), listings, pairs...)
	trades.Trades = true
	return append(list, trades)
}

func request(channel, event string, id uint64, listings []*exchange.Listing, payload ...string) exchange.Request {
	b := strconv.AppendUint([]byte(`{"id":`), id, 10)
	b = append(b, `,"channel":"`+channel+`","event":"`+event+`","payload":[`...)
	for i, p := range payload {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `"`+p+`"`...)
	}
	b = append(b, `]}`...)
	return exchange.Request{ID: id, Frame: b, Listings: listings, Ends: event == "unsubscribe"}
}
