// Command twap places an order and follows it to its end:
//
//	go run ./examples/twap.go
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

func main() {
	url := os.Getenv("HOURGLASS_URL")
	if url == "" {
		url = client.DefaultURL
	}
	if err := run(context.Background(), url); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string) error {
	name, password := client.NewTokenID(), "correct horse battery"
	c, err := client.New(url, client.WithPassword(name, password))
	if err != nil {
		return err
	}
	if err := c.Register(ctx, name, password); err != nil {
		return err
	}
	o, err := c.CreateTWAP(ctx, client.TWAP{
		Symbol: "BTC-USDT", Side: market.Buy, Quantity: decimal.MustParse("0.2"), Duration: 6 * time.Second, Interval: 2 * time.Second,
	})
	if err != nil {
		return err
	}
	// Complete and in order, even if the gateway restarts meanwhile.
	for event, err := range c.Follow(ctx, o.TokenID) {
		if err != nil {
			return err
		}
		for _, fill := range event.Fills {
			fmt.Printf("%s  %s BTC at %s on %s\n", fill.At.Format(time.TimeOnly), fill.Quantity, fill.Price, fill.Exchange)
		}
	}
	if o, err = c.Order(ctx, o.TokenID); err != nil {
		return err
	}
	fmt.Printf("%s: %s BTC at %s USDT\n", o.Status, o.FilledQuantity, o.AveragePrice)
	return nil
}
