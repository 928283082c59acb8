package bus

import (
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// SubscribeEvents calls handle with an account's events as they are stored, one after the other, until stop is called. An
// event may be missing (this is a plain subscription, and it starts now): whoever follows an account compares versions and
// fills a hole with ReadEvents. At is not told.
func (c *Conn) SubscribeEvents(a order.AccountID, handle func(Stored)) (stop func(), err error) {
	return c.subscribeMessages(c.orders, UserSubject(a), func(m *nats.Msg) {
		seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil {
			c.log.Warn("event without a sequence", "account", a, "error", err)
			return
		}
		handle(Stored{Seq: seq, Account: a, Data: m.Data, Origin: originOf(m.Header)})
	})
}
