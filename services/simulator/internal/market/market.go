// Package market is a synthetic market: prices that wander as real ones do, and on each exchange an order book with makers and
// takers around them.
//
// It is pure: no clock, no goroutine, no chance but the seed. A Market belongs to one goroutine; a History taken from it is
// independent. Prices and quantities are whole ticks and steps. The same seed, and the same pairs woken at the same steps, give the same
// updates on every run of one machine.
//
// It has no participants that could be traded against: takers and makers are draws, and nobody's order goes in.
package market

import (
	"math"
	"slices"
	"time"
)

// Grid is the market's step. Steps lie on whole multiples of it from the Unix epoch.
const Grid = 100 * time.Millisecond

func stepOf(t time.Time) int64 { return t.UnixNano() / int64(Grid) }

func timeOf(step int64) time.Time { return time.Unix(0, step*int64(Grid)).UTC() }

// Market is all pairs of all exchanges.
type Market struct {
	seed  uint64
	step  int64
	pairs []*Pair
	fairs []fair

	feeling feeling
}

// New returns a market that stands at a moment, cut to the grid. All pairs are asleep.
func New(seed uint64, specs []Spec, start time.Time) *Market {
	specs = slices.Clone(specs)
	m := &Market{seed: seed, step: stepOf(start)}
	paths := map[string]*path{}
	for i, s := range specs {
		// Of the name, not of the place among the others: the pairs left out change nothing.
		m.pairs = append(m.pairs, &Pair{Spec: s, index: i, seed: named(seed, s.Exchange+" "+s.Canonical()), changed: map[levelKey]struct{}{}, want: manners[Usual]})
		m.fairs = append(m.fairs, newFair(seed, &specs[i], paths))
	}
	return m
}

// named is a seed of its own for everything that has a name.
func named(seed uint64, name string) uint64 {
	for _, c := range []byte(name) {
		seed = hash(seed, uint64(c))
	}
	return seed
}

// Now is the moment the market stands at.
func (m *Market) Now() time.Time { return timeOf(m.step) }

// Pairs are all pairs, in the order of their specs.
func (m *Market) Pairs() []*Pair { return m.pairs }

// Awake says whether a pair takes part.
func (p *Pair) Awake() bool { return p.awake }

// Wake lets a pair take part. Its book is there at once; its ids are higher than any it had before.
func (m *Market) Wake(p *Pair) {
	if p.awake {
		return
	}
	p.awake = true
	p.rng = chance{hash(p.seed, uint64(m.step))}
	p.lastID = max(p.lastID, m.step*128) // more than a step's updates on average, so that a restart does not fall behind
	p.tradeID = max(p.tradeID, m.step*8)
	price, _ := m.fairs[p.index].at(m.step)
	p.have = p.want
	p.populate(m.shifted(p.index, price))
	p.bars.woken(m.Now())
}

// Rest sends a pair to sleep. It costs nothing until it is woken again, and then has another book.
func (m *Market) Rest(p *Pair) {
	p.awake = false
	p.bids, p.asks = ladder{bid: true}, ladder{}
}

// Advance moves the market to a moment, step by step, and shows each pair's update.
func (m *Market) Advance(to time.Time, visit func(*Pair, *Update)) {
	for end := stepOf(to); m.step < end; {
		m.step++
		m.feel()
		at := m.Now()
		for i, p := range m.pairs {
			if !p.awake {
				continue
			}
			price, activity := m.fairs[i].at(m.step)
			u := p.step(at, m.shifted(i, price), activity*p.want.activity)
			if visit != nil {
				visit(p, u)
			}
		}
	}
}

// Skip jumps to a later moment without the steps between: the next step finds the price elsewhere.
func (m *Market) Skip(to time.Time) { m.step = max(m.step, stepOf(to)) }

// History is the candles of a pair up to now. It shares nothing with the market, so a long one can be told elsewhere.
func (m *Market) History(p *Pair) *History {
	h := m.Recent(p)
	h.minutes = slices.Clone(h.minutes)
	h.fair = newFair(m.seed, &p.Spec, map[string]*path{})
	return h
}

// Recent is a History that is only valid until the market moves.
func (m *Market) Recent(p *Pair) *History {
	return &History{
		spec: &p.Spec, seed: p.seed, minutes: p.bars.minutes, Now: m.Now(),
		Begin: m.Now().Add(-historyLength).Truncate(time.Minute), fair: m.fairs[p.index],
	}
}

// fair is a pair's price on its exchange, before makers and takers: the common price of its assets, a little late and a little
// off.
type fair struct {
	spec              *Spec
	common            *path
	base, quote       *path
	baseOf, quoteOf   asset
	ticks             float64 // in one unit of the quote asset
	knot              int64   // steps between the knots of the exchange's deviation
	exchangeDeviation uint64
}

func newFair(seed uint64, s *Spec, paths map[string]*path) fair {
	of := func(name string) *path {
		p := paths[name]
		if p == nil {
			p = &path{sigma: commonSigma, seed: named(seed, name)}
			paths[name] = p
		}
		return p
	}
	f := fair{
		spec: s, common: of("common"), base: of(s.Base), quote: of(s.Quote), baseOf: assets[s.Base], quoteOf: assets[s.Quote],
		ticks: math.Pow10(s.PriceDecimals), knot: 200, exchangeDeviation: named(seed, s.Exchange+" "+s.Quote),
	}
	return f
}

// at is the price in ticks at a step, and how active the market is.
func (f *fair) at(step int64) (ticks, activity float64) {
	step -= f.spec.lag
	common, activity := f.common.at(step)
	log := (f.baseOf.beta - f.quoteOf.beta) * common
	for _, own := range []struct {
		p    *path
		size float64
	}{{f.base, f.baseOf.own}, {f.quote, -f.quoteOf.own}} {
		if own.size != 0 {
			x, active := own.p.at(step)
			log += own.size * x
			activity += math.Abs(own.size) * active
		}
	}
	activity /= 1 + f.baseOf.own + f.quoteOf.own
	off := f.spec.gap
	if f.spec.wander > 0 {
		off += f.spec.wander * drift(f.exchangeDeviation, step, f.knot)
	}
	return f.baseOf.price / f.quoteOf.price * math.Exp(log) * (1 + off/1e4) * f.ticks, activity
}
