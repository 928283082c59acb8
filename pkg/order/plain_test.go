package order_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestAPlainOrderSaysWhatFitsTogether(t *testing.T) {
	price := decimal.New(100, 0)
	tests := map[string]struct {
		change func(p *order.Plain)
		want   string // the fields at fault
	}{
		"a limit order":                     {func(*order.Plain) {}, ""},
		"a market order":                    {func(p *order.Plain) { p.Type, p.Price = order.Market, nil }, ""},
		"a market order that names a price": {func(p *order.Plain) { p.Type = order.Market }, "price"},
		"a market order that would rest":    {func(p *order.Plain) { p.Type, p.Price, p.TimeInForce = order.Market, nil, order.GTC }, "time_in_force"},
		"a limit order without a price":     {func(p *order.Plain) { p.Price = nil }, "price"},
		"a price below nothing":             {func(p *order.Plain) { p.Price = &decimal.Decimal{} }, "price"},
		"words of no meaning":               {func(p *order.Plain) { p.Type, p.TimeInForce = "stop", "day" }, "type time_in_force"},
		"what every order must have":        {func(p *order.Plain) { p.TokenID, p.Side, p.Quantity, p.Symbol = "", "", decimal.Decimal{}, "" }, "token_id symbol side quantity"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := order.Plain{TokenID: "t", Symbol: "BTC-USDT", Side: market.Buy, Type: order.Limit, Quantity: decimal.One, Price: &price}
			tt.change(&p)
			p.SetDefaults()
			var fields []string
			for _, f := range p.Validate(time.Now()) {
				fields = append(fields, f.Field)
			}
			if got := strings.Join(fields, " "); got != tt.want {
				t.Errorf("faults in %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOnlyALimitOrderRestsByDefault(t *testing.T) {
	limit, market := order.Plain{Type: order.Limit}, order.Plain{Type: order.Market}
	limit.SetDefaults()
	market.SetDefaults()
	if limit.TimeInForce != order.GTC || market.TimeInForce != order.IOC || limit.Params().DurationSeconds != order.RestingSeconds {
		t.Errorf("%+v, %+v", limit, market)
	}
}
