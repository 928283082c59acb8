package bus

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

// MaxBatch is how many events AppendEvents takes at most; the server's own bound is 1,000.
const MaxBatch = 250

// Append is an event to be appended on the condition that its account's last event has the stream sequence Last (0: there
// is none).
type Append struct {
	Account order.AccountID
	ID      string
	Body    []byte
	Last    uint64
	Origin  tracing.Origin // what led to it, where that is known
}

// AppendEvents appends events of different accounts, 2 to MaxBatch of them, all or none, for the price of one sync. It
// returns their sequences. Any error wraps ErrOutcomeUnknown: one stale account is enough to have all refused, and each
// must then be decided anew by itself.
func (c *Conn) AppendEvents(ctx context.Context, events []Append) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	messages := make([]*nats.Msg, len(events))
	for i := range events {
		e := &events[i]
		header := headerFrom(e.Origin)
		header[jetstream.MsgIDHeader] = []string{string(e.Account) + "-" + e.ID}
		header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(e.Last, 10)}
		messages[i] = &nats.Msg{Subject: EventSubject(e.Account), Data: e.Body, Header: header}
	}
	ack, err := jetstreamext.PublishMsgBatch(ctx, c.js, messages)
	if err != nil {
		return nil, fmt.Errorf("append %d events: %w: %w", len(events), ErrOutcomeUnknown, err)
	}
	sequences := make([]uint64, len(events))
	for i := range sequences { // the ack tells the last one's; a batch is stored without a gap
		sequences[i] = ack.Sequence - uint64(len(events)-1-i)
	}
	return sequences, nil
}
