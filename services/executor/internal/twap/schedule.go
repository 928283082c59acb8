package twap

import (
	"math/big"
	"math/bits"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// plan is what a schedule is made from. Lots are whole order lots.
type plan struct {
	lots       int64
	slices     int
	start      time.Time
	durationMS int64
	sizeBps    int // randomize_size_bps
	timeBps    int // randomize_time_bps
	seed       order.Seed
}

// planned is a slice to come, in lots.
type planned struct {
	lots int64
	due  time.Time
}

// schedule lays the slices out. The cumulative floor makes the sum exact and keeps equal weights within one lot; the times
// are absolute, so that a late slice shifts no other. Lots stay below 2^63 and the weights' sum below 1.5×10^8, so the
// 128-bit product never overflows.
func (p plan) schedule() []planned {
	sizes, times := splitMix(p.seed), splitMix(p.seed^otherStream)
	cumulative := make([]uint64, p.slices)
	var total uint64
	for k := range cumulative {
		w := uint64(10_000)
		if r := uint64(p.sizeBps); r > 0 {
			w = 10_000 - r + sizes.next()%(2*r+1)
		}
		total += w
		cumulative[k] = total
	}
	out := make([]planned, p.slices)
	n := int64(p.slices)
	var before int64
	for k := range out {
		upTo := portion(p.lots, cumulative[k], total)
		due := int64(k) * p.durationMS / n
		if j := int64(p.timeBps); j > 0 {
			due += int64(times.next()%10_000) * j * p.durationMS / (n * 100_000_000)
		}
		out[k] = planned{lots: upTo - before, due: p.start.Add(time.Duration(due) * time.Millisecond)}
		before = upTo
	}
	return out
}

// portion returns ⌊lots × part / whole⌋ for part ≤ whole.
func portion(lots int64, part, whole uint64) int64 {
	hi, lo := bits.Mul64(uint64(lots), part)
	q, _ := bits.Div64(hi, lo, whole)
	return int64(q)
}

// maxSlices returns how many slices lots can be cut into, so that each has at least minLots whatever the seed:
// ⌊lots(10⁴−r) / (N(10⁴+r))⌋ ≥ minLots. A single slice has them all. It is 0 where even that is too little.
func maxSlices(lots, minLots int64, sizeBps int) int64 {
	if lots < minLots {
		return 0
	}
	num := new(big.Int).Mul(big.NewInt(lots), big.NewInt(int64(10_000-sizeBps)))
	den := new(big.Int).Mul(big.NewInt(minLots), big.NewInt(int64(10_000+sizeBps)))
	n := num.Quo(num, den)
	if !n.IsInt64() || n.Int64() < 1 {
		return 1
	}
	return n.Int64()
}
