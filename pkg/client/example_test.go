package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// An order is placed and followed to its end. The events are complete and in order, even if the gateway restarts meanwhile.
func Example() {
	ctx := context.Background()
	c, err := client.New(gatewayURL, client.WithPassword("me", "correct horse battery"))
	if err != nil {
		fmt.Println(err)
		return
	}
	o, err := c.CreateTWAP(ctx, client.TWAP{
		Symbol: "BTC-USDT", Side: market.Buy, Quantity: decimal.MustParse("0.5"), Duration: time.Minute, Interval: 30 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for event, err := range c.Follow(ctx, o.TokenID) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, fill := range event.Fills {
			fmt.Printf("%s at %s on %s\n", fill.Quantity, fill.Price, fill.Exchange)
		}
	}
	o, err = c.Order(ctx, o.TokenID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %s at %s\n", o.Status, o.FilledQuantity, o.AveragePrice)
	// Output:
	// 0.25 at 64000.3 on binance
	// 0.25 at 64000.5 on kraken
	// filled: 0.5 at 64000.4
}

// The consolidated book says how much each exchange gives of a level.
func ExampleClient_Orderbook() {
	c, err := client.New(gatewayURL)
	if err != nil {
		fmt.Println(err)
		return
	}
	book, err := c.Orderbook(context.Background(), market.All, "BTC-USDT", 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := book.Asks[0]
	fmt.Printf("%s at %s, %s of it on kraken\n", ask.Quantity, ask.Price, ask.Parts["kraken"])
	// Output: 1.5 at 64000.3, 0.5 of it on kraken
}

// A preview makes the same checks as an order, and changes nothing.
func ExampleClient_Preview() {
	c, err := client.New(gatewayURL, client.WithPassword("me", "correct horse battery"))
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := c.Preview(context.Background(), client.TWAP{
		Symbol: "BTC-USDT", Side: market.Buy, Quantity: decimal.MustParse("0.5"), Duration: time.Minute, Interval: 30 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d slices, expected to cost %s (%s bps of slippage)\n", len(p.Schedule), p.Expected.Cost, p.Expected.SlippageBps)
	// Output: 2 slices, expected to cost 36 (1.25 bps of slippage)
}

// Errors are told apart by their class, or by the gateway's stable word.
func ExampleError() {
	c, err := client.New(gatewayURL, client.WithPassword("me", "correct horse battery"))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = c.CreateOrder(context.Background(), client.Plain{
		Symbol: "BTC-USDT", Side: market.Buy, Type: order.Market, Quantity: decimal.MustParse("5"),
	})
	var told *client.Error
	switch {
	case errors.As(err, &told) && told.Code == "insufficient_funds":
		fmt.Println("deposit first:", told.Detail)
	case errors.Is(err, client.ErrUnavailable), errors.Is(err, client.ErrUnreachable):
		fmt.Println("try later:", err)
	}
	// Output: deposit first: 320001.5 USDT are needed, 1000 are available
}
