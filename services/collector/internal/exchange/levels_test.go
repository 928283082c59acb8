package exchange

import (
	"errors"
	"math"
	"testing"

	"github.com/hourglass-trading/hourglass/services/collector/internal/book"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/scan"
)

func TestCutAmountsNeverExceedWhatThereIs(t *testing.T) {
	tests := map[string]struct {
		text     string
		decimals uint8
		want     int64
		fails    error
	}{
		"what fits is exact":             {text: `"0.10000000"`, decimals: 1, want: 1},
		"digits beyond are cut off":      {text: `"0.123456789"`, decimals: 4, want: 1234},
		"all of them":                    {text: `7.9`, decimals: 0, want: 7},
		"so little that nothing is left": {text: `"0.00009"`, decimals: 4, want: 0},
		"too much is the most there is":  {text: `"99999999999999999999"`, decimals: 0, want: math.MaxInt64},
		"also behind cut digits":         {text: `"9999999999999.123456789"`, decimals: 8, want: math.MaxInt64},
		"a word is no number":            {text: `"many"`, decimals: 4, fails: book.ErrNumber},
		"a sign neither":                 {text: `"-1"`, decimals: 4, fails: book.ErrNumber},
		"an exponent is not cut":         {text: `1.5e-9`, decimals: 4, fails: book.ErrPrecision},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := scan.New([]byte(tt.text))
			if got := UnitsCut(&c, tt.decimals); got != tt.want || !errors.Is(c.Err(), tt.fails) {
				t.Errorf("%d, %v", got, c.Err())
			}
		})
	}
}
