package twap

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// half is exact, as a division by two is in decimals.
var half = decimal.New(5, 1)

// touch is the best displayed bid and ask over the usable books of a routing set.
type touch struct {
	bid, ask       decimal.Decimal
	hasBid, hasAsk bool
	usable         int          // how many books may be used
	fault          order.Reason // where none may: why, the gravest first
}

// gravity orders the reasons why a book cannot be used; the gravest stands for all where none can.
var gravity = [...]order.Reason{order.ExchangeDown, order.GappedBook, order.StaleBook, order.CrossedBook}

func look(sources []*source, at time.Time, stale time.Duration) touch {
	var t touch
	worst := len(gravity)
	for _, s := range sources {
		if fault := s.fault(at, stale); fault != "" {
			for i := range worst {
				if gravity[i] == fault {
					worst = i
				}
			}
			continue
		}
		t.usable++
		if len(s.book.Bids) > 0 && (!t.hasBid || t.bid.Less(s.book.Bids[0].Price)) {
			t.bid, t.hasBid = s.book.Bids[0].Price, true
		}
		if len(s.book.Asks) > 0 && (!t.hasAsk || s.book.Asks[0].Price.Less(t.ask)) {
			t.ask, t.hasAsk = s.book.Asks[0].Price, true
		}
	}
	if t.usable == 0 && worst < len(gravity) {
		t.fault = gravity[worst]
	}
	return t
}

// mid is the middle of the two best prices, known where both sides are.
func (t touch) mid() (decimal.Decimal, bool) {
	if !t.hasBid || !t.hasAsk {
		return decimal.Decimal{}, false
	}
	var c decimal.Calc
	mid := c.Mul(c.Add(t.bid, t.ask), half)
	return mid, c.Err() == nil
}

// far is the best price that an order of the given side could take.
func (t touch) far(taker market.Side) (decimal.Decimal, bool) {
	if taker == market.Buy {
		return t.ask, t.hasAsk
	}
	return t.bid, t.hasBid
}

// reference is what bounds and reservations are reckoned from: the mid, without one the far touch.
func (t touch) reference(taker market.Side) (decimal.Decimal, bool) {
	if mid, ok := t.mid(); ok {
		return mid, true
	}
	return t.far(taker)
}

// known returns a pointer to d where ok, else nil: the JSON null of what is not known.
func known(d decimal.Decimal, ok bool) *decimal.Decimal {
	if !ok {
		return nil
	}
	return &d
}
