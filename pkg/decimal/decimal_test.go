package decimal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

func TestParseReadsEverySpellingOfANumber(t *testing.T) {
	tests := map[string]struct {
		in   string
		want string
		err  error
	}{
		"trailing zeros do not count":          {in: "61837.63000000", want: "61837.63"},
		"zeros before the point are magnitude": {in: "100", want: "100"},
		"zeros on both sides of the point":     {in: "1000.00050", want: "1000.0005"},
		"a leading zero":                       {in: "0.0650", want: "0.065"},
		"many leading zeros":                   {in: "000012.5", want: "12.5"},
		"an exponent as Kraken writes it":      {in: "1e-08", want: "0.00000001"},
		"a positive exponent":                  {in: "1.25E+3", want: "1250"},
		"an exponent that cancels the scale":   {in: "6.178E+4", want: "61780"},
		"a negative number":                    {in: "-0.5", want: "-0.5"},
		"negative zero is zero":                {in: "-0.00", want: "0"},
		"a large meme coin quantity":           {in: "10000000000000.00000001", want: "10000000000000.00000001"},
		"the largest number":                   {in: strings.Repeat("9", 38), want: strings.Repeat("9", 38)},
		"a 39th digit does not fit":            {in: strings.Repeat("9", 39), err: decimal.ErrOverflow},
		"the 39th decimal does not fit":        {in: "0." + strings.Repeat("0", 38) + "1", err: decimal.ErrOverflow},
		"forty zeros behind the point do fit":  {in: "1." + strings.Repeat("0", 40), want: "1"},
		"a huge exponent does not fit":         {in: "1e99", err: decimal.ErrOverflow},
		"a zero with a huge exponent is zero":  {in: "0e99", want: "0"},
		"nothing":                              {in: "", err: decimal.ErrSyntax},
		"a sign alone":                         {in: "-", err: decimal.ErrSyntax},
		"no digit before the point":            {in: ".5", err: decimal.ErrSyntax},
		"no digit after the point":             {in: "5.", err: decimal.ErrSyntax},
		"two points":                           {in: "1.2.3", err: decimal.ErrSyntax},
		"not a number":                         {in: "NaN", err: decimal.ErrSyntax},
		"infinity":                             {in: "Infinity", err: decimal.ErrSyntax},
		"hexadecimal":                          {in: "0x10", err: decimal.ErrSyntax},
		"white space":                          {in: " 1", err: decimal.ErrSyntax},
		"an empty exponent":                    {in: "1e", err: decimal.ErrSyntax},
		"an absurd exponent":                   {in: "1e99999", err: decimal.ErrSyntax},
		"an endless text":                      {in: strings.Repeat("0", 129), err: decimal.ErrSyntax},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decimal.Parse(tt.in)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Parse(%q) error = %v, want %v", tt.in, err, tt.err)
			}
			if err == nil && got.String() != tt.want {
				t.Errorf("Parse(%q) = %s, want %s", tt.in, got, tt.want)
			}
		})
	}
}

func TestEqualNumbersAreTheSameValue(t *testing.T) {
	if decimal.MustParse("0.10000000") != decimal.MustParse("0.1") || decimal.MustParse("100") != decimal.New(100, 0) {
		t.Error("equal numbers differ as values")
	}
}

func TestSteps(t *testing.T) {
	tests := map[string]struct {
		d, step string
		want    int64
		err     error
	}{
		"a whole multiple":                     {d: "0.4", step: "0.00001", want: 40000},
		"a step above one":                     {d: "1500", step: "500", want: 3},
		"a step of 10^-10":                     {d: "0.0000026019", step: "0.0000000001", want: 26019},
		"ten trillion units":                   {d: "10000000000000", step: "1", want: 10_000_000_000_000},
		"half a step is not rounded":           {d: "0.15", step: "0.1", err: decimal.ErrInexact},
		"a step of zero":                       {d: "1", step: "0", err: decimal.ErrDivideByZero},
		"more steps than 64 bits hold":         {d: "10000000000000", step: "0.0000000001", err: decimal.ErrOverflow},
		"a negative number of steps is exact":  {d: "-0.3", step: "0.1", want: -3},
		"a fine number against a coarse step":  {d: "0.3", step: "0.25", err: decimal.ErrInexact},
		"far apart scales go the slow way":     {d: "5000000000000000000", step: "0.5", err: decimal.ErrOverflow},
		"far apart scales that still fit well": {d: "400000000000000000", step: "0.5", want: 800000000000000000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decimal.MustParse(tt.d).Steps(decimal.MustParse(tt.step))
			if !errors.Is(err, tt.err) || got != tt.want {
				t.Errorf("%s in steps of %s = %d, %v; want %d, %v", tt.d, tt.step, got, err, tt.want, tt.err)
			}
		})
	}
	if n, _ := decimal.MustParse("-0.15").FloorSteps(decimal.MustParse("0.1")); n != -2 {
		t.Errorf("floor of -1.5 steps = %d, want -2", n)
	}
	if n, _ := decimal.MustParse("0.15").CeilSteps(decimal.MustParse("0.1")); n != 2 {
		t.Errorf("ceil of 1.5 steps = %d, want 2", n)
	}
}

