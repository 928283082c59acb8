package book

import (
	"errors"
	"fmt"
	"math"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// Why a number of the wire is not one of ours.
var (
	ErrNumber    = errors.New("not a number of zero or more")
	ErrPrecision = errors.New("more decimals than the instrument has")
	ErrRange     = errors.New("beyond 63 bits in the instrument's units")
)

// MaxDecimals is the largest number of decimals of a Scale: 10^18 still fits an int64.
const MaxDecimals = 18

// maxText is the longest number that is read: 19 digits, a point, zeros and an exponent leave room to spare.
const maxText = 64

// Scale says how many decimals the prices and sizes of an instrument have; a unit is 10^-decimals.
type Scale struct{ Price, Size uint8 }

// ScaleOf returns the scale of an instrument with the given price tick and quantity step.
func ScaleOf(tick, step decimal.Decimal) (Scale, error) {
	if tick.Scale() > MaxDecimals || step.Scale() > MaxDecimals {
		return Scale{}, fmt.Errorf("tick %s, step %s: %w", tick, step, ErrPrecision)
	}
	return Scale{Price: uint8(tick.Scale()), Size: uint8(step.Scale())}, nil
}

// Level returns a level of this scale as decimals.
func (s Scale) price(units int64) decimal.Decimal { return decimal.New(units, int(s.Price)) }
func (s Scale) size(units int64) decimal.Decimal  { return decimal.New(units, int(s.Size)) }

var pow10 = [MaxDecimals + 1]int64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// ParseUnits reads a number in units of 10^-decimals: "63004.9" with two decimals is 6300490. Zeros behind do not count, so
// "0.10000000" fits one decimal. It fails with ErrNumber (a sign is one of the reasons), ErrPrecision or ErrRange, and
// never rounds: a digit that was dropped here would be a wrong price that nobody sees.
func ParseUnits(b []byte, decimals uint8) (int64, error) {
	if len(b) == 0 || len(b) > maxText || decimals > MaxDecimals {
		return 0, ErrNumber
	}
	var n int64
	i, whole := 0, true
	left := decimals // decimals still to come
	for ; i < len(b); i++ {
		d := b[i] - '0'
		switch {
		case d > 9:
			if b[i] == '.' && whole && i > 0 && i+1 < len(b) {
				whole = false
				continue
			}
			if b[i] == 'e' || b[i] == 'E' {
				return parseExponent(b, decimals)
			}
			return 0, ErrNumber
		case whole:
		case left == 0:
			if d != 0 {
				return precisionOrExponent(b, i, decimals)
			}
			continue
		default:
			left--
		}
		if n > (math.MaxInt64-int64(d))/10 {
			return 0, ErrRange
		}
		n = n*10 + int64(d)
	}
	if n > math.MaxInt64/pow10[left] {
		return 0, ErrRange
	}
	return n * pow10[left], nil
}

// precisionOrExponent decides about digits beyond the scale: an exponent behind them may still bring them within.
func precisionOrExponent(b []byte, from int, decimals uint8) (int64, error) {
	for _, c := range b[from:] {
		if c == 'e' || c == 'E' {
			return parseExponent(b, decimals)
		}
		if c < '0' || c > '9' {
			return 0, ErrNumber
		}
	}
	return 0, ErrPrecision
}

// parseExponent reads scientific notation, which is rare on the wire (1e-08 in instrument lists) and may be slow.
func parseExponent(b []byte, decimals uint8) (int64, error) {
	d, err := decimal.ParseBytes(b)
	if err != nil || d.Sign() < 0 || b[0] == '+' || b[0] == '-' {
		return 0, ErrNumber
	}
	if d.Scale() > int(decimals) {
		return 0, ErrPrecision
	}
	n, err := d.Steps(decimal.New(1, int(decimals)))
	if err != nil {
		return 0, ErrRange
	}
	return n, nil
}
