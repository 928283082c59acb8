package backtest

import (
	"strconv"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// tokenID is what the order of a script is called; there is no other.
const tokenID = "script"

// readOrder reads the parameters of the order and checks them as those of any order.
func (s *Script) readOrder(o *object) {
	p := order.Defaults()
	p.TokenID, p.Symbol = tokenID, s.Symbol
	p.Side = market.Side(o.text("side", ""))
	p.Quantity = o.positive("quantity")
	start := o.whole("start_ms", 0, -maxMS, maxMS)
	s.AcceptMS = o.whole("accept_ms", start, -maxMS, maxMS)
	p.StartsAt = instant(start)
	if o.need("duration_seconds") {
		p.DurationSeconds = o.size("duration_seconds")
	}
	p.Slices, p.IntervalSeconds = o.size("slices"), o.size("interval_seconds")
	p.LimitPrice, p.ParticipationCap = o.number("limit_price"), o.number("participation_cap")
	if o.has("max_slippage_bps") {
		p.MaxSlippageBps = o.number("max_slippage_bps")
	}
	p.CatchUp, p.EndPolicy, p.Routing = o.text("catch_up", p.CatchUp), o.text("end_policy", p.EndPolicy), o.text("routing", p.Routing)
	p.CatchUpMaxMultiple = o.amount("catch_up_max_multiple", p.CatchUpMaxMultiple)
	p.RandomizeSizeBps, p.RandomizeTimeBps = o.size("randomize_size_bps"), o.size("randomize_time_bps")
	p.Exchanges = s.readRoutingSet(o)
	if v := o.get("seed"); v != nil {
		n, err := strconv.ParseUint(plain(v), 10, 64)
		if err != nil {
			o.r.add(o.at("seed"), "must be a whole number of 64 bits")
		}
		seed := order.Seed(n)
		p.Seed = &seed
	}
	o.closed()
	s.Params = p
	if len(o.r.faults) > 0 {
		return // what is wrong already would be told a second time
	}
	for _, f := range p.Validate(instant(s.AcceptMS)) {
		o.r.add(o.at(written(f.Field)), "%s", f.Detail)
	}
}

// size returns a whole number that Params.Validate bounds; 0 where there is none.
func (o *object) size(name string) int {
	if o.get(name) == nil {
		return 0
	}
	n := o.whole(name, 0, -maxMS, maxMS)
	if n == 0 && (name == "slices" || name == "interval_seconds") {
		o.r.add(o.at(name), "must be above 0") // 0 is how Params say that there is none
	}
	return int(n)
}

// readRoutingSet reads the exchanges of the order: those named, or all.
func (s *Script) readRoutingSet(o *object) []market.Exchange {
	v := o.get("exchanges")
	if v == nil || v == string(market.All) {
		return []market.Exchange{market.All}
	}
	var out []market.Exchange
	for i, name := range o.list("exchanges") {
		text, _ := name.(string)
		listed := text == string(market.All)
		for _, in := range s.Instruments {
			listed = listed || string(in.Exchange) == text
		}
		if !listed {
			o.r.add(element(o.at("exchanges"), i), "%.40q is not one of instrument.exchanges", text)
		}
		out = append(out, market.Exchange(text))
	}
	return out
}

// written is how a script calls a field of the order's parameters.
func written(field string) string {
	switch field {
	case "exchange":
		return "exchanges"
	case "starts_at":
		return "start_ms"
	}
	return field
}
