package stream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
	"github.com/hourglass-trading/hourglass/services/gateway/internal/view"
)

// subKey is what makes two subscriptions of a connection the same.
type subKey struct {
	stream   string
	exchange market.Exchange
	symbol   market.Symbol
	interval string
	tokenID  string
	halfLife int // seconds
}

const (
	firstBook      = 2 * time.Second // how long a new subscription waits for the first book before it is told that there is none
	maxTrades      = 256             // trades that wait for a slow client; older ones are dropped
	maxCandles     = 16
	eventBatch     = 64    // events sent in one round
	maxBehind      = 1_000 // events that a client may be behind once it has caught up
	eventsRetry    = time.Second
	eventsPatience = 5 * time.Second
)

// subscription is what a connection wants of a channel, or of its account's events.
type subscription struct {
	key     subKey
	session *session
	head    []byte
	seq     uint64 // the writer's own
	channel *channel
	orders  *orders

	// Of a book: how many levels, how often, when next.
	depth int
	every time.Duration
	since time.Time
	due   time.Time // the writer's own

	waiting atomic.Bool // for the first book: its channel wakes the session

	mu      sync.Mutex // guards what follows
	pending []body     // of the other market streams, oldest first
	dropped uint64     // of them, since the last round
	average average    // of an ewma
}

// waken wakes the session if it waits for the first book.
func (sub *subscription) waken() {
	if sub.waiting.CompareAndSwap(true, false) {
		sub.session.notify()
	}
}

// body is what follows the head in a frame, shared by all subscriptions of a channel and never changed.
type body struct {
	data []byte
	open bool // a candle that the next one of the same interval replaces

	touch *touchBody // what data says, of a touch
}

// push queues a body for the writer; what does not find room pushes the oldest out.
func (sub *subscription) push(b body) {
	room := 1 // of a touch the newest is all that counts
	switch sub.key.stream {
	case streamTrades:
		room = maxTrades
	case streamKlines:
		room = maxCandles
	}
	sub.mu.Lock()
	if sub.key.stream == streamEWMA {
		sub.average.observe(b.touch, time.Now())
		sub.mu.Unlock()
		return // told by the clock
	}
	if n := len(sub.pending); n > 0 && sub.pending[n-1].open {
		sub.pending = sub.pending[:n-1]
	}
	if len(sub.pending) >= room {
		sub.session.hub.cfg.Metrics.conflated.Inc()
		sub.pending = append(sub.pending[:0], sub.pending[1:]...)
		sub.dropped++
	}
	sub.pending = append(sub.pending, b)
	sub.mu.Unlock()
	sub.session.notify()
}

// pump sends what is ready. due is when the next frame falls due by itself, zero if none does.
func (sub *subscription) pump(ctx context.Context, s *session, now time.Time) (sent int, due time.Time, err error) {
	switch sub.key.stream {
	case streamOrders:
		return sub.pumpOrders(ctx, s, now)
	case streamBook:
		return sub.pumpBook(ctx, s, now)
	case streamEWMA:
		return sub.pumpEWMA(ctx, s, now)
	}
	sub.mu.Lock()
	pending, dropped := sub.pending, sub.dropped
	sub.pending, sub.dropped = nil, 0
	sub.mu.Unlock()
	if dropped > 0 && sub.key.stream == streamTrades {
		text := fmt.Sprintf("%d trades of %s were dropped: the connection is too slow", dropped, sub.key.symbol)
		if err := s.send(ctx, warningFrame("trades_dropped", text, now)); err != nil {
			return 0, due, err
		}
	}
	for _, b := range pending {
		if err := s.sendBody(ctx, sub, now, b.data); err != nil {
			return 0, due, err
		}
	}
	return len(pending), due, nil
}

