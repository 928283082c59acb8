package twap

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// share is the part of a slice that goes to one exchange.
type share struct {
	cursor         int
	steps          int64
	notional, cost decimal.Decimal
}

// split is how a slice is spread over the exchanges.
type split struct {
	shares  []share // by exchange, none empty
	grains  int64   // the sum
	short   bool    // money ran out
	dropped bool    // an exchange was left out because its share was below its minimum
	partly  bool    // something could be had, but nowhere all of what must be had whole
}

// route spreads need over the books: greedily, and again without the smallest share that its exchange would not accept,
// until all that is left is acceptable.
func (w *Work) route(k *walker, need int64, budget *decimal.Decimal) split {
	var out split
	for {
		takes, short := k.walk(need, budget)
		out.shares, out.short, out.grains = k.shares(takes), short, 0
		smallest := -1
		for i, s := range out.shares {
			c := &k.cursors[s.cursor]
			out.grains += s.steps * c.grains
			if w.acceptable(c, s) {
				continue
			}
			if smallest < 0 || s.notional.Less(out.shares[smallest].notional) {
				smallest = i
			}
		}
		if smallest < 0 {
			return out
		}
		k.cursors[out.shares[smallest].cursor].out = true
		out.dropped = true
	}
}

// shares sums the takes of a walk by exchange.
func (k *walker) shares(takes []take) []share {
	sums := make([]share, len(k.cursors))
	for _, t := range takes {
		c, s := &k.cursors[t.cursor], &sums[t.cursor]
		var calc decimal.Calc
		notional, cost := calc.Add(s.notional, c.notional(t.level, t.steps)), calc.Add(s.cost, c.cost(t.level, t.steps))
		if calc.Err() != nil {
			continue // beyond 38 digits: as if it were not there
		}
		s.steps, s.notional, s.cost = s.steps+t.steps, notional, cost
	}
	var out []share
	for i := range sums {
		if sums[i].cursor = i; sums[i].steps > 0 {
			out = append(out, sums[i])
		}
	}
	return out
}

// whole sends all of need to the one exchange that gives it cheapest with its fee, or nothing. Of equals the first by name.
func (w *Work) whole(k *walker, need int64, budget *decimal.Decimal) split {
	var out, best split
	var worth decimal.Decimal
	for i := range k.cursors {
		for j := range k.cursors {
			k.cursors[j].out = j != i
		}
		takes, short := k.walk(need, budget)
		out.short = out.short || short
		shares := k.shares(takes)
		if len(shares) == 0 {
			continue
		}
		s, c := shares[0], &k.cursors[i]
		if s.steps*c.grains < need || !w.acceptable(c, s) {
			out.partly = true
			continue
		}
		price, err := s.notional.Mul(c.factor)
		if err == nil && (best.grains == 0 || worse(k.side, worth, price)) {
			best, worth = split{shares: shares, grains: need}, price
		}
	}
	for i := range k.cursors {
		k.cursors[i].out = false
	}
	if best.grains > 0 {
		return best
	}
	return out
}

func (w *Work) acceptable(c *cursor, s share) bool {
	in := w.instrument(c.exchange)
	quantity, err := decimal.FromSteps(s.steps, c.step)
	return err == nil && !quantity.Less(in.MinQuantity) && !s.notional.Less(in.MinNotional)
}

// nothing says why no level could be taken although a book may be used.
func (w *Work) nothing(k *walker, s split) order.Reason {
	switch {
	case s.short:
		return order.InsufficientFunds
	case s.dropped:
		return order.BelowMinimum
	case s.partly:
		return order.NotAllAtOnce
	}
	best, offered, within, consumed := decimal.Decimal{}, false, false, false
	for i := range k.cursors {
		c := &k.cursors[i]
		if len(c.levels) == 0 {
			continue
		}
		if p := c.levels[0].Price; !offered || worse(k.side, best, p) {
			best, offered = p, true
		}
		for c.pos = 0; c.pos < len(c.levels) && inside(k.side, c.levels[c.pos].Price, c.bound); c.pos++ {
			k.size(c)
			within, consumed = true, consumed || c.remembered > 0
		}
	}
	switch limit := w.Order.LimitPrice; {
	case !offered || within && !consumed:
		return order.NoLiquidity
	case within:
		return order.LiquidityConsumed
	case limit != nil && !inside(w.Order.Side, best, limit):
		return order.LimitNotMet
	}
	return order.SlippageCap
}

// instrument returns an exchange's terms for the order's pair as they were at acceptance.
func (w *Work) instrument(e market.Exchange) *market.Instrument {
	for i := range w.Instruments {
		if w.Instruments[i].Exchange == e {
			return &w.Instruments[i]
		}
	}
	return &market.Instrument{Exchange: e}
}
