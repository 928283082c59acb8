package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
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
		e, ok := decide(time.Now())
		if !ok {
			return nil
		}
		body, err := order.Encode(&e)
		if err != nil {
			return fmt.Errorf("encode event %s of account %s: %w", e.ID, id, err)
		}
		began := time.Now()
		seq, err := l.events.AppendEvent(ctx, id, e.ID, body, a.seq)
		l.meters.appending.Observe(time.Since(began))
		if err == nil {
			l.meters.stored(&e)
			return l.apply(id, a, bus.Stored{Seq: seq, Account: id, Data: body})
		}
		l.meters.conflicts.Inc()
		l.log.Warn("event not stored, deciding anew", "account", id, "event", e.ID, "error", err)
		if err := l.catchUp(ctx, id, a); err != nil {
			l.log.Warn("account not read", "account", id, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause.NextBackOff()):
		}
		l.takeMarket(time.Now())
	}
	return nil
}

// catchUp applies the events of an account that were stored after the last one it knows.
func (l *loop) catchUp(ctx context.Context, id order.AccountID, a *owned) error {
	return l.events.ReadEvents(ctx, id, a.seq+1, func(m bus.Stored) error { return l.apply(id, a, m) })
}

// apply folds a stored event into its account. An event that is not the account's next one breaks the account, loudly:
// nothing more is decided on it.
func (l *loop) apply(id order.AccountID, a *owned, m bus.Stored) error {
	l.stored.Store(max(l.stored.Load(), m.Seq)) // the loop alone writes it
	var e order.Event
	if err := json.Unmarshal(m.Data, &e); err != nil || e.Account != id {
		l.skip()
		l.log.Error("foreign event skipped", "seq", m.Seq, "account", id, "error", err)
		a.seq = m.Seq // the next append must still name it as the last one
		return nil
	}
	before, _ := a.state.Order(e.OrderID)
	if err := a.state.Apply(&e, order.Hash(m.Data)); err != nil {
		a.broken = true
		l.meters.stopped.Add(1)
		l.log.Error("account stopped: its events contradict each other", "account", id, "seq", m.Seq, "event", e.ID, "error", err)
		return nil
	}
	after, _ := a.state.Order(e.OrderID)
	l.wishes.changed(&before, &after)
	a.seq = m.Seq
	l.watermark = max(l.watermark, e.CommandSeq)
	return nil
}

// recover makes the accounts anew from all stored events, as of the time now.
func (l *loop) recover(ctx context.Context, now time.Time) error {
	began, events := time.Now(), 0
	err := l.events.ReadEvents(ctx, "", 1, func(m bus.Stored) error {
		events++
		if m.Account == "" {
			l.skip()
			l.log.Error("foreign event skipped", "seq", m.Seq)
			return nil
		}
		a := l.account(m.Account)
		if a.broken {
			return nil
		}
		return l.apply(m.Account, a, m)
	})
	if err != nil {
		return err
	}
	for id, a := range l.accounts {
		a.state.Resume(now)
		if wake, ok := a.state.Wake(); ok && !a.broken {
			a.wake = wake
			l.timers.Push(timer{wake, id})
		}
	}
	l.timers.init()
	l.log.Info("accounts recovered", "accounts", len(l.accounts), "events", events, "took", time.Since(began))
	return nil
}
