package order

import (
	"fmt"
	"slices"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// The bounds of a TWAP order's parameters.
const (
	MaxDurationSeconds = 86_400
	MaxIntervalSeconds = 3_600
	MaxSlices          = 10_000
	MaxSlippageBps     = 10_000
	MaxCatchUpMultiple = 10
	MaxRandomSizeBps   = 5_000
	MaxRandomTimeBps   = 9_000
	MaxStartDelay      = 24 * time.Hour
	MaxExchanges       = 16
)

// Validate checks what can be checked without a market: the bounds of each parameter and which of them go together, at
// the time now. It returns every fault, nil if there is none.
func (p *Params) Validate(now time.Time) []FieldError {
	var f faults
	f.check(ValidTokenID(p.TokenID), "token_id", "must be 1–64 of A–Z a–z 0–9 _ -")
	if _, err := market.ParseSymbol(string(p.Symbol)); err != nil {
		f.add("symbol", "must be BASE-QUOTE, such as BTC-USDT")
	}
	f.exchanges(p.Exchanges)
	f.check(p.Side.Valid(), "side", "must be buy or sell")
	f.check(p.Quantity.Sign() > 0, "quantity", "must be above 0")
	f.between("duration_seconds", p.DurationSeconds, 1, MaxDurationSeconds)
	if p.IntervalSeconds != 0 && p.Slices != 0 {
		f.add("slices", "give either interval_seconds or slices, not both")
	}
	if p.IntervalSeconds != 0 {
		f.between("interval_seconds", p.IntervalSeconds, 1, MaxIntervalSeconds)
	}
	if p.Slices != 0 {
		f.between("slices", p.Slices, 1, MaxSlices)
	}
	if !p.StartsAt.IsZero() {
		f.check(!p.StartsAt.After(now.Add(MaxStartDelay)), "starts_at", "must be at most 24 hours ahead")
		end := p.StartsAt.Add(time.Duration(p.DurationSeconds) * time.Second)
		f.check(end.After(now), "starts_at", "the window is over already")
	}
	f.optional("limit_price", p.LimitPrice, decimal.Decimal{}, nil)
	p.validateTactics(&f)
	return f
}

func (p *Params) validateTactics(f *faults) {
	if s := p.MaxSlippageBps; s != nil && (s.Sign() < 0 || s.Cmp(decimal.New(MaxSlippageBps, 0)) > 0) {
		f.add("max_slippage_bps", fmt.Sprintf("must be 0…%d, or null for no bound", MaxSlippageBps))
	}
	f.optional("participation_cap", p.ParticipationCap, decimal.Decimal{}, &decimal.One)
	f.oneOf("catch_up", p.CatchUp, CatchUpNone, CatchUpNext, CatchUpSpread)
	m := p.CatchUpMaxMultiple
	f.check(!m.Less(decimal.One) && m.Cmp(decimal.New(MaxCatchUpMultiple, 0)) <= 0, "catch_up_max_multiple", "must be 1…10")
	f.oneOf("end_policy", p.EndPolicy, EndExpire, EndSweep)
	f.oneOf("routing", p.Routing, RouteAllIn, RoutePrice)
	f.between("randomize_size_bps", p.RandomizeSizeBps, 0, MaxRandomSizeBps)
	f.between("randomize_time_bps", p.RandomizeTimeBps, 0, MaxRandomTimeBps)
}

// faults collects what is wrong with a request.
type faults []FieldError

func (f *faults) add(field, detail string) { *f = append(*f, FieldError{Field: field, Detail: detail}) }

func (f *faults) check(ok bool, field, detail string) {
	if !ok {
		f.add(field, detail)
	}
}

func (f *faults) between(field string, v, low, high int) {
	f.check(v >= low && v <= high, field, fmt.Sprintf("must be %d…%d", low, high))
}

func (f *faults) oneOf(field, v string, allowed ...string) {
	f.check(slices.Contains(allowed, v), field, fmt.Sprintf("must be one of %v", allowed))
}

// optional checks above < v, and v ≤ atMost where that is given.
func (f *faults) optional(field string, v *decimal.Decimal, above decimal.Decimal, atMost *decimal.Decimal) {
	switch {
	case v == nil:
	case v.Cmp(above) <= 0:
		f.add(field, fmt.Sprintf("must be above %s", above))
	case atMost != nil && v.Cmp(*atMost) > 0:
		f.add(field, fmt.Sprintf("must be at most %s", *atMost))
	}
}

func (f *faults) exchanges(names []market.Exchange) {
	f.check(len(names) > 0 && len(names) <= MaxExchanges, "exchange", fmt.Sprintf("must name 1…%d exchanges, or all", MaxExchanges))
	seen := map[market.Exchange]bool{}
	for _, name := range names {
		if name == market.All {
			f.check(len(names) == 1, "exchange", "all must stand alone")
			continue
		}
		if _, err := market.ParseExchange(string(name)); err != nil {
			f.add("exchange", fmt.Sprintf("%.40q is not the name of an exchange", name))
		}
		f.check(!seen[name], "exchange", fmt.Sprintf("%.40q is named twice", name))
		seen[name] = true
	}
}
