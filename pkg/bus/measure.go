package bus

import (
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/hourglass-trading/hourglass/pkg/metrics"
)

// queues are the subscriptions of a connection, so that what waits in them can be told.
type queues struct {
	mu   sync.Mutex // guards what follows
	subs map[*nats.Subscription]struct{}
	lost int64 // messages dropped by subscriptions that have ended
}

func (q *queues) add(sub *nats.Subscription) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.subs == nil {
		q.subs = map[*nats.Subscription]struct{}{}
	}
	q.subs[sub] = struct{}{}
}

func (q *queues) remove(sub *nats.Subscription) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if dropped, err := sub.Dropped(); err == nil {
		q.lost += int64(dropped)
	}
	delete(q.subs, sub)
}

// waiting adds up what waits for its handlers, and what was dropped because too much did.
func (q *queues) waiting() (messages, bytes, dropped int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	dropped = q.lost
	for sub := range q.subs {
		if m, b, err := sub.Pending(); err == nil {
			messages, bytes = messages+int64(m), bytes+int64(b)
		}
		if d, err := sub.Dropped(); err == nil {
			dropped += int64(d)
		}
	}
	return messages, bytes, dropped
}

// Measure tells a service's registry how the connections of its Conn are doing. It is called once.
func (c *Conn) Measure(r *metrics.Registry) {
	m := newMeasures(r)
	c.measure(m, "market", c.market, &c.marketQueues)
	c.measure(m, "orders", c.orders, &c.orderQueues)
}

type measures struct {
	connected, reconnects, in, out, pending, pendingBytes, dropped *metrics.Readings
}

func newMeasures(r *metrics.Registry) *measures {
	const label = "connection"
	return &measures{
		connected:    r.Readings(metrics.Gauge, "bus_connected", "1 while the connection to NATS stands, 0 while it does not.", label),
		reconnects:   r.Readings(metrics.Count, "bus_reconnects_total", "Connections to NATS that were lost and made again.", label),
		in:           r.Readings(metrics.Count, "bus_messages_in_total", "Messages received from NATS.", label),
		out:          r.Readings(metrics.Count, "bus_messages_out_total", "Messages sent to NATS.", label),
		pending:      r.Readings(metrics.Gauge, "bus_pending_messages", "Messages received that wait for their handler.", label),
		pendingBytes: r.Readings(metrics.Gauge, "bus_pending_bytes", "Bytes of the messages that wait for their handler.", label),
		dropped:      r.Readings(metrics.Count, "bus_dropped_messages_total", "Messages dropped because too many waited for their handler.", label),
	}
}

func (c *Conn) measure(m *measures, name string, nc *nats.Conn, q *queues) {
	m.connected.Add(func() int64 {
		if nc.IsConnected() {
			return 1
		}
		return 0
	}, name)
	m.reconnects.Add(func() int64 { return int64(nc.Stats().Reconnects) }, name)
	m.in.Add(func() int64 { return int64(nc.Stats().InMsgs) }, name)
	m.out.Add(func() int64 { return int64(nc.Stats().OutMsgs) }, name)
	m.pending.Add(func() int64 { messages, _, _ := q.waiting(); return messages }, name)
	m.pendingBytes.Add(func() int64 { _, bytes, _ := q.waiting(); return bytes }, name)
	m.dropped.Add(func() int64 { _, _, dropped := q.waiting(); return dropped }, name)
}

// Measures adds the metrics of a Conn to a registry without a Conn behind them, for the documentation.
func Measures(r *metrics.Registry) { newMeasures(r) }

// CommandsPending returns how many commands the log held behind the one that FollowCommands handed over last.
func (c *Conn) CommandsPending() int64 { return c.commandsPending.Load() }
