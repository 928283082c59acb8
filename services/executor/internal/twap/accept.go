package twap

import (
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Request is an order that somebody wants worked. Params have passed Validate; Profile says how real the fills are.
type Request struct {
	ID      order.ID
	Params  *order.Params
	Plain   *order.Plain // of a plain order, whose Params are Plain.Params; else nil
	Profile order.Profile
	Market  string // live, sim or replay
	At      time.Time
}

// Accept checks an order against the market and lays its schedule out. It returns the order as accepted and what was fixed,
// or why it is refused. Whether the reservation can be paid is the account's to say. Nothing is changed.
func Accept(r *Request, m *Market) (*order.Order, *order.Acceptance, *order.Rejection) {
	set, refused := r.instruments(m)
	if refused != nil {
		return nil, nil, refused
	}
	w := &Work{Instruments: set, MaxSlippageBps: r.Params.MaxSlippageBps}
	w.Order = r.order(set)
	g, err := newGrid(set)
	if err != nil {
		return nil, nil, invalid("validation_failed", "symbol", "its quantity steps cannot be counted together")
	}
	w.grid = g
	seen := look(w.sources(m), r.At, w.stale())
	reference, ok := seen.reference(r.Params.Side)
	if !ok {
		return nil, nil, &order.Rejection{
			Kind: order.Invalid, Code: "no_market_data", Detail: "no selected exchange has a live book of " + string(r.Params.Symbol),
		}
	}
	if refused = r.plan(w, reference); refused != nil {
		return nil, nil, refused
	}
	reservation, err := w.Reservation(w.Order.Quantity, reference)
	if err != nil {
		return nil, nil, invalid("validation_failed", "quantity", "its worth does not fit 38 digits")
	}
	w.Order.Reserved = reservation
	return &w.Order, &order.Acceptance{
		Schedule: w.Schedule, Instruments: set, DecisionMid: known(seen.mid()), Reservation: reservation,
	}, nil
}

func invalid(code, field, detail string) *order.Rejection {
	return &order.Rejection{
		Kind: order.Invalid, Code: code, Detail: field + ": " + detail, Errors: []order.FieldError{{Field: field, Detail: detail}},
	}
}

// instruments resolves the routing set: the named exchanges, or every one that lists the symbol and trades it.
func (r *Request) instruments(m *Market) ([]market.Instrument, *order.Rejection) {
	p := r.Params
	listed := m.Instruments(p.Symbol)
	if len(p.Exchanges) == 1 && p.Exchanges[0] == market.All {
		set := slices.DeleteFunc(slices.Clone(listed), func(in market.Instrument) bool { return in.Status != market.Trading })
		switch {
		case len(listed) == 0:
			return nil, invalid("unknown_symbol", "symbol", "no exchange lists it")
		case len(set) == 0:
			return nil, invalid("instrument_halted", "symbol", "no exchange trades it now")
		}
		return set[:min(len(set), order.MaxExchanges)], nil
	}
	var set []market.Instrument
	for _, in := range listed {
		if !slices.Contains(p.Exchanges, in.Exchange) {
			continue
		}
		if in.Status != market.Trading {
			return nil, invalid("instrument_halted", "exchange", fmt.Sprintf("%s does not trade it now", in.Exchange))
		}
		set = append(set, in)
	}
	for _, e := range p.Exchanges {
		switch {
		case !m.Knows(e):
			return nil, invalid("unknown_exchange", "exchange", fmt.Sprintf("%s is not connected", e))
		case !slices.ContainsFunc(set, func(in market.Instrument) bool { return in.Exchange == e }):
			return nil, invalid("unknown_symbol", "symbol", fmt.Sprintf("%s does not list it", e))
		}
	}
	return set, nil
}

// order is the order before anything is worked out.
func (r *Request) order(set []market.Instrument) order.Order {
	p := *r.Params
	if p.Seed == nil {
		seed := order.DefaultSeed(r.ID)
		p.Seed = &seed
	}
	start := p.StartsAt
	if start.IsZero() {
		start = r.At
	}
	start = start.Truncate(time.Millisecond).UTC()
	o := order.Order{
		ID: r.ID, TokenID: p.TokenID, Type: order.TWAP, Symbol: p.Symbol, Side: p.Side, Status: order.Accepted,
		Quantity: p.Quantity, RemainingQuantity: p.Quantity, LimitPrice: p.LimitPrice,
		CreatedAt: r.At, StartsAt: start, EndsAt: start.Add(time.Duration(p.DurationSeconds) * time.Second),
		Version: 1, Params: p, Profile: r.Profile, Market: r.Market,
	}
	if r.Plain != nil {
		o.Type, o.TimeInForce = r.Plain.Type, r.Plain.TimeInForce
	}
	for i := range set {
		o.Exchanges = append(o.Exchanges, set[i].Exchange)
	}
	o.Profile = usable(only(o.Profile, o.Exchanges, o.TimeInForce == order.GTC))
	return o
}

// Refused is the order that a refused request asked for, as its client is to see it: the exchanges are those it named, none
// where it left the choice to us. It is nil where the request makes no sense as an order.
func Refused(r *Request, why *order.Rejection) *order.Order {
	if r.Plain != nil {
		p := r.Plain.Params()
		r.Params = &p
	}
	if r.Params == nil || r.Params.DurationSeconds < 0 || r.Params.DurationSeconds > order.RestingSeconds {
		return nil
	}
	o := r.order(nil)
	o.Status, o.Reason, o.EndedAt, o.Version = order.Rejected, why.Code, r.At, 0
	o.Exchanges = slices.DeleteFunc(append([]market.Exchange{}, r.Params.Exchanges...), func(e market.Exchange) bool { return e == market.All })
	return &o
}

// only keeps of a profile what concerns some exchanges; the maker fees where the order may rest.
func only(p order.Profile, exchanges []market.Exchange, maker bool) order.Profile {
	fees, makers, latencies := p.TakerFeeBps, p.MakerFeeBps, p.LatencyMSBy
	p.TakerFeeBps, p.MakerFeeBps, p.LatencyMSBy = map[market.Exchange]decimal.Decimal{}, nil, nil
	for _, e := range exchanges {
		p.TakerFeeBps[e] = fees[e]
		if fee, ok := makers[e]; ok && maker {
			if p.MakerFeeBps == nil {
				p.MakerFeeBps = map[market.Exchange]decimal.Decimal{}
			}
			p.MakerFeeBps[e] = fee
		}
		if ms, ok := latencies[e]; ok {
			if p.LatencyMSBy == nil {
				p.LatencyMSBy = map[market.Exchange]int64{}
			}
			p.LatencyMSBy[e] = ms
		}
	}
	return p
}

// usable fills in what a profile must say: that all is visible, that the memory is the account's, and when a book is stale.
func usable(p order.Profile) order.Profile {
	if p.StaleAfterMS <= 0 {
		p.StaleAfterMS = 3000
	}
	if p.VisibleShare.Sign() <= 0 {
		p.VisibleShare = decimal.One
	}
	if p.MemoryScope == "" {
		p.MemoryScope = ScopeAccount
	}
	return p
}

// plan checks quantity, limit and the number of slices, and lays the schedule out.
func (r *Request) plan(w *Work, reference decimal.Decimal) *order.Rejection {
	p := &w.Order.Params
	lot := w.grid.value(w.grid.lot)
	lots, err := p.Quantity.Steps(lot)
	if _, fits := w.grid.count(p.Quantity); err != nil || fits != nil {
		return invalid("validation_failed", "quantity", "must be a whole multiple of "+lot.String())
	}
	if refused := w.checkLimit(p.LimitPrice); refused != nil {
		return refused
	}
	least := w.minLots(reference)
	most := maxSlices(lots, least, p.RandomizeSizeBps)
	if most == 0 {
		return invalid("validation_failed", "quantity", "is below the least that an exchange accepts: "+w.grid.value(least*w.grid.lot).String())
	}
	n := int64(p.Slices)
	if n == 0 {
		interval := int64(p.IntervalSeconds)
		if interval == 0 {
			interval = order.DefaultInterval
		}
		n = (int64(p.DurationSeconds) + interval - 1) / interval
		if n > order.MaxSlices {
			return invalid("validation_failed", "interval_seconds", fmt.Sprintf("makes %d slices, at most %d", n, order.MaxSlices))
		}
		w.Order.SlicesAdjusted = n > most
		n = min(n, most)
	} else if n > most {
		return invalid("validation_failed", "slices", fmt.Sprintf("each would be below the least that an exchange accepts; at most %d", most))
	}
	w.Order.SlicesTotal, w.Steps = int(n), int(n)
	first := plan{
		lots: lots, slices: int(n), start: w.Order.StartsAt, durationMS: w.durationMS(),
		sizeBps: p.RandomizeSizeBps, timeBps: p.RandomizeTimeBps, seed: *p.Seed,
	}
	for i, s := range first.schedule() {
		w.Schedule = append(w.Schedule, order.Planned{K: i + 1, DueAt: s.due, Quantity: w.grid.value(s.lots * w.grid.lot)})
	}
	return nil
}

// minLots is the least that a slice may be: a lot, the smallest minimum quantity, the smallest minimum notional at the
// reference price.
func (w *Work) minLots(reference decimal.Decimal) int64 {
	lot := w.grid.value(w.grid.lot)
	quantity, notional := w.Instruments[0].MinQuantity, w.Instruments[0].MinNotional
	for i := range w.Instruments {
		quantity, notional = quantity.Min(w.Instruments[i].MinQuantity), notional.Min(w.Instruments[i].MinNotional)
	}
	least := int64(1)
	if n, err := quantity.CeilSteps(lot); err == nil {
		least = max(least, n)
	}
	worth, err := lot.Mul(reference)
	if err != nil || worth.Sign() <= 0 {
		return least
	}
	if n, err := notional.CeilSteps(worth); err == nil {
		least = max(least, n)
	}
	return least
}

// checkLimit checks that a limit is on the finest tick of the exchanges.
func (w *Work) checkLimit(limit *decimal.Decimal) *order.Rejection {
	if limit == nil {
		return nil
	}
	finest := w.Instruments[0].PriceTick
	for i := range w.Instruments {
		finest = finest.Min(w.Instruments[i].PriceTick)
	}
	if _, err := limit.Steps(finest); err != nil {
		return invalid("validation_failed", "limit_price", "must be a whole multiple of "+finest.String())
	}
	return nil
}
