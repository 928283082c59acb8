package market

import (
	"math"
	"slices"
	"time"
)

// Change is a level as a step has left it; a quantity of 0 says that the price is gone, whether or not it was there before.
type Change struct {
	Bid bool
	Level
}

// Touch is the best bid and ask after an update.
type Touch struct {
	ID       int64
	Bid, Ask Level
}

// Trade is one print: a taker against one resting order.
type Trade struct {
	ID         int64
	Price, Qty int64
	// Sell says that the taker sold.
	Sell bool
	At   time.Time
	// Order numbers the taker orders: prints of one follow each other.
	Order int64
}

// Update is what happened to a pair in one step. It is reused: valid until the pair's next step.
type Update struct {
	// At is the end of the step.
	At time.Time
	// FirstID and LastID are the update ids of the step; FirstID is one more than the LastID before. Equal to it less one where
	// nothing happened.
	FirstID, LastID int64
	// Changes holds each changed level once. Touches and Trades are in order.
	Changes []Change
	Touches []Touch
	Trades  []Trade
}

// Pair is a live market of one pair on one exchange.
type Pair struct {
	Spec

	index int
	seed  uint64
	awake bool
	rng   chance

	want, have manner // of the mood, and as the book is

	bids, asks ladder
	anchor     int64   // where the best bid belongs, in ticks
	fair       float64 // the price the quotes were last put around, in ticks
	patience   float64 // how far the fair price may go from there before they follow, in ticks
	spread     int64   // between the touches when they were last put there, in ticks
	lastID     int64
	tradeID    int64
	order      int64
	signs      signs

	update  Update
	changed map[levelKey]struct{}
	keys    []levelKey
	touched Touch // the last one told

	bars bars
}

type levelKey struct {
	bid   bool
	price int64
}

// LastID is the id of the last update; the book stands as after it.
func (p *Pair) LastID() int64 { return p.lastID }

// Bids appends the best n bids, best first; all if n is 0.
func (p *Pair) Bids(dst []Level, n int) []Level { return p.bids.top(dst, n) }

// Asks appends the best n asks, best first; all if n is 0.
func (p *Pair) Asks(dst []Level, n int) []Level { return p.asks.top(dst, n) }

// Held is the quantity at a price; 0 if none.
func (p *Pair) Held(bid bool, price int64) int64 { return p.side(bid).qty(price) }

func (p *Pair) side(bid bool) *ladder {
	if bid {
		return &p.bids
	}
	return &p.asks
}

// bps is one basis point of the price in ticks.
func (p *Pair) bps() float64 { return p.fair / 1e4 }

// reach is how far the dense part of the book goes from the touch, in ticks: 25 bps, or 120 ticks where ticks are coarse.
func (p *Pair) reach() float64 { return math.Max(25*p.bps(), 120) }

// target is how many levels a side holds within reach.
func (p *Pair) target() float64 { return math.Min(25*p.dense, 0.75*p.reach()) }

// steps turns coins into steps of quantity, one at least.
func (p *Pair) steps(coins float64) int64 {
	return max(1, int64(math.Round(coins*math.Pow10(p.QtyDecimals))))
}

// touchSize draws a size for a best level: the small side of the distribution is wider than the large one.
func (p *Pair) touchSize() int64 {
	z := p.rng.normal()
	sigma := p.thick
	if z < 0 {
		sigma = p.thin
	}
	return p.steps(p.touch * p.have.size * math.Exp(sigma*z))
}

// coarse says that the ticks are so wide that nearly each of them holds a level.
func (p *Pair) coarse() bool { return 25*p.bps() < 120 }

// levelSize draws a size for another level: heavy-tailed, with the mean that makes up the depth.
func (p *Pair) levelSize() int64 {
	const sigma = 1.5
	mean := 0.8 * p.have.size * p.depth * p.reach() / p.bps() / p.target()
	return p.steps(p.rng.lognormal(mean*math.Exp(-sigma*sigma/2), sigma))
}

