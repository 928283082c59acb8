package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// twapRequest is order.Params as a client writes them: exchange instead of exchanges.
type twapRequest struct {
	order.Params
	Exchange choice `json:"exchange"`
}

func (r *twapRequest) setDefaults() { r.Params = order.Defaults() }

// choice is a name, a list of names, or all.
type choice []market.Exchange

// UnmarshalJSON implements json.Unmarshaler.
func (c *choice) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]market.Exchange)(c))
	}
	*c = choice{""}
	return json.Unmarshal(b, &(*c)[0])
}

// CreateTWAP has an order decided on by the account's owner.
func (s *server) CreateTWAP(ctx context.Context, req CreateTWAPRequestObject) (CreateTWAPResponseObject, error) {
	p, instruments, err := s.params(ctx, req.Body)
	if err != nil {
		return nil, err
	}
	id := caller(ctx).Account
	// Two requests for one order, one after the other: the second is told about the first.
	done, err := s.turns.take(ctx, string(order.NewID(id, p.TokenID)))
	if err != nil {
		return nil, err
	}
	defer done()
	account, err := s.Accounts.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer s.Accounts.Close(account)
	cmd := &order.Command{Account: id, Type: order.CreateTWAP, OrderID: order.NewID(id, p.TokenID), TWAP: &p}
	if key := req.Params.IdempotencyKey; key != nil {
		cmd.ID = order.CommandID(id, order.CreateTWAP, clientKey(*key))
	} else {
		if _, exists := account.Order(cmd.OrderID); exists {
			return nil, s.exists(ctx, account, &p)
		}
		cmd.ID = nextTry(account, p.TokenID)
	}
	if account.Answer(cmd.ID) == nil {
		if err := s.awaitBook(ctx, instruments); err != nil {
			return nil, err
		}
	}
	answer, replayed, err := s.do(ctx, cmd)
	switch {
	case err != nil:
		return nil, err
	case answer == nil:
		return CreateTWAP202JSONResponse{
			Body:    pending{Status: "pending", TokenID: p.TokenID, Location: *location(p.TokenID)},
			Headers: CreateTWAP202ResponseHeaders{Location: location(p.TokenID)},
		}, nil
	}
	return s.created(ctx, account, &p, answer, replayed)
}

func (s *server) created(ctx context.Context, account *view.Account, p *order.Params, answer *view.Answer, replayed bool) (CreateTWAPResponseObject, error) {
	switch {
	case answer.Rejection != nil && answer.Rejection.Code == "token_id_exists":
		return nil, s.exists(ctx, account, p)
	case answer.Rejection != nil:
		return nil, refusal(answer.Rejection)
	case answer.Order == nil:
		return nil, fmt.Errorf("order %s was accepted by an event without it", answer.OrderID)
	case !same(&answer.Order.Params, p):
		if replayed {
			return nil, newProblem(http.StatusUnprocessableEntity, "idempotency_key_reused", "the key was used for another order")
		}
		return nil, s.exists(ctx, account, p) // another gateway was quicker with the same token_id
	}
	detail, _, err := account.Detail(ctx, answer.Order.ID)
	if err != nil {
		return nil, err
	}
	planned := plannedOrder{Summary: detail.Summary, Schedule: detail.Schedule}
	planned.Order = *answer.Order // as it was accepted, whatever has happened since
	return CreateTWAP201JSONResponse{Body: planned, Headers: CreateTWAP201ResponseHeaders{
		Location: location(p.TokenID), ETag: etag(answer.Order), IdempotencyReplayed: mark(replayed),
	}}, nil
}

// params turns a request into parameters with canonical names, and finds the instruments they mean.
func (s *server) params(ctx context.Context, req *twapRequest) (order.Params, []market.Instrument, error) {
	p := req.Params
	if req.Exchange != nil {
		p.Exchanges = slices.Sorted(slices.Values(req.Exchange))
	}
	faults := p.Validate(time.Now())
	// The symbol may be an exchange's own spelling, which only the exchange's list can judge.
	faults = slices.DeleteFunc(faults, func(f order.FieldError) bool { return f.Field == "symbol" })
	for _, e := range p.Exchanges {
		if _, err := market.ParseExchange(string(e)); err != nil {
			continue // all, or told by Validate
		}
		if _, err := s.Catalog.Exchange(string(e)); err != nil {
			faults = append(faults, order.FieldError{Field: "exchange", Detail: err.Error()})
		}
	}
	if len(faults) > 0 {
		return p, nil, invalid(faults)
	}
	instruments, err := s.Catalog.Resolve(ctx, p.Exchanges, string(p.Symbol))
	if missing := (*view.NotFound)(nil); errors.As(err, &missing) {
		told := invalid([]order.FieldError{{Field: missing.What, Detail: missing.Error()}})
		told.CloseMatches = missing.Matches
		return p, nil, told
	}
	if err != nil {
		return p, nil, err
	}
	p.Symbol = instruments[0].Symbol
	return p, instruments, nil
}

// awaitBook has the books collected and waits until one of them is live. If none is in time, that is for the account's
// owner to say.
func (s *server) awaitBook(ctx context.Context, instruments []market.Instrument) error {
	feeds, done, err := s.feeds(ctx, instruments)
	if err != nil {
		return err
	}
	defer done()
	within, cancel := context.WithTimeout(ctx, bookPatience)
	defer cancel()
	view.AnyLive(within, feeds)
	return ctx.Err()
}

// nextTry returns the id of the command that creates the order of a token_id. A refused try has used up its id, so the
// next one gets another; all gateways see the same refusals and agree on it.
func nextTry(account *view.Account, tokenID string) string {
	key := tokenID
	for n := 2; ; n++ {
		id := order.CommandID(account.ID(), order.CreateTWAP, key)
		if a := account.Answer(id); a == nil || a.Rejection == nil {
			return id
		}
		key = fmt.Sprintf("%s %d", tokenID, n)
	}
}

// exists is the problem of a token_id that is taken, with the order that has it.
func (s *server) exists(ctx context.Context, account *view.Account, p *order.Params) error {
	detail, ok, err := account.Detail(ctx, order.NewID(account.ID(), p.TokenID))
	if err != nil {
		return err
	}
	told := newProblem(http.StatusConflict, "token_id_exists", fmt.Sprintf("there is an order %s already", p.TokenID))
	if ok {
		full, identical := fullOf(detail), same(&detail.Params, p)
		told.Order, told.Identical = &full, &identical
	}
	return told
}

// same reports whether an order was asked for with the parameters p. A seed that p leaves open was chosen for it.
func same(accepted, p *order.Params) bool {
	a := *accepted
	if p.Seed == nil {
		a.Seed = nil
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(p)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
