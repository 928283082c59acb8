package twap

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// reserveDecimals is to how many decimals a reservation is rounded.
const reserveDecimals = 8

// unboundedBps is the room that is reserved above the mid for a buy that has no price bound.
var unboundedBps = decimal.New(500, 0)

// Reservation is what an order sets aside for a quantity: a sell the quantity itself; a buy its worth at the limit, or at
// the most that the slippage bound allows above the reference price, with the highest fee of its exchanges, a resting order's
// maker fee too.
func (w *Work) Reservation(quantity, reference decimal.Decimal) (order.Amount, error) {
	if w.Order.Side == market.Sell {
		return order.Amount{Asset: w.Order.Symbol.Base(), Amount: quantity}, nil
	}
	var c decimal.Calc
	price := reference
	switch {
	case w.Order.LimitPrice != nil:
		price = *w.Order.LimitPrice
	case w.MaxSlippageBps != nil:
		price = c.Add(price, c.Bps(price, *w.MaxSlippageBps))
	default:
		price = c.Add(price, c.Bps(price, unboundedBps))
	}
	fee := decimal.Decimal{}
	for _, e := range w.Order.Exchanges {
		fee = fee.Max(w.feeBound(e))
	}
	amount := c.Mul(c.Mul(quantity, price), feeFactor(market.Buy, fee))
	if err := c.Err(); err != nil {
		return order.Amount{}, err
	}
	rounding := decimal.HalfEven // what it may be short of by that is free, or the last fill is cut by a step
	if w.rests() {
		rounding = decimal.Ceil // the order is given what meets it, uncut
	}
	amount, err := amount.Round(reserveDecimals, rounding)
	return order.Amount{Asset: w.Order.Symbol.Quote(), Amount: amount}, err
}
