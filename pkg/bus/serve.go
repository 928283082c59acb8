package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

const (
	// contractVersion is that of the questions and answers, not of the build.
	contractVersion = "1.0.0"
	// maxQuestions bounds the questions that a service answers at the same time. One more is refused at once, so that none
	// waits behind others whose askers have long given up.
	maxQuestions = 32
)

// ErrElsewhere is the answer of one that leaves the question to another: nothing is sent.
var ErrElsewhere = errors.New("another answers")

// Service offers answers to questions on the bus.
type Service struct {
	Name        string // of letters, digits, dashes and underscores
	Description string
	Subject     func(question string) string
	// Everyone hears each question if set; else one of those that share a subject does.
	Everyone bool
	// Answers are by question. Each is called on a goroutine of its own, and should end when its context does. Its error is
	// answered as Answer does.
	Answers map[string]func(ctx context.Context, request []byte) (any, error)
}

// Serve answers questions until ctx ends; it returns when all answers are given. It fails if the service cannot be offered.
func (s Service) Serve(ctx context.Context, nc *nats.Conn, log *slog.Logger) error {
	service, err := micro.AddService(nc, micro.Config{
		Name: s.Name, Version: contractVersion, Description: s.Description, QueueGroupDisabled: s.Everyone,
	})
	if err != nil {
		return fmt.Errorf("offer answers: %w", err)
	}
	h := newHandlers(log)
	defer func() {
		if err := service.Stop(); err != nil && ctx.Err() == nil {
			log.Warn("service not stopped", "error", err)
		}
		h.wait()
	}()
	for question, answer := range s.Answers {
		err := service.AddEndpoint(question, h.of(ctx, question, answer), micro.WithEndpointSubject(s.Subject(question)))
		if err != nil {
			return fmt.Errorf("offer %s: %w", question, err)
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// handlers call the answers of one service.
type handlers struct {
	places chan struct{} // one is taken by each question that is being answered
	log    *slog.Logger
}

func newHandlers(log *slog.Logger) handlers {
	return handlers{make(chan struct{}, maxQuestions), log}
}

// of handles one question.
func (h handlers) of(ctx context.Context, question string, answer func(context.Context, []byte) (any, error)) micro.HandlerFunc {
	respond := func(r micro.Request, reply any, err error) {
		if err := Answer(r, reply, err); err != nil {
			h.log.Warn("question not answered", "question", question, "error", err)
		}
	}
	return func(r micro.Request) {
		select {
		case h.places <- struct{}{}:
		default:
			respond(r, nil, &Failure{Kind: order.Unavailable, Code: "unavailable", Detail: "too many questions at once; ask again"})
			return
		}
		go func() {
			defer func() { <-h.places }()
			if reply, err := answer(ctx, r.Data()); !errors.Is(err, ErrElsewhere) {
				respond(r, reply, err)
			}
		}()
	}
}

// wait takes all places: then every answer is given, and no other begins.
func (h handlers) wait() {
	for range cap(h.places) {
		h.places <- struct{}{}
	}
}
