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

// plainRequest is order.Plain as a client writes it.
type plainRequest struct {
	order.Plain
	Exchange choice `json:"exchange"`
}

// judges say what is wrong with the meaning of a body whose schema has found faults already. The symbol is left out, as it
// may be an exchange's own spelling.
var judges = map[string]func([]byte) []order.FieldError{
	"createTWAP": judgeTWAP, "previewTWAP": judgeTWAP, "createOrder": judgePlain,
}

func judgeTWAP(body []byte) []order.FieldError {
	var req twapRequest
	req.setDefaults()
	decodeFields(body, &req) // what cannot be decoded the schema has told
	if req.Exchange != nil {
		req.Exchanges = req.Exchange
	}
	return withoutSymbol(req.Validate(time.Now()))
}

func judgePlain(body []byte) []order.FieldError {
	var req plainRequest
	decodeFields(body, &req)
	if req.Exchange != nil {
		req.Exchanges = req.Exchange
	}
	req.SetDefaults()
	return withoutSymbol(req.Validate(time.Now()))
}

func withoutSymbol(faults []order.FieldError) []order.FieldError {
	return slices.DeleteFunc(faults, func(f order.FieldError) bool { return f.Field == "symbol" })
}

// wish is an order that a client wants.
type wish struct {
	command     *order.Command    // without an id
	params      order.Params      // as the order will have them
	tif         order.TimeInForce // of a plain order
	instruments []market.Instrument
	key         *string // Idempotency-Key
}

// outcome is what became of a wish; nil fields of an order that is not decided on yet.
type outcome struct {
	planned  *plannedOrder
	replayed bool
}

// CreateTWAP has an order decided on by the account's owner.
func (s *server) CreateTWAP(ctx context.Context, req CreateTWAPRequestObject) (CreateTWAPResponseObject, error) {
	p, instruments, err := s.params(ctx, req.Body)
	if err != nil {
		return nil, err
	}
	got, err := s.create(ctx, &wish{
		command: &order.Command{Type: order.CreateTWAP, TWAP: &p}, params: p, instruments: instruments, key: req.Params.IdempotencyKey,
	})
	switch {
	case err != nil:
		return nil, err
	case got.planned == nil:
		return CreateTWAP202JSONResponse{
			Body: pendingOf(p.TokenID), Headers: CreateTWAP202ResponseHeaders{Location: location(p.TokenID)},
		}, nil
	}
	return CreateTWAP201JSONResponse{Body: *got.planned, Headers: CreateTWAP201ResponseHeaders{
		Location: location(p.TokenID), ETag: etag(&got.planned.Order), IdempotencyReplayed: mark(got.replayed),
	}}, nil
}

// CreateOrder has a market or limit order decided on by the account's owner.
func (s *server) CreateOrder(ctx context.Context, req CreateOrderRequestObject) (CreateOrderResponseObject, error) {
	p, instruments, err := s.plain(ctx, req.Body)
	if err != nil {
		return nil, err
	}
	got, err := s.create(ctx, &wish{
		command: &order.Command{Type: order.CreatePlain, Plain: &p}, params: p.Params(), tif: p.TimeInForce, instruments: instruments,
		key: req.Params.IdempotencyKey,
	})
	switch {
	case err != nil:
		return nil, err
	case got.planned == nil:
		return CreateOrder202JSONResponse{
			Body: pendingOf(p.TokenID), Headers: CreateOrder202ResponseHeaders{Location: location(p.TokenID)},
		}, nil
	}
	return CreateOrder201JSONResponse{Body: *got.planned, Headers: CreateOrder201ResponseHeaders{
		Location: location(p.TokenID), ETag: etag(&got.planned.Order), IdempotencyReplayed: mark(got.replayed),
	}}, nil
}

// create sends the command of a wish, once, and waits for what becomes of it.
func (s *server) create(ctx context.Context, w *wish) (outcome, error) {
	id, cmd := caller(ctx).Account, w.command
	cmd.Account, cmd.OrderID = id, order.NewID(id, w.params.TokenID)
	// Two requests for one order, one after the other: the second is told about the first.
	done, err := s.turns.take(ctx, string(cmd.OrderID))
	if err != nil {
		return outcome{}, err
	}
	defer done()
	account, err := s.Accounts.Open(ctx, id)
	if err != nil {
		return outcome{}, err
	}
	defer s.Accounts.Close(account)
	if w.key != nil {
		cmd.ID = order.CommandID(id, cmd.Type, clientKey(*w.key))
	} else {
		if _, exists := account.Order(cmd.OrderID); exists {
			return outcome{}, s.exists(ctx, account, w)
		}
		if cmd.ID, err = nextTry(ctx, account, cmd.Type, w.params.TokenID); err != nil {
			return outcome{}, err
		}
	}
	known, err := account.Recall(ctx, cmd.ID, w.key != nil)
	if err != nil {
		return outcome{}, err
	}
	if known == nil {
		if err := s.awaitBook(ctx, w.instruments); err != nil {
			return outcome{}, err
		}
	}
	answer, replayed, err := s.do(ctx, cmd, w.key != nil)
	if err != nil {
		return outcome{}, err
	}
	if answer == nil {
		account.Undecided(cmd.ID, cmd.OrderID)
		return outcome{}, nil
	}
	return s.created(ctx, account, w, answer, replayed)
}

