package order

import "github.com/hourglass-trading/hourglass/pkg/decimal"

// Preview is what would come of an order on the books of now: the order as it would be accepted, its schedule, and what
// may be expected of it. Costs are positive. Null: not known.
type Preview struct {
	Order          Order            `json:"order"`
	Schedule       []Planned        `json:"schedule"`
	SlicesAdjusted bool             `json:"slices_adjusted"` // the interval gave more slices than the minimums allow
	Reservation    Amount           `json:"reservation"`
	DecisionMid    *decimal.Decimal `json:"decision_mid"`
	Expected       Estimate         `json:"expected"`  // slice by slice, each on the books of now, inside the bound
	Immediate      Estimate         `json:"immediate"` // all at once, without a bound
}

// Estimate is what a quantity would cost on given books. Money is in the quote asset.
type Estimate struct {
	FillRatio    *decimal.Decimal `json:"fill_ratio"`
	AveragePrice *decimal.Decimal `json:"average_price"`
	SlippageBps  *decimal.Decimal `json:"slippage_bps"` // against the mid
	SlippageCost *decimal.Decimal `json:"slippage_cost"`
	Fees         *decimal.Decimal `json:"fees"`
	Cost         *decimal.Decimal `json:"cost"` // slippage and fees
}
