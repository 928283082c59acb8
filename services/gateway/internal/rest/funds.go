package rest

import (
	"context"
	"net/http"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

type balanceList struct {
	Balances []order.Balance `json:"balances"`
}

type pending struct {
	Status   string `json:"status"` // pending
	TokenID  string `json:"token_id,omitempty"`
	Location string `json:"location,omitempty"`
}

// GetBalance tells the caller's funds.
func (s *server) GetBalance(ctx context.Context, _ GetBalanceRequestObject) (GetBalanceResponseObject, error) {
	account, err := s.Accounts.Open(ctx, caller(ctx).Account)
	if err != nil {
		return nil, err
	}
	defer s.Accounts.Close(account)
	balances := account.Balances()
	if balances == nil {
		balances = []order.Balance{}
	}
	return GetBalance200JSONResponse{Balances: balances}, nil
}

// Deposit adds paper funds.
func (s *server) Deposit(ctx context.Context, req DepositRequestObject) (DepositResponseObject, error) {
	if req.Body.Amount.Sign() <= 0 {
		return nil, invalid([]order.FieldError{{Field: "amount", Detail: "must be above 0"}})
	}
	key, named := randomKey(), req.Params.IdempotencyKey != nil
	if named {
		key = clientKey(*req.Params.IdempotencyKey)
	}
	account := caller(ctx).Account
	answer, replayed, err := s.do(ctx, &order.Command{
		ID: order.CommandID(account, order.Deposit, key), Account: account, Type: order.Deposit, Deposit: req.Body,
	}, named)
	switch {
	case err != nil:
		return nil, err
	case answer == nil:
		return Deposit202JSONResponse{Status: "pending"}, nil
	case answer.Rejection != nil:
		return nil, refusal(answer.Rejection)
	case answer.Deposit != nil && *answer.Deposit != *req.Body:
		return nil, newProblem(http.StatusUnprocessableEntity, "idempotency_key_reused", "the key was used for another deposit")
	}
	i := slices.IndexFunc(answer.Balances, func(b order.Balance) bool { return b.Asset == req.Body.Asset })
	if i < 0 {
		return Deposit202JSONResponse{Status: "pending"}, nil // recorded, but its event does not say the balance
	}
	return Deposit200JSONResponse{Body: answer.Balances[i], Headers: Deposit200ResponseHeaders{IdempotencyReplayed: mark(replayed)}}, nil
}

// refusal is the problem of a command that the account's owner refused.
func refusal(r *order.Rejection) *problem { return rejected(r.Kind, r.Code, r.Detail, r.Errors) }

// mark is the value of Idempotency-Replayed.
func mark(replayed bool) *string {
	if !replayed {
		return nil
	}
	text := "true"
	return &text
}
