package order_test

import (
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestTheTableOfAReportHasWhatItsJSONHas(t *testing.T) {
	price := decimal.MustParse("63005.5")
	x := order.Execution{
		Report: order.Report{OrderID: "o1", Final: true, AveragePrice: &price}, Seed: 18446744073709551615,
		Profile:   order.Profile{TakerFeeBps: map[market.Exchange]decimal.Decimal{"kraken": decimal.New(26, 0)}},
		Exchanges: []order.ExchangeTotal{{Exchange: "binance"}, {Exchange: "kraken", Quantity: decimal.One}},
		Order:     order.Order{Exchanges: []market.Exchange{"binance", "kraken"}, Reason: "it, \"ended\""},
	}
	got, err := x.CSV()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"section,item,field,value\nfigure,,order_id,o1\nfigure,,final,true\n", "figure,,average_price,63005.5\n", "figure,,arrival_mid,\n",
		"cost_breakdown,,timing,\n", "exchanges,2,quantity,1\n", "profile,,taker_fee_bps.kraken,26\n", "figure,,seed,18446744073709551615\n",
		"order,2,exchanges,kraken\n", "order,,reason,\"it, \"\"ended\"\"\"\n",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
