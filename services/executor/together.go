package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/failpoint"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

// together advances accounts by an event each. These are stored in batches, for the price of one sync a batch: the last of a
// thousand slices that are due at one instant need not wait for a thousand of them.
func (l *loop) together(ctx context.Context, ids []order.AccountID) error {
	for len(ids) > 0 {
		n := min(len(ids), bus.MaxBatch)
		if err := l.batch(ctx, ids[:n]); err != nil {
			return err
		}
		ids = ids[n:]
		l.tellMeanwhile()
	}
	return nil
}

// decided is what batch works with, kept for the next one: events, and the account of each.
type decided struct {
	events   []order.Event
	accounts []order.AccountID
}

// batch decides an event of each account and stores them at once. After a refusal or an unknown outcome each account goes on
// singly: the commit of each finds out what is stored.
func (l *loop) batch(ctx context.Context, ids []order.AccountID) (err error) {
	events, busy := l.decided.events[:0], l.decided.accounts[:0]
	defer func() {
		clear(events) // what they point to is not kept
		l.decided.events, l.decided.accounts = events, busy
	}()
	for _, id := range ids {
		a := l.accounts[id]
		if a.broken {
			continue
		}
		e, ok := l.next(a, l.now())
		if !ok {
			l.schedule(id, a)
			continue
		}
		events, busy = append(events, e), append(busy, id)
	}
	switch len(events) {
	case 0:
		return nil
	case 1:
		return l.alone(ctx, busy[0], &events[0])
	}
	appends := make([]bus.Append, len(events))
	l.buf = l.buf[:0]
	for i := range events {
		e, id := &events[i], busy[i]
		begins := len(l.buf)
		if l.buf, err = order.AppendEvent(l.buf, e); err != nil {
			return fmt.Errorf("encode event %s of account %s: %w", e.ID, id, err)
		}
		appends[i] = bus.Append{Account: id, ID: e.ID, Body: l.buf[begins:len(l.buf):len(l.buf)], Last: l.accounts[id].seq}
	}
	sequences, err := l.storeAll(ctx, appends, events)
	if err != nil {
		l.meters.batchRefusals.Add(1)
		l.buf = nil // who was to store them may still hold them
		l.log.Warn("events not stored together, deciding each anew", "events", len(appends), "error", err)
		return l.singly(ctx, busy)
	}
	l.meters.batches.Add(1)
	l.meters.batched.Add(int64(len(appends)))
	for i := range appends {
		l.count(&events[i], appends[i].Origin.Request)
		id := appends[i].Account
		a := l.accounts[id]
		l.applied(id, a, &events[i], bus.Stored{Seq: sequences[i], Account: id, Data: appends[i].Body, Origin: appends[i].Origin})
		l.again(id, a)
	}
	return nil
}

// storeAll appends events of different accounts, each as a span below what led to it.
func (l *loop) storeAll(ctx context.Context, appends []bus.Append, events []order.Event) ([]uint64, error) {
	ends := make([]func(), len(appends))
	for i := range appends {
		below, end := l.trace(ctx, l.accounts[appends[i].Account], &events[i])
		ends[i], appends[i].Origin = end, tracing.OriginOf(below)
	}
	began := time.Now()
	failpoint.At(failpoint.BeforeBatch)
	sequences, err := l.events.AppendEvents(ctx, appends)
	failpoint.At(failpoint.AfterBatch)
	l.meters.appending.Observe(time.Since(began))
	for _, end := range ends {
		end()
	}
	return sequences, err
}

// singly advances accounts by an event each, one after the other.
func (l *loop) singly(ctx context.Context, ids []order.AccountID) error {
	for _, id := range ids {
		if err := l.alone(ctx, id, nil); err != nil {
			return err
		}
		l.tellMeanwhile()
	}
	return nil
}

// alone advances an account by an event: the one that was decided just now, if there is one.
func (l *loop) alone(ctx context.Context, id order.AccountID, decided *order.Event) error {
	a := l.accounts[id]
	more := decided != nil
	err := l.commit(ctx, id, a, func(at time.Time) (e order.Event, ok bool) {
		if decided != nil {
			e, decided = *decided, nil
			return e, true
		}
		e, more = l.next(a, at)
		return e, more
	})
	if err != nil {
		return err
	}
	if more {
		l.again(id, a)
	} else {
		l.schedule(id, a)
	}
	return nil
}