func (s *server) created(ctx context.Context, account *view.Account, w *wish, answer *view.Answer, replayed bool) (outcome, error) {
	switch {
	case answer.Rejection != nil && answer.Rejection.Code == "token_id_exists":
		return outcome{}, s.exists(ctx, account, w)
	case answer.Rejection != nil:
		return outcome{}, refusal(answer.Rejection)
	case answer.Order == nil:
		return outcome{}, fmt.Errorf("order %s was accepted by an event without it", answer.OrderID)
	case !w.same(answer.Order):
		if replayed {
			return outcome{}, newProblem(http.StatusUnprocessableEntity, "idempotency_key_reused", "the key was used for another order")
		}
		return outcome{}, s.exists(ctx, account, w) // another gateway was quicker with the same token_id
	}
	detail, _, err := account.Detail(ctx, answer.Order.ID)
	if err != nil {
		return outcome{}, err
	}
	planned := planOf(detail)
	planned.Order = *answer.Order // as it was accepted, whatever has happened since
	return outcome{&planned, replayed}, nil
}

func planOf(d view.Detail) plannedOrder {
	if d.Schedule == nil {
		d.Schedule = []order.Planned{}
	}
	return plannedOrder{Summary: d.Summary, Schedule: d.Schedule}
}

// params turns a request into parameters with canonical names, and finds the instruments they mean.
func (s *server) params(ctx context.Context, req *twapRequest) (order.Params, []market.Instrument, error) {
	p := req.Params
	if req.Exchange != nil {
		p.Exchanges = slices.Sorted(slices.Values(req.Exchange))
	}
	instruments, err := s.resolve(ctx, p.Exchanges, &p.Symbol, p.Validate(time.Now()))
	return p, instruments, err
}

// plain does the same for a market or limit order.
func (s *server) plain(ctx context.Context, req *plainRequest) (order.Plain, []market.Instrument, error) {
	p := req.Plain
	if req.Exchange != nil {
		p.Exchanges = slices.Sorted(slices.Values(req.Exchange))
	}
	p.SetDefaults()
	instruments, err := s.resolve(ctx, p.Exchanges, &p.Symbol, p.Validate(time.Now()))
	return p, instruments, err
}

// resolve finds the instruments that an order means and makes its symbol canonical, unless it has faults.
func (s *server) resolve(ctx context.Context, exchanges []market.Exchange, symbol *market.Symbol, faults []order.FieldError) ([]market.Instrument, error) {
	// The symbol may be an exchange's own spelling, which only the exchange's list can judge.
	faults = withoutSymbol(faults)
	for _, e := range exchanges {
		if _, err := market.ParseExchange(string(e)); err != nil {
			continue // all, or told by Validate
		}
		if _, err := s.Catalog.Exchange(string(e)); err != nil {
			faults = append(faults, order.FieldError{Field: "exchange", Detail: err.Error()})
		}
	}
	if len(faults) > 0 {
		return nil, invalid(faults)
	}
	instruments, err := s.Catalog.Resolve(ctx, exchanges, string(*symbol))
	if missing := (*view.NotFound)(nil); errors.As(err, &missing) {
		told := invalid([]order.FieldError{{Field: missing.What, Detail: missing.Error()}})
		told.CloseMatches = missing.Matches
		return nil, told
	}
	if err != nil {
		return nil, err
	}
	*symbol = instruments[0].Symbol
	return instruments, nil
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
func nextTry(ctx context.Context, account *view.Account, verb order.CommandType, tokenID string) (string, error) {
	key := tokenID
	for n := 2; ; n++ {
		id := order.CommandID(account.ID(), verb, key)
		a, err := account.Recall(ctx, id, false)
		if err != nil || a == nil || a.Rejection == nil {
			return id, err
		}
		key = fmt.Sprintf("%s %d", tokenID, n)
	}
}

// exists is the problem of a token_id that is taken, with the order that has it.
func (s *server) exists(ctx context.Context, account *view.Account, w *wish) error {
	detail, ok, err := account.Detail(ctx, w.command.OrderID)
	if err != nil {
		return err
	}
	told := newProblem(http.StatusConflict, "token_id_exists", fmt.Sprintf("there is an order %s already", w.params.TokenID))
	if ok {
		full, identical := fullOf(detail), w.same(&detail.Order)
		told.Order, told.Identical = &full, &identical
	}
	return told
}

// same reports whether an order is the one that was wished for. A seed that the wish leaves open was chosen for it.
func (w *wish) same(o *order.Order) bool {
	kind := order.TWAP
	if w.command.Plain != nil {
		kind = w.command.Plain.Type
	}
	a := o.Params
	if w.params.Seed == nil {
		a.Seed = nil
	}
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(w.params)
	return o.Type == kind && o.TimeInForce == w.tif && errX == nil && errY == nil && bytes.Equal(x, y)
}
