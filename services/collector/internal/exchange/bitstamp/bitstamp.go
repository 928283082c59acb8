// Package bitstamp speaks Bitstamp's public WebSocket protocol version 2: changes of the whole book stamped with
// microseconds, books anchored by a REST snapshot with the same clock, trades, trading pairs and OHLC.
//
// It is an exchange.Exchange: without state, clock or socket. Nothing in the protocol tells of a loss. What can be done is:
// a snapshot must reach a message of the stream (Rules.Overlaps), a crossed book starts over, and Traits().Refresh brings a
// new snapshot every minute.
package bitstamp

import (
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Where Bitstamp is.
const (
	WS   = "wss://ws.bitstamp.net"
	REST = "https://www.bitstamp.net"
)

// Exchange is the adapter.
type Exchange struct{}

var (
	_ exchange.Exchange    = Exchange{}
	_ exchange.Snapshotter = Exchange{}
	_ exchange.Pinger      = Exchange{}
)

// Name returns "bitstamp".
func (Exchange) Name() market.Exchange { return "bitstamp" }

// Traits returns Bitstamp's limits. Of the REST interface it documents 400 calls a second and 10,000 in ten minutes; of the
// socket nothing, so the pace is a guess at what nobody minds.
func (Exchange) Traits() exchange.Traits {
	return exchange.Traits{
		Listings:   100, // two channels each
		Batch:      1,   // a request names one channel
		RequestGap: 100 * time.Millisecond,
		Answer:     10 * time.Second,
		Stale:      4 * time.Second, // a heartbeat is answered every 1.6 s
		Silence:    10 * time.Second,
		Refresh:    time.Minute, // 1,000 calls in ten minutes for a full connection
		Dials:      30,
		DialsPer:   time.Minute,
		Weight:     7500, // of 10,000
		WeightPer:  10 * time.Minute,
		CandleRows: 1000,
		SparseRows: true, // nothing is documented of intervals without trades
		// LossProven is false: a frame that cannot be read may have been any book's, and nothing would ever show it.
		MaxLifetime: 24 * time.Hour, // it cuts after some 90 days; a new start a day costs nothing and heals what nobody sees
	}
}

// Rules returns the ways of Bitstamp's books.
func (Exchange) Rules() book.Rules { return book.Rules{Anchored: true, Overlaps: true, Chain: Chain} }

// Chain judges by the microsecond that a message is stamped with. Comparing whole seconds instead is what makes books cross.
func Chain(last book.Seq, next *book.Update) book.Verdict {
	if next.Last <= last {
		return book.Skip // in the snapshot already; messages of one pair are a tenth of a second apart
	}
	return book.Apply
}

// Endpoint returns the base: there is one address for all.
func (Exchange) Endpoint(base string) string { return base }

const (
	bookChannel  = "diff_order_book_"
	tradeChannel = "live_trades_"
)

// Subscribe asks for the changes of each book and for its trades, a channel a request.
func (Exchange) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return requests("bts:subscribe", id, listings)
}

// Unsubscribe ends both.
func (Exchange) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return requests("bts:unsubscribe", id, listings)
}

// Resync needs no request: the changes keep flowing while another snapshot is fetched.
func (Exchange) Resync(uint64, *exchange.Listing) []exchange.Request { return nil }

// Ping returns the heartbeat, which is answered in kind.
func (Exchange) Ping(uint64) ([]byte, time.Duration) {
	return []byte(`{"event":"bts:heartbeat"}`), 1600 * time.Millisecond
}

func requests(event string, id uint64, listings []*exchange.Listing) []exchange.Request {
	list := make([]exchange.Request, 0, 2*len(listings))
	for i := range listings {
		for _, channel := range [2]string{bookChannel, tradeChannel} {
			list = append(list, exchange.Request{
				ID:       id + uint64(len(list)), // ours alone: it is not sent, answers tell by their channel
				Frame:    []byte(`{"event":"` + event + `","data":{"channel":` + strconv.Quote(channel+listings[i].Wire) + `}}`),
				Listings: listings[i : i+1 : i+1],
				Book:     channel == bookChannel,
				Trades:   channel == tradeChannel,
				Ends:     event == "bts:unsubscribe",
			})
		}
	}
	return list
}
