package account_test

import (
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// An engine carries an order out on a market that is told to it, one input at a time.
func ExampleEngine() {
	d := decimal.MustParse
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	engine := account.NewEngine("a1", &account.Config{
		Opening: []order.Amount{{Asset: "USDT", Amount: d("1000")}},
		Profile: order.Profile{TakerFeeBps: map[market.Exchange]decimal.Decimal{"kraken": d("10")}},
	})
	engine.Market.SetInstruments("kraken", []market.Instrument{{
		Exchange: "kraken", Symbol: "ETH-USDT", Status: market.Trading, QuantityStep: d("0.01"), PriceTick: d("0.01"), MinQuantity: d("0.01"),
	}})

	params := order.Defaults()
	params.TokenID, params.Symbol, params.Side = "first", "ETH-USDT", market.Buy
	params.Quantity, params.DurationSeconds, params.Slices = d("0.3"), 3, 3
	inputs := []account.Input{
		{Command: &order.Command{ID: "c1", Account: "a1", Type: order.OpenAccount}},
		{Book: &market.Book{
			Exchange: "kraken", Symbol: "ETH-USDT", State: market.Live,
			Bids: []market.Level{{Price: d("1999"), Quantity: d("5")}}, Asks: []market.Level{{Price: d("2001"), Quantity: d("0.25")}},
		}},
		{Command: &order.Command{ID: "c2", Account: "a1", Type: order.CreateTWAP, TWAP: &params}},
	}
	var events []order.Event
	for i := range inputs {
		more, err := engine.Step(at, &inputs[i])
		if err != nil {
			fmt.Println(err)
			return
		}
		events = append(events, more...)
	}
	more, err := engine.Step(at.Add(time.Minute), nil) // nothing else happens for a minute
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range append(events, more...) {
		fmt.Println(e.At.Format("05"), e.Type)
		for _, f := range e.Fills {
			fmt.Println("  ", f.Quantity, "at", f.Price, "of", f.Displayed)
		}
	}
	// Output:
	// 00 account_opened
	// 00 order_accepted
	// 00 order_started
	// 00 slice_decided
	// 00 slice_arrived
	//    0.1 at 2001 of 0.25
	// 01 slice_decided
	// 01 slice_arrived
	//    0.1 at 2001 of 0.25
	// 02 slice_decided
	// 02 slice_arrived
	//    0.1 at 2001 of 0.25
	// 03 order_reported
}
