package decimal

import (
	"fmt"
	"math/bits"
	"strconv"
)

// maxText is the longest text Parse reads: enough for any Decimal in any spelling, too short to be a burden.
const maxText = 128

// Parse reads a decimal number in plain ("-12.50") or scientific ("1e-08") notation: optional sign, digits, optional
// fraction, optional exponent, nothing else. Zeros in front and behind do not count as digits. It fails with ErrSyntax,
// or with ErrOverflow where the number does not fit a Decimal exactly.
func Parse(s string) (Decimal, error) { return parse(s) }

// ParseBytes is Parse for the bytes of a message.
func ParseBytes(b []byte) (Decimal, error) { return parse(b) }

// MustParse is Parse for constants of the program; it panics on an error.
func MustParse(s string) Decimal {
	d, err := Parse(s)
	if err != nil {
		panic(fmt.Sprintf("decimal: constant %q: %v", s, err))
	}
	return d
}

// number is a text taken apart: ±coefficient × 10^-scale, zeros behind the last other digit still pending.
type number struct {
	hi, lo  uint64
	digits  int // significant digits so far
	pending int // zeros seen since the last other digit
	scale   int
	neg     bool
}

func parse[T string | []byte](s T) (Decimal, error) {
	if len(s) == 0 || len(s) > maxText {
		return Decimal{}, ErrSyntax
	}
	var n number
	i := 0
	if s[0] == '-' || s[0] == '+' {
		n.neg = s[0] == '-'
		i++
	}
	start := i
	for ; i < len(s) && isDigit(s[i]); i++ {
		if err := n.push(s[i] - '0'); err != nil {
			return Decimal{}, err
		}
	}
	if i == start {
		return Decimal{}, ErrSyntax
	}
	n.scale -= n.pending // zeros before the point count as magnitude, not as digits
	n.pending = 0
	if i < len(s) && s[i] == '.' {
		i++
		if i == len(s) || !isDigit(s[i]) {
			return Decimal{}, ErrSyntax
		}
		for ; i < len(s) && isDigit(s[i]); i++ {
			if n.scale < 0 { // zeros before the point are digits after all if others follow
				n.pending += -n.scale
				n.scale = 0
			}
			n.scale++
			if err := n.push(s[i] - '0'); err != nil {
				return Decimal{}, err
			}
		}
		n.scale -= n.pending
	}
	exp, err := exponent(s[i:])
	if err != nil {
		return Decimal{}, err
	}
	return n.value(exp)
}

// push appends a digit; a zero waits until another digit follows it.
func (n *number) push(digit byte) error {
	if digit == 0 {
		if n.digits > 0 {
			n.pending++
		}
		return nil
	}
	for ; n.pending > 0; n.pending-- {
		if err := n.shift(0); err != nil {
			return err
		}
	}
	return n.shift(uint64(digit))
}

func (n *number) shift(digit uint64) error {
	if n.digits++; n.digits > MaxDigits {
		return ErrOverflow
	}
	hi, lo := bits.Mul64(n.lo, 10)
	lo, carry := bits.Add64(lo, digit, 0)
	n.hi, n.lo = n.hi*10+hi+carry, lo
	return nil
}

func (n *number) value(exp int) (Decimal, error) {
	if n.digits == 0 {
		return Decimal{}, nil
	}
	scale := n.scale - exp
	if scale >= 0 && scale <= MaxScale {
		return Decimal{hi: n.hi, lo: n.lo, scale: uint8(scale), neg: n.neg}, nil
	}
	if scale > 0 || n.digits-scale > MaxDigits {
		return Decimal{}, ErrOverflow
	}
	if n.hi == 0 && n.digits-scale < len(pow10) {
		return Decimal{lo: n.lo * uint64(pow10[-scale]), neg: n.neg}, nil
	}
	c := Decimal{hi: n.hi, lo: n.lo, neg: n.neg}.coef()
	return fromBig(c.Mul(c, bigPow10(-scale)), 0)
}

// exponent reads "", or e followed by an integer of up to three digits.
func exponent[T string | []byte](s T) (int, error) {
	if len(s) == 0 {
		return 0, nil
	}
	if (s[0] != 'e' && s[0] != 'E') || len(s) > 5 {
		return 0, ErrSyntax
	}
	e, err := strconv.Atoi(string(s[1:]))
	if err != nil || e < -999 || e > 999 {
		return 0, ErrSyntax
	}
	return e, nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// String returns d in plain notation without trailing zeros: "-0.0125", "100".
func (d Decimal) String() string { return string(d.Append(nil)) }

// Append appends the text of String to b.
func (d Decimal) Append(b []byte) []byte {
	if d.neg {
		b = append(b, '-')
	}
	var buf [MaxDigits]byte
	digits := d.digits(buf[:0])
	scale := int(d.scale)
	if scale == 0 {
		return append(b, digits...)
	}
	if len(digits) <= scale {
		b = append(b, "0."...)
		for range scale - len(digits) {
			b = append(b, '0')
		}
		return append(b, digits...)
	}
	b = append(b, digits[:len(digits)-scale]...)
	b = append(b, '.')
	return append(b, digits[len(digits)-scale:]...)
}

// digits appends the digits of the coefficient to b.
func (d Decimal) digits(b []byte) []byte {
	if d.hi == 0 {
		return strconv.AppendUint(b, d.lo, 10)
	}
	front, back := bits.Div64(d.hi, d.lo, 1e19) // both have at most 19 digits
	b = strconv.AppendUint(b, front, 10)
	for unit := uint64(1e18); unit > back && unit > 1; unit /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, back, 10)
}

// MarshalText implements encoding.TextMarshaler with the text of String.
func (d Decimal) MarshalText() ([]byte, error) { return d.Append(nil), nil }

// UnmarshalText implements encoding.TextUnmarshaler by Parse.
func (d *Decimal) UnmarshalText(b []byte) error {
	v, err := ParseBytes(b)
	if err == nil {
		*d = v
	}
	return err
}

// MarshalJSON returns d as a JSON string, so that no reader takes it through a float.
func (d Decimal) MarshalJSON() ([]byte, error) { return d.AppendJSON(make([]byte, 0, 24)), nil }

// AppendJSON appends what MarshalJSON returns to b.
func (d Decimal) AppendJSON(b []byte) []byte { return append(d.Append(append(b, '"')), '"') }

// UnmarshalJSON reads a JSON string or a JSON number, the latter from its digits.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	if n := len(b); n >= 2 && b[0] == '"' && b[n-1] == '"' {
		b = b[1 : n-1]
	}
	return d.UnmarshalText(b)
}
