package rest

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

type orderAnswer struct{ view.Summary }

type plannedOrder struct {
	view.Summary
	Schedule []order.Planned `json:"schedule"`
}

type fullOrder struct {
	view.Summary
	Schedule  []order.Planned  `json:"schedule"`
	Slices    []order.Slice    `json:"slices"`
	Rejection *order.Rejection `json:"rejection,omitempty"` // of an order that was not accepted
}

type orderList struct {
	Orders     []view.Summary `json:"orders"`
	NextCursor string         `json:"next_cursor,omitempty"`
}

type executionList struct {
	TokenID    string                     `json:"token_id"`
	Symbol     market.Symbol              `json:"symbol"`
	Native     map[market.Exchange]string `json:"native"`
	Executions []order.Fill               `json:"executions"`
	NextCursor string                     `json:"next_cursor,omitempty"`
}

func fullOf(d view.Detail) fullOrder {
	full := fullOrder{Summary: d.Summary, Schedule: d.Schedule, Slices: d.Slices}
	if full.Schedule == nil {
		full.Schedule = []order.Planned{}
	}
	if full.Slices == nil {
		full.Slices = []order.Slice{}
	}
	return full
}

// etag names the version of an order.
func etag(o *order.Order) *string {
	text := fmt.Sprintf("%q", strconv.FormatUint(o.Version, 10))
	return &text
}

func location(tokenID string) *string {
	text := versioned + "/orders/" + tokenID
	return &text
}

func unknownOrder(tokenID string) *problem {
	return newProblem(http.StatusNotFound, "unknown_order", fmt.Sprintf("there is no order %s", tokenID))
}

// ListOrders returns a page of the caller's orders.
func (s *server) ListOrders(ctx context.Context, req ListOrdersRequestObject) (ListOrdersResponseObject, error) {
	p := req.Params
	before, err := position(p.Cursor)
	if err != nil {
		return nil, err
	}
	var symbol market.Symbol
	if p.Symbol != nil {
		if symbol = market.Symbol(*p.Symbol); !canonical(*p.Symbol) {
			instruments, err := s.Catalog.Resolve(ctx, []market.Exchange{market.All}, *p.Symbol)
			if err != nil {
				return nil, err
			}
			symbol = instruments[0].Symbol
		}
	}
	account, err := s.Accounts.Open(ctx, caller(ctx).Account)
	if err != nil {
		return nil, err
	}
	defer s.Accounts.Close(account)
	orders, next := account.Orders(before, valueOr(p.Limit, 100), func(o *order.Order) bool {
		status := valueOr(p.Status, ListOrdersParamsStatusAll)
		return (status == ListOrdersParamsStatusAll || (status == ListOrdersParamsStatusClosed) == o.Status.Ended()) &&
			(p.TokenId == nil || *p.TokenId == o.TokenID) && (symbol == "" || symbol == o.Symbol)
	})
	answer := ListOrders200JSONResponse{Orders: orders, NextCursor: cursor(next)}
	if orders == nil {
		answer.Orders = []view.Summary{}
	}
	return answer, nil
}

func canonical(symbol string) bool {
	_, err := market.ParseSymbol(symbol)
	return err == nil
}

// cursor writes a position so that clients do not do sums with it; 0 is the end.
func cursor(n int) string {
	if n == 0 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte("n" + strconv.Itoa(n)))
}

// position reads a cursor; without one it is 0.
func position(cursor *string) (int, error) {
	if cursor == nil {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*cursor)
	if err == nil && len(text) > 1 && text[0] == 'n' {
		if n, err := strconv.Atoi(string(text[1:])); err == nil && n > 0 {
			return n, nil
		}
	}
	return 0, badRequest("invalid_cursor", "the cursor is not one that we gave")
}

// detail returns one of the caller's orders in full. There is no other way to an order than through its owner's account.
func (s *server) detail(ctx context.Context, tokenID string) (view.Detail, error) {
	id := caller(ctx).Account
	account, err := s.Accounts.Open(ctx, id)
	if err != nil {
		return view.Detail{}, err
	}
	defer s.Accounts.Close(account)
	detail, ok, err := account.Detail(ctx, order.NewID(id, tokenID))
	if err == nil && !ok {
		err = unknownOrder(tokenID)
	}
	return detail, err
}

// summary returns one of the caller's orders without its details.
func (s *server) summary(ctx context.Context, tokenID string) (view.Summary, error) {
	id := caller(ctx).Account
	account, err := s.Accounts.Open(ctx, id)
	if err != nil {
		return view.Summary{}, err
	}
	defer s.Accounts.Close(account)
	summary, ok := account.Order(order.NewID(id, tokenID))
	if !ok {
		return view.Summary{}, unknownOrder(tokenID)
	}
	return summary, nil
}

// GetOrder returns one order in full.
func (s *server) GetOrder(ctx context.Context, req GetOrderRequestObject) (GetOrderResponseObject, error) {
	id := caller(ctx).Account
	account, err := s.Accounts.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer s.Accounts.Close(account)
	detail, ok, err := account.Detail(ctx, order.NewID(id, req.TokenId))
	if err != nil {
		return nil, err
	}
	if ok {
		return GetOrder200JSONResponse{Body: fullOf(detail), Headers: GetOrder200ResponseHeaders{ETag: etag(&detail.Order)}}, nil
	}
	switch refused, undecided, err := account.Creation(ctx, order.NewID(id, req.TokenId)); {
	case err != nil:
		return nil, err
	case undecided:
		return GetOrder202JSONResponse{
			Body: pendingOf(req.TokenId), Headers: GetOrder202ResponseHeaders{Location: location(req.TokenId)},
		}, nil
	case refused != nil:
		full := fullOf(view.Detail{Summary: view.Summary{Order: *refused.Refused, Native: map[market.Exchange]string{}}})
		full.Rejection = refused.Rejection
		return GetOrder200JSONResponse{Body: full}, nil // without an ETag: there is nothing to change
	}
	return nil, unknownOrder(req.TokenId)
}

// ListExecutions returns a page of an order's fills.
func (s *server) ListExecutions(ctx context.Context, req ListExecutionsRequestObject) (ListExecutionsResponseObject, error) {
	from, err := position(req.Params.Cursor)
	if err != nil {
		return nil, err
	}
	detail, err := s.detail(ctx, req.TokenId)
	if err != nil {
		return nil, err
	}
	fills := detail.Fills[min(from, len(detail.Fills)):]
	answer := ListExecutions200JSONResponse{TokenID: detail.TokenID, Symbol: detail.Symbol, Native: detail.Native, Executions: []order.Fill{}}
	if limit := valueOr(req.Params.Limit, 100); len(fills) > limit {
		fills, answer.NextCursor = fills[:limit], cursor(from+limit)
	}
	answer.Executions = append(answer.Executions, fills...)
	return answer, nil
}
