package backtest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/services/executor/internal/backtest"
)

// plain is a script without a fault; tests spoil it or add to it.
const plain = `{
 "instrument": {"symbol": "BTC-USDT", "exchanges": {
  "binance": {"quantity_step": "0.1", "price_tick": "0.5", "min_quantity": "0.1", "min_notional": "5", "taker_fee_bps": "10"}}},
 "account": {"base": "0", "quote": "10000"},
 "sim": {"latency_ms": 0, "stale_after_ms": 60000, "liquidity_memory_ms": 0},
 "order": {"side": "buy", "quantity": "1", "start_ms": 0, "duration_seconds": 10, "slices": 2, "max_slippage_bps": null, "seed": 7},
 "market": [{"t": -1, "exchange": "binance", "type": "snapshot", "bids": [["99", "5"]], "asks": [["101", "5"]]}],
 "commands": []
}`

func TestAFaultOfAScriptIsNamedByItsField(t *testing.T) {
	tests := map[string]struct{ old, replaced, want string }{
		"an unknown parameter":        {`"slices"`, `"slicse"`, "order.slicse: is not a field"},
		"a number that is none":       {`"quantity": "1"`, `"quantity": "one"`, "order.quantity: must be a number"},
		"no quantity":                 {`"quantity": "1", `, ``, "order.quantity: is missing"},
		"a bound that is broken":      {`"duration_seconds": 10`, `"duration_seconds": 90000`, "order.duration_seconds: must be 1…86400"},
		"a side that is none":         {`"buy"`, `"hold"`, "order.side: must be buy or sell"},
		"an unlisted exchange":        {`"t": -1, "exchange": "binance"`, `"t": -1, "exchange": "kraken"`, `market[0].exchange: "kraken" is not one of`},
		"an unknown event":            {`"snapshot"`, `"snap"`, "market[0].type: must be one of"},
		"an event without a time":     {`"t": -1, `, ``, "market[0].t: is missing"},
		"a level that is no pair":     {`["99", "5"]`, `["99"]`, `market[0].bids[0]: must be ["price", "quantity"]`},
		"a price that is there twice": {`["99", "5"]`, `["99", "5"], ["99.0", "5"]`, "market[0].bids[1][0]: is there twice"},
		"a step of zero":              {`"quantity_step": "0.1"`, `"quantity_step": "0"`, "instrument.exchanges.binance.quantity_step: must be above 0"},
		"a symbol that is none":       {`BTC-USDT`, `BTCUSDT`, "instrument.symbol: must be BASE-QUOTE"},
		"an unknown command":          {`"commands": []`, `"commands": [{"t": 1, "type": "stop"}]`, "commands[0].type: must be one of"},
		"a list that is none":         {`"commands": []`, `"commands": 3`, "commands: must be a list"},
		"funds below zero":            {`"quote": "10000"`, `"quote": "-1"`, "account.quote: must not be below 0"},
		"a fraction of a millisecond": {`"latency_ms": 0`, `"latency_ms": 0.5`, "sim.latency_ms: must be a whole number"},
		"half a script":               {`"commands": []`, `"commands": [`, "line 9: not JSON"},
		"no order at all":             {`"order"`, `"other"`, "order: must be an object"},
		"both slices and interval":    {`"slices": 2`, `"slices": 2, "interval_seconds": 5`, "order.slices: give either"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(plain, tt.old, tt.replaced, 1)
			if text == plain {
				t.Fatal("nothing was spoilt")
			}
			_, err := backtest.Parse([]byte(text))
			var faults backtest.Faults
			if !errors.As(err, &faults) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(plain))
	f.Add([]byte(`{"order":{"exchanges":[1]},"market":[null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := backtest.Parse(text)
		if err != nil || len(text) > 4096 {
			return
		}
		if _, err := backtest.Run(s); err != nil {
			t.Error(err)
		}
	})
}
