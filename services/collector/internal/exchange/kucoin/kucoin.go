// Package kucoin speaks KuCoin's public spot protocol: a socket whose address is asked for over REST, level 2 changes whose
// numbers chain, books anchored by a REST snapshot of a hundred levels, matches, symbols and candles.
//
// It is an exchange.Exchange: without state, clock or socket. It asks for no key, so what lies beyond the hundred levels of
// a snapshot is unknown until it changes; Traits().Refresh brings a new snapshot often.
package kucoin

import (
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Where KuCoin is. WS is what it answered in 2026; the address is asked for each time, see ParseLocation.
const (
	WS   = "wss://ws-api-spot.kucoin.com"
	REST = "https://api.kucoin.com"
)

// Exchange is the adapter.
type Exchange struct{}

var (
	_ exchange.Exchange    = Exchange{}
	_ exchange.Snapshotter = Exchange{}
	_ exchange.Locator     = Exchange{}
	_ exchange.Pinger      = Exchange{}
)

// Name returns "kucoin".
func (Exchange) Name() market.Exchange { return "kucoin" }

// Traits returns KuCoin's limits as its documentation of 2025 and its own error texts give them, each with room left.
func (Exchange) Traits() exchange.Traits {
	return exchange.Traits{
		Listings:    150,                    // two topics each; "exceed max subscription count limitation of 400 per session", once 300
		Batch:       20,                     // "… of 100 per time", but one unknown symbol refuses all of them
		RequestGap:  250 * time.Millisecond, // with our pings under 5 messages a second, of 10
		Answer:      10 * time.Second,
		Stale:       4 * time.Second, // a pong comes every 1.6 s
		Silence:     10 * time.Second,
		Refresh:     time.Minute, // a snapshot has twice the levels that are published
		Dials:       15,          // of 30
		DialsPer:    time.Minute,
		Weight:      1000, // of 2,000
		WeightPer:   30 * time.Second,
		CandleRows:  1500,
		SparseRows:  true,
		LossProven:  true,
		MaxLifetime: 23 * time.Hour, // a token is good for 24
		Greets:      true,           // what is sent before "welcome" is lost
	}
}

// Rules returns the ways of KuCoin's books.
func (Exchange) Rules() book.Rules { return book.Rules{Anchored: true, Chain: Chain, Window: 100} }

// Chain judges by the range of sequence numbers that each message spans. The numbers of single levels prove nothing.
func Chain(last book.Seq, next *book.Update) book.Verdict {
	switch {
	case next.Last <= last:
		return book.Skip // rule 3: in the snapshot already
	case next.First > last+1:
		return book.StartOver // rule 4: something is missing
	}
	// Rule 5 drops the single levels of a message that the snapshot contains. They are not dropped here: sizes are absolute
	// and in order, so where a message reaches beyond the snapshot its levels end as they would anyway.
	return book.Apply
}

// Endpoint returns the base itself: the address comes from ParseLocation.
func (Exchange) Endpoint(base string) string { return base }

// Subscribe asks for level 2 changes and for matches.
func (Exchange) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return requests("subscribe", id, listings)
}

// Unsubscribe ends both.
func (Exchange) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return requests("unsubscribe", id, listings)
}

// Resync needs no request: the changes keep flowing while another snapshot is fetched.
func (Exchange) Resync(uint64, *exchange.Listing) []exchange.Request { return nil }

// Ping returns the ping in KuCoin's own words. It wants one every 18 s; more of them tell quiet from dead sooner.
func (Exchange) Ping(id uint64) ([]byte, time.Duration) {
	return []byte(`{"id":"` + strconv.FormatUint(id, 10) + `","type":"ping"}`), 1600 * time.Millisecond
}

const (
	bookTopic  = "/market/level2:"
	tradeTopic = "/market/match:"
)

func requests(verb string, id uint64, listings []*exchange.Listing) []exchange.Request {
	books := request(verb, bookTopic, id, listings)
	books.Book = true
	trades := request(verb, tradeTopic, id+1, listings)
	trades.Trades = true
	return []exchange.Request{books, trades}
}

func request(verb, topic string, id uint64, listings []*exchange.Listing) exchange.Request {
	b := append([]byte(`{"id":"`), strconv.FormatUint(id, 10)...)
	b = append(b, `","type":"`+verb+`","topic":"`+topic...)
	for i, l := range listings {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, l.Wire...)
	}
	b = append(b, `","privateChannel":false,"response":true}`...)
	return exchange.Request{ID: id, Frame: b, Listings: listings, Ends: verb == "unsubscribe"}
}
