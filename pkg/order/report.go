package order

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
)

// Marks are an order's running benchmark sums, from which the engine goes on after a restart. Sums are exact. Where no mid
// is known the last known one counts on: in MidTime and MidMS, not in KnownMS.
type Marks struct {
	At       time.Time        `json:"at,omitzero"` // up to when, by the clock of the market events
	MidTime  decimal.Decimal  `json:"mid_time"`    // Σ mid × milliseconds over the part of the window that has a mid
	MidMS    int64            `json:"mid_ms"`      // length of that part
	KnownMS  int64            `json:"known_ms"`    // length of the part with a mid that was known at the time
	Mid      *decimal.Decimal `json:"mid"`         // the last known one
	Volume   decimal.Decimal  `json:"volume"`      // Σ size of the trades in the window so far
	Notional decimal.Decimal  `json:"notional"`    // Σ price × size of them
	Cap      decimal.Decimal  `json:"cap_volume"`  // Σ size since one interval before the start, for the participation cap
}

// Report is the execution-quality report of an order. Costs are positive. Prices have 8 decimals, basis points 4,
// ratios 6, rounded half-even at the end only; money is exact. Null: not known, or nothing to divide by.
type Report struct {
	OrderID ID   `json:"order_id"`
	Final   bool `json:"final"` // false: provisional, the window is still running

	DecisionMid       *decimal.Decimal `json:"decision_mid"`
	ArrivalMid        *decimal.Decimal `json:"arrival_mid"`
	EndMid            *decimal.Decimal `json:"end_mid"`
	AveragePrice      *decimal.Decimal `json:"average_price"`
	AllInAveragePrice *decimal.Decimal `json:"all_in_average_price"`
	FillRatio         *decimal.Decimal `json:"fill_ratio"`

	TWAPWindow   *decimal.Decimal `json:"twap_window"`
	TWAPSchedule *decimal.Decimal `json:"twap_schedule"`
	VWAPInterval *decimal.Decimal `json:"vwap_interval"`

	SlippageArrivalBps      *decimal.Decimal `json:"slippage_arrival_bps"`
	SlippageTWAPWindowBps   *decimal.Decimal `json:"slippage_twap_window_bps"`
	SlippageTWAPScheduleBps *decimal.Decimal `json:"slippage_twap_schedule_bps"`
	SlippageVWAPBps         *decimal.Decimal `json:"slippage_vwap_bps"`

	MarketVolume       decimal.Decimal  `json:"market_volume"`
	ParticipationRate  *decimal.Decimal `json:"participation_rate"`
	FeeBps             *decimal.Decimal `json:"fee_bps"`
	EffectiveSpreadBps *decimal.Decimal `json:"effective_spread_bps"`

	CostBreakdown CostBreakdown `json:"cost_breakdown"`
	Shortfall     Shortfall     `json:"implementation_shortfall"`

	ScheduleMeanAbsDeviation *decimal.Decimal `json:"schedule_mean_abs_deviation"`
	ScheduleMaxBehind        *decimal.Decimal `json:"schedule_max_behind"`

	ExpectedSlippageBps  *decimal.Decimal `json:"expected_slippage_bps"`
	ExpectedFillRatio    *decimal.Decimal `json:"expected_fill_ratio"`
	ImmediateSlippageBps *decimal.Decimal `json:"immediate_slippage_bps"`
	ImmediateFillRatio   *decimal.Decimal `json:"immediate_fill_ratio"`
	BenchmarkCoverage    *decimal.Decimal `json:"benchmark_coverage"`
}

// CostBreakdown splits what trading cost against the arrival mid, in the quote asset.
type CostBreakdown struct {
	Timing       *decimal.Decimal `json:"timing"`
	HalfSpread   *decimal.Decimal `json:"half_spread"`
	Depth        *decimal.Decimal `json:"depth"`
	TradingTotal *decimal.Decimal `json:"trading_total"`
}

// Shortfall is the implementation shortfall against the decision mid, in the quote asset.
type Shortfall struct {
	Delay       *decimal.Decimal `json:"delay"`
	Trading     *decimal.Decimal `json:"trading"`
	Opportunity *decimal.Decimal `json:"opportunity"`
	Fees        decimal.Decimal  `json:"fees"`
	Total       *decimal.Decimal `json:"total"`
	TotalBps    *decimal.Decimal `json:"total_bps"`
}
