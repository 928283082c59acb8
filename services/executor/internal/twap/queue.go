package twap

import (
	"cmp"
	"maps"
	"slices"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// maxGifts is how many trades may wait for an order to be decided on. Beyond it trades pass the order by: it gets less than
// it would, never more.
const maxGifts = 1024

// queue is a resting order's place at its exchange. It is risk-averse: what the book showed at the price when the order
// joined must trade there before the order does, as nobody ahead is taken to leave, and only a trade strictly through the
// price meets it before that. What it has gained since the order's last event is lost in a restart, which gives the order
// less, never more.
type queue struct {
	id    order.ID
	owner order.AccountID
	group string // orders of one group share each trade, the best price and the first to come first
	rest  order.Resting
	side  market.Side
	step  decimal.Decimal
	want  decimal.Decimal // what the order lacks and no trade has given yet
	gifts []gift
	fresh bool // a book has reached the price and was not looked at yet
}

// gift is what a trade gives to a resting order.
type gift struct {
	trade    string // the exchange's id
	quantity decimal.Decimal
	behind   decimal.Decimal // what of the trade came to behind the queue
	before   decimal.Decimal // what of that went to orders of the group before this one
}

// Queue brings a resting order's place up to what its last event says, and lets that of another order go. What has met the
// order since is dropped: it was in the event, or came while nobody could know whether the event was stored.
func (w *Work) Queue(m *Market, owner order.AccountID) {
	m.leave(w.Order.ID)
	r := w.Order.Resting
	if r == nil || w.Order.Status.Ended() {
		return
	}
	in := w.instrument(r.Exchange)
	q := &queue{
		id: w.Order.ID, owner: owner, group: string(owner), rest: *r, side: w.Order.Side, step: in.QuantityStep,
		want: w.Order.RemainingQuantity,
	}
	if w.Order.Profile.MemoryScope == ScopeOrder {
		q.group = string(w.Order.ID)
	}
	src := m.source(r.Exchange, w.Order.Symbol)
	at, _ := slices.BinarySearchFunc(src.queues, q, (*queue).compare)
	src.queues = slices.Insert(src.queues, at, q)
	m.queues[q.id] = place{q, src}
}

// place is a queue and the book that it is at.
type place struct {
	*queue
	src *source
}

func (m *Market) leave(id order.ID) {
	if p, ok := m.queues[id]; ok {
		delete(m.queues, id)
		p.src.queues = slices.DeleteFunc(p.src.queues, func(q *queue) bool { return q.id == id })
	}
}

// Met returns the accounts that have orders which something has met since the last call, by name.
func (m *Market) Met() []order.AccountID {
	if len(m.met) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(m.met))
	clear(m.met)
	return ids
}

// compare orders the queues of a book: those of a group together, the better price first, then who came first.
func (q *queue) compare(o *queue) int {
	better := q.rest.Price.Cmp(o.rest.Price)
	if q.side == market.Buy {
		better = -better
	}
	first := cmp.Or(q.rest.Since.Compare(o.rest.Since), cmp.Compare(q.id, o.id))
	return cmp.Or(cmp.Compare(q.group, o.group), cmp.Compare(q.side, o.side), better, first)
}

// printed lets a trade meet the resting orders of its book. An order that shares it gets what those before it left.
func (m *Market) printed(s *source, t *market.Trade) {
	group, left := "", decimal.Decimal{}
	for _, q := range s.queues {
		if q.group != group {
			group, left = q.group, t.Quantity
		}
		given := q.meet(t, left)
		if given.Sign() > 0 {
			m.met[q.owner] = true
		}
		if rest, err := left.Sub(given); err == nil {
			left = rest
		}
	}
}

// meet returns what an order gets of a trade of which left is left. A taker on the order's own side came for the other side
// of the book; one whose side is not told may have come for this one.
func (q *queue) meet(t *market.Trade, left decimal.Decimal) decimal.Decimal {
	at := t.Price == q.rest.Price
	if t.TakerSide == q.side || !at && !worse(q.side, q.rest.Price, t.Price) || at && q.rest.Hidden {
		return decimal.Decimal{}
	}
	var c decimal.Calc
	var passed decimal.Decimal // what went to those ahead
	if at {
		passed = q.rest.Ahead.Min(t.Quantity)
		q.rest.Ahead = c.Sub(q.rest.Ahead, passed)
	}
	behind := c.Sub(left, passed)
	if behind.Sign() <= 0 || len(q.gifts) == maxGifts {
		return decimal.Decimal{}
	}
	steps, err := behind.Min(q.want).FloorSteps(q.step)
	given := c.FromSteps(steps, q.step)
	want := c.Sub(q.want, given)
	if err != nil || c.Err() != nil || given.Sign() <= 0 {
		return decimal.Decimal{} // a size beyond 38 digits is no trade
	}
	q.want = want
	q.gifts = append(q.gifts, gift{t.ID, given, c.Sub(t.Quantity, passed), c.Sub(t.Quantity, left)})
	return given
}

// shown lets a new book meet the resting orders at it.
func (m *Market) shown(s *source) {
	for _, q := range s.queues {
		if q.rest.Hidden {
			q.rest.Ahead, q.rest.Hidden = ahead(s.book, q.side, q.rest.Price)
		}
		far := s.book.Far(q.side)
		if len(far) > 0 && !worse(q.side, far[0].Price, q.rest.Price) {
			q.fresh = true
			m.met[q.owner] = true
		}
	}
}

// ahead returns what a book shows at a price on the side where an order of the given side rests. Hidden tells that the
// price lies behind the levels that are published.
func ahead(b *market.Book, side market.Side, price decimal.Decimal) (shown decimal.Decimal, hidden bool) {
	near := b.Far(side.Opposite())
	for i := range near {
		if near[i].Price == price {
			return near[i].Quantity, false
		}
	}
	hidden = len(near) >= publishedDepth && worse(side, near[len(near)-1].Price, price)
	return decimal.Decimal{}, hidden
}
