package market

import (
	"math"
	"time"
)

// signs remembers which side the last taker orders were on, because orders come in runs: large ones are worked in parts.
type signs struct {
	last [64]bool
	n    int
}

// draw is the side of the next order: most often that of an earlier one, recent ones more likely (a discrete autoregression).
func (s *signs) draw(rng *chance) (sell bool) {
	sell = rng.hit(0.5)
	if s.n > 0 && rng.hit(0.92) {
		// A power law over the distance: P(more than k back) = k^-0.5.
		back := int(math.Pow(1-rng.float(), -1/0.5))
		if back <= min(s.n, len(s.last)) {
			sell = s.last[(s.n-back)%len(s.last)]
		}
	}
	s.last[s.n%len(s.last)] = sell
	s.n++
	return sell
}

const (
	orderSigma = 2.45 // the 99th percentile is some 300 times the median
	maxOrder   = 1500 // medians; a single order is not the whole market
	maxPrints  = 60   // of one order
)

// take sends a taker order of random side and size into the book. After the quotes have moved, it mostly goes the same way.
func (p *Pair) take(moved int, at time.Time) {
	sell := p.signs.draw(&p.rng)
	if moved != 0 && p.rng.hit(0.5) {
		sell = moved < 0
	}
	left := p.steps(math.Min(p.rng.lognormal(p.Spec.order, orderSigma), maxOrder*p.Spec.order))
	p.order++
	prints := 0
	for left > 0 && prints < maxPrints {
		best, ok := p.side(sell).best()
		if !ok {
			break
		}
		fill := min(left, best.Qty)
		prints += p.print(best.Price, fill, sell, at)
		p.set(sell, best.Price, best.Qty-fill)
		left -= fill
		if len(p.side(sell).levels) < 20 {
			break
		}
	}
	p.settle()
}

// print reports a fill as the resting orders it was made of, and returns how many they were.
func (p *Pair) print(price, fill int64, sell bool, at time.Time) int {
	n := 0
	for fill > 0 {
		part := p.steps(p.rng.lognormal(4.5*p.Spec.order, 1.4))
		if n++; part > fill || n == maxPrints/2 {
			part = fill
		}
		p.tradeID++
		p.update.Trades = append(p.update.Trades, Trade{p.tradeID, price, part, sell, at, p.order})
		fill -= part
	}
	return n
}
