package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client/internal/api"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Info says what can be traded where. Market is live, sim or replay.
type Info struct {
	Assets     []string          `json:"assets"`
	Pairs      []market.Symbol   `json:"pairs"`
	Exchanges  []market.Exchange `json:"exchanges"`
	Intervals  []string          `json:"intervals"`
	Market     string            `json:"market"`
	Version    string            `json:"version"`
	ServerTime time.Time         `json:"server_time"`
}

// Exchange is how the connection to an exchange is doing. Pairs, LagMS and LastMessageAt are nil while it has not answered.
type Exchange struct {
	Name          market.Exchange `json:"name"`
	Status        market.State    `json:"status"`
	Reason        string          `json:"reason,omitempty"`
	Market        string          `json:"market"`
	Pairs         *int            `json:"pairs"`
	LagMS         *int64          `json:"lag_ms"`
	LastMessageAt *time.Time      `json:"last_message_at"`
}

// Klines are candles of one exchange, oldest first.
type Klines struct {
	Exchange market.Exchange `json:"exchange"`
	Symbol   market.Symbol   `json:"symbol"`
	Native   string          `json:"native"`
	Interval string          `json:"interval"`
	Source   string          `json:"source,omitempty"`
	Klines   []market.Candle `json:"klines"`
}

// KlinesQuery chooses candles; zero fields have the server's defaults.
type KlinesQuery struct {
	Interval   string // 1m
	Limit      int    // 1…1000, 100
	Start, End time.Time
}

// Level is a price and the quantity there; on a consolidated book Parts says how much each exchange gives.
type Level struct {
	Price    decimal.Decimal
	Quantity decimal.Decimal
	Parts    map[market.Exchange]decimal.Decimal
}

// MarshalJSON implements json.Marshaler: the array that the server sends.
func (l Level) MarshalJSON() ([]byte, error) {
	if l.Parts == nil {
		return json.Marshal([]any{l.Price, l.Quantity})
	}
	return json.Marshal([]any{l.Price, l.Quantity, l.Parts})
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *Level) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	into := []any{&l.Price, &l.Quantity, &l.Parts}
	if len(parts) < 2 || len(parts) > len(into) {
		return fmt.Errorf("a level has %d members, not 2 or 3", len(parts))
	}
	for i, part := range parts {
		if err := json.Unmarshal(part, into[i]); err != nil {
			return err
		}
	}
	return nil
}

// Book is an order book, of one exchange or of all. Only while State is live is it in sync.
type Book struct {
	Exchange market.Exchange `json:"exchange"`
	Symbol   market.Symbol   `json:"symbol"`
	Seq      uint64          `json:"seq"` // on a stream it counts the frames
	TS       time.Time       `json:"ts,omitzero"`
	State    market.State    `json:"state"`
	Reason   string          `json:"reason,omitempty"`
	AliveAt  time.Time       `json:"alive_at,omitzero"`
	Sources  []Source        `json:"sources,omitempty"`
	Bids     []Level         `json:"bids"` // best first
	Asks     []Level         `json:"asks"` // best first
}

// Source is how an exchange takes part in a consolidated book.
type Source struct {
	Exchange market.Exchange `json:"exchange"`
	State    market.State    `json:"state"`
	Reason   string          `json:"reason,omitempty"`
	Seq      uint64          `json:"seq"`
	AliveAt  time.Time       `json:"alive_at"`
}

// look fetches what needs no token.
func look[T any](ctx context.Context, c *Client, build func(server string) (*http.Request, error)) (T, error) {
	var v T
	err := c.do(ctx, call{build: build, repeatable: true, public: true}, &v)
	return v, err
}

// Ready reports what of the platform works: the checks by name. It fails with ErrUnavailable, whose Error has the checks,
// while orders are not accepted.
func (c *Client) Ready(ctx context.Context) (map[string]string, error) {
	health, err := look[struct {
		Checks map[string]string `json:"checks"`
	}](ctx, c, api.NewGetReadinessRequest)
	return health.Checks, err
}

// Info tells what can be traded where.
func (c *Client) Info(ctx context.Context) (Info, error) {
	return look[Info](ctx, c, api.NewGetInfoRequest)
}

var detailed = true

// Exchanges tells the exchanges and how the connections to them are doing.
func (c *Client) Exchanges(ctx context.Context) ([]Exchange, error) {
	list, err := look[struct{ Exchanges []Exchange }](ctx, c, func(server string) (*http.Request, error) {
		return api.NewListExchangesRequest(server, &api.ListExchangesParams{Detail: &detailed})
	})
	return list.Exchanges, err
}

// Pairs tells the instruments of an exchange.
func (c *Client) Pairs(ctx context.Context, exchange market.Exchange) ([]market.Instrument, error) {
	list, err := look[struct{ Pairs []market.Instrument }](ctx, c, func(server string) (*http.Request, error) {
		return api.NewListPairsRequest(server, string(exchange), &api.ListPairsParams{Detail: &detailed})
	})
	return list.Pairs, err
}

// Klines tells candles. The symbol may be the exchange's own spelling.
func (c *Client) Klines(ctx context.Context, exchange market.Exchange, symbol string, q KlinesQuery) (Klines, error) {
	p := api.GetKlinesParams{Interval: given(q.Interval), Limit: given(q.Limit)}
	if !q.Start.IsZero() {
		p.Start = given(q.Start.UTC().Format(time.RFC3339Nano))
	}
	if !q.End.IsZero() {
		p.End = given(q.End.UTC().Format(time.RFC3339Nano))
	}
	return look[Klines](ctx, c, func(server string) (*http.Request, error) {
		return api.NewGetKlinesRequest(server, string(exchange), symbol, &p)
	})
}

// Orderbook tells the current book, market.All for the consolidated one. Depth is 1…50 levels a side, 0 for 10.
func (c *Client) Orderbook(ctx context.Context, exchange market.Exchange, symbol string, depth int) (Book, error) {
	return look[Book](ctx, c, func(server string) (*http.Request, error) {
		return api.NewGetOrderbookRequest(server, string(exchange), symbol, &api.GetOrderbookParams{Depth: given(depth)})
	})
}

// given is a parameter that is left out where it is zero.
func given[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
