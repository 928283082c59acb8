package simulate

import (
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/services/executor"
)

const script = `{
 "name": "two slices",
 "instrument": {"symbol": "BTC-USDT", "exchanges": {"binance": {"quantity_step": "0.1", "price_tick": "0.5", "taker_fee_bps": "10"}}},
 "account": {"base": "0", "quote": "1000"},
 "sim": {"latency_ms": 0, "stale_after_ms": 60000, "liquidity_memory_ms": 0},
 "order": {"side": "buy", "quantity": "1", "duration_seconds": 10, "slices": 2, "limit_price": "101", "catch_up": "none"},
 "market": [
  {"t": -1, "exchange": "binance", "type": "snapshot", "bids": [["99", "5"]], "asks": [["101", "5"]]},
  {"t": 1000, "exchange": "binance", "type": "delta", "asks": [["101", "0.2"]]}
 ]
}`

func TestAReportSaysHowTheOrderEndedAndWhy(t *testing.T) {
	sim, err := executor.Simulate([]byte(script))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := report(&out, sim); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"expired (window_end) at 10000 ms", "0.7 of 1 BTC", "insufficient_depth", "against the arrival mid"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}

func TestARejectedOrderHasAReportToo(t *testing.T) {
	sim, err := executor.Simulate([]byte(strings.Replace(script, `"quantity": "1"`, `"quantity": "1.05"`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := report(&out, sim); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "rejected") || !strings.Contains(out.String(), "whole multiple of 0.1") {
		t.Errorf("report:\n%s", out.String())
	}
}
