package executor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/failpoint"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

// The pause between two attempts to store an event. There is no last attempt: without the log nothing may happen.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = time.Second
)

// commit decides an event, stores it, and only then applies it. After any error of the store the outcome is unknown: what
// the log holds by then is applied, and the decision is taken anew on the state it made, at the time it is by then.
func (l *loop) commit(ctx context.Context, id order.AccountID, a *owned, decide func(at time.Time) (order.Event, bool)) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstPause, maxPause
	for !a.broken {
		e, ok := decide(l.now())
		if !ok {
			return nil
		}
		body, err := order.AppendEvent(l.buf[:0], &e)
		if err != nil {
			return fmt.Errorf("encode event %s of account %s: %w", e.ID, id, err)
		}
		l.buf = body
		seq, origin, err := l.store(ctx, id, a, &e, body)
		if err == nil {
			l.applied(id, a, &e, bus.Stored{Seq: seq, Account: id, Data: body, Origin: origin})
			return nil
		}
		l.buf = nil // who was to store it may still hold it
		if err := l.catchUp(ctx, id, a); err != nil {
			l.log.Warn("account not read", "account", id, "error", err)
		}
		if err := l.pause(ctx, pause.NextBackOff()); err != nil {
			return err
		}
		l.takeMarket(l.now())
	}
	return nil
}

// store appends an event, as a span below what led to it: the command that it answers, or else the order's placement.
func (l *loop) store(ctx context.Context, id order.AccountID, a *owned, e *order.Event, body []byte) (seq uint64, origin tracing.Origin, err error) {
	ctx, end := l.trace(ctx, a, e)
	defer end()
	began := time.Now()
	failpoint.At(failpoint.BeforePublish)
	seq, err = l.events.AppendEvent(ctx, id, e.ID, body, a.seq)
	failpoint.At(failpoint.AfterPublish)
	l.meters.appending.Observe(time.Since(began))
	request := tracing.Request(ctx)
	if err != nil {
		l.meters.conflicts.Add(1)
		l.log.Warn("event not stored, deciding anew", "request_id", request, "account", id, "event", e.ID, "error", err)
		return 0, tracing.Origin{}, err
	}
	l.count(e, request)
	return seq, tracing.OriginOf(ctx), nil
}

// trace begins the span of an event.
func (l *loop) trace(ctx context.Context, a *owned, e *order.Event) (_ context.Context, end func()) {
	if o := a.origins[e.OrderID]; e.CommandID == "" && o.Known() {
		ctx = o.Context(ctx)
	}
	return l.tracer.Start(ctx, "event "+string(e.Type), "order_id", string(e.OrderID), "event", e.ID)
}

// count tells that an event is stored.
func (l *loop) count(e *order.Event, request string) {
	l.meters.stored(e)
	l.log.Debug("event stored", "request_id", request, "account", e.Account, "event", e.ID, "type", e.Type, "order_id", e.OrderID)
}

// remember keeps what placed an order for as long as events may follow from it; it stands in the log beside the event.
func (a *owned) remember(e *order.Event, origin tracing.Origin) {
	switch {
	case e.Type == order.OrderAccepted && origin.Known():
		a.origins[e.OrderID] = origin
	case e.Type == order.OrderReported:
		delete(a.origins, e.OrderID)
	}
}

// catchUp applies the events of an account that were stored after the last one it knows.
func (l *loop) catchUp(ctx context.Context, id order.AccountID, a *owned) error {
	return l.events.ReadEvents(ctx, id, a.seq+1, func(m bus.Stored) error {
		if a.broken {
			return nil
		}
		if e := a.decode(id, m, &l.meters, l.log); e != nil {
			l.applied(id, a, e, m)
		}
		return nil
	})
}

// applied folds a stored event into its account: one that was read, or one that was decided here, which makes the same
// state as what is read of it.
func (l *loop) applied(id order.AccountID, a *owned, e *order.Event, m bus.Stored) {
	l.stored.Store(max(l.stored.Load(), m.Seq)) // the loop alone writes it
	if err := a.fold(e, m); err != nil {
		a.broken = true
		l.meters.stopped.Add(1)
		stopped(l.log, e, m, err)
		return
	}
	l.changed(id, a)
	if o, known := a.state.Order(e.OrderID); known {
		l.wishes.set(&o)
	}
}

// decode reads a stored event of the account; nil if it is none, which is told, counted and skipped.
func (a *owned) decode(id order.AccountID, m bus.Stored, meters *meters, log *slog.Logger) *order.Event {
	e, err := decode(m.Data)
	if err != nil || e.Account != id {
		meters.foreign.Add(1)
		log.Error("foreign event skipped", "seq", m.Seq, "account", id, "error", err)
		a.seq = m.Seq // the next append must still name it as the last one
		return nil
	}
	return e
}

// fold applies a stored event to the account's state. One that is not the account's next breaks the account: nothing more
// may be decided on it.
func (a *owned) fold(e *order.Event, m bus.Stored) error {
	if err := a.state.Apply(e, order.Hash(m.Data)); err != nil {
		return err
	}
	a.seq = m.Seq
	a.remember(e, m.Origin)
	return nil
}

// stopped tells, loudly, that an account is broken.
func stopped(log *slog.Logger, e *order.Event, m bus.Stored, err error) {
	log.Error("account stopped: its events contradict each other", "account", m.Account, "seq", m.Seq, "event", e.ID, "error", err)
}
