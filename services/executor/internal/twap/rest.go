package twap

import (
	"slices"
	"strconv"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// feeBound is the most that a fill on an exchange may cost, in basis points.
func (w *Work) feeBound(e market.Exchange) decimal.Decimal {
	taker := w.Order.Profile.TakerFeeBps[e]
	if w.rests() {
		return taker.Max(w.makerFee(e))
	}
	return taker
}

// makerFee is what a resting order's fill costs, in basis points.
func (w *Work) makerFee(e market.Exchange) decimal.Decimal {
	if fee, ok := w.Order.Profile.MakerFeeBps[e]; ok {
		return fee
	}
	return w.Order.Profile.TakerFeeBps[e]
}

// sendResting sends out all of an order that rests: to each exchange what it gives at once, and the rest along with the
// share of the one where it is to wait.
func (w *Work) sendResting(sc *Scene, s *order.Slice, k *walker, parts split, need int64) {
	w.launch(sc, s, k, parts)
	for _, i := range w.homes(k) {
		c := &k.cursors[i]
		if w.lodge(sc, s, c, need-parts.grains) {
			break
		}
	}
	switch {
	case len(s.Children) == 0:
		s.Reason = order.BelowMinimum
	default:
		s.Status, s.Reason = order.SliceSent, order.Rests
	}
}

// homes returns where an order may wait, the likeliest to be reached first: by the best far price with the maker fee, then
// by name. A book without a far side comes last.
func (w *Work) homes(k *walker) []int {
	type home struct {
		cursor int
		price  *decimal.Decimal
	}
	var list []home
	for i := range k.cursors {
		c := &k.cursors[i]
		h := home{cursor: i}
		if len(c.levels) > 0 {
			if p, err := c.levels[0].Price.Mul(feeFactor(k.side, w.makerFee(c.exchange))); err == nil {
				h.price = &p
			}
		}
		list = append(list, h)
	}
	slices.SortStableFunc(list, func(a, b home) int {
		switch {
		case a.price == nil && b.price == nil:
			return 0
		case a.price == nil:
			return 1
		case b.price == nil || worse(k.side, *b.price, *a.price):
			return -1
		case worse(k.side, *a.price, *b.price):
			return 1
		}
		return 0
	})
	out := make([]int, len(list))
	for i, h := range list {
		out[i] = h.cursor
	}
	return out
}

// lodge makes the child that rests: what its exchange gives at once and the whole steps of the rest. It reports whether the
// exchange accepts that.
func (w *Work) lodge(sc *Scene, s *order.Slice, c *cursor, rest int64) bool {
	if c.bound == nil { // no usable book had a far side, so none had a bound
		c.bound = toTick(w.Order.Side, *w.Order.LimitPrice, w.instrument(c.exchange).PriceTick)
	}
	at := slices.IndexFunc(s.Children, func(child order.Child) bool { return child.Exchange == c.exchange })
	child := order.Child{Exchange: c.exchange, Limit: c.bound, ArrivesAt: sc.At.Add(w.latency(c.exchange))}
	if at >= 0 {
		child = s.Children[at]
	}
	steps := rest / c.grains
	var calc decimal.Calc
	more := calc.FromSteps(steps, c.step)
	child.Quantity = calc.Add(child.Quantity, more)
	worth := calc.Mul(*c.bound, child.Quantity)
	child.Cost = calc.Add(child.Cost, calc.Mul(calc.Mul(*c.bound, more), feeFactor(w.Order.Side, w.feeBound(c.exchange))))
	child.Rests = true
	in := w.instrument(c.exchange)
	if calc.Err() != nil || at < 0 && (steps == 0 || child.Quantity.Less(in.MinQuantity) || worth.Less(in.MinNotional)) {
		return false
	}
	if at >= 0 {
		s.Children[at] = child
		return true
	}
	s.Children = append(s.Children, child)
	return true
}

// Rest returns where what is left of an order comes to rest when the last child of its slice has arrived; nil if it does
// not: the slice had no child to wait, the exchange or the executor was down, or less than a step is left.
func (w *Work) Rest(sc *Scene, s *order.Slice, left decimal.Decimal) *order.Resting {
	if !w.rests() || s.Status == order.SliceSent || sc.Void || s.DecidedAt.Before(sc.Resumed) {
		return nil
	}
	i := slices.IndexFunc(s.Children, func(child order.Child) bool { return child.Rests })
	if i < 0 {
		return nil
	}
	child := &s.Children[i]
	src := sc.Market.source(child.Exchange, w.Order.Symbol)
	if src.fault(sc.At, w.stale()) != "" || left.Less(w.instrument(child.Exchange).QuantityStep) {
		return nil
	}
	r := &order.Resting{Exchange: child.Exchange, Price: *child.Limit, Since: sc.At}
	r.Ahead, r.Hidden = ahead(src.book, w.Order.Side, r.Price)
	s.Reason = order.Rests
	return r
}

// Meets reports whether something has met the order since its last event.
func (w *Work) Meets(m *Market) bool {
	p, ok := m.queues[w.Order.ID]
	return ok && w.Order.Resting != nil && (len(p.gifts) > 0 || p.fresh)
}

// Match works out what has met a resting order since its last event: trades first, then a book that has reached its price.
// It returns what it got as a slice of its own and where the rest goes on waiting; false if nothing came of it.
func (w *Work) Match(sc *Scene) (order.Slice, *order.Resting, bool) {
	if !w.Meets(sc.Market) {
		return order.Slice{}, nil, false
	}
	p := sc.Market.queues[w.Order.ID]
	n := len(w.Slices) + 1
	s := order.Slice{
		K: n, DueAt: sc.At, DecidedAt: sc.At, Wanted: w.Order.RemainingQuantity, Status: order.SlicePartial, Reason: order.Rests,
		CumulativePlanned: w.Order.Quantity,
	}
	r := p.rest
	w.given(sc, &s, &r, p)
	w.reached(sc, &s, &r, p)
	if len(s.Fills) == 0 {
		p.gifts, p.fresh = nil, false
		return order.Slice{}, nil, false
	}
	var c decimal.Calc
	s.CumulativeFilled = c.Add(w.Order.FilledQuantity, s.Filled)
	left := c.Sub(s.Wanted, s.Filled)
	switch {
	case left.IsZero():
		s.Status, s.Reason = order.SliceFilled, ""
		return s, nil, true
	case left.Less(p.step):
		s.Reason = order.BelowMinimum
		return s, nil, true
	}
	return s, &r, true
}

// given writes down what trades gave.
func (w *Work) given(sc *Scene, s *order.Slice, r *order.Resting, p place) {
	for i := range p.gifts {
		g := &p.gifts[i]
		f := w.made(sc, s, p, g.quantity)
		f.TradeID, f.Displayed, f.Remembered = g.trade, g.behind, g.before
		if keep(s, f) {
			var c decimal.Calc
			r.Matched = c.Add(r.Matched, g.quantity)
		}
	}
}

// reached takes from a book that shows the order's price or better on the other side, at the order's own price, what it
// shows and has not been taken yet.
func (w *Work) reached(sc *Scene, s *order.Slice, r *order.Resting, p place) {
	var c decimal.Calc
	need := w.count(c.Sub(s.Wanted, s.Filled))
	if !p.fresh || need <= 0 || p.src.fault(sc.At, w.stale()) != "" {
		return
	}
	k := w.walker(sc.At, sc.Market, sc.Memory.recall(w, sc.At))
	k.cursors = slices.DeleteFunc(k.cursors, func(c cursor) bool { return c.exchange != r.Exchange })
	cur := &k.cursors[0]
	cur.bound = &r.Price
	takes, _ := k.walk(need, nil)
	for _, t := range takes {
		level := &p.src.book.Far(w.Order.Side)[t.level]
		f := w.made(sc, s, p, w.grid.value(t.steps*cur.grains))
		var calc decimal.Calc
		f.Remembered = calc.FromSteps(t.remembered, cur.step)
		f.LevelPrice, f.Displayed, f.Level = &level.Price, level.Quantity, t.level
		keep(s, f)
	}
}

// made is a fill at the order's own price, with the maker fee and the book as it is then.
func (w *Work) made(sc *Scene, s *order.Slice, p place, quantity decimal.Decimal) order.Fill {
	seen := look(w.sources(sc.Market), sc.At, w.stale())
	mid := known(seen.mid())
	if mid == nil {
		mid = w.MarksAt(sc.Market, sc.At).Mid
	}
	touch, ok := seen.far(w.Order.Side)
	if !ok {
		touch = p.rest.Price
	}
	var c decimal.Calc
	f := order.Fill{
		ID:      string(w.Order.ID) + "-" + strconv.Itoa(s.K) + "-" + string(p.rest.Exchange) + "-" + strconv.Itoa(len(s.Fills)+1),
		OrderID: w.Order.ID, Slice: s.K, Exchange: p.rest.Exchange, At: sc.At, Side: w.Order.Side, Price: p.rest.Price,
		Quantity: quantity, Fee: c.Bps(c.Mul(p.rest.Price, quantity), w.makerFee(p.rest.Exchange)), Maker: true, Mid: mid, Touch: touch,
	}
	if b := p.src.book; b != nil {
		f.BookSequence, f.ExchangeSeq = b.Seq, b.ExchangeSeq
	}
	if c.Err() != nil {
		f.Quantity = decimal.Decimal{} // its worth does not fit 38 digits: it cannot be had
	}
	return f
}

// keep puts a fill into a slice unless it is empty.
func keep(s *order.Slice, f order.Fill) bool {
	sum, err := s.Filled.Add(f.Quantity)
	if f.Quantity.IsZero() || err != nil {
		return false
	}
	s.Fills, s.Filled = append(s.Fills, f), sum
	return true
}
