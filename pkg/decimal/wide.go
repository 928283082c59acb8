package decimal

import "math/bits"

// wide is a magnitude of 128 bits: most sums of money need more than 64, and math/big allocates for each.
type wide struct{ hi, lo uint64 }

// tooWide is 10^38, the least magnitude that is not a coefficient.
var tooWide = wide{5421010862427522170, 687399551400673280}

func (a wide) less(b wide) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// sub returns a - b for b ≤ a.
func (a wide) sub(b wide) wide {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return wide{hi, lo}
}

// at returns the coefficient of d at a scale that is not below its own, if it stays below 10^38.
func (d Decimal) at(scale uint8) (wide, bool) {
	w := wide{d.hi, d.lo}
	for left := int(scale - d.scale); left > 0; {
		n := min(left, len(pow10)-1)
		top, hi := bits.Mul64(w.hi, uint64(pow10[n]))
		carry, lo := bits.Mul64(w.lo, uint64(pow10[n]))
		hi, over := bits.Add64(hi, carry, 0)
		if w = (wide{hi, lo}); top|over != 0 || !w.less(tooWide) {
			return wide{}, false
		}
		left -= n
	}
	return w, true
}

// addWide returns a + b where both, brought to one scale, and their sum stay below 10^38.
func addWide(a, b Decimal) (Decimal, bool) {
	scale := max(a.scale, b.scale)
	x, okX := a.at(scale)
	y, okY := b.at(scale)
	if !okX || !okY {
		return Decimal{}, false
	}
	switch {
	case a.neg == b.neg:
		lo, carry := bits.Add64(x.lo, y.lo, 0)
		hi, _ := bits.Add64(x.hi, y.hi, carry) // 2 × 10^38 is below 2^128
		x = wide{hi, lo}
	case x.less(y):
		x, a.neg = y.sub(x), b.neg
	default:
		x = x.sub(y)
	}
	if !x.less(tooWide) {
		return Decimal{}, false // it may still fit without its trailing zeros
	}
	return normal(a.neg, x.hi, x.lo, int(scale)), true
}

// cmpWide compares the magnitudes of a and b where both, brought to one scale, stay below 10^38.
func cmpWide(a, b Decimal) (c int, ok bool) {
	scale := max(a.scale, b.scale)
	x, okX := a.at(scale)
	y, okY := b.at(scale)
	switch {
	case !okX || !okY:
		return 0, false
	case x.less(y):
		return -1, true
	case y.less(x):
		return 1, true
	}
	return 0, true
}

// quoWide returns d / e with at most scale decimals, for an e ≠ 0, where the numbers on the way are short: below 2^128 above
// the line and below 2^64 under it.
func quoWide(d, e Decimal, scale int, mode Rounding) (Decimal, bool) {
	up := scale - int(d.scale) + int(e.scale) // d's coefficient × 10^up ÷ e's, in units of the last decimal
	if scale < 0 || scale > MaxScale || d.hi|e.hi != 0 || up >= len(pow10) || -up >= len(pow10) {
		return Decimal{}, false
	}
	num, den := wide{lo: d.lo}, e.lo
	if up >= 0 {
		num.hi, num.lo = bits.Mul64(d.lo, uint64(pow10[up]))
	} else {
		var over uint64
		if over, den = bits.Mul64(e.lo, uint64(pow10[-up])); over != 0 {
			return Decimal{}, false
		}
	}
	q := wide{hi: num.hi / den}
	var rest uint64
	q.lo, rest = bits.Div64(num.hi%den, num.lo, den)
	neg := d.neg != e.neg
	more := false // whether the magnitude is rounded up
	switch mode {
	case Floor:
		more = neg && rest != 0
	case Ceil:
		more = !neg && rest != 0
	case HalfEven:
		more = rest > den-rest || rest == den-rest && q.lo%2 == 1
	}
	if more {
		var carry uint64
		q.lo, carry = bits.Add64(q.lo, 1, 0)
		q.hi += carry // it cannot overflow: num has been divided, or den is 1 and nothing is left
	}
	if !q.less(tooWide) {
		return Decimal{}, false
	}
	return normal(neg, q.hi, q.lo, scale), true
}
