package twap

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// sign is +1 for a buy and −1 for a sell, so that what is positive is a cost.
func sign(s market.Side) rat {
	if s == market.Sell {
		return whole(-1)
	}
	return whole(1)
}

// Summary returns the order as it is after one more change, with the fills of a slice, which may be nil. It fails with
// decimal.ErrOverflow.
func (w *Work) Summary(s *order.Slice, fills []order.Fill) (*order.Order, error) {
	o := w.Order
	o.Version++
	var c decimal.Calc
	for i := range fills {
		f := &fills[i]
		o.FilledQuantity = c.Add(o.FilledQuantity, f.Quantity)
		o.Notional = c.Add(o.Notional, c.Mul(f.Price, f.Quantity))
		o.Fees = c.Add(o.Fees, f.Fee)
	}
	if len(fills) > 0 {
		Derive(&o, &c)
	}
	if s != nil && !s.Sweep && s.Status != order.SliceSent { // each slice gets its last status once
		o.SlicesDone++
	}
	return &o, c.Err()
}

// Derive works out what follows from an order's quantity, fills and arrival mid.
func Derive(o *order.Order, c *decimal.Calc) {
	o.RemainingQuantity = c.Sub(o.Quantity, o.FilledQuantity)
	o.AveragePrice = Average(o.Notional, o.FilledQuantity)
	o.SlippageBps = slippage(o)
	if p := part(o.FilledQuantity, o.Quantity, ratioDecimals); p != nil {
		o.Progress = order.Ratio(*p)
	}
}

// slippage returns what the fills of an order cost against its arrival mid on average, in basis points.
func slippage(o *order.Order) *decimal.Decimal {
	if o.ArrivalMid == nil {
		return nil
	}
	var c decimal.Calc
	worth := c.Mul(*o.ArrivalMid, o.FilledQuantity)
	cost := c.Sub(o.Notional, worth)
	if o.Side == market.Sell {
		cost = cost.Neg()
	}
	cost = c.Mul(cost, decimal.New(10_000, 0))
	if c.Err() != nil { // beyond 38 digits on the way, but maybe not in the end
		return bpsOf(sign(o.Side), quo(exactly(o.Notional), exactly(o.FilledQuantity)), maybe(o.ArrivalMid))
	}
	return part(cost, worth, bpsDecimals)
}

// part returns a/b with some decimals; nil where b is zero or it does not fit a Decimal.
func part(a, b decimal.Decimal, decimals int) *decimal.Decimal {
	q, err := a.Quo(b, decimals, decimal.HalfEven)
	return known(q, err == nil)
}

// Average returns the price that a quantity was had at on average, as reports have it; nil where there is none.
func Average(notional, quantity decimal.Decimal) *decimal.Decimal {
	return part(notional, quantity, priceDecimals)
}
