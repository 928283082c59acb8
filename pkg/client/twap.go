package client

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// TWAP asks for an order that works a quantity in equal slices over a window of time. Symbol, Side, Quantity and Duration
// are required; zero fields of the others have the server's defaults.
type TWAP struct {
	TokenID   string            // the client's own id, unique in the account; empty: one is made
	Symbol    string            // BTC-USDT, or the exchange's own spelling
	Exchanges []market.Exchange // empty: all that list it
	Side      market.Side
	Quantity  decimal.Decimal // of the base asset
	Duration  time.Duration   // whole seconds, 1 s…24 h
	Interval  time.Duration   // whole seconds, 1 s…1 h; either this
	Slices    int             // or that
	StartsAt  time.Time       // zero: now; at most 24 h ahead

	LimitPrice         *decimal.Decimal // never fill worse
	MaxSlippageBps     *decimal.Decimal // a slice's against the mid
	NoSlippageBound    bool             // instead of the default bound
	ParticipationCap   *decimal.Decimal // share of the traded volume, 0 < x ≤ 1
	CatchUp            string           // none, next, spread
	CatchUpMaxMultiple *decimal.Decimal // 1…10
	EndPolicy          string           // expire, sweep
	Routing            string           // all_in, price
	RandomizeSizeBps   int
	RandomizeTimeBps   int
	Seed               *order.Seed
	Preset             string // frictionless, standard, thin, harsh
}

// MarshalJSON implements json.Marshaler: the body of the request.
func (t TWAP) MarshalJSON() ([]byte, error) {
	body := struct {
		TokenID            string            `json:"token_id"`
		Symbol             string            `json:"symbol"`
		Exchanges          []market.Exchange `json:"exchange,omitempty"`
		Side               market.Side       `json:"side"`
		Quantity           decimal.Decimal   `json:"quantity"`
		Duration           int64             `json:"duration_seconds"`
		Interval           int64             `json:"interval_seconds,omitempty"`
		Slices             int               `json:"slices,omitempty"`
		StartsAt           time.Time         `json:"starts_at,omitzero"`
		LimitPrice         *decimal.Decimal  `json:"limit_price,omitempty"`
		MaxSlippageBps     any               `json:"max_slippage_bps,omitempty"`
		ParticipationCap   *decimal.Decimal  `json:"participation_cap,omitempty"`
		CatchUp            string            `json:"catch_up,omitempty"`
		CatchUpMaxMultiple *decimal.Decimal  `json:"catch_up_max_multiple,omitempty"`
		EndPolicy          string            `json:"end_policy,omitempty"`
		Routing            string            `json:"routing,omitempty"`
		RandomizeSizeBps   int               `json:"randomize_size_bps,omitempty"`
		RandomizeTimeBps   int               `json:"randomize_time_bps,omitempty"`
		Seed               *order.Seed       `json:"seed,omitempty"`
		Preset             string            `json:"preset,omitempty"`
	}{
		TokenID: t.TokenID, Symbol: t.Symbol, Exchanges: unlessAll(t.Exchanges), Side: t.Side, Quantity: t.Quantity, Slices: t.Slices,
		StartsAt: t.StartsAt, LimitPrice: t.LimitPrice, ParticipationCap: t.ParticipationCap, CatchUp: t.CatchUp,
		CatchUpMaxMultiple: t.CatchUpMaxMultiple, EndPolicy: t.EndPolicy, Routing: t.Routing,
		RandomizeSizeBps: t.RandomizeSizeBps, RandomizeTimeBps: t.RandomizeTimeBps, Seed: t.Seed, Preset: t.Preset,
	}
	switch {
	case t.NoSlippageBound:
		body.MaxSlippageBps = json.RawMessage("null")
	case t.MaxSlippageBps != nil:
		body.MaxSlippageBps = t.MaxSlippageBps
	}
	var err error
	if body.Duration, err = seconds("duration", t.Duration); err != nil {
		return nil, err
	}
	if body.Interval, err = seconds("interval", t.Interval); err != nil {
		return nil, err
	}
	return json.Marshal(body)
}

func seconds(name string, d time.Duration) (int64, error) {
	if d%time.Second != 0 {
		return 0, fmt.Errorf("%w: the %s %s is not a whole number of seconds", ErrInvalid, name, d)
	}
	return int64(d / time.Second), nil
}
