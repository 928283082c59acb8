package book

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/fuzztest"
)

func TestParseUnits(t *testing.T) {
	tests := map[string]struct {
		text     string
		decimals uint8
		want     int64
		err      error
	}{
		"a price with its decimals":                  {"63004.9", 1, 630049, nil},
		"fewer decimals than there are":              {"63005", 1, 630050, nil},
		"zeros behind do not count":                  {"0.10000000", 1, 1, nil},
		"zero":                                       {"0.00000000", 8, 0, nil},
		"zeros in front":                             {"0.00005100", 8, 5100, nil},
		"the largest":                                {"92233720368.54775807", 8, 9223372036854775807, nil},
		"beyond it":                                  {"92233720368.54775808", 8, 0, ErrRange},
		"far beyond it":                              {"9999999999999999999999", 0, 0, ErrRange},
		"beyond it once scaled":                      {"99999999999", 8, 0, ErrRange},
		"a digit too many is no rounding":            {"0.05", 1, 0, ErrPrecision},
		"an exponent":                                {"1e-08", 8, 1, nil},
		"an exponent that needs finer units":         {"1.5e-08", 8, 0, ErrPrecision},
		"an exponent that makes many digits few":     {"0.0000123e5", 2, 123, nil},
		"an exponent beyond the range":               {"1e30", 2, 0, ErrRange},
		"a sign":                                     {"-1", 2, 0, ErrNumber},
		"a sign and an exponent":                     {"-1e2", 2, 0, ErrNumber},
		"nothing":                                    {"", 2, 0, ErrNumber},
		"no digit before the point":                  {".5", 2, 0, ErrNumber},
		"no digit behind the point":                  {"5.", 2, 0, ErrNumber},
		"two points":                                 {"1.2.3", 2, 0, ErrNumber},
		"letters behind digits beyond the scale":     {"1.234x", 2, 0, ErrNumber},
		"words":                                      {"NaN", 2, 0, ErrNumber},
		"more decimals than any instrument may have": {"1", 19, 0, ErrNumber},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseUnits([]byte(tt.text), tt.decimals)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%d, %v; want %d, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestScaleOfRefusesWhatDoesNotFit(t *testing.T) {
	tiny := decimal.MustParse("0.0000000000000000001")
	if _, err := ScaleOf(tiny, decimal.One); !errors.Is(err, ErrPrecision) {
		t.Errorf("error %v", err)
	}
	if s, err := ScaleOf(decimal.MustParse("0.10"), decimal.MustParse("1")); err != nil || s != (Scale{1, 0}) {
		t.Errorf("%v %v", s, err)
	}
}

func TestAppendUnitsWritesLikeADecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := rapid.Int64().Draw(t, "units")
		decimals := rapid.Uint8Range(0, MaxDecimals).Draw(t, "decimals")
		want := decimal.New(units, int(decimals)).String()
		if got := string(AppendUnits(nil, units, decimals)); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}

// FuzzParseUnits compares with the decimal parser.
func FuzzParseUnits(f *testing.F) {
	for _, text := range []string{"0.00005100", "1e-08", "63004.9", "92233720368.54775807", "1.5E2", "-1", "1.", "00012.500"} {
		f.Add([]byte(text), uint8(8))
	}
	fuzztest.Seed(f)
	f.Fuzz(func(t *testing.T, text []byte, decimals uint8) {
		n, err := ParseUnits(text, decimals)
		d, parseErr := decimal.ParseBytes(text)
		if err != nil {
			if n != 0 {
				t.Fatalf("%q: %d with %v", text, n, err)
			}
			return
		}
		if parseErr != nil || n < 0 || decimal.New(n, int(decimals)) != d {
			t.Fatalf("%q with %d decimals: %d, but %s (%v)", text, decimals, n, d, parseErr)
		}
	})
}