func TestRoundingNamesItsDirection(t *testing.T) {
	for _, tt := range []struct {
		d    string
		mode decimal.Rounding
		want string
	}{
		{"0.125", decimal.HalfEven, "0.12"}, {"0.135", decimal.HalfEven, "0.14"}, {"0.1251", decimal.HalfEven, "0.13"},
		{"0.129", decimal.Floor, "0.12"}, {"-0.121", decimal.Floor, "-0.13"},
		{"0.121", decimal.Ceil, "0.13"}, {"-0.129", decimal.Ceil, "-0.12"}, {"-0.125", decimal.HalfEven, "-0.12"},
	} {
		got, err := decimal.MustParse(tt.d).Round(2, tt.mode)
		if err != nil || got.String() != tt.want {
			t.Errorf("%s rounded (%d) = %s, %v; want %s", tt.d, tt.mode, got, err, tt.want)
		}
	}
}

func TestPriceTimesQuantityTimesFeeIsExact(t *testing.T) {
	var c decimal.Calc
	fee := c.Bps(c.Mul(decimal.MustParse("0.0000012345"), decimal.MustParse("10000000000000.5")), decimal.MustParse("7.5"))
	if want := "9258.7500000004629375"; c.Err() != nil || fee.String() != want {
		t.Errorf("fee = %s, %v; want %s", fee, c.Err(), want)
	}
}

func TestCalcKeepsTheFirstError(t *testing.T) {
	var c decimal.Calc
	huge := decimal.MustParse(strings.Repeat("9", 38))
	got := c.Add(c.Mul(huge, huge), decimal.One)
	c.Quo(decimal.One, decimal.Decimal{}, 0, decimal.Floor)
	if !got.IsZero() || !errors.Is(c.Err(), decimal.ErrOverflow) {
		t.Errorf("got %s, %v; want 0 and the overflow", got, c.Err())
	}
}

func TestJSONTakesStringsAndNumbersAndGivesStrings(t *testing.T) {
	var v struct{ A, B decimal.Decimal }
	if err := json.Unmarshal([]byte(`{"A":"0.10","B":0.30000000000000004}`), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil || string(out) != `{"A":"0.1","B":"0.30000000000000004"}` {
		t.Errorf("round trip = %s, %v", out, err)
	}
	for _, bad := range []string{`{"A":"NaN"}`, `{"A":true}`, `{"A":""}`, `{"A":[1]}`, `{"A":"1`} {
		if err := json.Unmarshal([]byte(bad), &v); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

// genDecimal draws numbers of all sizes, with many near the borders of the fast paths.
var genDecimal = rapid.Custom(func(t *rapid.T) decimal.Decimal {
	coef := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1000, 1000), rapid.Int64Range(1<<62, 1<<63-1)).Draw(t, "coef")
	d := decimal.New(coef, rapid.IntRange(0, 18).Draw(t, "scale"))
	if rapid.Bool().Draw(t, "wide") {
		if w, err := d.Mul(decimal.New(rapid.Int64().Draw(t, "factor"), 0)); err == nil {
			return w
		}
	}
	return d
})

func TestArithmeticAgreesWithRationalNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genDecimal.Draw(t, "a"), genDecimal.Draw(t, "b")
		same := func(op string, got decimal.Decimal, err error, want *big.Rat) {
			if err != nil {
				if exact, back := decimal.FromRat(want, decimal.MaxScale, decimal.Floor); back == nil && exact.Rat().Cmp(want) == 0 {
					t.Fatalf("%s %s %s: %v, although %s fits", a, op, b, err, exact)
				}
				return
			}
			if got.Rat().Cmp(want) != 0 {
				t.Fatalf("%s %s %s = %s, want %s", a, op, b, got, want)
			}
			if again, err := decimal.Parse(got.String()); err != nil || again != got {
				t.Fatalf("%s read back = %s, %v", got, again, err)
			}
		}
		sum, err := a.Add(b)
		same("+", sum, err, new(big.Rat).Add(a.Rat(), b.Rat()))
		diff, err := a.Sub(b)
		same("-", diff, err, new(big.Rat).Sub(a.Rat(), b.Rat()))
		prod, err := a.Mul(b)
		same("*", prod, err, new(big.Rat).Mul(a.Rat(), b.Rat()))
		if got, want := a.Cmp(b), a.Rat().Cmp(b.Rat()); got != want {
			t.Fatalf("cmp(%s, %s) = %d, want %d", a, b, got, want)
		}
	})
}

