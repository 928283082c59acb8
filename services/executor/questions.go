package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

const (
	// contractVersion is that of the questions and answers, not of the build.
	contractVersion = "1.0.0"
	// answerWithin bounds how long a question waits for the loop; whoever asks gives up a little later.
	answerWithin = 4 * time.Second
)

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

// errElsewhere says that another executor answers.
var errElsewhere = errors.New("another executor works the account")

// serve answers questions on the bus until ctx ends. Every executor gets every question, and the one that works the account
// answers; where nobody does, all say so. They are answered by the loop, one after the other, each in well under a
// millisecond; those that wait for it are bounded by one for each subject, the rest wait in the bus.
func serve(ctx context.Context, nc *nats.Conn, out chan<- question, log *slog.Logger) error {
	service, err := micro.AddService(nc, micro.Config{
		Name: "executor", Version: contractVersion, Description: "previews and reports of orders",
	})
	if err != nil {
		return fmt.Errorf("offer answers: %w", err)
	}
	defer func() {
		if err := service.Stop(); err != nil && ctx.Err() == nil {
			log.Warn("service not stopped", "error", err)
		}
	}()
	for name, read := range map[string]func([]byte) (func(*loop, time.Time) (any, error), error){
		bus.AskPreview: readPreview, bus.AskReport: readReport,
	} {
		handle := func(r micro.Request) {
			value, err := put(ctx, out, read, r.Data())
			if errors.Is(err, errElsewhere) {
				return
			}
			if err := bus.Answer(r, value, err); err != nil {
				log.Warn("question not answered", "question", name, "error", err)
			}
		}
		err := service.AddEndpoint(name, micro.HandlerFunc(handle), micro.WithEndpointSubject(bus.ExecutorSubject(name)), micro.WithEndpointQueueGroupDisabled())
		if err != nil {
			return fmt.Errorf("offer %s: %w", name, err)
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// put reads a question, puts it to the loop and waits for the answer.
func put(ctx context.Context, out chan<- question, read func([]byte) (func(*loop, time.Time) (any, error), error), data []byte) (any, error) {
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

// known returns an account that has events and does not contradict itself; errElsewhere if another executor works it.
func (l *loop) known(id order.AccountID) (*owned, error) {
	p := id.Partition()
	part, a := l.parts[p], l.accounts[id]
	switch {
	case part == nil && l.held.Others[p]:
		return nil, errElsewhere
	case part == nil || !part.loaded:
		return nil, &bus.Failure{Kind: order.Unavailable, Code: "unavailable", Detail: "no executor works the account right now, one is about to; ask again"}
	case a == nil || !a.state.Opened:
		return nil, &bus.Failure{Kind: order.NotFound, Code: "unknown_account", Detail: "the account has not been opened"}
	case a.broken:
		return nil, &bus.Failure{Kind: order.Unavailable, Code: "account_stopped", Detail: "the account's events contradict each other; it must be looked at"}
	}
	return a, nil
}
