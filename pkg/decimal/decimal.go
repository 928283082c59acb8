// Package decimal holds exact numbers for prices, quantities and money.
//
// A Decimal has up to 38 significant digits and up to 38 decimals, so it carries 10^13 units of a meme coin priced in
// steps of 10^-10, and the exact product of a price, a quantity and a fee rate. What does not fit is an error, never a
// wrap and never a silent rounding; where a result has to be rounded, the caller names the direction.
//
// Values are immutable, comparable with == (they are kept normalised) and safe for concurrent use. The zero value is 0.
//
// Why this is not one of the libraries: shopspring/decimal and cockroachdb/apd keep their digits behind a pointer, so
// their values are not comparable, cannot be map keys and allocate on each operation; govalues/decimal is a plain value
// but rounds silently at 19 digits. The arithmetic here is a fast path of 64 or 128 bits over math/bits; everything beyond
// it is left to math/big. In the order books prices and sizes are integers in the instrument's own units instead (package
// book of the collector): Decimal is for the API, the bus and the ledger.
package decimal

import (
	"errors"
	"math/big"
	"math/bits"
)

// MaxDigits is the number of significant digits a Decimal can hold, MaxScale the number of its decimals.
const (
	MaxDigits = 38
	MaxScale  = 38
)

var (
	// ErrOverflow says that an exact result does not fit MaxDigits digits and MaxScale decimals.
	ErrOverflow = errors.New("decimal: result does not fit 38 digits")
	// ErrSyntax says that a text is not a plain or scientific decimal number.
	ErrSyntax = errors.New("decimal: not a decimal number")
	// ErrDivideByZero says that a divisor, a tick or a step was zero.
	ErrDivideByZero = errors.New("decimal: division by zero")
	// ErrInexact says that a number is not a whole multiple of the step it was counted in.
	ErrInexact = errors.New("decimal: not a whole multiple of the step")
)

// Decimal is an exact decimal number: coefficient / 10^scale. See the package comment for its bounds.
type Decimal struct {
	hi, lo uint64 // the coefficient, below 10^38, without trailing zeros unless scale is 0
	scale  uint8
	neg    bool
}

// One is the number 1; basisPoint is a ten-thousandth of it.
var (
	One        = New(1, 0)
	basisPoint = New(1, 4)
)

// New returns coef / 10^scale. It panics if scale is outside 0…MaxScale, which only a programming error can bring about.
func New(coef int64, scale int) Decimal {
	if scale < 0 || scale > MaxScale {
		panic("decimal: scale out of range")
	}
	mag := uint64(coef)
	if coef < 0 {
		mag = -mag
	}
	return normal(coef < 0, 0, mag, scale)
}

// normal strips trailing zeros from a coefficient known to be below 10^38.
func normal(neg bool, hi, lo uint64, scale int) Decimal {
	for scale > 0 && hi|lo != 0 {
		qhi, r := hi/10, hi%10
		qlo, r := bits.Div64(r, lo, 10)
		if r != 0 {
			break
		}
		hi, lo = qhi, qlo
		scale--
	}
	if hi|lo == 0 {
		return Decimal{}
	}
	return Decimal{hi: hi, lo: lo, scale: uint8(scale), neg: neg}
}

// fromBig returns c / 10^scale, or ErrOverflow.
func fromBig(c *big.Int, scale int) (Decimal, error) {
	neg := c.Sign() < 0
	mag := new(big.Int).Abs(c)
	ten, r := big.NewInt(10), new(big.Int)
	for scale > 0 && (scale > MaxScale || mag.Cmp(maxCoef) > 0) {
		q, r := new(big.Int).QuoRem(mag, ten, r)
		if r.Sign() != 0 {
			return Decimal{}, ErrOverflow
		}
		mag, scale = q, scale-1
	}
	if scale < 0 {
		mag.Mul(mag, bigPow10(-scale))
		scale = 0
	}
	if mag.Cmp(maxCoef) > 0 {
		return Decimal{}, ErrOverflow
	}
	lo := new(big.Int).And(mag, maxUint64).Uint64()
	hi := new(big.Int).Rsh(mag, 64).Uint64()
	return normal(neg, hi, lo, scale), nil
}

// coef returns the signed coefficient.
func (d Decimal) coef() *big.Int {
	c := new(big.Int).SetUint64(d.hi)
	c.Lsh(c, 64)
	c.Or(c, new(big.Int).SetUint64(d.lo))
	if d.neg {
		c.Neg(c)
	}
	return c
}

// small returns the coefficient as an int64 if it fits.
func (d Decimal) small() (int64, bool) {
	if d.hi != 0 || d.lo > 1<<63-1 {
		return 0, false
	}
	if d.neg {
		return -int64(d.lo), true
	}
	return int64(d.lo), true
}

// Scale returns the number of decimals of d without trailing zeros: 2 for 0.250 is 2, for 100 it is 0.
func (d Decimal) Scale() int { return int(d.scale) }

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.hi|d.lo == 0:
		return 0
	case d.neg:
		return -1
	}
	return 1
}

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.hi|d.lo == 0 }

// Neg returns -d.
func (d Decimal) Neg() Decimal {
	if !d.IsZero() {
		d.neg = !d.neg
	}
	return d
}

// Abs returns d without its sign.
func (d Decimal) Abs() Decimal {
	d.neg = false
	return d
}

// Cmp returns -1, 0 or 1 as d is below, equal to or above e.
func (d Decimal) Cmp(e Decimal) int {
	if ds, es := d.Sign(), e.Sign(); ds != es {
		return cmpInt(ds, es)
	}
	if c, ok := cmpWide(d, e); ok {
		if d.neg {
			c = -c
		}
		return c
	}
	a, b := d.coef(), e.coef()
	if d.scale < e.scale {
		a.Mul(a, bigPow10(int(e.scale-d.scale)))
	} else {
		b.Mul(b, bigPow10(int(d.scale-e.scale)))
	}
	return a.Cmp(b)
}

// Less reports whether d is below e.
func (d Decimal) Less(e Decimal) bool { return d.Cmp(e) < 0 }

// Min returns the smaller of d and e.
func (d Decimal) Min(e Decimal) Decimal {
	if e.Less(d) {
		return e
	}
	return d
}

// Max returns the larger of d and e.
func (d Decimal) Max(e Decimal) Decimal {
	if d.Less(e) {
		return e
	}
	return d
}

// Rat returns d as a rational number.
func (d Decimal) Rat() *big.Rat {
	return new(big.Rat).SetFrac(d.coef(), bigPow10(int(d.scale)))
}

func cmpInt[T int | int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

var (
	pow10     = [19]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}
	maxUint64 = new(big.Int).SetUint64(1<<64 - 1)
	maxCoef   = new(big.Int).Sub(bigPow10(MaxDigits), big.NewInt(1))
)

func bigPow10(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// mulInt64 returns a × 10^n if it fits an int64.
func mulInt64(a int64, n uint8) (int64, bool) {
	if int(n) >= len(pow10) {
		return 0, a == 0
	}
	p := a * pow10[n]
	return p, p/pow10[n] == a
}
