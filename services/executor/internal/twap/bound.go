package twap

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// bound returns the worst price that an order of the given side accepts on an exchange with the given tick, never worse
// than limit and never further from the reference than slippage; nil where neither is given.
func bound(side market.Side, limit, slippageBps *decimal.Decimal, reference, tick decimal.Decimal) *decimal.Decimal {
	worst := limit
	if slippageBps != nil {
		var c decimal.Calc
		slip := c.Bps(reference, *slippageBps)
		if side == market.Sell {
			slip = slip.Neg()
		}
		p := c.Add(reference, slip)
		switch {
		case c.Err() != nil: // beyond 38 digits: the limit alone, without one the reference itself
			p = reference
		case worst == nil:
		case side == market.Buy:
			p = p.Min(*worst)
		default:
			p = p.Max(*worst)
		}
		worst = &p
	}
	if worst == nil {
		return nil
	}
	return toTick(side, *worst, tick)
}

// toTick rounds a bound to the tick, towards the better price.
func toTick(side market.Side, p, tick decimal.Decimal) *decimal.Decimal {
	n, err := p.FloorSteps(tick)
	if side == market.Sell {
		n, err = p.CeilSteps(tick)
	}
	if err != nil {
		return &p
	}
	q, err := decimal.FromSteps(n, tick)
	if err != nil {
		return &p
	}
	return &q
}

// inside reports whether a price is no worse than a bound.
func inside(side market.Side, price decimal.Decimal, bound *decimal.Decimal) bool {
	return bound == nil || !worse(side, price, *bound)
}
