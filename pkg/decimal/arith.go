package decimal

import (
	"math/big"
	"math/bits"
)

// Rounding names the direction in which a result that does not fit the wanted decimals is taken.
type Rounding uint8

const (
	// Floor rounds toward minus infinity.
	Floor Rounding = iota
	// Ceil rounds toward plus infinity.
	Ceil
	// HalfEven rounds to the nearest, ties to the even neighbour.
	HalfEven
)

// Add returns d + e, exactly, or ErrOverflow.
func (d Decimal) Add(e Decimal) (Decimal, error) {
	if sum, ok := addWide(d, e); ok {
		return sum, nil
	}
	scale := max(d.scale, e.scale)
	a, b := d.coef(), e.coef()
	a.Mul(a, bigPow10(int(scale-d.scale)))
	b.Mul(b, bigPow10(int(scale-e.scale)))
	return fromBig(a.Add(a, b), int(scale))
}

// Sub returns d - e, exactly, or ErrOverflow.
func (d Decimal) Sub(e Decimal) (Decimal, error) { return d.Add(e.Neg()) }

// Mul returns d × e, exactly, or ErrOverflow.
func (d Decimal) Mul(e Decimal) (Decimal, error) {
	scale := int(d.scale) + int(e.scale)
	if d.hi|e.hi == 0 && scale <= MaxScale {
		// 10^38 has the high word 5421010862427522170: below it the product surely fits.
		if hi, lo := bits.Mul64(d.lo, e.lo); hi < 5421010862427522170 {
			return normal(d.neg != e.neg, hi, lo, scale), nil
		}
	}
	c := d.coef()
	return fromBig(c.Mul(c, e.coef()), scale)
}

// Quo returns d / e with at most scale decimals (0…MaxScale), rounded as told.
// It fails with ErrDivideByZero, or with ErrOverflow where the result has too many digits.
func (d Decimal) Quo(e Decimal, scale int, mode Rounding) (Decimal, error) {
	if e.IsZero() {
		return Decimal{}, ErrDivideByZero
	}
	if q, ok := quoWide(d, e, scale, mode); ok {
		return q, nil
	}
	return FromRat(new(big.Rat).Quo(d.Rat(), e.Rat()), scale, mode)
}

// Round returns d with at most scale decimals (0…MaxScale), rounded as told. Only rounding up can overflow.
func (d Decimal) Round(scale int, mode Rounding) (Decimal, error) {
	if int(d.scale) <= scale {
		return d, nil
	}
	return FromRat(d.Rat(), scale, mode)
}

// FromRat returns the rational r with at most scale decimals, rounded as told, or ErrOverflow.
func FromRat(r *big.Rat, scale int, mode Rounding) (Decimal, error) {
	if scale < 0 || scale > MaxScale {
		return Decimal{}, ErrOverflow
	}
	num := new(big.Int).Mul(r.Num(), bigPow10(scale))
	q, m := new(big.Int).DivMod(num, r.Denom(), new(big.Int)) // Euclidean: 0 ≤ m < denominator, so q is the floor
	if roundsUp(q, m, r.Denom(), mode) {
		q.Add(q, big.NewInt(1))
	}
	return fromBig(q, scale)
}

func roundsUp(q, m, denom *big.Int, mode Rounding) bool {
	switch mode {
	case Ceil:
		return m.Sign() != 0
	case HalfEven:
		switch new(big.Int).Lsh(m, 1).Cmp(denom) {
		case 1:
			return true
		case 0:
			return q.Bit(0) == 1
		}
	case Floor:
	}
	return false
}

// Steps returns how many whole steps d is. It fails with ErrDivideByZero, with ErrInexact where d is not a whole
// multiple of step, and with ErrOverflow where the count does not fit an int64.
func (d Decimal) Steps(step Decimal) (int64, error) {
	n, err := d.floorSteps(step)
	if err != nil {
		return 0, err
	}
	if back, err := FromSteps(n, step); err != nil || back != d {
		return 0, ErrInexact
	}
	return n, nil
}

// FloorSteps returns the largest whole number of steps that is at most d, with the errors of Steps but ErrInexact.
func (d Decimal) FloorSteps(step Decimal) (int64, error) { return d.floorSteps(step) }

// CeilSteps returns the smallest whole number of steps that is at least d, with the errors of Steps but ErrInexact.
func (d Decimal) CeilSteps(step Decimal) (int64, error) {
	n, err := d.Neg().floorSteps(step)
	return -n, err
}

func (d Decimal) floorSteps(step Decimal) (int64, error) {
	if step.Sign() <= 0 {
		return 0, ErrDivideByZero
	}
	if a, ok := d.small(); ok {
		if b, ok := step.small(); ok {
			if n, ok := floorSmall(a, d.scale, b, step.scale); ok {
				return n, nil
			}
		}
	}
	q, err := d.Quo(step, 0, Floor)
	if err != nil {
		return 0, err
	}
	n, ok := q.small()
	if !ok {
		return 0, ErrOverflow
	}
	return n, nil
}

func floorSmall(a int64, as uint8, b int64, bs uint8) (int64, bool) {
	ok := true
	switch {
	case as < bs:
		a, ok = mulInt64(a, bs-as)
	case bs < as:
		b, ok = mulInt64(b, as-bs)
	}
	if !ok || b == 0 {
		return 0, false
	}
	n := a / b
	if a%b < 0 {
		n--
	}
	return n, true
}

// FromSteps returns n × step, exactly, or ErrOverflow.
func FromSteps(n int64, step Decimal) (Decimal, error) { return New(n, 0).Mul(step) }