// populate builds the book from nothing around a price in ticks.
func (p *Pair) populate(fair float64) {
	p.bids, p.asks = ladder{bid: true}, ladder{}
	p.fair, p.spread = fair, 1
	p.anchor = int64(fair)
	bid, ask := p.anchor, p.anchor+p.spread
	for _, side := range []*ladder{&p.bids, &p.asks} {
		touch := ask
		if side.bid {
			touch = bid
		}
		seen := map[int64]int64{touch: p.touchSize()}
		for i := range int(p.target()) {
			distance := 1 + p.rng.float()*p.reach()
			if p.coarse() {
				distance = float64(i + 1)
			}
			seen[p.away(side.bid, touch, distance)] = p.levelSize()
		}
		for range int(p.target() / 4) {
			seen[p.away(side.bid, touch, p.outer())] = p.levelSize()
		}
		for price, qty := range seen { // sorted below: the order of a map decides nothing
			if price > 0 {
				side.levels = append(side.levels, Level{price, qty})
			}
		}
		slices.SortFunc(side.levels, func(a, b Level) int {
			if side.better(b.Price, a.Price) {
				return -1
			}
			return 1
		})
	}
	b, _ := p.bids.best()
	a, _ := p.asks.best()
	p.touched = Touch{p.lastID, b, a}
}

// outer draws a distance beyond the dense part.
func (p *Pair) outer() float64 { return p.reach() * (1 + p.rng.exponential()) }

// away is the price a distance from another one, away from the middle.
func (p *Pair) away(bid bool, from int64, distance float64) int64 {
	if bid {
		return from - int64(distance)
	}
	return from + int64(distance)
}

// set changes a level, takes an update id for it, and tells the touch where that has changed.
func (p *Pair) set(bid bool, price, qty int64) {
	if price <= 0 {
		return
	}
	p.side(bid).set(price, qty)
	p.lastID++
	k := levelKey{bid, price}
	if _, ok := p.changed[k]; !ok {
		p.changed[k] = struct{}{}
		p.keys = append(p.keys, k)
	}
	p.tell()
}

// tell notes the touch if it is another one than the last told. A side that is empty for a moment is not told.
func (p *Pair) tell() {
	b, ok := p.bids.best()
	a, ok2 := p.asks.best()
	if !ok || !ok2 || b.Price >= a.Price || b == p.touched.Bid && a == p.touched.Ask {
		return
	}
	p.touched = Touch{p.lastID, b, a}
	p.update.Touches = append(p.update.Touches, p.touched)
}

// step moves the pair on to a moment, at which the fair price is that many ticks and the market that active.
func (p *Pair) step(at time.Time, fair, activity float64) *Update {
	u := &p.update
	u.At, u.FirstID = at, p.lastID+1
	u.Changes, u.Touches, u.Trades = u.Changes[:0], u.Touches[:0], u.Trades[:0]
	p.keys = p.keys[:0]
	clear(p.changed)

	p.rescale()
	moved := p.requote(fair)
	vigour := math.Max(0.5, math.Sqrt(activity))
	orders := p.rng.poisson(p.orders / 10 * math.Min(vigour, 5))
	changes := min(600, int(p.rng.lognormal(p.changes*math.Min(vigour, 3), 1.15)))
	all := changes + orders
	for done := range all {
		if p.rng.below(all-done) < orders {
			orders--
			p.take(moved, at.Add(Grid*time.Duration(done-all)/time.Duration(all+1)))
		} else {
			p.shuffle()
		}
	}
	p.settle()
	for _, k := range p.keys {
		u.Changes = append(u.Changes, Change{k.bid, Level{k.price, p.side(k.bid).qty(k.price)}})
	}
	u.LastID = p.lastID
	for i := range u.Trades {
		p.bars.trade(&u.Trades[i])
	}
	p.bars.covered(at)
	return u
}
