package order

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Execution is the report of an order in full: its figures, and what they were worked out from. It is provisional until the
// window ends; Report.Final says which it is.
type Execution struct {
	Report
	Order     Order           `json:"order"`
	Profile   Profile         `json:"profile"` // how real the fills were made; only like is compared with like
	Seed      Seed            `json:"seed"`
	Exchanges []ExchangeTotal `json:"exchanges"`    // of the routing set, by name
	Counts    []SliceCount    `json:"slice_counts"` // by status, then reason
	Points    []Point         `json:"series"`       // a slice each, by k
	Fills     []Fill          `json:"fills"`        // by time
	// Complete is false where the order ended so long ago that its slices are no longer kept: then the lists above but
	// Exchanges are empty, and so are that one's totals. The events have them still.
	Complete bool `json:"complete"`
}

// ExchangeTotal is what an order had of one exchange.
type ExchangeTotal struct {
	Exchange market.Exchange  `json:"exchange"`
	Fills    int              `json:"fills"`
	Quantity decimal.Decimal  `json:"quantity"`
	Notional decimal.Decimal  `json:"notional"` // in the quote asset
	Fees     decimal.Decimal  `json:"fees"`     // in the quote asset
	Share    *decimal.Decimal `json:"share"`    // of what the order filled, 6 decimals; null without a fill
}

// SliceCount says how many slices ended alike.
type SliceCount struct {
	Status SliceStatus `json:"status"`
	Reason Reason      `json:"reason,omitempty"`
	Count  int         `json:"count"`
}

// Point is a slice on a chart: where the order should have been after it, and where it was.
type Point struct {
	K                 int              `json:"k"`
	DueAt             time.Time        `json:"due_at"`
	Status            SliceStatus      `json:"status"`
	Reason            Reason           `json:"reason,omitempty"`
	Planned           decimal.Decimal  `json:"planned"`
	Filled            decimal.Decimal  `json:"filled"`
	CumulativePlanned decimal.Decimal  `json:"cumulative_planned"`
	CumulativeFilled  decimal.Decimal  `json:"cumulative_filled"`
	Mid               *decimal.Decimal `json:"mid"`
	AveragePrice      *decimal.Decimal `json:"average_price"` // of its fills, 8 decimals
}
