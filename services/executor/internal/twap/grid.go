package twap

import (
	"fmt"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// grid counts an order's quantities in whole grains: 10^-scale, the last decimal of the finest quantity step.
type grid struct {
	scale int
	lot   int64   // the order lot, the coarsest step, in grains
	step  []int64 // of each instrument, in grains
}

func newGrid(instruments []market.Instrument) (grid, error) {
	var g grid
	for i := range instruments {
		g.scale = max(g.scale, instruments[i].QuantityStep.Scale())
	}
	for i := range instruments {
		step, err := g.count(instruments[i].QuantityStep)
		if err != nil || step <= 0 {
			return grid{}, fmt.Errorf("quantity step %s of %s: %w", instruments[i].QuantityStep, instruments[i].Exchange, decimal.ErrOverflow)
		}
		g.step = append(g.step, step)
		g.lot = max(g.lot, step)
	}
	return g, nil
}

// count returns a quantity in grains. It fails with decimal.ErrInexact or decimal.ErrOverflow.
func (g grid) count(d decimal.Decimal) (int64, error) { return d.Steps(decimal.New(1, g.scale)) }

// value returns a count of grains as a quantity.
func (g grid) value(n int64) decimal.Decimal { return decimal.New(n, g.scale) }

// floor cuts a count of grains to whole lots.
func (g grid) floor(n int64) int64 { return n - n%g.lot }

// floorLots returns the most whole lots that a quantity holds, in grains. One too large to count is as good as any.
func (g grid) floorLots(d decimal.Decimal) int64 {
	const plenty = 1 << 62
	n, err := d.FloorSteps(decimal.New(1, g.scale))
	if err != nil || n > plenty {
		n = plenty
	}
	return g.floor(n)
}
