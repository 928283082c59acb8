package backtest_test

import (
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/services/executor/internal/exampletest"
)

func TestWhileTheServerIsDownSlicesAreMissedAndTheBenchmarkGoesOn(t *testing.T) {
	script := strings.NewReplacer(
		`"duration_seconds": 10, "slices": 2`, `"duration_seconds": 40, "slices": 4, "catch_up": "next"`,
		`"commands": []`, `"commands": [{"t": 10000, "type": "server_down"}, {"t": 20000, "type": "server_up"}]`,
		`"asks": [["101", "5"]]}]`, `"asks": [["101", "5"]]},
		 {"t": 5000, "exchange": "binance", "type": "delta", "bids": [["100", "5"]], "asks": [["101", "0"], ["102", "5"]]},
		 {"t": 15000, "exchange": "binance", "type": "delta", "asks": [["102", "0"]]},
		 {"t": 25000, "exchange": "binance", "type": "snapshot", "bids": [["100", "5"]], "asks": [["102", "5"]]}]`,
	).Replace(plain)
	// The mid is 100 for 5 s, then 101: nobody has heard of a change while the server was down.
	exampletest.Contains(t, "", map[string]any{
		"order": map[string]any{"status": "filled", "filled_quantity": "1", "terminal_t": 30000.0},
		"slices": []any{
			map[string]any{"status": "filled", "planned": "0.2"},
			map[string]any{"status": "missed", "reason": "server_down", "planned": "0.3", "wanted": "0"},
			map[string]any{"status": "skipped", "reason": "exchange_down", "planned": "0.2", "wanted": "0.5", "decision_mid": nil},
			map[string]any{"status": "filled", "planned": "0.3", "wanted": "0.8", "decision_mid": "101"},
		},
		"tca": map[string]any{"twap_window": "100.875", "benchmark_coverage": "1"},
	}, play(t, script))
}
