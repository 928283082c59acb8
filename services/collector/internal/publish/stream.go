package publish

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/candle"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
)

// stream is what is published about one instrument.
type stream struct {
	exchange                                market.Exchange
	symbol                                  market.Symbol
	bookSubject, touchSubject, tradeSubject string
	klineSubjects                           map[time.Duration]string

	mu        sync.Mutex // guards all below
	listing   *exchange.Listing
	seq       uint64 // of the newest book published
	state     market.State
	published time.Time
	received  time.Time // of the change last seen
	alive     time.Time // when the book's connection was last heard
	dirty     bool      // changed since it was published
	payload   []byte    // of the newest book; nil while not collected
	touch     []byte    // of the newest touch
	best      [2]book.Level
	ahead     time.Duration // the exchange's clock minus ours, the way of the message included
	arriving  bool          // trades arrive
	restart   bool          // and the candles are to begin anew with the next message
	candles   *candle.Set
	nextKline time.Time
}

func newStream(e market.Exchange, s market.Symbol, first uint64) *stream {
	st := &stream{
		exchange: e, symbol: s, seq: first,
		bookSubject: bus.BookSubject(e, s), touchSubject: bus.TouchSubject(e, s), tradeSubject: bus.TradeSubject(e, s),
		klineSubjects: map[time.Duration]string{},
	}
	for _, interval := range bus.Intervals {
		st.klineSubjects[interval.Duration()] = bus.KlineSubject(e, s, interval)
	}
	st.candles = newCandles()
	return st
}

func newCandles() *candle.Set {
	lengths := make([]time.Duration, len(bus.Intervals))
	for i, interval := range bus.Intervals {
		lengths[i] = interval.Duration()
	}
	return candle.NewSet(lengths...)
}

// touched reports whether the best levels differ from those of the last touch.
func (st *stream) touched(b *book.Book) bool {
	bid, _ := b.Bid(0)
	ask, _ := b.Ask(0)
	now := [2]book.Level{bid, ask}
	if now == st.best {
		return false
	}
	st.best = now
	return true
}

// bookPayload makes the next book: the JSON of a market.Book, written from the book's own numbers into memory used again.
func (st *stream) bookPayload(v feed.View) []byte {
	st.seq++
	st.state, st.published, st.dirty = v.State, v.Now, false
	st.received = v.Received
	b := st.head(st.payload[:0], st.seq)
	b = append(b, `,"exchange_seq":`...)
	if v.Book == nil {
		b = append(b, '0')
	} else {
		b = strconv.AppendUint(b, uint64(v.Book.Seq()), 10)
	}
	b = append(append(append(b, `,"state":"`...), v.State...), '"')
	if v.Reason != "" {
		if reason, err := json.Marshal(v.Reason); err == nil {
			b = append(append(b, `,"reason":`...), reason...)
		}
	}
	if v.Book != nil {
		b = appendTime(b, `,"exchange_time":"`, v.Book.Time())
	}
	b = appendTime(b, `,"received_at":"`, v.Received)
	b = appendTime(b, `,"alive_at":"`, v.Alive)
	if v.Book == nil {
		b = append(b, `,"bids":[],"asks":[]}`...)
	} else {
		b = v.Book.AppendBids(append(b, `,"bids":`...), Depth)
		b = v.Book.AppendAsks(append(b, `,"asks":`...), Depth)
		b = append(b, '}')
	}
	st.payload = b
	return b
}

// touchPayload makes a touch: the JSON of a market.Touch, without sides where none are known to hold. Its number is that
// of the book that will be published next, which holds the same change or a newer one.
func (st *stream) touchPayload(v feed.View, holds bool) []byte {
	b := st.head(st.touch[:0], st.seq+1)
	if holds {
		b = appendBest(b, `,"bid":["`, v.Book, st.best[0])
		b = appendBest(b, `,"ask":["`, v.Book, st.best[1])
		b = appendTime(b, `,"exchange_time":"`, v.Book.Time())
	} else {
		st.best = [2]book.Level{}
	}
	received := v.Received
	if received.IsZero() {
		received = v.Now // an end that no message brought
	}
	b = append(b, `,"received_at":"`...)
	b = append(received.AppendFormat(b, time.RFC3339Nano), `"}`...)
	st.touch = b
	return b
}

// head begins a message. Names are safe tokens and need no escaping.
func (st *stream) head(b []byte, seq uint64) []byte {
	b = append(append(b, `{"exchange":"`...), st.exchange...)
	b = append(append(b, `","symbol":"`...), st.symbol...)
	return strconv.AppendUint(append(b, `","seq":`...), seq, 10)
}

func appendBest(b []byte, key string, in *book.Book, l book.Level) []byte {
	if l.Size == 0 {
		return b
	}
	b = book.AppendUnits(append(b, key...), l.Price, in.Scale().Price)
	b = book.AppendUnits(append(b, `","`...), l.Size, in.Scale().Size)
	return append(b, `"]`...)
}

// appendTime appends a time unless it is zero, as encoding/json does with omitzero.
func appendTime(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return append(t.AppendFormat(append(b, key...), time.RFC3339Nano), '"')
}

func (st *stream) trade(l *exchange.Listing, t *exchange.Trade, received time.Time) market.Trade {
	return market.Trade{
		Exchange: st.exchange, Symbol: st.symbol, ID: t.ID,
		Price: decimal.New(t.Price, int(l.Scale.Price)), Quantity: decimal.New(t.Size, int(l.Scale.Size)),
		TakerSide: t.Taker, ExchangeTime: t.Time, ReceivedAt: received,
	}
}
