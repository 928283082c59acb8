// Package binance speaks Binance's public spot protocol: combined streams of depth differences and trades, books anchored
// by a REST snapshot, exchangeInfo and klines. Binance.US and Binance TR speak the same: they are this adapter under another
// name, with other limits.
//
// It is an exchange.Exchange: without state, clock or socket. It reads times in milliseconds, which is what the addresses
// it gives ask for.
package binance

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Where Binance is, and its two relatives. Binance TR's calls in Binance's form are at this host, not at its own.
const (
	WS     = "wss://stream.binance.com:9443"
	REST   = "https://api.binance.com"
	WSUS   = "wss://stream.binance.us:9443"
	RESTUS = "https://api.binance.us"
	WSTR   = "wss://stream-cloud.binance.tr"
	RESTTR = "https://api.binance.me"
)

// Exchange is the adapter. The zero value is Binance itself.
type Exchange struct {
	name   market.Exchange // empty for Binance
	weight int             // REST weight a minute, 0 for Binance's
	klines string          // path of the candles, empty for Binance's
}

// US returns the adapter of Binance.US. It allows 1,200 of REST weight a minute.
func US() Exchange { return Exchange{name: "binance_us", weight: 900} }

// TR returns the adapter of Binance TR, for the pairs it calls symbols of type 1: its documentation of 2026 has their books,
// trades and candles in Binance's own form, the candles under the first version's path.
func TR() Exchange { return Exchange{name: "binance_tr", weight: 900, klines: "/api/v1/klines"} }

var (
	_ exchange.Exchange    = Exchange{}
	_ exchange.Snapshotter = Exchange{}
)

// Name returns "binance", "binance_us" or "binance_tr".
func (e Exchange) Name() market.Exchange { return cmp.Or(e.name, "binance") }

// Traits returns Binance's limits as its documentation of July 2026 gives them, each with room left.
func (e Exchange) Traits() exchange.Traits {
	return exchange.Traits{
		Listings:    400, // two streams each, of 1,024 a connection
		Batch:       50,
		RequestGap:  400 * time.Millisecond, // with our pings and pongs 3 messages a second, of 5
		Answer:      10 * time.Second,
		PingEvery:   2 * time.Second, // the server's own ping comes every 20 s, too seldom to tell quiet from dead
		Stale:       4 * time.Second,
		Silence:     10 * time.Second,
		Refresh:     10 * time.Minute,
		Dials:       150, // of 300
		DialsPer:    5 * time.Minute,
		Weight:      cmp.Or(e.weight, 4800), // of 6,000
		WeightPer:   time.Minute,
		CandleRows:  1000,
		LossProven:  true,
		MaxLifetime: 23 * time.Hour, // it cuts at 24
	}
}

// Rules returns the ways of Binance's books.
func (Exchange) Rules() book.Rules { return book.Rules{Anchored: true, Chain: Chain} }

// Chain judges by the range of ids that each difference spans. Spot has no id of the previous one.
func Chain(last book.Seq, next *book.Update) book.Verdict {
	switch {
	case next.Last <= last:
		return book.Skip // rule 5: old news, in the snapshot already (rule 3 while catching up)
	case next.First > last+1:
		return book.StartOver // rule 5: a gap
	}
	return book.Apply // first ≤ last+1 ≤ next.Last; a range that straddles the last id is legal, also at the snapshot (rule 3)
}

// Endpoint returns the address of combined streams; which ones is said by Subscribe.
func (Exchange) Endpoint(base string) string { return base + "/stream" }

// Subscribe asks for depth differences every 100 ms and for trades, in one request.
func (Exchange) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return []exchange.Request{request("SUBSCRIBE", id, listings)}
}

// Unsubscribe ends both.
func (Exchange) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	r := request("UNSUBSCRIBE", id, listings)
	r.Ends = true
	return []exchange.Request{r}
}

// Resync needs no request: the differences keep flowing while another snapshot is fetched.
func (Exchange) Resync(uint64, *exchange.Listing) []exchange.Request { return nil }

func request(method string, id uint64, listings []*exchange.Listing) exchange.Request {
	b := append([]byte(`{"method":"`), method...)
	b = append(b, `","params":[`...)
	for i, l := range listings {
		if i > 0 {
			b = append(b, ',')
		}
		stream := strings.ToLower(l.Wire) // stream names are lower case, payloads upper
		b = append(b, `"`+stream+`@depth@100ms","`+stream+`@trade"`...)
	}
	b = append(b, `],"id":`...)
	b = append(strconv.AppendUint(b, id, 10), '}')
	return exchange.Request{ID: id, Frame: b, Listings: listings, Book: true, Trades: true}
}
