package order

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

// CommandType is what a user asks an account's owner to do.
type CommandType string

// The commands. Each is answered by exactly one event, a rejection too.
const (
	OpenAccount CommandType = "open_account"
	Deposit     CommandType = "deposit"
	CreateTWAP  CommandType = "create_twap"
	CreatePlain CommandType = "create_plain"
	Cancel      CommandType = "cancel"
	Pause       CommandType = "pause"
	Resume      CommandType = "resume"
	Amend       CommandType = "amend"
)

// Command is a user's command, appended to the command log by a gateway.
type Command struct {
	ID      string      `json:"id"`
	Account AccountID   `json:"account"`
	Type    CommandType `json:"type"`
	SentAt  time.Time   `json:"sent_at"`           // by the gateway's clock, for the logs; decisions use the executor's
	OrderID ID          `json:"order_id,omitzero"` // of the order it is about
	TWAP    *Params     `json:"twap,omitempty"`
	Plain   *Plain      `json:"plain,omitempty"`
	Deposit *Amount     `json:"deposit,omitempty"`
	Amend   *Amendment  `json:"amend,omitempty"`
}

// Amendment changes the part of an order that is not filled yet. Absent fields stay as they are.
type Amendment struct {
	Quantity         *decimal.Decimal `json:"quantity,omitempty"`
	LimitPrice       *decimal.Decimal `json:"limit_price,omitempty"`
	MaxSlippageBps   *decimal.Decimal `json:"max_slippage_bps,omitempty"`
	ParticipationCap *decimal.Decimal `json:"participation_cap,omitempty"`
	EndsAt           time.Time        `json:"ends_at,omitzero"`
	IfVersion        uint64           `json:"if_version,omitempty"` // refuse unless the order has this version; 0: no matter
}

// EventType says what an event records.
type EventType string

// The events of an account.
const (
	AccountOpened   EventType = "account_opened"   // with its opening funds as postings
	Deposited       EventType = "deposited"        // Deposit says what
	CommandRejected EventType = "command_rejected" // Rejection says why; nothing changed
	OrderAccepted   EventType = "order_accepted"   // Accepted has the schedule and the instruments; funds are reserved
	OrderStarted    EventType = "order_started"    // the window began
	SliceDecided    EventType = "slice_decided"    // Slice has the decision; its children are on their way
	SliceArrived    EventType = "slice_arrived"    // Slice has the fills so far; money moved
	OrderMatched    EventType = "order_matched"    // a resting order was met; Slice has the fills and is a new one
	OrderPaused     EventType = "order_paused"
	OrderResumed    EventType = "order_resumed"
	OrderAmended    EventType = "order_amended"  // Schedule has what is planned from now on
	OrderEnded      EventType = "order_ended"    // what was still reserved came back
	OrderReported   EventType = "order_reported" // Report is final
)

// Event is one atomic change of an account, the truth of the platform: whoever folds an account's events in order knows
// all about it. It is also what the account's owner receives.
type Event struct {
	Account    AccountID `json:"account"`
	Version    uint64    `json:"v"`    // counts the account's events from 1, without a hole
	Prev       string    `json:"prev"` // SHA-256 of the previous event's bytes, in hex; empty for the first
	ID         string    `json:"id"`   // a function of what it records, so that a repetition is seen to be one
	Type       EventType `json:"type"`
	At         time.Time `json:"at"`    // when it was decided
	Epoch      uint64    `json:"epoch"` // of the lease that it was written under
	CommandID  string    `json:"command_id,omitempty"`
	CommandSeq uint64    `json:"command_seq,omitempty"` // place of the command in the command log
	OrderID    ID        `json:"order_id,omitzero"`
	TokenID    string    `json:"token_id,omitempty"`

	Postings []Posting `json:"postings,omitempty"` // sum to zero per asset
	Balances []Balance `json:"balances,omitempty"` // after this event, of the assets it touched
	Order    *Order    `json:"order,omitempty"`    // after this event

	Deposit   *Amount     `json:"deposit,omitempty"`
	Rejection *Rejection  `json:"rejection,omitempty"`
	Refused   *Order      `json:"refused,omitempty"` // of a refused creation: what was asked for, which is no order of the account
	Accepted  *Acceptance `json:"accepted,omitempty"`
	Slice     *Slice      `json:"slice,omitempty"`
	Fills     []Fill      `json:"fills,omitempty"` // those of this event alone
	Schedule  []Planned   `json:"schedule,omitempty"`
	Amend     *Amendment  `json:"amend,omitempty"`
	Report    *Report     `json:"report,omitempty"`
	Marks     *Marks      `json:"marks,omitempty"` // what the engine goes on from after a restart
}

// Acceptance is what was fixed when an order was accepted.
type Acceptance struct {
	Schedule    []Planned           `json:"schedule"`
	Instruments []market.Instrument `json:"instruments"` // of the routing set, by exchange
	DecisionMid *decimal.Decimal    `json:"decision_mid"`
	Reservation Amount              `json:"reservation"`
}

// Rejection says why a command was refused. Code is a stable snake_case word; Errors name the fields at fault.
type Rejection struct {
	Kind   RejectionKind `json:"kind"`
	Code   string        `json:"code"`
	Detail string        `json:"detail"`
	Errors []FieldError  `json:"errors,omitempty"`
}

// RejectionKind is the class of a rejection: what a client can do about it.
type RejectionKind string

// The kinds of rejections.
const (
	Invalid     RejectionKind = "invalid"     // the request can never be carried out as it is
	NotFound    RejectionKind = "not_found"   // it names what is not there
	Conflict    RejectionKind = "conflict"    // the state forbids it
	Changed     RejectionKind = "changed"     // the order is not the version that the request named
	Unavailable RejectionKind = "unavailable" // try again later
)

// FieldError names a field of a request and what is wrong with it.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
	// Pointer is the place of the value in the request's body (RFC 6901). Only who has seen the body knows it.
	Pointer string `json:"pointer,omitempty"`
}

// Bucket is one of the places that an account's money can be in.
type Bucket string

// The buckets. Available and Reserved belong to the account; the others are where money comes from and goes to.
const (
	Available Bucket = "available"
	Reserved  Bucket = "reserved"
	Fees      Bucket = "fees"
	Traded    Bucket = "exchange" // the other side of the fills
	Funding   Bucket = "funding"  // the other side of deposits
)

// Posting moves an amount of an asset into (positive) or out of (negative) a bucket.
type Posting struct {
	Asset   string          `json:"asset"`
	Bucket  Bucket          `json:"bucket"`
	Amount  decimal.Decimal `json:"amount"`
	OrderID ID              `json:"order_id,omitzero"`
}

// Balance is what an account has of an asset; Total = Available + Reserved.
type Balance struct {
	Asset     string          `json:"asset"`
	Total     decimal.Decimal `json:"total"`
	Available decimal.Decimal `json:"available"`
	Reserved  decimal.Decimal `json:"reserved"`
}
