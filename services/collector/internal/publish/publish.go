// Package publish turns what a feed sees into the messages of the bus: books at a bounded rate, touches, trades and
// candles as they come.
//
// A Publisher is the Sink of one exchange's feed. The feed's goroutines call it, and anyone may ask it for the latest book,
// for recent candles and for counts at the same time; each instrument has a lock of its own, held for microseconds.
//
// It keeps no queue: what the bus does not take at once is gone, as market data may be, and the next message says more.
package publish

import (
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/candle"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
)

// How often what is published, and how much.
const (
	Depth    = 50                     // levels a side
	BookGap  = 100 * time.Millisecond // between two books of one instrument, unless its state changes
	AliveGap = time.Second            // an unchanged book is repeated after this, so that silence is never taken for quiet
	KlineGap = time.Second
	maxJump  = time.Minute // between two comparisons of an exchange's clock with ours; more is a clock that was set
)

// Bus takes market data without waiting.
type Bus interface {
	PublishMarket(subject string, payload []byte) error
}

// Publisher publishes one exchange's market data.
type Publisher struct {
	exchange market.Exchange
	first    uint64
	bus      Bus
	log      *slog.Logger
	seed     func(*exchange.Listing) // asks for the candles that are running; must not block
	failed   rate.Sometimes

	mu      sync.Mutex // guards streams
	streams map[market.Symbol]*stream
}

var _ feed.Sink = (*Publisher)(nil)

// New returns a publisher that numbers the books of each instrument from first + 1 on. It calls seed whenever the trades of a listing begin to arrive, so that the candles already
// running can be completed by Seed.
func New(e market.Exchange, first uint64, b Bus, seed func(*exchange.Listing), log *slog.Logger) *Publisher {
	return &Publisher{
		exchange: e, first: first, bus: b, log: log, seed: seed,
		failed:  rate.Sometimes{Interval: 10 * time.Second},
		streams: map[market.Symbol]*stream{},
	}
}

// stream returns the stream of a listing. Streams are never removed: their numbers must not go back.
func (p *Publisher) stream(l *exchange.Listing) *stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := p.streams[l.Symbol]
	if st == nil {
		st = newStream(p.exchange, l.Symbol, p.first)
		p.streams[l.Symbol] = st
	}
	return st
}

func (p *Publisher) find(s market.Symbol) *stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.streams[s]
}

func (p *Publisher) send(subject string, payload []byte) {
	if err := p.bus.PublishMarket(subject, payload); err != nil {
		p.failed.Do(func() { p.log.Warn("market data not published", "subject", subject, "error", err) })
	}
}

// Look implements feed.Sink.
func (p *Publisher) Look(l *exchange.Listing, v feed.View) {
	st := p.stream(l)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.listing = l
	st.alive = v.Alive
	turned := v.State != st.state
	if v.Book != nil && (turned || !v.Received.Equal(st.received)) {
		st.dirty = true
		p.observe(st, v.Book.Time(), v.Received)
		if st.touched(v.Book) || turned {
			p.send(st.touchSubject, st.touchPayload(v, true))
		}
	}
	if turned && st.state == market.Live {
		p.send(st.touchSubject, st.touchPayload(v, false)) // the last one no longer holds
	}
	since := v.Now.Sub(st.published)
	if turned || st.dirty && since >= BookGap || since >= AliveGap {
		p.send(st.bookSubject, st.bookPayload(v))
	}
	if st.arriving && !st.restart {
		p.klines(st, v.Now)
	}
}

// Trade implements feed.Sink.
func (p *Publisher) Trade(l *exchange.Listing, t *exchange.Trade, received time.Time) {
	st := p.stream(l)
	st.mu.Lock()
	defer st.mu.Unlock()
	st.listing = l
	trade := st.trade(l, t, received)
	payload, err := json.Marshal(trade)
	if err != nil {
		p.failed.Do(func() { p.log.Error("trade not encoded", "symbol", l.Symbol, "error", err) })
		return
	}
	p.send(st.tradeSubject, payload)
	p.observe(st, t.Time, received)
	at := t.Time
	if at.IsZero() {
		at = received
	}
	finished, err := st.candles.Trade(trade.Price, trade.Quantity, at)
	p.finished(st, finished)
	if err != nil {
		p.failed.Do(func() { p.log.Error("trade not counted", "symbol", l.Symbol, "error", err) })
	}
}

