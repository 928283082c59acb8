package market

import "math"

// A path is an asset's logarithmic price for all time, as a function of the seed: no state has to be walked through, so
// history, present and a restart agree.
//
// It is a Brownian bridge over a random clock (a multifractal model: Calvet and Fisher, 2002). A tile of 2^24 steps of
// 100 ms (19 days) is halved again and again; each halving splits the tile's activity unevenly, and puts the middle's price where
// a bridge over that activity would. The uneven splits make volatility cluster at every scale from days to seconds and the
// returns heavy-tailed; the bridge leaves them uncorrelated. At the ends of a tile the price is back at its level, so it stays within
// some fifteen per cent of it for ever.
type path struct {
	seed  uint64
	sigma float64 // of the logarithm of the price over one step, on average

	stack []node // the way down to the last place asked for: the next one is mostly close
}

type node struct {
	start    int64 // first step
	size     int64 // steps; a power of two
	tile     int64
	index    uint64 // place in the tile's tree: 1 is its root
	from, to float64
	activity float64 // of all its steps
}

const (
	tileSteps = 1 << 24
	// blockSteps is the size of a node whose activity counts as the present one: 12.8 s.
	blockSteps = 128
	blockDepth = 24 - 7
)

// unevenness is the deviation of a split: less for days, or whole days would stand still, and most for the parts of an hour.
func unevenness(size int64) float64 {
	switch {
	case size > 1<<20:
		return 0.4
	case size > 1<<11:
		return 1.2
	}
	return 0.8
}

// at is the logarithmic price at a step, and how active the market is around it: 1 is the mean.
func (p *path) at(step int64) (price, activity float64) {
	for len(p.stack) > 0 {
		n := &p.stack[len(p.stack)-1]
		if step >= n.start && step < n.start+n.size {
			break
		}
		p.stack = p.stack[:len(p.stack)-1]
	}
	if len(p.stack) == 0 {
		tile := step >> 24
		p.stack = append(p.stack, node{start: tile << 24, size: tileSteps, tile: tile, index: 1, activity: tileSteps})
	}
	for {
		n := &p.stack[len(p.stack)-1]
		// A node's first step needs nothing below it, which makes steps on a coarse grid cheap.
		if n.start == step && n.size <= blockSteps {
			return n.from * p.sigma, p.stack[blockDepth].activity / blockSteps
		}
		p.stack = append(p.stack, p.half(n, step))
	}
}

// half is the half of a node that a step lies in.
func (p *path) half(n *node, step int64) node {
	h := hash(p.seed, uint64(n.tile), n.index)
	y := unevenness(n.size) * bell(mix(h+golden)) / 2
	left := 0.5 * (1 + y/math.Sqrt(1+y*y))
	middle := n.from + (n.to-n.from)*left + bell(h)*math.Sqrt(n.activity*left*(1-left))
	out := *n
	out.size /= 2
	if step < n.start+out.size {
		out.index, out.to, out.activity = 2*n.index, middle, n.activity*left
	} else {
		out.start += out.size
		out.index, out.from, out.activity = 2*n.index+1, middle, n.activity*(1-left)
	}
	return out
}

// drift is a slow deviation with a standard deviation of 1: straight lines between random knots.
func drift(seed uint64, step, knot int64) float64 {
	i := step / knot
	a, b := bell(hash(seed, uint64(i))), bell(hash(seed, uint64(i+1)))
	f := float64(step%knot) / float64(knot)
	return a + (b-a)*f
}
