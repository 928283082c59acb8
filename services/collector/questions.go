package collector

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// maxQuestions bounds the questions answered at the same time for one exchange; one more is told to come back later.
const maxQuestions = 32

// contractVersion is that of the questions and answers, not of the build.
const contractVersion = "1.0.0"

// serve answers questions about the exchange until ctx ends; it returns when all answers are given.
func (d *desk) serve(ctx context.Context, nc *nats.Conn) error {
	service, err := micro.AddService(nc, micro.Config{
		Name:        "collector-" + string(d.endpoint.Exchange),
		Version:     contractVersion,
		Description: "pairs, candles and books of " + string(d.endpoint.Exchange),
	})
	if err != nil {
		return fmt.Errorf("offer answers: %w", err)
	}
	places := make(chan struct{}, maxQuestions)
	defer func() {
		if err := service.Stop(); err != nil && ctx.Err() == nil {
			d.log.Warn("service not stopped", "error", err)
		}
		for range maxQuestions { // all places taken: every answer is given, and no other begins
			places <- struct{}{}
		}
	}()
	for question, answer := range map[string]func(context.Context, micro.Request) error{
		bus.AskPairs: d.answerPairs, bus.AskKlines: d.answerKlines, bus.AskBook: d.answerBook,
	} {
		handle := func(r micro.Request) {
			select {
			case places <- struct{}{}:
			default:
				d.note(question, bus.Answer(r, nil, unavailable("too many questions at once; ask again")))
				return
			}
			go func() {
				defer func() { <-places }()
				d.note(question, answer(ctx, r))
			}()
		}
		subject := bus.CollectorSubject(d.endpoint.Exchange, question)
		if err := service.AddEndpoint(question, micro.HandlerFunc(handle), micro.WithEndpointSubject(subject)); err != nil {
			return fmt.Errorf("offer %s: %w", question, err)
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func (d *desk) note(question string, err error) {
	if err != nil {
		d.log.Warn("question not answered", "question", question, "error", err)
	}
}

func (d *desk) answerPairs(_ context.Context, r micro.Request) error {
	reply, err := d.catalog.pairs()
	return bus.Answer(r, reply, err)
}

func (d *desk) answerKlines(ctx context.Context, r micro.Request) error {
	var req bus.KlinesRequest
	if err := json.Unmarshal(r.Data(), &req); err != nil {
		return bus.Answer(r, nil, invalid("request", err.Error()))
	}
	if _, err := market.ParseSymbol(string(req.Symbol)); err != nil {
		return bus.Answer(r, nil, invalid("symbol", err.Error()))
	}
	reply, err := d.klines.answer(ctx, req)
	return bus.Answer(r, reply, err)
}

func (d *desk) answerBook(_ context.Context, r micro.Request) error {
	var req bus.BookRequest
	if err := json.Unmarshal(r.Data(), &req); err != nil {
		return bus.Answer(r, nil, invalid("request", err.Error()))
	}
	if payload, ok := d.publisher.Book(req.Symbol); ok {
		return bus.Answer(r, json.RawMessage(payload), nil)
	}
	if _, err := d.catalog.lookUp(req.Symbol); err != nil {
		return bus.Answer(r, nil, err)
	}
	return bus.Answer(r, nil, unavailable(fmt.Sprintf("%s is not collected from %s; wish for it first", req.Symbol, d.endpoint.Exchange)))
}
