package rest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// errPending says that a command is recorded and not answered yet.
var errPending = errors.New("not answered yet")

// amendRequest is order.Amendment without what comes by a header.
type amendRequest struct{ order.Amendment }

// change has one of the caller's orders changed by the account's owner and returns it as it is then. Each request is a
// command of its own: whether there is still something to change is the owner's to say. It fails with errPending where the
// owner does not answer in time. Of what was not amended the details are left out.
func (s *server) change(ctx context.Context, tokenID string, verb order.CommandType, amend *order.Amendment) (view.Detail, error) {
	if _, err := s.summary(ctx, tokenID); err != nil {
		return view.Detail{}, err
	}
	account := caller(ctx).Account
	answer, _, err := s.do(ctx, &order.Command{
		ID: order.CommandID(account, verb, randomKey()), Account: account, Type: verb,
		OrderID: order.NewID(account, tokenID), Amend: amend,
	}, false)
	switch {
	case err != nil:
		return view.Detail{}, err
	case answer == nil:
		return view.Detail{}, errPending
	case answer.Rejection != nil:
		return view.Detail{}, refusal(answer.Rejection)
	}
	var detail view.Detail
	if verb == order.Amend {
		detail, err = s.detail(ctx, tokenID)
	} else {
		detail.Summary, err = s.summary(ctx, tokenID)
	}
	if err == nil && answer.Order != nil {
		detail.Order = *answer.Order // as it was right after, whatever has happened since
	}
	return detail, err
}

func pendingOf(tokenID string) pending {
	return pending{Status: "pending", TokenID: tokenID, Location: *location(tokenID)}
}

// CancelOrder ends an order; what was reserved comes back.
func (s *server) CancelOrder(ctx context.Context, req CancelOrderRequestObject) (CancelOrderResponseObject, error) {
	d, err := s.change(ctx, req.TokenId, order.Cancel, nil)
	switch {
	case errors.Is(err, errPending):
		return CancelOrder202JSONResponse{
			Body: pendingOf(req.TokenId), Headers: CancelOrder202ResponseHeaders{Location: location(req.TokenId)},
		}, nil
	case err != nil:
		return nil, err
	}
	return CancelOrder200JSONResponse{Body: orderAnswer{d.Summary}, Headers: CancelOrder200ResponseHeaders{ETag: etag(&d.Order)}}, nil
}

// PauseOrder keeps an order from sending anything.
func (s *server) PauseOrder(ctx context.Context, req PauseOrderRequestObject) (PauseOrderResponseObject, error) {
	d, err := s.change(ctx, req.TokenId, order.Pause, nil)
	switch {
	case errors.Is(err, errPending):
		return PauseOrder202JSONResponse{
			Body: pendingOf(req.TokenId), Headers: PauseOrder202ResponseHeaders{Location: location(req.TokenId)},
		}, nil
	case err != nil:
		return nil, err
	}
	return PauseOrder200JSONResponse{Body: orderAnswer{d.Summary}, Headers: PauseOrder200ResponseHeaders{ETag: etag(&d.Order)}}, nil
}

// ResumeOrder lets a paused order go on.
func (s *server) ResumeOrder(ctx context.Context, req ResumeOrderRequestObject) (ResumeOrderResponseObject, error) {
	d, err := s.change(ctx, req.TokenId, order.Resume, nil)
	switch {
	case errors.Is(err, errPending):
		return ResumeOrder202JSONResponse{
			Body: pendingOf(req.TokenId), Headers: ResumeOrder202ResponseHeaders{Location: location(req.TokenId)},
		}, nil
	case err != nil:
		return nil, err
	}
	return ResumeOrder200JSONResponse{Body: orderAnswer{d.Summary}, Headers: ResumeOrder200ResponseHeaders{ETag: etag(&d.Order)}}, nil
}

// AmendOrder changes what is not filled yet. Whether the order is still the one that the client has seen is the owner's to
// say, as only it knows.
func (s *server) AmendOrder(ctx context.Context, req AmendOrderRequestObject) (AmendOrderResponseObject, error) {
	amend := req.Body.Amendment
	if tag := req.Params.IfMatch; tag != nil && *tag != "*" {
		version, err := strconv.ParseUint(strings.Trim(*tag, `"`), 10, 64)
		if err != nil {
			return nil, badRequest("invalid_parameter", "If-Match is not an ETag of an order")
		}
		amend.IfVersion = version
	}
	d, err := s.change(ctx, req.TokenId, order.Amend, &amend)
	switch {
	case errors.Is(err, errPending):
		return AmendOrder202JSONResponse{
			Body: pendingOf(req.TokenId), Headers: AmendOrder202ResponseHeaders{Location: location(req.TokenId)},
		}, nil
	case err != nil:
		return nil, err
	}
	return AmendOrder200JSONResponse{Body: planOf(d), Headers: AmendOrder200ResponseHeaders{ETag: etag(&d.Order)}}, nil
}

type canceledList struct {
	Canceled []orderAnswer `json:"canceled"`
	Refused  []notCanceled `json:"refused"`
	Pending  []string      `json:"pending"`
}

type notCanceled struct {
	TokenID string `json:"token_id"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// maxCanceled bounds the orders that one request cancels; the next takes the next ones.
const maxCanceled = 1_000

// CancelOrders cancels the caller's open orders. All commands are appended before the first answer is waited for, so that
// the owner's work and ours overlap.
func (s *server) CancelOrders(ctx context.Context, _ CancelOrdersRequestObject) (CancelOrdersResponseObject, error) {
	id := caller(ctx).Account
	account, err := s.Accounts.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer s.Accounts.Close(account)
	open, _ := account.Orders(0, maxCanceled, func(o *order.Order) bool { return !o.Status.Ended() })
	type asked struct {
		of     *view.Summary
		id     string
		answer <-chan *view.Answer
	}
	list := canceledList{Canceled: []orderAnswer{}, Refused: []notCanceled{}, Pending: []string{}}
	var waiting []asked
	var forgets []func()
	defer func() {
		for _, forget := range forgets {
			forget()
		}
	}()
	for i := range open {
		cmd := &order.Command{
			ID: order.CommandID(id, order.Cancel, randomKey()), Account: id, Type: order.Cancel, OrderID: open[i].ID, SentAt: time.Now().UTC(),
		}
		answer, forget := account.Await(cmd.ID)
		forgets = append(forgets, forget)
		if _, err := s.Bus.AppendCommand(ctx, cmd); err != nil {
			list.Refused = append(list.Refused, notCanceled{open[i].TokenID, "unavailable", "the state is not reachable; try again"})
			continue
		}
		waiting = append(waiting, asked{&open[i], cmd.ID, answer})
	}
	within, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	for _, a := range waiting {
		var answer *view.Answer
		select {
		case answer = <-a.answer:
		case <-within.Done():
			answer = account.Answer(a.id) // those behind it may have come
		}
		list.add(a.of, answer)
	}
	return CancelOrders200JSONResponse(list), nil
}

func (l *canceledList) add(o *view.Summary, answer *view.Answer) {
	switch {
	case answer == nil:
		l.Pending = append(l.Pending, o.TokenID)
	case answer.Rejection != nil:
		l.Refused = append(l.Refused, notCanceled{o.TokenID, answer.Rejection.Code, answer.Rejection.Detail})
	default:
		told := *o
		if answer.Order != nil {
			told.Order = *answer.Order
		}
		l.Canceled = append(l.Canceled, orderAnswer{told})
	}
}
