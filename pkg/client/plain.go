package client

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/hourglass-trading/hourglass/pkg/client/internal/api"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Plain asks for a market or a limit order. Symbol, Side, Type and Quantity are required, Price of a limit order too; zero
// fields of the others have the server's defaults.
type Plain struct {
	TokenID     string            // the client's own id, unique in the account; empty: one is made
	Symbol      string            // BTC-USDT, or the exchange's own spelling
	Exchanges   []market.Exchange // empty: all that list it
	Side        market.Side
	Type        order.Type        // order.Market or order.Limit
	Quantity    decimal.Decimal   // of the base asset
	Price       *decimal.Decimal  // of a limit order: never fill worse
	TimeInForce order.TimeInForce // empty: order.GTC for a limit order, order.IOC for a market order
	Preset      string            // frictionless, standard, thin, harsh
}

// MarshalJSON implements json.Marshaler: the body of the request.
func (p Plain) MarshalJSON() ([]byte, error) {
	body := struct {
		TokenID     string            `json:"token_id"`
		Symbol      string            `json:"symbol"`
		Exchanges   []market.Exchange `json:"exchange,omitempty"`
		Side        market.Side       `json:"side"`
		Type        order.Type        `json:"type"`
		Quantity    decimal.Decimal   `json:"quantity"`
		Price       *decimal.Decimal  `json:"price,omitempty"`
		TimeInForce order.TimeInForce `json:"time_in_force,omitempty"`
		Preset      string            `json:"preset,omitempty"`
	}{p.TokenID, p.Symbol, unlessAll(p.Exchanges), p.Side, p.Type, p.Quantity, p.Price, p.TimeInForce, p.Preset}
	return json.Marshal(body)
}

// CreateOrder places a market or limit order. It is as safe to repeat as CreateTWAP.
func (c *Client) CreateOrder(ctx context.Context, p Plain) (Order, error) {
	if p.TokenID == "" {
		p.TokenID = NewTokenID()
	}
	return c.create(ctx, p.TokenID, p, func(server string) (*http.Request, error) {
		return api.NewCreateOrderRequestWithBody(server, &api.CreateOrderParams{}, "application/json", http.NoBody)
	})
}

// unlessAll leaves market.All out: in a request it stands alone, not in a list, and is the default.
func unlessAll(exchanges []market.Exchange) []market.Exchange {
	if len(exchanges) == 1 && exchanges[0] == market.All {
		return nil
	}
	return exchanges
}