// observe compares the clocks. At the first message after trades began to arrive, and where the exchange's clock jumped, the
// candles begin anew at the exchange's time.
func (p *Publisher) observe(st *stream, theirs, ours time.Time) {
	if theirs.IsZero() {
		theirs = ours
	}
	ahead := theirs.Sub(ours)
	jumped := (ahead - st.ahead).Abs() > maxJump
	st.ahead = ahead
	if st.arriving && (st.restart || jumped) {
		st.restart = false
		st.candles.Start(theirs)
		p.seed(st.listing)
	}
}

// Trades implements feed.Sink.
func (p *Publisher) Trades(l *exchange.Listing, arrive bool, _ time.Time) {
	st := p.stream(l)
	st.mu.Lock()
	st.listing = l
	if began := arrive && !st.arriving; began {
		st.restart = true
	}
	st.arriving = arrive
	st.mu.Unlock()
}

// Gone implements feed.Sink.
func (p *Publisher) Gone(l *exchange.Listing, at time.Time) {
	st := p.stream(l)
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.listing != l {
		return // its successor has taken over
	}
	st.arriving = false
	v := feed.View{State: market.Down, Reason: "not collected", Now: at}
	if st.state == market.Live {
		p.send(st.touchSubject, st.touchPayload(v, false))
	}
	p.send(st.bookSubject, st.bookPayload(v))
	st.payload, st.candles = nil, newCandles() // a pair that nobody wants must not go on holding a hundred candles of each length
}

// Seed gives the candle of a listing that is running by what the exchange says.
func (p *Publisher) Seed(l *exchange.Listing, interval time.Duration, c market.Candle) {
	st := p.stream(l)
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.listing == l && st.arriving {
		st.candles.Seed(interval, c)
	}
}

// Book returns the payload of the newest book published; ok is false for an instrument that is not collected.
func (p *Publisher) Book(s market.Symbol) (payload []byte, ok bool) {
	st := p.find(s)
	if st == nil {
		return nil, false
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return append([]byte(nil), st.payload...), st.payload != nil
}

// Recent returns candles built from trades, oldest first, the running one last; none for an interval that is not built.
func (p *Publisher) Recent(s market.Symbol, interval time.Duration) []market.Candle {
	st := p.find(s)
	if st == nil {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.candles.Recent(interval)
}

// Count returns how many instruments are collected and how many of their books are live.
func (p *Publisher) Count() (symbols, live int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, st := range p.streams {
		st.mu.Lock()
		if st.payload != nil {
			symbols++
			if st.state == market.Live {
				live++
			}
		}
		st.mu.Unlock()
	}
	return symbols, live
}

// Age returns how long ago the connection of the live book that has been silent longest was last heard; known is false
// without a live book.
func (p *Publisher) Age(now time.Time) (age time.Duration, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, st := range p.streams {
		st.mu.Lock()
		if st.payload != nil && st.state == market.Live {
			age, known = max(age, now.Sub(st.alive)), true
		}
		st.mu.Unlock()
	}
	return age, known
}

// klines publishes what is finished and, once a second, what is running.
func (p *Publisher) klines(st *stream, now time.Time) {
	p.finished(st, st.candles.Advance(now.Add(st.ahead)))
	if now.Before(st.nextKline) {
		return
	}
	st.nextKline = now.Add(KlineGap)
	st.candles.Running(func(interval time.Duration, c market.Candle) { p.kline(st, interval, c) })
}

func (p *Publisher) finished(st *stream, finished []candle.Finished) {
	if !st.arriving {
		return // a candle over a time without trades would be a lie
	}
	for _, f := range finished {
		p.kline(st, f.Interval, f.Candle)
	}
}

func (p *Publisher) kline(st *stream, length time.Duration, c market.Candle) {
	interval, err := bus.NewInterval(length)
	if err != nil {
		return // all intervals are bus.Intervals
	}
	payload, err := json.Marshal(bus.Kline{Exchange: p.exchange, Symbol: st.symbol, Interval: interval, Candle: c})
	if err != nil {
		p.failed.Do(func() { p.log.Error("kline not encoded", "symbol", st.symbol, "error", err) })
		return
	}
	p.send(st.klineSubjects[length], payload)
}
