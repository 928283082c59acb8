// Package exampletest compares what tests of the executor get with what the worked examples expect.
//
// It is for tests alone, holds no state and may be used by parallel ones. It neither reads examples nor runs them.
package exampletest

import (
	"fmt"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// Contains checks that everything in want is in got, both as encoding/json decodes into an empty interface: numbers as
// numbers, however they are written, lists of the same length. What got has beyond want does not matter. Path is what got
// is called in an error.
func Contains(t testing.TB, path string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s = %v, want an object", path, got)
			return
		}
		for k, v := range want {
			Contains(t, path+"."+k, v, have[k])
		}
	case []any:
		have, _ := got.([]any)
		if len(have) != len(want) {
			t.Errorf("%s has %d entries, want %d: %v", path, len(have), len(want), got)
			return
		}
		for i := range want {
			Contains(t, fmt.Sprintf("%s[%d]", path, i), want[i], have[i])
		}
	default:
		if !same(want, got) {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
}

// same reports whether two values are written alike, or are the same number.
func same(want, got any) bool {
	a, b := fmt.Sprint(want), fmt.Sprint(got)
	if a == b {
		return true
	}
	x, err := decimal.Parse(a)
	y, err2 := decimal.Parse(b)
	return err == nil && err2 == nil && x == y
}