func (sub *subscription) pumpBook(ctx context.Context, s *session, now time.Time) (int, time.Time, error) {
	if now.Before(sub.due) {
		return 0, sub.due, nil
	}
	if patience := sub.since.Add(firstBook); sub.seq == 0 && now.Before(patience) {
		sub.waiting.Store(true) // before the look, so that a book between the two is not missed
		if !sub.channel.known() {
			return 0, patience, nil
		}
	}
	data := sub.channel.book(sub.depth, now)
	// On the grid of the first frame, so that a late one does not shift those behind it; what was missed is not made up for.
	if sub.due.IsZero() {
		sub.due = now
	}
	sub.due = sub.due.Add(sub.every)
	if !sub.due.After(now) {
		s.hub.cfg.Metrics.conflated.Inc()
		sub.due = now.Add(sub.every)
	}
	return 1, sub.due, s.sendBody(ctx, sub, now, data)
}

// sendEvent sends the frame of an event, as a span below what led to the event.
func (s *session) sendEvent(ctx context.Context, e view.Raw, frame []byte) error {
	ctx, end := s.hub.cfg.Tracer.Start(e.Origin.Context(ctx), "frame")
	defer end()
	s.hub.log.Debug("event sent", "request_id", tracing.Request(ctx), "version", e.Version)
	return s.send(ctx, frame)
}

// orders is a place in an account's events.
type orders struct {
	account *view.Account
	stop    func()
	only    order.ID      // "" for all
	next    atomic.Uint64 // version of the next event to send
	live    atomic.Bool   // it has caught up with the present once
	retryAt time.Time     // the writer's own
}

func (sub *subscription) openOrders(ctx context.Context, r *request) error {
	s := sub.session
	id := s.account()
	account, err := s.hub.accounts.Open(ctx, id)
	if err != nil {
		return err
	}
	o := &orders{account: account}
	if r.TokenID != "" {
		o.only = order.NewID(id, r.TokenID)
	}
	o.next.Store(^uint64(0)) // nobody is behind before the place is known
	o.stop = account.Watch(func(version uint64) {
		if next := o.next.Load(); o.live.Load() && version > next && version-next > maxBehind {
			s.tooSlow(o)
		}
		s.notify()
	})
	version := account.Version()
	switch {
	case r.FromSeq == nil:
		o.next.Store(version + 1)
	case *r.FromSeq > version+1:
		o.stop()
		s.hub.accounts.Close(account)
		return refuse("invalid_from_seq", "from_seq is ahead of the account, which is at %d", version)
	default:
		o.next.Store(max(*r.FromSeq, 1))
	}
	sub.orders = o
	return nil
}

// pumpOrders sends the next events, at the pace of the client: as long as it is catching up they are read as they can be
// sent, so nothing piles up.
func (sub *subscription) pumpOrders(ctx context.Context, s *session, now time.Time) (int, time.Time, error) {
	o := sub.orders
	if now.Before(o.retryAt) {
		return 0, o.retryAt, nil
	}
	if err := s.packer.send(); err != nil { // the record may take its time
		return 0, time.Time{}, err
	}
	reading, cancel := context.WithTimeout(ctx, eventsPatience)
	events, err := o.account.Events(reading, o.next.Load(), eventBatch)
	cancel()
	if err != nil {
		if ctx.Err() != nil {
			return 0, time.Time{}, ctx.Err()
		}
		o.retryAt = now.Add(eventsRetry) // the bus is away; nothing is lost by waiting
		return 0, o.retryAt, nil
	}
	if len(events) < eventBatch {
		o.live.Store(true) // for good: a full round later on is a burst that it may be too slow for, not the past
	}
	for _, e := range events {
		frame, head, err := eventFrame(e.Data)
		if err != nil {
			return 0, time.Time{}, fmt.Errorf("decode event %d: %w", e.Version, err)
		}
		if o.only == "" || o.only == head.OrderID {
			if err := s.sendEvent(ctx, e, frame); err != nil {
				return 0, time.Time{}, err
			}
		}
		o.next.Store(e.Version + 1)
	}
	return len(events), time.Time{}, nil
}
