package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// workedExamples are the golden files that the executor's own tests keep to.
const workedExamples = "../../executor/internal/account/testdata/examples/*.json"

func TestSimulatePrintsTheWorkedExamplesToTheLastDigit(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(workedExamples)
	if err != nil || len(files) < 8 {
		t.Fatalf("examples: %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), path, "simulate", file, "-o", "json").Output()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var x struct{ Expected any }
		var got any
		if err := errors.Join(json.Unmarshal(text, &x), json.Unmarshal(out, &got)); err != nil {
			t.Fatal(err)
		}
		if !contains(got, x.Expected) {
			t.Errorf("%s came out as\n%s", file, out)
		}
	}
}

// contains reports whether all of want is in got: numbers as numbers, lists of the same length.
func contains(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		for k, v := range want {
			ok = ok && contains(have[k], v)
		}
		return ok
	case []any:
		have, _ := got.([]any)
		ok := len(have) == len(want)
		for i := range want {
			ok = ok && contains(have[i], want[i])
		}
		return ok
	case string:
		have, _ := got.(string)
		a, err := decimal.Parse(want)
		b, err2 := decimal.Parse(have)
		return have == want || err == nil && err2 == nil && a == b
	}
	return got == want
}

func TestSimulateNamesTheFieldAtFault(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ script, want string }{
		"a missing part":  {`{"instrument": {}}`, "order: must be an object"},
		"half an object":  {`{"order": `, "line 1: not JSON"},
		"a wrong command": {`{"commands": [{"t": 1, "type": "stop"}]}`, "commands[0].type: must be one of"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), path, "simulate", "-")
			var stderr bytes.Buffer
			cmd.Stdin, cmd.Stderr = strings.NewReader(tt.script), &stderr
			var ended *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &ended) || ended.ExitCode() != 2 || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("%v\n%s\nwant exit code 2 and %q", err, stderr.String(), tt.want)
			}
		})
	}
}
