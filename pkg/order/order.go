// Package order holds the words for orders and accounts: what a client asks for, what the executor decided, and the
// events that record it.
//
// Everything here is a value, and what is published is not changed afterwards. The JSON of these types is the public form:
// it travels unchanged from the executor over the bus to the clients. The package decides nothing; the engine does.
package order

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// Type is the kind of an order.
type Type string

// TWAP works a quantity in equal slices over a window of time.
const TWAP Type = "twap"

// Status is the state of an order.
type Status string

// The states of an order. Filled, Expired, Canceled and Rejected are final.
const (
	Accepted Status = "accepted" // its window has not begun
	Active   Status = "active"
	Paused   Status = "paused"
	Filled   Status = "filled"
	Expired  Status = "expired" // the window closed short; the filled quantity says how much, and may be 0
	Canceled Status = "canceled"
	Rejected Status = "rejected"
)

// Ended reports whether an order in state s never changes again.
func (s Status) Ended() bool {
	return s == Filled || s == Expired || s == Canceled || s == Rejected
}

// Order is an order as its owner sees it, without its slices.
type Order struct {
	ID                ID                `json:"id"`
	TokenID           string            `json:"token_id"`
	Type              Type              `json:"type"`
	Symbol            market.Symbol     `json:"symbol"`
	Exchanges         []market.Exchange `json:"exchanges"` // the routing set, fixed at acceptance, by name
	Side              market.Side       `json:"side"`
	Status            Status            `json:"status"`
	Reason            string            `json:"reason,omitempty"` // why it ended, or was rejected
	Quantity          decimal.Decimal   `json:"quantity"`
	FilledQuantity    decimal.Decimal   `json:"filled_quantity"`
	RemainingQuantity decimal.Decimal   `json:"remaining_quantity"`
	Notional          decimal.Decimal   `json:"notional"`      // Σ price × quantity of the fills, in the quote asset
	AveragePrice      *decimal.Decimal  `json:"average_price"` // 8 decimals, half-even; null without a fill
	Fees              decimal.Decimal   `json:"fees"`          // in the quote asset
	LimitPrice        *decimal.Decimal  `json:"limit_price"`
	TimeInForce       TimeInForce       `json:"time_in_force,omitempty"` // of a plain order
	Resting           *Resting          `json:"resting,omitempty"`       // where the rest of it waits, if it does
	ArrivalMid        *decimal.Decimal  `json:"arrival_mid"`             // at the start of the window
	SlippageBps       *decimal.Decimal  `json:"slippage_bps"`            // against arrival_mid, 4 decimals, positive = cost
	Reserved          Amount            `json:"reserved"`                // what the order still holds of its owner's funds
	CreatedAt         time.Time         `json:"created_at"`
	StartsAt          time.Time         `json:"starts_at"`
	EndsAt            time.Time         `json:"ends_at"` // end of the window
	EndedAt           time.Time         `json:"ended_at,omitzero"`
	SlicesTotal       int               `json:"slices_total"`
	SlicesDone        int               `json:"slices_done"`
	SlicesAdjusted    bool              `json:"slices_adjusted,omitempty"` // the interval gave more slices than the minimums allow
	Progress          Ratio             `json:"progress"`                  // filled / quantity, 0…1, 6 decimals
	Version           uint64            `json:"version"`                   // counts the changes of this order, for optimistic locking
	Params            Params            `json:"params"`
	Profile           Profile           `json:"profile"`
	Market            string            `json:"market"` // live, sim or replay: what the books were
}

// Amount is a quantity of an asset.
type Amount struct {
	Asset  string          `json:"asset"`
	Amount decimal.Decimal `json:"amount"`
}

// Ratio is a decimal that is written to JSON as a bare number, for values that are neither price, quantity nor money.
type Ratio decimal.Decimal

// MarshalJSON implements json.Marshaler.
func (r Ratio) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON returns to b.
func (r Ratio) AppendJSON(b []byte) []byte { return decimal.Decimal(r).Append(b) }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Ratio) UnmarshalJSON(b []byte) error { return (*decimal.Decimal)(r).UnmarshalJSON(b) }

// Planned is a slice of the schedule: what falls due when.
type Planned struct {
	K        int             `json:"k"` // from 1
	DueAt    time.Time       `json:"due_at"`
	Quantity decimal.Decimal `json:"quantity"`
}

// SliceStatus says what became of a slice.
type SliceStatus string

// The states of a slice. Sent is the only one that changes: to one of the first three when its last child has arrived.
const (
	SliceFilled   SliceStatus = "filled"   // all that was wanted
	SlicePartial  SliceStatus = "partial"  // less than was wanted
	SliceUnfilled SliceStatus = "unfilled" // sent, nothing was filled
	SliceSkipped  SliceStatus = "skipped"  // nothing was sent
	SliceMissed   SliceStatus = "missed"   // the executor was not there in time
	SliceCanceled SliceStatus = "canceled" // the order ended first
	SliceSent     SliceStatus = "sent"     // children are on their way
)

