package twap

import (
	"slices"
	"sort"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

const (
	// seriesLength is how many changes of a mid are remembered one by one, so that a look at a past instant (the exact
	// end of a window, seen late) is exact. A look further back gets the oldest.
	seriesLength = 1024
	// maxSeries is how many distinct routing sets of one symbol can be followed at a time; an order that would be one more
	// is refused, since each costs something at every book.
	maxSeries = 256
)

// series is the running benchmark of a routing set: the mid over time. It changes when something is heard of one of its
// books, never because time passes.
type series struct {
	symbol    market.Symbol
	exchanges []market.Exchange
	stale     time.Duration
	sources   []*source
	points    []midPoint // never empty; the last is where we are
	followers int
}

// midPoint is the series right after a change.
type midPoint struct {
	at    int64 // Unix milliseconds
	mid   decimal.Decimal
	has   bool // there is a mid, if only the last known one
	known bool // it is known now
	sum   midSum
}

// midSum is an integral of the mid over time.
type midSum struct {
	midTime        decimal.Decimal // Σ mid × ms
	midMS, knownMS int64
}

// run returns the series at a later instant, if nothing changes until then.
func (p midPoint) run(at int64) midPoint {
	ms := at - p.at
	if ms <= 0 {
		return p
	}
	p.at = at
	if p.has {
		var c decimal.Calc
		// Overflow would need a mid beyond 10^25; then the sum stands still.
		if sum := c.Add(p.sum.midTime, c.Mul(p.mid, decimal.New(ms, 0))); c.Err() == nil {
			p.sum.midTime = sum
			p.sum.midMS += ms
		}
		if p.known {
			p.sum.knownMS += ms
		}
	}
	return p
}

// observe takes note of the mid after a market event.
func (s *series) observe(at time.Time) {
	mid, ok := look(s.sources, at, s.stale).mid()
	last := &s.points[len(s.points)-1]
	if ok == last.known && (!ok || mid == last.mid) {
		return
	}
	next := last.run(at.UnixMilli())
	next.known = ok
	if ok {
		next.mid, next.has = mid, true
	}
	if next.at == last.at {
		*last = next
		return
	}
	s.points = append(s.points, next)
	if len(s.points) == 2*seriesLength {
		s.points = append(s.points[:0], s.points[seriesLength:]...)
	}
}

// at returns the series at an instant, which may lie a little back.
func (s *series) at(at int64) midPoint {
	n := len(s.points)
	if s.points[n-1].at <= at {
		return s.points[n-1].run(at)
	}
	i := sort.Search(n, func(i int) bool { return s.points[i].at > at })
	if i == 0 {
		return s.points[0]
	}
	return s.points[i-1].run(at)
}

// flow returns the traded volume of the set up to an instant.
func (s *series) flow(at int64) flow {
	var sum flow
	for _, src := range s.sources {
		next, err := sum.plus(src.tape.upTo(at))
		if err == nil {
			sum = next
		}
	}
	return sum
}

func (s *series) is(exchanges []market.Exchange, stale time.Duration) bool {
	return s.stale == stale && slices.Equal(s.exchanges, exchanges)
}

// Watch begins to note the mid of a routing set before any order looks at it, so that a side which is empty when one is
// accepted does not hide what was known before.
func (m *Market) Watch(at time.Time, symbol market.Symbol, exchanges []market.Exchange, stale time.Duration) {
	m.benchmark(at, symbol, exchanges, stale)
}

// benchmark returns the series of a routing set, which begins at an instant if nobody follows it yet; nil where the symbol
// has maxSeries already.
func (m *Market) benchmark(at time.Time, symbol market.Symbol, exchanges []market.Exchange, stale time.Duration) *series {
	list := m.series[symbol]
	for _, s := range list {
		if s.is(exchanges, stale) {
			return s
		}
	}
	if len(list) >= maxSeries {
		return nil
	}
	s := &series{symbol: symbol, exchanges: slices.Clone(exchanges), stale: stale}
	for _, e := range exchanges {
		src := m.source(e, symbol)
		s.sources = append(s.sources, src)
		src.series = append(src.series, s)
	}
	s.points = []midPoint{{at: at.UnixMilli()}}
	s.observe(at)
	m.series[symbol] = append(list, s)
	return s
}

// drop ends a series that nobody follows.
func (m *Market) drop(s *series) {
	m.series[s.symbol] = slices.DeleteFunc(m.series[s.symbol], func(o *series) bool { return o == s })
	for _, src := range s.sources {
		src.series = slices.DeleteFunc(src.series, func(o *series) bool { return o == s })
	}
}
