// Package okx speaks OKX's public protocol version 5: the 400 best levels of books, chained by the ids of their messages,
// trades, and the REST calls instruments and candles. OKCoin spoke the same.
//
// It is an exchange.Exchange: without state, clock or socket. Recordings from before ids and from before June 2026, when
// the checksum was retired, are read as well: what a message carries is checked, what it lacks is not missed.
package okx

import (
	"hash/crc32"
	"strconv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
)

// Where OKX is.
const (
	WS   = "wss://ws.okx.com:8443"
	REST = "https://www.okx.com"
)

// Exchange is the adapter.
type Exchange struct{}

var (
	_ exchange.Exchange = Exchange{}
	_ exchange.Pinger   = Exchange{}
)

// Name returns "okx".
func (Exchange) Name() market.Exchange { return "okx" }

// Traits returns OKX's limits as its documentation of 2026 gives them, each with room left.
func (Exchange) Traits() exchange.Traits {
	return exchange.Traits{
		Listings:   25, // it advises fewer than 30 book channels a connection
		Batch:      25,
		RequestGap: 500 * time.Millisecond, // of subscriptions and their ends it takes 480 an hour and connection
		Answer:     10 * time.Second,
		Stale:      4 * time.Second, // two pings and a half
		Silence:    10 * time.Second,
		Dials:      2, // of 3
		DialsPer:   time.Second,
		Weight:     30, // of 40; instruments may be asked for half as often and cost double
		WeightPer:  2 * time.Second,
		CandleRows: 100, // some calls give 300, all give 100
		LossProven: true,
	}
}

// pingEvery is how often we ask for a sign of life. Quiet pairs are silent for 30 s, and then OKX hangs up; it asks for a
// ping at least that often.
const pingEvery = 1600 * time.Millisecond

// Ping is the four characters, not JSON; the answer is "pong".
func (Exchange) Ping(uint64) ([]byte, time.Duration) { return []byte("ping"), pingEvery }

// Rules returns the ways of OKX's books. It keeps the window of 400 levels itself and says what leaves it.
func (Exchange) Rules() book.Rules { return book.Rules{Chain: Chain, Checksum: Checksum} }

// Chain judges by the id that a message says it follows. Steps are irregular, so only equality proves anything. It covers
// the idle message, whose ids are both the last one, the one after a reset of the exchange, whose own id is lower, and
// recordings from before there were ids, where all are 0.
func Chain(last book.Seq, next *book.Update) book.Verdict {
	switch {
	case next.Prev == last:
		return book.Apply
	case next.Last == last:
		return book.Skip // the same message again
	}
	return book.StartOver
}

// checked is how many levels a side the checksum covers.
const checked = 25

// Checksum is CRC-32 (IEEE) over the 25 best levels as price:size, a bid and an ask in turn as far as each side goes, with
// colons between. The exchange writes numbers without zeros behind, as we do.
func Checksum(b *book.Book, scratch []byte) uint32 {
	sum, first := uint32(0), true
	add := func(l book.Level, ok bool) {
		if !ok {
			return
		}
		text := scratch[:0]
		if !first {
			text = append(text, ':')
		}
		text = append(book.AppendUnits(text, l.Price, b.Scale().Price), ':')
		sum, first = crc32.Update(sum, crc32.IEEETable, book.AppendUnits(text, l.Size, b.Scale().Size)), false
	}
	for i := range checked {
		add(b.Bid(i))
		add(b.Ask(i))
	}
	return sum
}

// Endpoint returns the address of books and trades.
func (Exchange) Endpoint(base string) string { return base + "/ws/v5/public" }

// Subscribe asks for books and for trades.
func (Exchange) Subscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return []exchange.Request{request("subscribe", "books", id, listings), request("subscribe", "trades", id+1, listings)}
}

// Unsubscribe ends both.
func (Exchange) Unsubscribe(id uint64, listings []*exchange.Listing) []exchange.Request {
	return []exchange.Request{request("unsubscribe", "books", id, listings), request("unsubscribe", "trades", id+1, listings)}
}

// Resync ends the book's subscription and begins another: subscribing twice is answered, but by no new snapshot.
func (Exchange) Resync(id uint64, l *exchange.Listing) []exchange.Request {
	one := []*exchange.Listing{l}
	return []exchange.Request{request("unsubscribe", "books", id, one), request("subscribe", "books", id+1, one)}
}

func request(op, channel string, id uint64, listings []*exchange.Listing) exchange.Request {
	b := append([]byte(`{"id":"`), strconv.FormatUint(id, 10)...)
	b = append(b, `","op":"`+op+`","args":[`...)
	for i, l := range listings {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"channel":"`+channel+`","instId":"`+l.Wire+`"}`...)
	}
	b = append(b, `]}`...)
	return exchange.Request{
		ID: id, Frame: b, Listings: listings, EachAnswers: true,
		Book: channel == "books", Trades: channel == "trades", Ends: op == "unsubscribe",
	}
}
