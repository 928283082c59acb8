package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// answerWithin bounds how long a question waits for the loop; whoever asks gives up a little later.
const answerWithin = 4 * time.Second

// question is something that only the loop knows. Its answer has room for one, so that the loop never waits for whoever
// asked.
type question struct {
	ask    func(l *loop, at time.Time) (any, error)
	answer chan answer
}

type answer struct {
	value any
	err   error
}

// service is what answers questions about accounts. Every executor gets every question, and the one that works the account
// answers; where nobody does, all say so. They are answered by the loop, one after the other, each in well under a
// millisecond.
func service(out chan<- question) bus.Service {
	to := func(read reader) func(context.Context, []byte) (any, error) {
		return func(ctx context.Context, request []byte) (any, error) { return put(ctx, out, read, request) }
	}
	return bus.Service{
		Name: "executor", Description: "previews and reports of orders", Subject: bus.ExecutorSubject, Everyone: true,
		Answers: map[string]func(context.Context, []byte) (any, error){bus.AskPreview: to(readPreview), bus.AskReport: to(readReport)},
	}
}

// reader reads a question.
type reader func(request []byte) (func(l *loop, at time.Time) (any, error), error)

// put reads a question, puts it to the loop and waits for the answer.
func put(ctx context.Context, out chan<- question, read reader, data []byte) (any, error) {
	ask, err := read(data)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	q := question{ask, make(chan answer, 1)}
	select {
	case out <- q:
	case <-ctx.Done():
		return nil, &bus.Failure{Kind: order.Unavailable, Code: "unavailable", Detail: "the executor is not ready; ask again"}
	}
	select {
	case a := <-q.answer:
		return a.value, a.err
	case <-ctx.Done():
		return nil, &bus.Failure{Kind: order.Unavailable, Code: "unavailable", Detail: "the executor is busy; ask again"}
	}
}

// tell answers a question.
func (l *loop) tell(q question) {
	l.takeMarket(l.now())
	value, err := q.ask(l, l.now())
	q.answer <- answer{value, err}
}

// tellMeanwhile answers one question that waits, if any. Where more falls due than can be stored the loop is never done with
// it, and questions have their turn between two events or batches.
func (l *loop) tellMeanwhile() {
	select {
	case q := <-l.asked():
		l.tell(q)
	default:
	}
}

func readPreview(data []byte) (func(*loop, time.Time) (any, error), error) {
	var req bus.PreviewRequest
	if err := json.Unmarshal(data, &req); err != nil || (req.TWAP == nil) == (req.Plain == nil) {
		return nil, malformed(err)
	}
	return func(l *loop, at time.Time) (any, error) {
		a, err := l.known(req.Account)
		if err != nil {
			return nil, err
		}
		var p *order.Preview
		var refused *order.Rejection
		if req.Plain != nil {
			p, refused = a.state.PreviewPlain(req.Plain, at, l.market)
		} else {
			p, refused = a.state.Preview(req.TWAP, at, l.market)
		}
		if refused != nil {
			return nil, &bus.Failure{Kind: refused.Kind, Code: refused.Code, Detail: refused.Detail, Errors: refused.Errors}
		}
		return p, nil
	}, nil
}

func readReport(data []byte) (func(*loop, time.Time) (any, error), error) {
	var req bus.ReportRequest
	if err := json.Unmarshal(data, &req); err != nil {
		return nil, malformed(err)
	}
	return func(l *loop, at time.Time) (any, error) {
		a, err := l.known(req.Account)
		if err != nil {
			return nil, err
		}
		x, err := a.state.Execution(req.OrderID, at, l.market)
		if errors.Is(err, account.ErrUnknown) {
			return nil, &bus.Failure{Kind: order.NotFound, Code: "unknown_order", Detail: "the account has no such order"}
		}
		return x, err
	}, nil
}

func malformed(err error) error {
	return &bus.Failure{Kind: order.Invalid, Code: "malformed", Detail: fmt.Sprintf("not a question of this contract: %v", err)}
}

// known returns an account that has events and does not contradict itself; bus.ErrElsewhere if another executor works it.
func (l *loop) known(id order.AccountID) (*owned, error) {
	p := id.Partition()
	part, a := l.parts[p], l.accounts[id]
	switch {
	case part == nil && l.held.Others[p]:
		return nil, bus.ErrElsewhere
	case part == nil || !part.loaded:
		return nil, &bus.Failure{Kind: order.Unavailable, Code: "unavailable", Detail: "no executor works the account right now, one is about to; ask again"}
	case a == nil || !a.state.Opened:
		return nil, &bus.Failure{Kind: order.NotFound, Code: "unknown_account", Detail: "the account has not been opened"}
	case a.broken:
		return nil, &bus.Failure{Kind: order.Unavailable, Code: "account_stopped", Detail: "the account's events contradict each other; it must be looked at"}
	}
	return a, nil
}
