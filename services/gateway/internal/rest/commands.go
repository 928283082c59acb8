package rest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/failpoint"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// answerTimeout is how long a command's answer is waited for; after it the client is told where to look.
const answerTimeout = 2 * time.Second

// do appends a command and waits for the one event that answers it. A command that was answered before is not sent again:
// replayed is true then. The answer is nil if it does not come in time. Chosen tells that the client chose the command's key.
func (s *server) do(ctx context.Context, cmd *order.Command, chosen bool) (answer *view.Answer, replayed bool, err error) {
	account, err := s.Accounts.Open(ctx, cmd.Account)
	if err != nil {
		return nil, false, err
	}
	defer s.Accounts.Close(account)
	if answer, err := account.Recall(ctx, cmd.ID, chosen); err != nil || answer != nil {
		return answer, answer != nil, err
	}
	coming, forget := account.Await(cmd.ID)
	defer forget()
	cmd.SentAt = time.Now().UTC()
	if _, err := s.Bus.AppendCommand(ctx, cmd); err != nil {
		// It may be in the log all the same. The client repeats it with the same id, or asks what became of it.
		return nil, false, fmt.Errorf("%w: %w", bus.ErrUnavailable, err)
	}
	failpoint.At(failpoint.AfterCommand)
	patience := time.NewTimer(answerTimeout)
	defer patience.Stop()
	select {
	case answer := <-coming:
		return answer, false, nil
	case <-ctx.Done():
		return nil, false, ctx.Err()
	case <-patience.C:
	}
	// What the bus repeats may get lost on the way; the stream has it.
	if err := account.CatchUp(ctx); err != nil {
		s.log.Warn("answer not looked for", "account", cmd.Account, "error", err)
	}
	return account.Answer(cmd.ID), false, nil
}

// randomKey is the key of a command that no repetition can name.
func randomKey() string { return "random " + rand.Text() }

// clientKey is the key of a command that its client has named. The space keeps it apart from a token_id.
func clientKey(idempotencyKey string) string { return "client " + idempotencyKey }

// turns lets one request at a time decide on the same command, so that of two equal ones at once the second sees what the
// first has done. It holds one entry for each request under way.
type turns struct {
	mu    sync.Mutex // guards taken
	taken map[string]chan struct{}
}

// take waits for the turn of a key and returns what ends it.
func (t *turns) take(ctx context.Context, key string) (done func(), err error) {
	for {
		t.mu.Lock()
		before, busy := t.taken[key]
		if !busy {
			mine := make(chan struct{})
			t.taken[key] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.taken, key)
				t.mu.Unlock()
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
