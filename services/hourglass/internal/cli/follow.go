package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/client"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// news is what happens while an order is followed; one field is set.
type news struct {
	ready bool // the events are being received
	event *client.Event
	lost  error // the connection was; it is being made again
	err   error // the end
}

// roomForNews is how far the reading may be ahead of the showing. Beyond it the connection waits, and the server with it.
const roomForNews = 64

// follow shows an order until it has ended. The events are subscribed to before the order is placed, so that its first is
// not missed; fromSeq is 1 for an order that is there already.
func (app *App) follow(tokenID string, fromSeq uint64, begin func(context.Context, *client.Client) (client.Order, error)) error {
	sdk, err := app.client()
	if err != nil {
		return err
	}
	// A stream is patient; a command that cannot even log in says so at once.
	if _, err := sdk.Balance(app.ctx); err != nil {
		return err
	}
	if fromSeq > 0 {
		if _, err := sdk.Order(app.ctx, tokenID); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(app.ctx)
	defer cancel()
	feed := make(chan news, roomForNews)
	var reader sync.WaitGroup
	reader.Go(func() { receive(ctx, sdk, tokenID, fromSeq, feed) })
	defer reader.Wait()
	defer cancel() // before the wait

	f := &follower{app: app, sdk: sdk, bar: app.errTerminal && app.outTerminal && !app.json()}
	defer f.clear()
	for n := range feed {
		if n.ready {
			break
		}
		if n.err != nil {
			return n.err
		}
	}
	if f.order, err = begin(ctx, sdk); err != nil {
		return err
	}
	if err := f.opening(fromSeq > 0); err != nil {
		return err
	}
	if err := f.watch(ctx, feed); err != nil {
		return f.interrupted(err)
	}
	return f.closing(ctx)
}

// receive reads the stream into feed until the order has ended.
func receive(ctx context.Context, sdk *client.Client, tokenID string, fromSeq uint64, feed chan<- news) {
	defer close(feed)
	say := func(n news) bool {
		select {
		case feed <- n:
			return true
		case <-ctx.Done():
			return false
		}
	}
	events := sdk.FollowStream(ctx, client.Stream{
		Subscriptions: []client.Subscription{{Stream: client.StreamOrders, TokenID: tokenID, FromSeq: fromSeq}},
		Subscribed:    func() { say(news{ready: true}) },
		Lost:          func(err error, _ time.Duration) { say(news{lost: err}) },
	}, true)
	for e, err := range events {
		if err != nil {
			say(news{err: err})
			return
		}
		if !say(news{event: &e}) {
			return
		}
	}
}

// follower shows one order.
type follower struct {
	app    *App
	sdk    *client.Client
	order  client.Order
	report *order.Report
	bar    bool // a line at the bottom of the terminal is kept up to date
	shown  bool
	away   bool // the connection is lost
}

// redraw is how often the bar is drawn although nothing has happened: the time left goes on.
const redraw = 500 * time.Millisecond

func (f *follower) watch(ctx context.Context, feed <-chan news) error {
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		f.draw(time.Now())
		select {
		case n, more := <-feed:
			if !more {
				return ctx.Err()
			}
			if err := f.take(n); err != nil {
				return err
			}
		case <-tick.C:
		}
	}
}

// take shows one piece of news.
func (f *follower) take(n news) error {
	switch {
	case n.err != nil:
		return n.err
	case n.lost != nil:
		if !f.away {
			f.away = true
			f.clear()
			f.app.note("the connection is lost; trying again, the order goes on (%s)", cause(n.lost))
		}
		return nil
	case n.ready:
		if f.away {
			f.away = false
			f.clear()
			f.app.note("connected again; nothing was missed")
		}
		return nil
	}
	e := n.event
	if e.Order != nil {
		f.order.Order = *e.Order
	}
	if e.Accepted != nil {
		f.order.Schedule = e.Accepted.Schedule
	}
	if e.Type == order.OrderAmended && len(e.Schedule) > 0 {
		f.order.Schedule = e.Schedule
	}
	if e.Report != nil {
		f.report = e.Report
	}
	if f.app.json() {
		return f.app.encode(e)
	}
	f.clear()
	return f.tell(e)
}

// interrupted says what goes on after Ctrl-C.
func (f *follower) interrupted(err error) error {
	f.clear()
	if errors.Is(err, context.Canceled) {
		f.app.note("the order goes on. See it: hourglass order %s --follow; end it: hourglass cancel %s", f.order.TokenID, f.order.TokenID)
	}
	return err
}

// tell shows an event as a line, where it says something to a person.
func (f *follower) tell(e *client.Event) error {
	app, at := f.app, f.app.paint(dim, clock(e.At))
	switch {
	case e.Slice != nil && e.Slice.Status != order.SliceSent:
		return f.tellSlice(at, e)
	case e.Type == order.OrderStarted:
		return app.printf("%s  the window begins, arrival mid %s\n", at, maybe(f.order.ArrivalMid))
	case e.Type == order.OrderPaused, e.Type == order.OrderResumed, e.Type == order.OrderAmended:
		return app.printf("%s  %s\n", at, f.order.Status)
	case e.Rejection != nil:
		return app.printf("%s  %s: %s\n", at, app.paint(bad, "refused"), e.Rejection.Detail)
	}
	return nil
}

func (f *follower) tellSlice(at string, e *client.Event) error {
	app, s := f.app, e.Slice
	line := fmt.Sprintf("%s  slice %d/%d  %s", at, s.K, f.order.SlicesTotal, app.paint(sliceStyle(s.Status), fmt.Sprintf("%-8s", s.Status)))
	if s.Filled.Sign() > 0 {
		line += fmt.Sprintf("  %s of %s", s.Filled, s.Wanted)
		for _, part := range byExchange(s.Fills, e.Fills) {
			line += "  " + part
		}
	}
	if reason := why(*s); reason != "" {
		line += "  " + app.paint(warn, reason)
	}
	return app.printf("%s\n", line)
}

// opening says what was placed.
func (f *follower) opening(again bool) error {
	app, o := f.app, f.order
	if app.json() {
		return app.encode(map[string]any{"type": "order", "order": o})
	}
	verb := "placed"
	if again {
		verb = "following"
	}
	return app.printf("%s %s: %s %s %s until %s, %d slices  %s\n", verb, app.paint(bold, o.TokenID), app.paint(sideStyle(o.Side), string(o.Side)),
		o.Quantity, o.Symbol, clock(o.EndsAt), o.SlicesTotal, app.paint(warn, marketName(o.Market)))
}
