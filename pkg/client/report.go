package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/hourglass-trading/hourglass/pkg/client/internal/api"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Report is what an order cost and why. Raw has it as it came, with what this version of the SDK does not know.
type Report struct {
	order.Report
	Raw json.RawMessage `json:"-"`
}

// Report returns the execution-quality report of an order, provisional until the end of its window.
func (c *Client) Report(ctx context.Context, tokenID string) (Report, error) {
	return raw[Report](ctx, c, call{repeatable: true, build: func(server string) (*http.Request, error) {
		return api.NewGetReportRequest(server, tokenID, &api.GetReportParams{})
	}}, func(r *Report, b []byte) { r.Raw = b })
}

// Preview is what would come of an order on the books of now. Raw has it as it came.
type Preview struct {
	order.Preview
	Raw json.RawMessage `json:"-"`
}

// Preview checks an order and estimates what it would cost. It changes nothing.
func (c *Client) Preview(ctx context.Context, t TWAP) (Preview, error) {
	if t.TokenID == "" {
		t.TokenID = NewTokenID()
	}
	return raw[Preview](ctx, c, call{body: t, repeatable: true, build: func(server string) (*http.Request, error) {
		return api.NewPreviewTWAPRequestWithBody(server, "application/json", http.NoBody)
	}}, func(p *Preview, b []byte) { p.Raw = b })
}

// raw decodes an answer and keeps it.
func raw[T any](ctx context.Context, c *Client, k call, keep func(*T, []byte)) (T, error) {
	var (
		v    T
		body []byte
	)
	if err := c.do(ctx, k, &body); err != nil {
		return v, err
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return v, errors.Join(ErrProtocol, err)
	}
	keep(&v, body)
	return v, nil
}
