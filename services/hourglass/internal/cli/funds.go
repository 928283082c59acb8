package cli

import (
	"context"
	"strings"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

type balanceCmd struct {
	Asset string `arg:"" optional:"" help:"One asset alone."`
}

func (balanceCmd) Help() string {
	return `Examples:

    hourglass balance
    hourglass balance USDT -o json | jq -r '.[0].available'`
}

// Run shows the funds.
func (c *balanceCmd) Run(app *App) error {
	return look(app, func(ctx context.Context, sdk *client.Client) ([]order.Balance, error) {
		all, err := sdk.Balance(ctx)
		if err != nil || c.Asset == "" {
			return all, err
		}
		for _, b := range all {
			if strings.EqualFold(b.Asset, c.Asset) {
				return []order.Balance{b}, nil
			}
		}
		return []order.Balance{{Asset: strings.ToUpper(c.Asset)}}, nil // nothing of it is a balance too
	}, app.balances)
}

func (app *App) balances(list []order.Balance) error {
	var rows [][]cell
	for _, b := range list {
		rows = append(rows, []cell{text(b.Asset), number(b.Total), number(b.Available), number(b.Reserved)})
	}
	if len(rows) == 0 {
		return app.printf("no funds; add some: hourglass deposit USDT 1000\n")
	}
	return app.table([]string{"asset", "total", "available", "reserved"}, rows)
}

type depositCmd struct {
	Asset  string          `arg:"" help:"The asset, such as USDT."`
	Amount decimal.Decimal `arg:"" help:"How much."`
}

func (depositCmd) Help() string {
	return `Example:

    hourglass deposit USDT 250000`
}

// Run adds funds.
func (c *depositCmd) Run(app *App) error {
	return look(app, func(ctx context.Context, sdk *client.Client) (order.Balance, error) {
		return sdk.Deposit(ctx, strings.ToUpper(c.Asset), c.Amount)
	}, func(b order.Balance) error { return app.balances([]order.Balance{b}) })
}
