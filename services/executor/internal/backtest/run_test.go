package backtest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/services/executor/internal/backtest"
)

func TestTheWorkedExamplesComeOutAsWritten(t *testing.T) {
	paths, err := filepath.Glob("../account/testdata/examples/*.json")
	if err != nil || len(paths) < 8 {
		t.Fatalf("examples: %v, %v", paths, err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var x struct{ Expected map[string]any }
			if err := json.Unmarshal(text, &x); err != nil {
				t.Fatal(err)
			}
			compare(t, "", x.Expected, play(t, string(text)))
		})
	}
}

// play runs a script and returns its outcome as JSON has it.
func play(t *testing.T, text string) map[string]any {
	t.Helper()
	s, err := backtest.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := backtest.Run(s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := json.Unmarshal(b, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

// compare checks that everything in want is in got: numbers as numbers, lists of the same length.
func compare(t *testing.T, path string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s = %v, want an object", path, got)
			return
		}
		for k, v := range want {
			compare(t, path+"."+k, v, have[k])
		}
	case []any:
		have, _ := got.([]any)
		if len(have) != len(want) {
			t.Errorf("%s has %d entries, want %d: %v", path, len(have), len(want), got)
			return
		}
		for i := range want {
			compare(t, fmt.Sprintf("%s[%d]", path, i), want[i], have[i])
		}
	default:
		if fmt.Sprint(want) == fmt.Sprint(got) {
			return
		}
		a, err := decimal.Parse(fmt.Sprint(want))
		b, err2 := decimal.Parse(fmt.Sprint(got))
		if err != nil || err2 != nil || a != b {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
}
