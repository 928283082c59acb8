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

// together advances several accounts. What they decide is stored in batches, an event of each, for the price of one sync a
// batch: the last of a thousand slices that are due at one instant need not wait for a thousand of them.
func (l *loop) together(ctx context.Context, ids []order.AccountID) error {
	for len(ids) > 1 {
		n := min(len(ids), bus.MaxBatch)
		more, err := l.batch(ctx, ids[:n])
		if err != nil {
			return err
		}
		ids = append(ids[n:], more...)
		l.tellMeanwhile()
	}
	return l.singly(ctx, ids)
}

// batch decides an event of each account and stores them at once. It returns the accounts that had one and may have more.
// After a refusal or an unknown outcome each account goes on singly: the commit of each finds out what is stored.
func (l *loop) batch(ctx context.Context, ids []order.AccountID) (more []order.AccountID, err error) {
	var appends []bus.Append
	var events []order.Event
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
		body, err := order.Encode(&e)
		if err != nil {
			return nil, fmt.Errorf("encode event %s of account %s: %w", e.ID, id, err)
		}
		appends = append(appends, bus.Append{Account: id, ID: e.ID, Body: body, Last: a.seq})
		events, more = append(events, e), append(more, id)
	}
	if len(appends) < 2 {
		return nil, l.singly(ctx, more)
	}
	sequences, err := l.storeAll(ctx, appends, events)
	if err != nil {
		l.meters.batchRefusals.Add(1)
		l.log.Warn("events not stored together, deciding each anew", "events", len(appends), "error", err)
		return nil, l.singly(ctx, more)
	}
	l.meters.batches.Add(1)
	l.meters.batched.Add(int64(len(appends)))
	for i := range appends {
		l.count(&events[i], appends[i].Origin.Request)
		id := appends[i].Account
		l.applied(id, l.accounts[id], &events[i], bus.Stored{Seq: sequences[i], Account: id, Data: appends[i].Body, Origin: appends[i].Origin})
	}
	return more, nil
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

// singly advances accounts one after the other.
func (l *loop) singly(ctx context.Context, ids []order.AccountID) error {
	for _, id := range ids {
		if err := l.advance(ctx, id, l.accounts[id]); err != nil {
			return err
		}
	}
	return nil
}