func TestQuoIsWithinOneUnitOfTheTrueQuotient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genDecimal.Draw(t, "a"), genDecimal.Draw(t, "b")
		scale := rapid.IntRange(0, 12).Draw(t, "places")
		lo, err := a.Quo(b, scale, decimal.Floor)
		if err != nil {
			return
		}
		want := new(big.Rat).Quo(a.Rat(), b.Rat())
		hi, err := a.Quo(b, scale, decimal.Ceil)
		if errors.Is(err, decimal.ErrOverflow) {
			return // the floor ended in zeros, without which it had room
		}
		if err != nil || lo.Rat().Cmp(want) > 0 || hi.Rat().Cmp(want) < 0 {
			t.Fatalf("%s / %s: %s and %s do not enclose it (%v)", a, b, lo, hi, err)
		}
		gap, _ := hi.Sub(lo)
		if gap.Cmp(decimal.New(1, scale)) > 0 {
			t.Fatalf("%s / %s: %s to %s is wider than one unit", a, b, lo, hi)
		}
	})
}

func TestAQuotientIsThatOfTheRationals(t *testing.T) {
	number := func(t *rapid.T, name string) decimal.Decimal { // short, or any
		if rapid.IntRange(0, 3).Draw(t, name+" is any") == 0 {
			return genDecimal.Draw(t, name)
		}
		return decimal.New(rapid.Int64().Draw(t, name)>>rapid.IntRange(0, 62).Draw(t, name+" shift"), rapid.IntRange(0, 20).Draw(t, name+" scale"))
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := number(t, "a"), number(t, "b")
		scale := rapid.IntRange(-1, 40).Draw(t, "places")
		if scale >= 0 && scale < 10 && rapid.Bool().Draw(t, "a tie") {
			a, _ = b.Mul(decimal.New(10*rapid.Int64Range(-1000, 1000).Draw(t, "tens")+5, scale+1))
		}
		mode := rapid.SampledFrom([]decimal.Rounding{decimal.Floor, decimal.Ceil, decimal.HalfEven}).Draw(t, "mode")
		got, err := a.Quo(b, scale, mode)
		if b.IsZero() {
			if !errors.Is(err, decimal.ErrDivideByZero) {
				t.Fatalf("%s / 0: %v", a, err)
			}
			return
		}
		want, wantErr := decimal.FromRat(new(big.Rat).Quo(a.Rat(), b.Rat()), scale, mode)
		if got != want || !errors.Is(err, wantErr) {
			t.Fatalf("%s / %s to %d places, mode %d: %s (%v), want %s (%v)", a, b, scale, mode, got, err, want, wantErr)
		}
	})
}

func BenchmarkQuo(b *testing.B) {
	notional, quantity := decimal.MustParse("183054.27193"), decimal.MustParse("3.05")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := notional.Quo(quantity, 8, decimal.HalfEven); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0", "-1.50", "61837.63000000", "1e-08", "100.0", "NaN", "", "1e", "-.5", "9e37"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := decimal.Parse(s)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(s)
		if !ok || d.Rat().Cmp(want) != 0 {
			t.Fatalf("Parse(%q) = %s", s, d)
		}
		if back, err := decimal.Parse(d.String()); err != nil || back != d {
			t.Fatalf("%q: %s read back = %s, %v", s, d, back, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	in := []byte("61837.63000000")
	for b.Loop() {
		if _, err := decimal.ParseBytes(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNotionalAndFee(b *testing.B) {
	price, qty, fee := decimal.MustParse("61837.63"), decimal.MustParse("0.01234"), decimal.MustParse("10")
	for b.Loop() {
		var c decimal.Calc
		n := c.Mul(price, qty)
		if c.Add(n, c.Bps(n, fee)); c.Err() != nil {
			b.Fatal(c.Err())
		}
	}
}

func ExampleCalc() {
	var c decimal.Calc
	notional := c.Mul(decimal.MustParse("60001"), decimal.MustParse("0.1"))
	fee := c.Bps(notional, decimal.MustParse("10"))
	fmt.Println(c.Add(notional, fee), c.Err())
	// Output: 6006.1001 <nil>
}
