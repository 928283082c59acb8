package twap

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Scene is what a decision is taken on besides the order: the instant, the market, what the account has taken from it,
// what its money allows, and when the executor came back if it was away.
type Scene struct {
	At      time.Time
	Market  *Market
	Memory  *Memory
	Budget  decimal.Decimal // what a buy may spend, in the quote asset: reserved and free, without what is in flight
	Resumed time.Time
	Void    bool // what arrives gets nothing, because its worth could not be booked
}

// Decide decides the next slice of the schedule, which must be due. What the slice sends out is in its children.
func (w *Work) Decide(sc *Scene) order.Slice {
	i, _ := w.undecided()
	s := order.Slice{
		K: i + 1, DueAt: w.Schedule[i].DueAt, DecidedAt: sc.At, Planned: w.Schedule[i].Quantity,
		CumulativePlanned: w.grid.value(w.planned[i]), CumulativeFilled: w.Order.FilledQuantity,
	}
	out := w.want(i)
	s.Backlog = w.grid.value(out.backlog)
	// Half an interval late, the next slice is nearer than this one: what it wanted goes there as backlog.
	late := 2*sc.At.Sub(s.DueAt) > time.Duration(w.stepMS())*time.Millisecond
	switch {
	case s.DueAt.Before(sc.Resumed):
		s.Status, s.Reason = order.SliceMissed, order.ServerDown
		return s
	case late:
		s.Status, s.Reason = order.SliceMissed, order.Late
		return s
	}
	seen := w.see(sc, &s)
	s.Status = order.SliceSkipped
	switch {
	case w.Order.Status == order.Paused:
		s.Reason = order.PausedByUser
		return s
	case seen.usable > 0:
		marks := w.MarksAt(sc.Market, sc.At)
		out = w.participate(out, marks.Cap)
	}
	w.send(sc, &s, seen, out)
	return s
}

// DecideSweep decides the extra slice at the end of the window, which takes all that is left and pays no heed to catch-up
// and participation.
func (w *Work) DecideSweep(sc *Scene) order.Slice {
	s := order.Slice{
		K: len(w.Schedule) + 1, DueAt: w.Order.EndsAt, DecidedAt: sc.At, Sweep: true, Status: order.SliceSkipped,
		CumulativePlanned: w.Order.Quantity, CumulativeFilled: w.Order.FilledQuantity,
	}
	out := w.sweep()
	s.Backlog = w.grid.value(out.backlog)
	w.send(sc, &s, w.see(sc, &s), out)
	return s
}

// see writes down what the books showed at the decision, and the price bound on each exchange.
func (w *Work) see(sc *Scene, s *order.Slice) touch {
	sources := w.sources(sc.Market)
	seen := look(sources, sc.At, w.stale())
	s.DecisionMid = known(seen.mid())
	s.BestBid, s.BestAsk = known(seen.bid, seen.hasBid), known(seen.ask, seen.hasAsk)
	reference, ok := seen.reference(w.Order.Side)
	s.Books = make([]order.BookSeen, 0, len(sources))
	for i, src := range sources {
		b := order.BookSeen{Exchange: src.exchange, Reason: src.fault(sc.At, w.stale())}
		b.Usable = b.Reason == ""
		if src.book != nil {
			b.Seq, b.ExchangeSeq = src.book.Seq, src.book.ExchangeSeq
		}
		if b.Usable && ok {
			b.Bound = bound(w.Order.Side, w.Order.LimitPrice, w.MaxSlippageBps, reference, w.Instruments[i].PriceTick)
		}
		s.Books = append(s.Books, b)
	}
	return seen
}

// send routes what a slice wants and makes a child of each share.
func (w *Work) send(sc *Scene, s *order.Slice, seen touch, out want) {
	s.Wanted, s.LimitedBy = w.grid.value(out.wanted), out.limitedBy
	switch {
	case seen.usable == 0:
		s.Reason = seen.fault
		return
	case out.wanted <= 0:
		if out.limitedBy == byParticipation {
			s.Reason = order.ParticipationCap
		}
		return
	}
	k := w.walker(sc.At, sc.Market, sc.Memory.recall(w, sc.At))
	for i := range k.cursors {
		k.cursors[i].bound = boundOn(s.Books, k.cursors[i].exchange)
	}
	var budget *decimal.Decimal
	if w.Order.Side == market.Buy {
		budget = &sc.Budget
	}
	route := w.route
	if w.Order.TimeInForce == order.FOK {
		route = w.whole
	}
	parts := route(k, out.wanted, budget)
	if w.rests() {
		w.sendResting(sc, s, k, parts, out.wanted)
		return
	}
	if parts.short {
		s.LimitedBy = byFunds
	}
	if parts.grains == 0 {
		s.Reason = w.nothing(k, parts)
		return
	}
	s.Status = order.SliceSent
	switch {
	case parts.grains == out.wanted:
	case parts.short:
		s.Reason = order.InsufficientFunds
	default:
		s.Reason = order.InsufficientDepth
	}
	w.launch(sc, s, k, parts)
}

// launch makes a child of each share.
func (w *Work) launch(sc *Scene, s *order.Slice, k *walker, parts split) {
	s.Children = make([]order.Child, 0, len(parts.shares))
	for _, part := range parts.shares {
		c := &k.cursors[part.cursor]
		s.Children = append(s.Children, order.Child{
			Exchange: c.exchange, Quantity: w.grid.value(part.steps * c.grains), Limit: c.bound,
			ArrivesAt: sc.At.Add(w.latency(c.exchange)), Cost: part.cost,
		})
	}
}

func boundOn(books []order.BookSeen, e market.Exchange) *decimal.Decimal {
	for i := range books {
		if books[i].Exchange == e {
			return books[i].Bound
		}
	}
	return nil
}

// latency is the time from a decision to its arrival at an exchange.
func (w *Work) latency(e market.Exchange) time.Duration {
	ms, ok := w.Order.Profile.LatencyMSBy[e]
	if !ok {
		ms = w.Order.Profile.LatencyMS
	}
	return time.Duration(ms) * time.Millisecond
}
