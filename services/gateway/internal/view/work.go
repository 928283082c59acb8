package view

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Summary is an order without its details, and how each exchange of its routing set spells the symbol.
type Summary struct {
	order.Order
	Native map[market.Exchange]string `json:"native"`
}

// Natives is how each exchange spells the symbol of its instrument.
func Natives(instruments []market.Instrument) map[market.Exchange]string {
	names := make(map[market.Exchange]string, len(instruments))
	for i := range instruments {
		names[instruments[i].Exchange] = instruments[i].Native
	}
	return names
}

// Work is an order and what was done for it.
type Work struct {
	Summary
	firstSeq uint64   // place of its first event in the stream; 0 where not known
	details  *details // nil where they were let go, or never known
}

// details are what a list of orders does not show.
type details struct {
	schedule []order.Planned
	slices   []order.Slice
	fills    []order.Fill
}

func (d *details) fold(e *order.Event) {
	if e.Accepted != nil {
		d.schedule = e.Accepted.Schedule
	}
	if e.Type == order.OrderAmended { // the schedule is what is planned from now on; what was due before stays
		first := len(d.schedule)
		if len(e.Schedule) > 0 {
			first, _ = slices.BinarySearchFunc(d.schedule, e.Schedule[0].K, func(p order.Planned, k int) int { return cmp.Compare(p.K, k) })
		}
		d.schedule = append(d.schedule[:first:first], e.Schedule...)
	}
	if e.Slice != nil {
		i, found := slices.BinarySearchFunc(d.slices, e.Slice.K, func(s order.Slice, k int) int { return cmp.Compare(s.K, k) })
		if found {
			d.slices[i] = *e.Slice
		} else {
			d.slices = slices.Insert(d.slices, i, *e.Slice)
		}
	}
	d.fills = append(d.fills, e.Fills...)
}

// Detail is an order in full.
type Detail struct {
	Summary
	Schedule []order.Planned
	Slices   []order.Slice
	Fills    []order.Fill
}

func (d *details) of(s Summary) Detail {
	return Detail{Summary: s, Schedule: slices.Clone(d.schedule), Slices: slices.Clone(d.slices), Fills: slices.Clone(d.fills)}
}

// Order returns an order without its details.
func (a *Account) Order(id order.ID) (Summary, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.byID[id]; w != nil {
		return w.Summary, true
	}
	return Summary{}, false
}

// Detail returns an order in full; ok is false if the account has no such order. It reads the stream where the details of
// an old order were let go.
func (a *Account) Detail(ctx context.Context, id order.ID) (detail Detail, ok bool, err error) {
	a.mu.Lock()
	w := a.byID[id]
	if w == nil {
		a.mu.Unlock()
		return Detail{}, false, nil
	}
	if w.details != nil {
		defer a.mu.Unlock()
		return w.details.of(w.Summary), true, nil
	}
	if w.firstSeq == 0 && a.lacking != nil {
		a.mu.Unlock()
		if err := a.complete(ctx); err != nil {
			return Detail{}, true, err
		}
		return a.Detail(ctx, id)
	}
	summary, first, last := w.Summary, w.firstSeq, a.seq
	a.mu.Unlock()
	var d details
	err = a.bus.ReadEvents(ctx, a.id, first, func(m bus.Stored) error {
		if m.Seq > last {
			return errEnough
		}
		if e, err := order.Decode(m.Data); err == nil && e.OrderID == id {
			d.fold(e)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return Detail{}, true, unavailable("read the order", err)
	}
	return d.of(summary), true, nil
}

// errEnough ends a reading of the stream early.
var errEnough = errors.New("enough")

// Orders returns at most limit orders that want approves, the newest first, of those with a number below before (0: all).
// Numbers count the account's orders from 1. next is the number to go on below, 0 at the end.
func (a *Account) Orders(before, limit int, want func(*order.Order) bool) (found []Summary, next int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from := len(a.orders)
	if before > 0 {
		from = min(from, before-1)
	}
	for n := from; n > 0; n-- {
		s := &a.orders[n-1].Summary
		if !want(&s.Order) {
			continue
		}
		if len(found) == limit {
			return found, n + 1
		}
		found = append(found, *s)
	}
	return found, 0
}
