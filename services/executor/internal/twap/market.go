package twap

import (
	"cmp"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// publishedDepth is how many levels a side a published book has at most: with fewer, a level that is missing is gone;
// with as many, a level behind the last is out of sight.
const publishedDepth = 50

// always is the birth of a level that was there before we looked.
const always = -1 << 62

// Market is what is known of the exchanges at an instant: the newest book of each pair and how alive it is, and running
// sums of mid and volume for those who follow them. It has one owner. A book costs the work of its levels and of the
// distinct benchmarks it is part of, whatever the number of orders.
type Market struct {
	instruments map[market.Exchange]map[market.Symbol]market.Instrument
	sources     map[market.Symbol][]*source // by exchange
	series      map[market.Symbol][]*series // in the order of their first use
	followers   map[order.ID]*follower
	queues      map[order.ID]place       // of resting orders
	met         map[order.AccountID]bool // whose resting orders something has met
	prune       int                      // how many followers there may be before those whose time is over are looked for
	cursors     []cursor                 // of the newest walker, which the next one takes over
}

// source is one exchange's book of one symbol.
type source struct {
	exchange market.Exchange
	state    market.State // of the newest book; empty before the first
	book     *market.Book // the newest live one, nil before the first
	alive    time.Time    // of the last message of any kind
	born     [2][]int64   // when each level of book's bids and asks appeared, in Unix milliseconds
	spare    [2][]int64   // the arrays before, to be used again
	tape     tape
	series   []*series // those it is part of
	queues   []*queue  // the orders that rest at it, in the order of queue.compare
}

// NewMarket returns a market of which nothing is known yet.
func NewMarket() *Market {
	return &Market{
		instruments: map[market.Exchange]map[market.Symbol]market.Instrument{},
		sources:     map[market.Symbol][]*source{},
		series:      map[market.Symbol][]*series{},
		followers:   map[order.ID]*follower{},
		queues:      map[order.ID]place{},
		met:         map[order.AccountID]bool{},
		prune:       1024,
	}
}

// SetInstruments replaces what an exchange is known to list. An order keeps the instruments it was accepted with.
func (m *Market) SetInstruments(exchange market.Exchange, list []market.Instrument) {
	bySymbol := make(map[market.Symbol]market.Instrument, len(list))
	for _, in := range list {
		bySymbol[in.Symbol] = in
	}
	m.instruments[exchange] = bySymbol
}

// Instruments returns what is listed under symbol, halted ones too, by exchange.
func (m *Market) Instruments(symbol market.Symbol) []market.Instrument {
	var out []market.Instrument
	for _, bySymbol := range m.instruments {
		if in, ok := bySymbol[symbol]; ok {
			out = append(out, in)
		}
	}
	slices.SortFunc(out, func(a, b market.Instrument) int { return cmp.Compare(a.Exchange, b.Exchange) })
	return out
}

// Knows reports whether anything has been said about what exchange lists.
func (m *Market) Knows(exchange market.Exchange) bool { return m.instruments[exchange] != nil }

// Book takes a published book in; the newest wins. One that is not live makes the pair unusable, and its levels count for
// nothing.
func (m *Market) Book(at time.Time, b *market.Book) {
	s := m.source(b.Exchange, b.Symbol)
	s.state = b.State
	if heard := b.AliveAt; !heard.IsZero() {
		s.hear(heard)
	} else {
		s.hear(at)
	}
	if b.State == market.Live {
		s.take(at.UnixMilli(), b)
		m.shown(s)
	}
	s.changed(at)
}

// Lose makes every book unusable until its next one, as when the connections are gone. It is no market event: the mids that
// were known stay so until one comes.
func (m *Market) Lose() {
	for _, sources := range m.sources { // each is changed alike, so the order does not show
		for _, s := range sources {
			s.state = market.Down
		}
	}
}

// Trade takes a trade in: it counts as volume, and as a sign of life.
func (m *Market) Trade(at time.Time, t *market.Trade) {
	s := m.source(t.Exchange, t.Symbol)
	s.tape.add(at.UnixMilli(), t.Price, t.Quantity)
	m.printed(s, t)
	if heard := t.ReceivedAt; !heard.IsZero() {
		s.hear(heard)
	} else {
		s.hear(at)
	}
	s.changed(at)
}

// Heartbeat takes a sign of life of exchange in: it counts as a message for all of its symbols.
func (m *Market) Heartbeat(at time.Time, exchange market.Exchange) {
	for _, sources := range m.sources { // each is changed alike, so the order does not show
		if i, ok := find(sources, exchange); ok {
			sources[i].hear(at)
			sources[i].changed(at)
		}
	}
}

func find(sources []*source, exchange market.Exchange) (int, bool) {
	return slices.BinarySearchFunc(sources, exchange, func(s *source, e market.Exchange) int { return cmp.Compare(s.exchange, e) })
}

// source returns the book of a pair, a new one of which nothing is known where there is none.
func (m *Market) source(exchange market.Exchange, symbol market.Symbol) *source {
	list := m.sources[symbol]
	i, ok := find(list, exchange)
	if !ok {
		list = slices.Insert(list, i, &source{exchange: exchange})
		m.sources[symbol] = list
	}
	return list[i]
}

func (s *source) hear(at time.Time) {
	if at.After(s.alive) {
		s.alive = at
	}
}

func (s *source) changed(at time.Time) {
	for _, series := range s.series {
		series.observe(at)
	}
}

// take makes b the book, and notes for each level since when it has been there.
func (s *source) take(at int64, b *market.Book) {
	var bids, asks []market.Level
	if s.book != nil {
		bids, asks = s.book.Bids, s.book.Asks
	}
	first := s.book == nil
	s.born[0], s.spare[0] = births(s.spare[0], b.Bids, bids, s.born[0], at, first, market.Sell), s.born[0]
	s.born[1], s.spare[1] = births(s.spare[1], b.Asks, asks, s.born[1], at, first, market.Buy), s.born[1]
	s.book = b
}

// births walks the new and the old levels of a side together, both best first. A level that is in both keeps its birth.
func births(out []int64, levels, old []market.Level, born []int64, at int64, first bool, taker market.Side) []int64 {
	out = out[:0]
	j := 0
	for i := range levels {
		for j < len(old) && worse(taker, levels[i].Price, old[j].Price) {
			j++
		}
		switch {
		case j < len(old) && old[j].Price == levels[i].Price:
			out = append(out, born[j])
		case first, j == len(old) && len(old) >= publishedDepth:
			out = append(out, always) // it was out of sight, not gone
		default:
			out = append(out, at)
		}
	}
	return out
}

// worse reports whether a is the worse price to take for an order of the given side.
func worse(taker market.Side, a, b decimal.Decimal) bool {
	if taker == market.Buy {
		return b.Less(a)
	}
	return a.Less(b)
}

// fault says why the book must not be used at an instant by who takes a silence of more than stale for death; empty if it
// may be.
func (s *source) fault(at time.Time, stale time.Duration) order.Reason {
	switch {
	case s.state == market.Gapped:
		return order.GappedBook
	case s.state == market.Stale:
		return order.StaleBook
	case s.state != market.Live || s.book == nil:
		return order.ExchangeDown
	case at.Sub(s.alive) > stale:
		return order.StaleBook
	case s.book.Crossed():
		return order.CrossedBook
	}
	return ""
}

// bornFar returns the births of the levels that an order of the given side takes from.
func (s *source) bornFar(taker market.Side) []int64 {
	if taker == market.Buy {
		return s.born[1]
	}
	return s.born[0]
}
