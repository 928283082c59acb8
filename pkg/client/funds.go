package client

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/hourglass-trading/hourglass/pkg/client/internal/api"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Balance tells the caller's funds, by asset.
func (c *Client) Balance(ctx context.Context) ([]order.Balance, error) {
	var list struct{ Balances []order.Balance }
	err := c.do(ctx, call{build: api.NewGetBalanceRequest, repeatable: true}, &list)
	return list.Balances, err
}

// Deposit adds paper funds and returns the balance after it. It names itself to the server, so that a repetition after a
// lost answer adds nothing.
func (c *Client) Deposit(ctx context.Context, asset string, amount decimal.Decimal) (order.Balance, error) {
	key := rand.Text()
	var b order.Balance
	err := c.do(ctx, call{repeatable: true, body: order.Amount{Asset: asset, Amount: amount}, build: func(server string) (*http.Request, error) {
		return api.NewDepositRequestWithBody(server, &api.DepositParams{IdempotencyKey: &key}, "application/json", http.NoBody)
	}}, &b)
	return b, err
}
