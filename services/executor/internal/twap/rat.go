package twap

import (
	"math/big"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// How results are rounded, half-even, at the end alone.
const (
	priceDecimals = 8
	bpsDecimals   = 4
	ratioDecimals = 6
)

// A rat is an exact number that may be unknown (nil): what depends on something unknown is unknown.
type rat = *big.Rat

func exactly(d decimal.Decimal) rat { return d.Rat() }

func maybe(d *decimal.Decimal) rat {
	if d == nil {
		return nil
	}
	return d.Rat()
}

func whole(n int64) rat { return new(big.Rat).SetInt64(n) }

func add(a, b rat) rat {
	if a == nil || b == nil {
		return nil
	}
	return new(big.Rat).Add(a, b)
}

func sub(a, b rat) rat {
	if a == nil || b == nil {
		return nil
	}
	return new(big.Rat).Sub(a, b)
}

func mul(a, b rat) rat {
	if a == nil || b == nil {
		return nil
	}
	return new(big.Rat).Mul(a, b)
}

// quo is unknown where the divisor is zero.
func quo(a, b rat) rat {
	if a == nil || b == nil || b.Sign() == 0 {
		return nil
	}
	return new(big.Rat).Quo(a, b)
}

// rounded returns a number with some decimals; nil where it is unknown or does not fit a Decimal.
func rounded(r rat, decimals int) *decimal.Decimal {
	if r == nil {
		return nil
	}
	d, err := decimal.FromRat(r, decimals, decimal.HalfEven)
	return known(d, err == nil)
}

// money returns an exact amount. Those we deal with are sums of products of decimals, so they end before MaxScale.
func money(r rat) *decimal.Decimal { return rounded(r, decimal.MaxScale) }

// bpsOf returns s(a − x)/x in basis points: positive is a cost.
func bpsOf(s, a, x rat) *decimal.Decimal {
	return rounded(mul(mul(s, quo(sub(a, x), x)), whole(10_000)), bpsDecimals)
}