// Slice is one slice of an order with the evidence for what was done. Quantities are in the base asset.
type Slice struct {
	K                 int              `json:"k"` // from 1; a sweep follows the last
	DueAt             time.Time        `json:"due_at"`
	DecidedAt         time.Time        `json:"decided_at,omitzero"`
	Sweep             bool             `json:"sweep,omitempty"`
	Planned           decimal.Decimal  `json:"planned"`
	Backlog           decimal.Decimal  `json:"backlog"` // planned before this slice, neither filled nor in flight
	Wanted            decimal.Decimal  `json:"wanted"`
	LimitedBy         string           `json:"limited_by,omitempty"` // catch_up, participation or funds
	Status            SliceStatus      `json:"status"`
	Reason            Reason           `json:"reason,omitempty"`
	DecisionMid       *decimal.Decimal `json:"decision_mid"`
	BestBid           *decimal.Decimal `json:"best_bid"`
	BestAsk           *decimal.Decimal `json:"best_ask"`
	Books             []BookSeen       `json:"books,omitempty"`
	Children          []Child          `json:"children,omitempty"`
	Fills             []Fill           `json:"fills,omitempty"` // by exchange, then from the best price
	Filled            decimal.Decimal  `json:"filled"`
	CumulativePlanned decimal.Decimal  `json:"cumulative_planned"`
	CumulativeFilled  decimal.Decimal  `json:"cumulative_filled"`
}

// BookSeen names a book that a decision was taken on and the price bound on that exchange.
type BookSeen struct {
	Exchange    market.Exchange  `json:"exchange"`
	Seq         uint64           `json:"seq"`
	ExchangeSeq uint64           `json:"exchange_seq"`
	Usable      bool             `json:"usable"`
	Reason      Reason           `json:"reason,omitempty"` // why it was not usable
	Bound       *decimal.Decimal `json:"bound,omitempty"`
}

// Child is the part of a slice that was sent to one exchange.
type Child struct {
	Exchange  market.Exchange  `json:"exchange"`
	Quantity  decimal.Decimal  `json:"quantity"`
	Limit     *decimal.Decimal `json:"limit"` // null: no bound
	ArrivesAt time.Time        `json:"arrives_at"`
	Cost      decimal.Decimal  `json:"cost,omitzero"`   // of the levels seen at the decision, in the quote asset, a buy's with the fee
	Rests     bool             `json:"rests,omitempty"` // what it does not get at once waits there at the limit
	Arrived   bool             `json:"arrived"`
	Filled    decimal.Decimal  `json:"filled"`
}

// Fill is one execution: so much, at the price of one level of one book.
type Fill struct {
	ID           string          `json:"id"`
	OrderID      ID              `json:"order_id"`
	Slice        int             `json:"slice"`
	Exchange     market.Exchange `json:"exchange"`
	At           time.Time       `json:"at"`
	Side         market.Side     `json:"side"`
	Price        decimal.Decimal `json:"price"`
	Quantity     decimal.Decimal `json:"quantity"`
	Fee          decimal.Decimal `json:"fee"` // in the quote asset
	BookSequence uint64          `json:"book_sequence"`
	ExchangeSeq  uint64          `json:"exchange_seq"`
	Level        int             `json:"level"`      // place of the level in the book, the best is 0
	Displayed    decimal.Decimal `json:"displayed"`  // what the level showed
	Remembered   decimal.Decimal `json:"remembered"` // what of it had been taken before
	// Maker is set where the order was resting and somebody came to it: at its own price, with the maker's fee. Where that
	// was a level of the book that reached the price, LevelPrice is the level's; else trades did it, and Displayed is what
	// they came to behind the queue.
	Maker      bool             `json:"maker,omitempty"`
	LevelPrice *decimal.Decimal `json:"level_price,omitempty"`
	TradeID    string           `json:"trade_id,omitempty"` // the exchange's, of the trade that did it
	// Mid and Touch are the mid and the best displayed far price over the usable exchanges at the fill, from which the
	// report tells timing, spread and depth apart. Mid is the last known one where a side was empty.
	Mid   *decimal.Decimal `json:"mid,omitempty"`
	Touch decimal.Decimal  `json:"touch,omitzero"`
}

// Reason says why a slice did not get what it wanted, or why a book could not be used.
type Reason string

// The reasons, with the meaning that the execution semantics give them.
const (
	LimitNotMet       Reason = "limit_not_met"
	SlippageCap       Reason = "slippage_cap"
	NoLiquidity       Reason = "no_liquidity"
	LiquidityConsumed Reason = "liquidity_consumed"
	InsufficientDepth Reason = "insufficient_depth"
	BookMoved         Reason = "book_moved"
	ParticipationCap  Reason = "participation_cap"
	InsufficientFunds Reason = "insufficient_funds"
	BelowMinimum      Reason = "below_min"
	ExchangeDown      Reason = "exchange_down"
	GappedBook        Reason = "gapped_book"
	StaleBook         Reason = "stale_book"
	CrossedBook       Reason = "crossed_book"
	PausedByUser      Reason = "paused"
	ServerDown        Reason = "server_down"
	Late              Reason = "late"
	ByUser            Reason = "user"
	Rests             Reason = "resting"         // the rest waits at its price
	NotAllAtOnce      Reason = "not_all_at_once" // no exchange had all of a fill-or-kill order
)

// Why an order ended; Order.Reason has one of these.
const (
	EndFilled        = "filled"
	EndWindow        = "window_end"
	EndMissed        = "missed_end"
	EndUser          = "user"
	EndAmendedFilled = "amended_to_filled"
	EndImmediate     = "immediate" // what a plain order could not have at once was given up
	// The rest of a limit order could not wait: its exchange, or the executor, was down, or less than a step was left.
	EndNotPlaced = "not_placed"
)
