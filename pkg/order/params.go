package order

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// What happens to the backlog, to the remainder at the end, and in which order levels are taken.
const (
	CatchUpNone   = "none"
	CatchUpNext   = "next"
	CatchUpSpread = "spread"

	EndExpire = "expire"
	EndSweep  = "sweep"

	RouteAllIn = "all_in"
	RoutePrice = "price"
)

// Params are the parameters of a TWAP order as the client chose them, defaults filled in. Bounds stand at Validate.
type Params struct {
	TokenID            string            `json:"token_id"`
	Symbol             market.Symbol     `json:"symbol"`
	Exchanges          []market.Exchange `json:"exchanges"` // names, or market.All alone
	Side               market.Side       `json:"side"`
	Quantity           decimal.Decimal   `json:"quantity"`
	DurationSeconds    int               `json:"duration_seconds"`
	IntervalSeconds    int               `json:"interval_seconds,omitempty"` // either this
	Slices             int               `json:"slices,omitempty"`           // or that
	StartsAt           time.Time         `json:"starts_at,omitzero"`         // zero: now
	LimitPrice         *decimal.Decimal  `json:"limit_price"`
	MaxSlippageBps     *decimal.Decimal  `json:"max_slippage_bps"` // null: no bound
	ParticipationCap   *decimal.Decimal  `json:"participation_cap"`
	CatchUp            string            `json:"catch_up"`
	CatchUpMaxMultiple decimal.Decimal   `json:"catch_up_max_multiple"`
	EndPolicy          string            `json:"end_policy"`
	Routing            string            `json:"routing"`
	RandomizeSizeBps   int               `json:"randomize_size_bps"`
	RandomizeTimeBps   int               `json:"randomize_time_bps"`
	Seed               *Seed             `json:"seed"` // null: derived from the order's id at acceptance
	Preset             string            `json:"preset,omitempty"`
}

// Seed is a 64-bit seed, in JSON a string of decimal digits.
type Seed uint64

// MarshalJSON implements json.Marshaler.
func (s Seed) MarshalJSON() ([]byte, error) { return s.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON returns to b.
func (s Seed) AppendJSON(b []byte) []byte { return append(append(append(b, '"'), s.String()...), '"') }

// DefaultInterval is the interval in seconds of an order that names neither interval nor slices.
const DefaultInterval = 30

// Defaults returns the parameters that hold where the client names none. Decoding JSON into it keeps what the text does
// not mention, and a null in the text switches an optional bound off.
func Defaults() Params {
	slippage := decimal.New(300, 0)
	return Params{
		Exchanges:          []market.Exchange{market.All},
		MaxSlippageBps:     &slippage,
		CatchUp:            CatchUpSpread,
		CatchUpMaxMultiple: decimal.New(3, 0),
		EndPolicy:          EndExpire,
		Routing:            RouteAllIn,
	}
}

// Profile is the simulation profile of an order: how real its fills are made. It is copied at acceptance.
type Profile struct {
	Preset            string                              `json:"preset"`
	LatencyMS         int64                               `json:"latency_ms"` // from decision to arrival
	LatencyMSBy       map[market.Exchange]int64           `json:"latency_ms_by,omitempty"`
	StaleAfterMS      int64                               `json:"stale_after_ms"`      // a book silent for longer is not used
	LiquidityMemoryMS int64                               `json:"liquidity_memory_ms"` // 0: no memory
	MemoryScope       string                              `json:"memory_scope"`        // account, global or order
	VisibleShare      decimal.Decimal                     `json:"visible_share"`       // of what a level displays, 0 < x ≤ 1
	TakerFeeBps       map[market.Exchange]decimal.Decimal `json:"taker_fee_bps"`
	MakerFeeBps       map[market.Exchange]decimal.Decimal `json:"maker_fee_bps,omitempty"` // of a resting order's fills; the taker's where absent
	FeeTier           string                              `json:"fee_tier,omitempty"`      // of the fee schedule that they come from
}
