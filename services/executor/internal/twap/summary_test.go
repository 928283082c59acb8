package twap

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestWhatIsDerivedIsExactBeforeItIsRounded(t *testing.T) {
	number := func(t *rapid.T, name string) decimal.Decimal {
		coef := rapid.Int64Min(0).Draw(t, name) >> rapid.IntRange(0, 62).Draw(t, name+" shift")
		d := decimal.New(coef, rapid.IntRange(0, 18).Draw(t, name+" scale"))
		if rapid.IntRange(0, 4).Draw(t, name+" is long") == 0 {
			if long, err := d.Mul(decimal.New(1_000_000_007, 3)); err == nil {
				return long
			}
		}
		return d
	}
	rapid.Check(t, func(t *rapid.T) {
		o := order.Order{
			Side: rapid.SampledFrom([]market.Side{market.Buy, market.Sell}).Draw(t, "side"), Quantity: number(t, "quantity"),
			FilledQuantity: number(t, "filled"), Notional: number(t, "notional"),
		}
		if mid := number(t, "mid"); rapid.Bool().Draw(t, "has a mid") {
			o.ArrivalMid = &mid
		}
		var c decimal.Calc
		Derive(&o, &c)
		average := quo(exactly(o.Notional), exactly(o.FilledQuantity))
		same(t, "average price", o.AveragePrice, rounded(average, priceDecimals))
		same(t, "slippage", o.SlippageBps, bpsOf(sign(o.Side), average, maybe(o.ArrivalMid)))
		progress := decimal.Decimal(o.Progress)
		want := rounded(quo(exactly(o.FilledQuantity), exactly(o.Quantity)), ratioDecimals)
		if want == nil {
			want = new(decimal.Decimal)
		}
		same(t, "progress", &progress, want)
	})
}

func same(t *rapid.T, what string, got, want *decimal.Decimal) {
	t.Helper()
	if (got == nil) != (want == nil) || got != nil && *got != *want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}
