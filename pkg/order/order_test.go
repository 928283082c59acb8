package order_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func valid() order.Params {
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side = "t-1", "BTC-USDT", market.Buy
	p.Quantity, p.DurationSeconds = decimal.One, 60
	return p
}

func TestValidateNamesTheField(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	dec := func(s string) *decimal.Decimal { d := decimal.MustParse(s); return &d }
	tests := map[string]struct {
		change func(*order.Params)
		field  string
	}{
		"an order with defaults is fine":          {change: func(*order.Params) {}},
		"no slippage bound is fine":               {change: func(p *order.Params) { p.MaxSlippageBps = nil }},
		"a token id with a dot":                   {change: func(p *order.Params) { p.TokenID = "a.b" }, field: "token_id"},
		"an empty token id":                       {change: func(p *order.Params) { p.TokenID = "" }, field: "token_id"},
		"a native symbol":                         {change: func(p *order.Params) { p.Symbol = "BTCUSDT" }, field: "symbol"},
		"no exchange":                             {change: func(p *order.Params) { p.Exchanges = nil }, field: "exchange"},
		"all beside another":                      {change: func(p *order.Params) { p.Exchanges = []market.Exchange{"all", "kraken"} }, field: "exchange"},
		"an exchange twice":                       {change: func(p *order.Params) { p.Exchanges = []market.Exchange{"kraken", "kraken"} }, field: "exchange"},
		"an exchange with a star":                 {change: func(p *order.Params) { p.Exchanges = []market.Exchange{"*"} }, field: "exchange"},
		"a side of its own":                       {change: func(p *order.Params) { p.Side = "hold" }, field: "side"},
		"nothing to do":                           {change: func(p *order.Params) { p.Quantity = decimal.Decimal{} }, field: "quantity"},
		"a negative quantity":                     {change: func(p *order.Params) { p.Quantity = decimal.New(-1, 0) }, field: "quantity"},
		"no time":                                 {change: func(p *order.Params) { p.DurationSeconds = 0 }, field: "duration_seconds"},
		"more than a day":                         {change: func(p *order.Params) { p.DurationSeconds = 86_401 }, field: "duration_seconds"},
		"interval and slices":                     {change: func(p *order.Params) { p.IntervalSeconds, p.Slices = 1, 1 }, field: "slices"},
		"an interval above an hour":               {change: func(p *order.Params) { p.IntervalSeconds = 3601 }, field: "interval_seconds"},
		"too many slices":                         {change: func(p *order.Params) { p.Slices = 10_001 }, field: "slices"},
		"a start too far ahead":                   {change: func(p *order.Params) { p.StartsAt = now.Add(25 * time.Hour) }, field: "starts_at"},
		"a window that is over":                   {change: func(p *order.Params) { p.StartsAt = now.Add(-time.Hour) }, field: "starts_at"},
		"a limit of nothing":                      {change: func(p *order.Params) { p.LimitPrice = dec("0") }, field: "limit_price"},
		"a slippage above all":                    {change: func(p *order.Params) { p.MaxSlippageBps = dec("10000.5") }, field: "max_slippage_bps"},
		"a participation of nothing":              {change: func(p *order.Params) { p.ParticipationCap = dec("0") }, field: "participation_cap"},
		"a participation above all of the volume": {change: func(p *order.Params) { p.ParticipationCap = dec("1.01") }, field: "participation_cap"},
		"an unknown catch-up":                     {change: func(p *order.Params) { p.CatchUp = "hurry" }, field: "catch_up"},
		"a catch-up below the plan":               {change: func(p *order.Params) { p.CatchUpMaxMultiple = decimal.MustParse("0.5") }, field: "catch_up_max_multiple"},
		"an unknown end":                          {change: func(p *order.Params) { p.EndPolicy = "" }, field: "end_policy"},
		"an unknown routing":                      {change: func(p *order.Params) { p.Routing = "best" }, field: "routing"},
		"sizes at random beyond the bound":        {change: func(p *order.Params) { p.RandomizeSizeBps = 5001 }, field: "randomize_size_bps"},
		"times at random beyond the bound":        {change: func(p *order.Params) { p.RandomizeTimeBps = -1 }, field: "randomize_time_bps"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := valid()
			tt.change(&p)
			got := p.Validate(now)
			switch {
			case tt.field == "" && got != nil:
				t.Errorf("refused: %v", got)
			case tt.field != "" && (len(got) != 1 || got[0].Field != tt.field):
				t.Errorf("faults = %v, want one in %s", got, tt.field)
			}
		})
	}
}

func TestDecodingKeepsDefaultsAndNullSwitchesABoundOff(t *testing.T) {
	p := order.Defaults()
	if err := json.Unmarshal([]byte(`{"max_slippage_bps": null, "seed": "18446744073709551615"}`), &p); err != nil {
		t.Fatal(err)
	}
	if p.MaxSlippageBps != nil || p.CatchUp != order.CatchUpSpread || *p.Seed != 1<<64-1 {
		t.Errorf("params = %+v", p)
	}
	if err := json.Unmarshal([]byte(`{"seed": "-1"}`), &p); err == nil {
		t.Error("a negative seed was accepted")
	}
}

func TestIDsAreFunctionsOfWhatTheyIdentify(t *testing.T) {
	a, b := order.AccountID("a01"), order.AccountID("a0")
	if order.NewID(a, "x") != order.NewID(a, "x") {
		t.Error("the same order has two ids")
	}
	if order.NewID(a, "1x") == order.NewID(b, "11x") {
		t.Error("two orders share an id")
	}
	if _, err := order.ParseAccountID(string(order.NewID(a, "x"))); err != nil {
		t.Errorf("an order's id is not a safe token: %v", err)
	}
	if p := a.Partition(); p < 0 || p >= order.Partitions || p != a.Partition() {
		t.Errorf("partition = %d", p)
	}
}
