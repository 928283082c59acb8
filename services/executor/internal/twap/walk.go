package twap

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// walker takes from the far side of several books as if they were one, best level first.
type walker struct {
	symbol  market.Symbol
	side    market.Side
	byPrice bool // in the order of raw prices; else of prices with the fee
	visible decimal.Decimal
	recall  recall
	cursors []cursor // by exchange
}

// cursor is the walker's place in one book. Sizes are in the exchange's own steps.
type cursor struct {
	exchange    market.Exchange
	step        decimal.Decimal
	grains      int64 // of a step
	fee, factor decimal.Decimal
	levels      []market.Level
	born        []int64
	bound       *decimal.Decimal
	out         bool // not to be used

	pos        int             // of the level in question
	rank       decimal.Decimal // what it is ordered by
	available  int64
	remembered int64
}

// take is what a walk took of one level.
type take struct {
	cursor, level     int
	steps, remembered int64
}

// walker returns a walker over the usable ones of an order's books. The one before it is of no use any more.
func (w *Work) walker(at time.Time, m *Market, memory recall) *walker {
	k := &walker{
		symbol: w.Order.Symbol, side: w.Order.Side, byPrice: w.Order.Params.Routing == order.RoutePrice,
		visible: w.Order.Profile.VisibleShare, recall: memory, cursors: m.cursors[:0],
	}
	for i := range w.Instruments {
		in := &w.Instruments[i]
		src := m.source(in.Exchange, in.Symbol)
		if src.fault(at, w.stale()) != "" {
			continue
		}
		fee := w.Order.Profile.TakerFeeBps[in.Exchange]
		k.cursors = append(k.cursors, cursor{
			exchange: in.Exchange, step: in.QuantityStep, grains: w.grid.step[i], fee: fee, factor: feeFactor(k.side, fee),
			levels: src.book.Far(k.side), born: src.bornFar(k.side),
		})
	}
	m.cursors = k.cursors
	return k
}

// feeFactor is what a price is multiplied by to hold the fee: 1 + fee for a buy, 1 − fee for a sell.
func feeFactor(side market.Side, bps decimal.Decimal) decimal.Decimal {
	var c decimal.Calc
	part := c.Bps(decimal.One, bps)
	if side == market.Sell {
		part = part.Neg()
	}
	return c.Add(decimal.One, part)
}

// walk takes up to need grains, and no more than budget pays for where there is one. Short tells that money ran out.
// What can be taken of a level is cut to the exchange's step, so a little of need may be left where steps differ.
func (k *walker) walk(need int64, budget *decimal.Decimal) (takes []take, short bool) {
	for i := range k.cursors {
		k.cursors[i].pos = -1
		k.advance(&k.cursors[i])
	}
	var left decimal.Decimal
	if budget != nil {
		left = *budget
	}
	for need > 0 {
		i := k.best(need)
		if i < 0 {
			break
		}
		c := &k.cursors[i]
		steps := min(c.available, need/c.grains)
		if budget != nil {
			afford := c.afford(left, steps)
			if short = afford < steps; short {
				steps = afford
			}
			if rest, err := left.Sub(c.cost(c.pos, steps)); err == nil {
				left = rest
			}
		}
		if steps > 0 {
			takes = append(takes, take{cursor: i, level: c.pos, steps: steps, remembered: c.remembered})
			need -= steps * c.grains
		}
		if short { // what is dearer cannot be paid either
			break
		}
		k.advance(c)
	}
	return takes, short
}

// best returns the cursor with the best level, -1 if none has one from which a step of need can be taken.
func (k *walker) best(need int64) int {
	best := -1
	for i := range k.cursors {
		c := &k.cursors[i]
		if c.out || c.pos >= len(c.levels) || c.grains > need {
			continue
		}
		if best < 0 || k.before(c, &k.cursors[best]) {
			best = i
		}
	}
	return best
}

// before orders levels of different exchanges: by price with the fee (or as it is), then the better raw price, then the
// lower fee, then by name, in which the cursors stand.
func (k *walker) before(a, b *cursor) bool {
	if a.rank != b.rank {
		return worse(k.side, b.rank, a.rank)
	}
	if p, q := a.levels[a.pos].Price, b.levels[b.pos].Price; p != q {
		return worse(k.side, q, p)
	}
	return a.fee.Less(b.fee)
}

// advance goes to the next level that is inside the bound and has something left, or behind the last.
func (k *walker) advance(c *cursor) {
	for c.pos++; c.pos < len(c.levels); c.pos++ {
		price := c.levels[c.pos].Price
		if !inside(k.side, price, c.bound) {
			c.pos = len(c.levels)
			return
		}
		if k.size(c); c.available > 0 {
			c.rank = price
			if !k.byPrice {
				if rank, err := price.Mul(c.factor); err == nil {
					c.rank = rank
				}
			}
			return
		}
	}
}

// size works out what is available at the cursor's level.
func (k *walker) size(c *cursor) {
	c.available, c.remembered = 0, 0
	shown := c.levels[c.pos].Quantity
	if k.visible != decimal.One {
		share, err := shown.Mul(k.visible)
		if err != nil {
			return
		}
		shown = share
	}
	steps, err := shown.FloorSteps(c.step)
	if err != nil {
		return
	}
	c.remembered = k.recall.missing(level{c.exchange, k.symbol, k.side, c.levels[c.pos].Price}, c.born[c.pos])
	c.available = max(0, steps-c.remembered)
}

// afford returns how many of steps at the cursor's level a budget pays for, fee included.
func (c *cursor) afford(budget decimal.Decimal, steps int64) int64 {
	if cost := c.cost(c.pos, steps); cost.Sign() > 0 && cost.Cmp(budget) <= 0 {
		return steps
	}
	if budget.Sign() <= 0 {
		return 0
	}
	n, err := budget.FloorSteps(c.cost(c.pos, 1))
	if err != nil {
		return 0
	}
	return min(n, steps)
}

// cost is what steps at a level cost, fee included; zero where that does not fit 38 digits.
func (c *cursor) cost(level int, steps int64) decimal.Decimal {
	var calc decimal.Calc
	return calc.Mul(calc.FromSteps(steps, c.step), calc.Mul(c.levels[level].Price, c.factor))
}

// notional is what steps at a level are worth; zero where that does not fit 38 digits.
func (c *cursor) notional(level int, steps int64) decimal.Decimal {
	var calc decimal.Calc
	return calc.Mul(calc.FromSteps(steps, c.step), c.levels[level].Price)
}
