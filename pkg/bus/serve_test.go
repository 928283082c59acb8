package bus

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go/micro"
)

func TestAQuestionTooManyIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		h := newHandlers(slog.New(slog.DiscardHandler))
		handle := h.of(t.Context(), "any", func(context.Context, []byte) (any, error) { <-free; return "done", nil })
		asked := make([]*asked, maxQuestions)
		for i := range asked {
			asked[i] = ask(handle)
		}
		if q := ask(handle); q.code != "unavailable" {
			t.Errorf("%q while %d questions wait", q.code, maxQuestions)
		}
		close(free)
		h.wait()
		for i, q := range asked {
			if q.code != "" || string(q.payload) != `"done"` {
				t.Errorf("question %d: %s %s", i, q.code, q.payload)
			}
		}
	})
}

func TestWhoLeavesAQuestionToAnotherIsSilent(t *testing.T) {
	h := newHandlers(slog.New(slog.DiscardHandler))
	q := ask(h.of(t.Context(), "any", func(context.Context, []byte) (any, error) { return nil, ErrElsewhere }))
	h.wait()
	if q.code != "" || q.payload != nil {
		t.Errorf("answered %s %s", q.code, q.payload)
	}
}

func ask(handle micro.HandlerFunc) *asked {
	q := &asked{}
	handle(q)
	return q
}

// asked is a micro.Request that notes its answer.
type asked struct {
	mu      sync.Mutex
	code    string
	payload []byte
}

func (q *asked) note(code string, payload []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.code, q.payload = code, payload
}

func (q *asked) Respond(b []byte, _ ...micro.RespondOpt) error { q.note("", b); return nil }

func (q *asked) RespondJSON(v any, _ ...micro.RespondOpt) error {
	b, err := json.Marshal(v)
	q.note("", b)
	return err
}

func (q *asked) Error(code, _ string, data []byte, _ ...micro.RespondOpt) error {
	q.note(code, data)
	return nil
}
func (*asked) Data() []byte           { return nil }
func (*asked) Headers() micro.Headers { return nil }
func (*asked) Subject() string        { return "" }
func (*asked) Reply() string          { return "" }
