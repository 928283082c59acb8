package rest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// previewAnswer is order.Preview with the exchanges' own spellings in its order, as every order is told.
type previewAnswer struct {
	order.Preview
	Order view.Summary `json:"order"`
}

// reportAnswer is the report as the executor tells it.
type reportAnswer order.Execution

// PreviewTWAP asks the account's owner what would come of an order. The checks are those of creating it.
func (s *server) PreviewTWAP(ctx context.Context, req PreviewTWAPRequestObject) (PreviewTWAPResponseObject, error) {
	p, instruments, err := s.params(ctx, req.Body)
	if err != nil {
		return nil, err
	}
	if err := s.awaitBook(ctx, instruments); err != nil {
		return nil, err
	}
	var told order.Preview
	ask := bus.PreviewRequest{Account: caller(ctx).Account, TWAP: &p}
	if err := s.Bus.Ask(ctx, bus.ExecutorSubject(bus.AskPreview), ask, &told); err != nil {
		return nil, err
	}
	native := view.Natives(instruments)
	maps.DeleteFunc(native, func(e market.Exchange, _ string) bool { return !slices.Contains(told.Order.Exchanges, e) })
	return PreviewTWAP200JSONResponse{Preview: told, Order: view.Summary{Order: told.Order, Native: native}}, nil
}

// GetReport asks the account's owner for the report of one of the caller's orders.
func (s *server) GetReport(ctx context.Context, req GetReportRequestObject) (GetReportResponseObject, error) {
	if _, err := s.detail(ctx, req.TokenId); err != nil {
		return nil, err
	}
	account := caller(ctx).Account
	var told order.Execution
	ask := bus.ReportRequest{Account: account, OrderID: order.NewID(account, req.TokenId)}
	if err := s.Bus.Ask(ctx, bus.ExecutorSubject(bus.AskReport), ask, &told); err != nil {
		return nil, err
	}
	if format := req.Params.Format; format == nil && !prefersCSV(ctx) || format != nil && *format == Json {
		return GetReport200JSONResponse{Body: reportAnswer(told)}, nil
	}
	table, err := told.CSV()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("attachment; filename=%q", req.TokenId+".csv") // a token_id needs no quoting
	return GetReport200TextcsvResponse{
		Body: bytes.NewReader(table), ContentLength: int64(len(table)), Headers: GetReport200ResponseHeaders{ContentDisposition: &name},
	}, nil
}

type prefersCSVKey struct{}

func prefersCSV(ctx context.Context) bool {
	prefers, _ := ctx.Value(prefersCSVKey{}).(bool)
	return prefers
}

// negotiate notes whether a client asks for CSV by its Accept header: it names text/csv, and not JSON before it.
func negotiate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		accept := strings.ToLower(ctx.Request().Header.Get(echo.HeaderAccept))
		before, _, found := strings.Cut(accept, "text/csv")
		if found && !strings.Contains(before, echo.MIMEApplicationJSON) {
			ctx.SetRequest(ctx.Request().WithContext(context.WithValue(ctx.Request().Context(), prefersCSVKey{}, true)))
		}
		return next(ctx)
	}
}
