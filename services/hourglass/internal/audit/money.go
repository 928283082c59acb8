package audit

import (
	"maps"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// post carries the postings of an event out and checks what they make of the account.
func (a *account) post(e *order.Event, tell report) {
	var calc decimal.Calc
	sums := map[string]decimal.Decimal{}
	for i := range e.Postings {
		p := &e.Postings[i]
		sums[p.Asset] = calc.Add(sums[p.Asset], p.Amount)
		switch p.Bucket {
		case order.Available:
			a.available[p.Asset] = calc.Add(a.available[p.Asset], p.Amount)
		case order.Reserved:
			a.reserved[p.Asset] = calc.Add(a.reserved[p.Asset], p.Amount)
			a.held[p.OrderID] = calc.Add(a.held[p.OrderID], p.Amount)
			if p.OrderID == "" {
				tell(Postings, "%s %s is reserved for no order", p.Amount, p.Asset)
			}
		case order.Fees, order.Traded, order.Funding: // outside the account
		default:
			tell(Postings, "bucket %.20q is no place for money", string(p.Bucket))
		}
	}
	if err := calc.Err(); err != nil {
		tell(Postings, "the sums cannot be taken: %v", err)
	}
	for _, asset := range slices.Sorted(maps.Keys(sums)) {
		if !sums[asset].IsZero() {
			tell(Postings, "the postings of %s sum to %s", asset, sums[asset])
		}
		if a.available[asset].Sign() < 0 {
			tell(Negative, "available %s is %s", asset, a.available[asset])
		}
		if a.reserved[asset].Sign() < 0 {
			tell(Negative, "reserved %s is %s", asset, a.reserved[asset])
		}
	}
	a.compare(e, tell)
}

// compare holds what an event says of the account's balances against what its postings made.
func (a *account) compare(e *order.Event, tell report) {
	for _, b := range e.Balances {
		if b.Available != a.available[b.Asset] || b.Reserved != a.reserved[b.Asset] {
			tell(Balances, "it says %s available and %s reserved of %s, the postings make %s and %s",
				b.Available, b.Reserved, b.Asset, a.available[b.Asset], a.reserved[b.Asset])
		}
		if total, err := b.Available.Add(b.Reserved); err != nil || total != b.Total {
			tell(Balances, "the total of %s is said to be %s", b.Asset, b.Total)
		}
	}
}

// order checks an order's fills and what it holds.
func (a *account) order(e *order.Event, tell report) {
	w := a.orders[e.OrderID]
	if w == nil {
		w = &work{fills: map[string]bool{}}
		a.orders[e.OrderID] = w
	}
	if e.Type == order.CommandRejected {
		return // it names the order that it leaves as it is, ended or not
	}
	if w.reported {
		tell(Doubled, "order %s has been reported already", e.OrderID)
		return
	}
	for i := range e.Fills {
		f := &e.Fills[i]
		if w.fills[f.ID] {
			tell(Doubled, "fill %s is there already", f.ID)
		}
		w.fills[f.ID] = true
		sum, err := w.filled.Add(f.Quantity)
		if err != nil || f.Quantity.Sign() <= 0 || f.OrderID != e.OrderID {
			tell(Overfill, "fill %s of %s for order %s", f.ID, f.Quantity, f.OrderID)
		}
		w.filled = sum
	}
	held := a.held[e.OrderID]
	switch o := e.Order; {
	case w.filled != o.FilledQuantity:
		tell(Overfill, "order %s says that %s is filled, its fills sum to %s", o.ID, o.FilledQuantity, w.filled)
	case o.FilledQuantity.Cmp(o.Quantity) > 0:
		tell(Overfill, "order %s of %s has %s", o.ID, o.Quantity, o.FilledQuantity)
	case held.Sign() < 0:
		tell(Negative, "order %s holds %s", o.ID, held)
	case held != o.Reserved.Amount:
		tell(Balances, "order %s says that it holds %s, the postings make %s", o.ID, o.Reserved.Amount, held)
	}
	if e.Type == order.OrderReported {
		w.reported, w.fills = true, nil
		delete(a.held, e.OrderID)
	}
}
