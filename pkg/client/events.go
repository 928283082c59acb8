package client

import (
	"context"
	"iter"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Event is what happened to the caller's account. Seq counts its events without a hole; the parts are those of order.Event.
type Event struct {
	Seq       uint64            `json:"seq"`
	At        time.Time         `json:"ts"`
	Type      order.EventType   `json:"event"`
	OrderID   order.ID          `json:"order_id,omitempty"`
	TokenID   string            `json:"token_id,omitempty"`
	Order     *order.Order      `json:"order,omitempty"` // as it was right after
	Accepted  *order.Acceptance `json:"accepted,omitempty"`
	Schedule  []order.Planned   `json:"schedule,omitempty"`
	Slice     *order.Slice      `json:"slice,omitempty"`
	Fills     []order.Fill      `json:"fills,omitempty"`
	Balances  []order.Balance   `json:"balances,omitempty"`
	Deposit   *order.Amount     `json:"deposit,omitempty"`
	Rejection *order.Rejection  `json:"rejection,omitempty"`
	Report    *order.Report     `json:"report,omitempty"`
}

// Events yields what happens to the account from fromSeq on, 0 for from now on, without a hole. See Frames for how it ends.
func (c *Client) Events(ctx context.Context, fromSeq uint64) iter.Seq2[Event, error] {
	return of[Event](ctx, c, one(Subscription{Stream: StreamOrders, FromSeq: fromSeq}))
}

// Follow yields all events of one order, from its acceptance on, and ends once the order has ended and nothing of it is on
// its way any more.
func (c *Client) Follow(ctx context.Context, tokenID string) iter.Seq2[Event, error] {
	return c.FollowStream(ctx, one(Subscription{Stream: StreamOrders, TokenID: tokenID, FromSeq: 1}), false)
}

// FollowStream is Follow for whoever wants to know how the connection is doing, or to subscribe before the order is placed.
// The stream has one subscription, to the events of one order. With report it goes on to the final report, which comes at
// the end of the window, unless the order was canceled.
func (c *Client) FollowStream(ctx context.Context, s Stream, report bool) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f := following{report: report}
		for e, err := range of[Event](ctx, c, s) {
			if !yield(e, err) || err != nil || f.over(e) {
				return
			}
		}
	}
}

// following knows whether an order can still change.
type following struct {
	report  bool // it is wanted
	ended   bool
	waiting map[int]bool // slices with parts on their way
}

func (f *following) over(e Event) bool {
	if e.Slice != nil {
		if f.waiting == nil {
			f.waiting = map[int]bool{}
		}
		if e.Slice.Status == order.SliceSent {
			f.waiting[e.Slice.K] = true
		} else {
			delete(f.waiting, e.Slice.K)
		}
	}
	if e.Order != nil && e.Order.Status.Ended() {
		f.ended = true
		if e.Order.Status == order.Canceled || e.Order.Status == order.Rejected {
			f.report = false
		}
	}
	return f.ended && len(f.waiting) == 0 && (!f.report || e.Type == order.OrderReported)
}
