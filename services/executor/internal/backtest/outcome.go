package backtest

import (
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Outcome is what came of a script. Times are milliseconds on the script's clock, quantities are in the base asset, prices,
// notional and fees in the quote asset, all exact.
type Outcome struct {
	Name             string                `json:"name,omitempty"`
	Schedule         []Planned             `json:"schedule"`
	SlicesAdjustedTo int                   `json:"slices_adjusted_to,omitempty"` // the interval gave more than the minimums allow
	Reservation      *order.Amount         `json:"reservation"`                  // its asset is "base" or "quote"; null: rejected
	Slices           []Slice               `json:"slices"`
	Replans          []Replan              `json:"replans,omitempty"` // what amendments made of the schedule
	Refused          []Refusal             `json:"refused,omitempty"` // commands that changed nothing
	Order            Order                 `json:"order"`
	AccountAfter     Funds                 `json:"account_after"`
	TCA              *TCA                  `json:"tca"` // null: the order was rejected
	Exchanges        []order.ExchangeTotal `json:"exchanges,omitempty"`
	Counts           []order.SliceCount    `json:"slice_counts,omitempty"`
	Profile          *order.Profile        `json:"profile,omitempty"`
	Seed             order.Seed            `json:"seed"`
	Symbol           market.Symbol         `json:"symbol"`
}

// Planned is a slice of a schedule.
type Planned struct {
	K        int             `json:"k"`
	T        int64           `json:"t"`
	Quantity decimal.Decimal `json:"quantity"`
}

// Slice is a slice of the order with what became of it.
type Slice struct {
	K           int               `json:"k"`
	Due         int64             `json:"due"`
	Sweep       bool              `json:"sweep,omitempty"`
	Planned     decimal.Decimal   `json:"planned"`
	Status      order.SliceStatus `json:"status"`
	Reason      *order.Reason     `json:"reason"`
	Backlog     decimal.Decimal   `json:"backlog"`
	Wanted      decimal.Decimal   `json:"wanted"`
	LimitedBy   *string           `json:"limited_by"`
	DecisionMid *decimal.Decimal  `json:"decision_mid"`
	Children    []Child           `json:"children,omitempty"`
	Filled      decimal.Decimal   `json:"filled"`
	Fills       []Fill            `json:"fills"`
}

// Child is what was sent to one exchange.
type Child struct {
	Exchange market.Exchange  `json:"exchange"`
	Quantity decimal.Decimal  `json:"quantity"`
	Limit    *decimal.Decimal `json:"limit"` // null: no bound
	Arrives  int64            `json:"arrives"`
	Filled   decimal.Decimal  `json:"filled"`
}

// Fill is an execution with its evidence: what the level displayed, and what of it was remembered as taken.
type Fill struct {
	Exchange   market.Exchange `json:"exchange"`
	Price      decimal.Decimal `json:"price"`
	Quantity   decimal.Decimal `json:"quantity"`
	Fee        decimal.Decimal `json:"fee"`
	T          int64           `json:"t"`
	Displayed  decimal.Decimal `json:"displayed"`
	Remembered decimal.Decimal `json:"remembered"`
}

// Replan is what an amendment made of the order: the slices that are planned from then on.
type Replan struct {
	T          int64            `json:"t"`
	Quantity   decimal.Decimal  `json:"quantity"`
	LimitPrice *decimal.Decimal `json:"limit_price"`
	Ends       int64            `json:"ends"`
	Schedule   []Planned        `json:"schedule"`
}

// Refusal is a command that was refused.
type Refusal struct {
	T      int64              `json:"t"`
	Code   string             `json:"code"`
	Detail string             `json:"detail"`
	Errors []order.FieldError `json:"errors,omitempty"`
}

// Order is how the order ended.
type Order struct {
	Status            order.Status    `json:"status"`
	EndReason         string          `json:"end_reason"`
	TerminalT         int64           `json:"terminal_t"`
	Quantity          decimal.Decimal `json:"quantity"`
	FilledQuantity    decimal.Decimal `json:"filled_quantity"`
	RemainingQuantity decimal.Decimal `json:"remaining_quantity"`
	Notional          decimal.Decimal `json:"notional"`
	Fees              decimal.Decimal `json:"fees"`
}

// Funds are what the account has, all of it free: an order that has ended reserves nothing.
type Funds struct {
	Base  decimal.Decimal `json:"base"`
	Quote decimal.Decimal `json:"quote"`
}

// TCA is the final report.
type TCA struct {
	Sign string `json:"sign"`
	// OrderID hides that of the report: a script has one order.
	OrderID *order.ID `json:"order_id,omitempty"`
	order.Report
}

// positiveIsCost says how to read the signs of a report.
const positiveIsCost = "positive = cost"

// outcome puts together what the events and the account say.
func (r *run) outcome() (*Outcome, error) {
	s := r.script
	out := &Outcome{Name: s.Name, Symbol: s.Symbol, Schedule: []Planned{}, Slices: []Slice{}}
	out.AccountAfter = r.funds()
	for i := range r.events {
		r.record(out, &r.events[i])
	}
	o, ok := r.engine.State.Order(r.id)
	if !ok {
		return out, nil
	}
	out.Order = Order{
		Status: o.Status, EndReason: o.Reason, TerminalT: since(o.EndedAt), Quantity: o.Quantity, FilledQuantity: o.FilledQuantity,
		RemainingQuantity: o.RemainingQuantity, Notional: o.Notional, Fees: o.Fees,
	}
	list, _ := r.engine.State.Slices(r.id)
	for i := range list {
		out.Slices = append(out.Slices, sliceOf(&list[i]))
	}
	x, err := r.engine.State.Execution(r.id, r.now, r.engine.Market)
	if err != nil {
		return nil, err
	}
	out.TCA = &TCA{Sign: positiveIsCost, Report: x.Report}
	out.Exchanges, out.Counts, out.Profile, out.Seed = x.Exchanges, x.Counts, &x.Profile, x.Seed
	return out, nil
}

// record takes in what an event alone tells.
func (r *run) record(out *Outcome, e *order.Event) {
	switch e.Type {
	case order.OrderAccepted:
		reserved := e.Accepted.Reservation
		reserved.Asset = r.side(reserved.Asset)
		out.Reservation, out.Schedule = &reserved, schedule(e.Accepted.Schedule)
		if e.Order.SlicesAdjusted {
			out.SlicesAdjustedTo = len(e.Accepted.Schedule)
		}
	case order.OrderAmended:
		if e.Amend.Quantity == nil && e.Amend.EndsAt.IsZero() {
			return // prices and caps alone leave the plan as it is
		}
		out.Replans = append(out.Replans, Replan{
			T: since(e.At), Quantity: e.Order.Quantity, LimitPrice: e.Order.LimitPrice, Ends: since(e.Order.EndsAt), Schedule: schedule(e.Schedule),
		})
	case order.CommandRejected:
		why := e.Rejection
		out.Refused = append(out.Refused, Refusal{T: since(e.At), Code: why.Code, Detail: why.Detail, Errors: why.Errors})
		if e.CommandID == "create" {
			q := r.script.Params.Quantity
			out.Order = Order{Status: order.Rejected, EndReason: why.Code, TerminalT: since(e.At), Quantity: q, RemainingQuantity: q}
		}
	default: // the account says it in the end
	}
}

// side is what a script calls an asset.
func (r *run) side(asset string) string {
	if asset == r.script.Symbol.Base() {
		return "base"
	}
	return "quote"
}

func (r *run) funds() Funds {
	var out Funds
	for _, b := range r.engine.State.Balances() {
		if r.side(b.Asset) == "base" {
			out.Base = b.Total
		} else {
			out.Quote = b.Total
		}
	}
	return out
}

func schedule(plan []order.Planned) []Planned {
	out := make([]Planned, len(plan))
	for i, p := range plan {
		out[i] = Planned{K: p.K, T: since(p.DueAt), Quantity: p.Quantity}
	}
	return out
}

func sliceOf(s *order.Slice) Slice {
	out := Slice{
		K: s.K, Due: since(s.DueAt), Sweep: s.Sweep, Planned: s.Planned, Status: s.Status, Backlog: s.Backlog, Wanted: s.Wanted,
		DecisionMid: s.DecisionMid, Filled: s.Filled, Fills: []Fill{},
	}
	if s.Reason != "" {
		out.Reason = &s.Reason
	}
	if s.LimitedBy != "" {
		out.LimitedBy = &s.LimitedBy
	}
	for _, c := range s.Children {
		out.Children = append(out.Children, Child{
			Exchange: c.Exchange, Quantity: c.Quantity, Limit: c.Limit, Arrives: since(c.ArrivesAt), Filled: c.Filled,
		})
	}
	for _, f := range s.Fills {
		out.Fills = append(out.Fills, Fill{
			Exchange: f.Exchange, Price: f.Price, Quantity: f.Quantity, Fee: f.Fee, T: since(f.At), Displayed: f.Displayed, Remembered: f.Remembered,
		})
	}
	return out
}
