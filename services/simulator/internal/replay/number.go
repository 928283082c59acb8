package replay

import (
	"bytes"
	"math/big"
)

// number is an exact non-negative decimal with up to 18 digits on either side of the point: comparable, so that a level is
// keyed by its value and not by its spelling (0.0650 and 0.065 are one price).
type number struct{ whole, frac uint64 }

// parseNumber reads plain decimal notation; false for anything else, exponents too.
func parseNumber(text []byte) (number, bool) {
	w, f, _ := bytes.Cut(text, []byte("."))
	if len(w) == 0 || len(w) > 18 || len(f) > 18 {
		return number{}, false
	}
	whole, ok := digits(w, len(w))
	if !ok {
		return number{}, false
	}
	frac, ok := digits(f, 18)
	return number{whole, frac}, ok
}

// digits reads decimal digits, as if zeros followed up to the width.
func digits(b []byte, width int) (uint64, bool) {
	var v uint64
	for i := range width {
		v *= 10
		if i < len(b) {
			if b[i] < '0' || b[i] > '9' {
				return 0, false
			}
			v += uint64(b[i] - '0')
		}
	}
	return v, true
}

func (n number) zero() bool { return n == number{} }

func (n number) compare(o number) int {
	switch {
	case n.whole < o.whole, n.whole == o.whole && n.frac < o.frac:
		return -1
	case n == o:
		return 0
	}
	return 1
}

// decimals counts the decimals that are not trailing zeros.
func (n number) decimals() int {
	if n.frac == 0 {
		return 0
	}
	d, f := 18, n.frac
	for f%10 == 0 {
		d, f = d-1, f/10
	}
	return d
}

var ten18 = big.NewInt(1e18)

// scaled is the value times 10^18.
func (n number) scaled() *big.Int {
	v := new(big.Int).SetUint64(n.whole)
	v.Mul(v, ten18)
	return v.Add(v, new(big.Int).SetUint64(n.frac))
}

// fixed spells v / 10^scale with exactly the given decimals, rounding toward zero.
func fixed(v *big.Int, scale, decimals int) string {
	q := new(big.Int).Set(v)
	if cut := scale - decimals; cut > 0 {
		q.Quo(q, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(cut)), nil))
	}
	s := q.String()
	for len(s) <= decimals {
		s = "0" + s
	}
	if decimals == 0 {
		return s
	}
	return s[:len(s)-decimals] + "." + s[len(s)-decimals:]
}
