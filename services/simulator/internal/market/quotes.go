package market

import "math"

// requote lets the quotes follow the fair price once it has gone far enough from them, and returns the direction in which they
// went. Quotes that followed at once would never stand still, as real ones do half of all seconds.
func (p *Pair) requote(fair float64) int {
	if math.Abs(fair-p.fair) < p.patience {
		return 0
	}
	p.patience = math.Max(p.sticky*p.bps(), 0.6) * (0.4 + 1.2*p.rng.float())
	direction := 1
	if fair < p.fair {
		direction = -1
	}
	before, bid, ask := p.anchor, p.front(true), p.front(false)
	p.fair, p.anchor = fair, max(2, int64(fair))
	p.spread = 1
	if p.rng.hit(math.Max(p.wide, p.have.wide)) {
		p.spread += int64(p.rng.lognormal(0.7, 0.6) * p.bps())
	}
	if p.anchor > before {
		p.move(true, bid)
	}
	if p.anchor < before {
		p.move(false, ask)
	}
	p.settle()
	return direction
}

// move carries the book along upwards or downwards. Levels that would cross go, the room that opens up behind the touch of the
// side that follows is filled, and so is the far end of the other one. Behind is where that touch was.
func (p *Pair) move(up bool, behind int64) {
	following, fleeing := p.side(up), p.side(!up)
	for {
		best, ok := fleeing.best()
		if !ok || !fleeing.better(best.Price, p.front(!up)) {
			break
		}
		p.set(!up, best.Price, 0)
	}
	distance := math.Abs(float64(p.front(up) - behind))
	room := math.Min(distance, p.reach()) // a jump of many reaches, as after a pause, fills no more than one
	for i := range int(room/p.reach()*p.target() + p.rng.float()) {
		behindTouch := 1 + p.rng.float()*room
		if p.coarse() {
			behindTouch = float64(i + 1)
		}
		p.set(up, p.away(up, p.front(up), behindTouch), p.levelSize())
		p.set(!up, p.away(!up, p.front(!up), p.reach()-p.rng.float()*room), p.levelSize())
	}
	p.prune()
	// What stays of the old best level is a level like others: most of it follows the price.
	if held := following.qty(behind); held > 0 {
		p.set(up, behind, min(held, p.levelSize()))
	}
}

// front is where the best level of a side belongs.
func (p *Pair) front(bid bool) int64 {
	if bid {
		return p.anchor
	}
	return p.anchor + p.spread
}

// settle puts the touches where they belong: makers close a hole a taker has torn, at once on a market of this kind.
func (p *Pair) settle() {
	for _, bid := range []bool{true, false} {
		side, front := p.side(bid), p.front(bid)
		for {
			best, ok := side.best()
			if !ok || !side.better(best.Price, front) {
				break
			}
			p.set(bid, best.Price, 0)
		}
		if side.qty(front) == 0 {
			p.set(bid, front, p.touchSize())
		}
	}
}

// prune removes what has fallen behind by more than five reaches, a few levels at a time.
func (p *Pair) prune() {
	for _, side := range []*ladder{&p.bids, &p.asks} {
		edge := p.away(side.bid, p.front(side.bid), 5*p.reach())
		for range 20 {
			if len(side.levels) < 10 || !side.better(edge, side.levels[0].Price) {
				break
			}
			p.set(side.bid, side.levels[0].Price, 0)
		}
	}
}

// shuffle is one thing makers do between trades: at the touch, somewhere in the book, or an order that is gone before anybody
// saw it.
func (p *Pair) shuffle() {
	bid := p.rng.hit(0.5)
	side, front := p.side(bid), p.front(bid)
	switch r := p.rng.float(); {
	case r < 0.18:
		p.retouch(bid, front)
	case r < 0.26:
		price := p.place(bid)
		if side.qty(price) == 0 && price != front {
			p.set(bid, price, 0)
			p.lastID++ // it came and it went
		}
	default:
		count := float64(len(side.levels)) / (1.25 * p.target())
		if p.rng.hit(0.42 * math.Min(1.5, math.Max(0.5, 1/count))) {
			if price := p.place(bid); price != front {
				p.set(bid, price, p.levelSize())
			}
			return
		}
		// Cancelled or resized, more often near the touch; the touch itself never goes.
		behind := 1 + p.rng.below(len(side.levels)-1)
		if p.rng.hit(0.3) {
			behind = 1 + int(p.rng.exponential()*20)
		}
		if i := len(side.levels) - 1 - behind; i >= 0 {
			qty, stays := int64(0), 0.25
			if p.coarse() {
				stays = 0.85
			}
			if p.rng.hit(stays) {
				qty = p.levelSize()
			}
			p.set(bid, side.levels[i].Price, qty)
		}
	}
}

// retouch changes the size of a best level: a small order comes or goes, or now and then another size altogether.
func (p *Pair) retouch(bid bool, front int64) {
	held := p.side(bid).qty(front)
	if held == 0 || p.rng.hit(0.3) {
		p.set(bid, front, p.touchSize())
		return
	}
	order := p.steps(p.rng.lognormal(p.touch/15, 1.3))
	if p.rng.hit(0.5) {
		order = -min(order, held/2)
	}
	p.set(bid, front, max(1, held+order))
}

// place draws a price for a new level.
func (p *Pair) place(bid bool) int64 {
	switch r := p.rng.float(); {
	case r < 0.42:
		near := math.Max(3.5*p.bps(), 6)
		return p.away(bid, p.front(bid), 1+math.Min(p.rng.exponential()*near, p.reach()))
	case r < 0.88:
		return p.away(bid, p.front(bid), 1+p.rng.float()*p.reach())
	default:
		return p.away(bid, p.front(bid), p.outer())
	}
}
