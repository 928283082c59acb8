package view

import (
	"context"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// maxSent bounds the creations of an account that are remembered to be undecided; of further ones nothing is known until
// they are decided on.
const maxSent = 1_024

// Undecided notes that the command which creates an order is recorded and was not answered in time.
func (a *Account) Undecided(command string, id order.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers[command] == nil && len(a.sent) < maxSent {
		a.sent[id] = true
	}
}

// Creation tells what is known of an order that the account does not have: the newest answer if its creation was refused,
// as far back as answers are remembered, and whether one is recorded that is not decided on. Where the account's snapshot
// lacks answers, all events are read.
func (a *Account) Creation(ctx context.Context, id order.ID) (refused *Answer, undecided bool, err error) {
	refused, undecided = a.creation(id)
	if lacks := a.lacks(); refused != nil || undecided || lacks == nil || len(lacks.answers) == 0 {
		return refused, undecided, nil
	}
	if err := a.complete(ctx); err != nil {
		return nil, false, err
	}
	refused, undecided = a.creation(id)
	return refused, undecided, nil
}

func (a *Account) creation(id order.ID) (refused *Answer, undecided bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sent[id] {
		return nil, true
	}
	for i := len(a.answered) - 1; i >= 0; i-- {
		if answer := a.answers[a.answered[i]]; answer.OrderID == id && answer.Refused != nil {
			return answer, false
		}
	}
	return nil, false
}
