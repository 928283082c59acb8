package backtest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hourglass-trading/hourglass/services/executor/internal/backtest"
	"github.com/hourglass-trading/hourglass/services/executor/internal/exampletest"
)

// TestTheWorkedExamplesComeOutAsWritten plays the examples that fix the rules, and further ones here, whose numbers were
// worked out from the written rules alone by other means than the engine.
func TestTheWorkedExamplesComeOutAsWritten(t *testing.T) {
	fixed, err := filepath.Glob("../account/testdata/examples/*.json")
	further, err2 := filepath.Glob("testdata/examples/*.json")
	if err != nil || err2 != nil || len(fixed) < 8 || len(further) < 15 {
		t.Fatalf("examples: %v, %v, %v, %v", fixed, err, further, err2)
	}
	for _, path := range slices.Concat(fixed, further) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var x struct{ Expected map[string]any }
			if err := json.Unmarshal(text, &x); err != nil {
				t.Fatal(err)
			}
			exampletest.Contains(t, "", x.Expected, play(t, string(text)))
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
