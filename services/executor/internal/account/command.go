package account

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/ledger"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// The bounds of what a deposit may bring an asset to. Together with 22 decimals for the product of a price, a quantity and
// a fee they stay within the 38 digits of a Decimal.
const (
	maxDepositDecimals = 18
	maxAssetName       = 20
)

var maxFunds = decimal.New(1_000_000_000_000_000, 0)

// Command decides the event that answers a command: what it brings about, or why it is refused. It returns false where the
// command has its event already. Seq is the command's place in the command log.
func (s *State) Command(cmd *order.Command, seq uint64, at time.Time, m *twap.Market) (order.Event, bool) {
	if s.folded[cmd.ID] {
		return order.Event{}, false
	}
	at = s.notBefore(at)
	e, refused := s.answer(cmd, at, m)
	if refused != nil {
		e = s.refusal(cmd, refused, at)
	}
	e.ID, e.CommandID, e.CommandSeq = cmd.ID, cmd.ID, seq
	return e, true
}

func (s *State) answer(cmd *order.Command, at time.Time, m *twap.Market) (order.Event, *order.Rejection) {
	if cmd.Type == order.OpenAccount {
		return s.open(at)
	}
	if !s.Opened {
		return order.Event{}, &order.Rejection{Kind: order.NotFound, Code: "unknown_account", Detail: "the account has not been opened"}
	}
	switch cmd.Type {
	case order.Deposit:
		return s.deposit(cmd.Deposit, at)
	case order.CreateTWAP:
		return s.create(cmd.TWAP, nil, at, m)
	case order.CreatePlain:
		return s.createPlain(cmd.Plain, at, m)
	}
	w := s.byID[cmd.OrderID]
	switch {
	case w == nil:
		return order.Event{}, &order.Rejection{Kind: order.NotFound, Code: "unknown_order", Detail: "the account has no such order"}
	case w.Order.Status.Ended():
		return order.Event{}, conflict("order_ended", "the order has ended: "+string(w.Order.Status))
	}
	if refused := plainRefusal(w, cmd.Type); refused != nil {
		return order.Event{}, refused
	}
	switch cmd.Type {
	case order.Cancel:
		o := changed(w, nil)
		o.Status, o.Reason, o.EndedAt = order.Canceled, order.EndUser, at
		return s.ended(w, o, cmd.ID, s.scene(w, at, m)), nil
	case order.Pause:
		return s.pause(w, at)
	case order.Resume:
		return s.resume(w, at)
	case order.Amend:
		return s.amend(w, cmd.Amend, s.scene(w, at, m))
	}
	return order.Event{}, invalid("unknown_command", "type", "is not a command")
}

// refusal is the event of a command that changes nothing. It carries the order that the command was about, or ran into.
func (s *State) refusal(cmd *order.Command, why *order.Rejection, at time.Time) order.Event {
	e := s.event(order.CommandRejected, cmd.ID, at)
	e.Rejection, e.OrderID = why, cmd.OrderID
	switch {
	case cmd.TWAP != nil:
		e.TokenID = cmd.TWAP.TokenID
	case cmd.Plain != nil:
		e.TokenID = cmd.Plain.TokenID
	}
	creation := cmd.TWAP != nil || cmd.Plain != nil
	if creation && e.OrderID == "" && order.ValidTokenID(e.TokenID) {
		e.OrderID = order.NewID(s.ID, e.TokenID)
	}
	if w := s.byID[e.OrderID]; w != nil {
		o := w.Order
		e.Order, e.TokenID = &o, o.TokenID
	} else if creation {
		e.Refused = twap.Refused(&twap.Request{ID: e.OrderID, Params: cmd.TWAP, Plain: cmd.Plain, Market: s.cfg.Market, At: at}, why)
	}
	return e
}

func invalid(code, field, detail string) *order.Rejection {
	return &order.Rejection{
		Kind: order.Invalid, Code: code, Detail: field + ": " + detail, Errors: []order.FieldError{{Field: field, Detail: detail}},
	}
}

func conflict(code, detail string) *order.Rejection {
	return &order.Rejection{Kind: order.Conflict, Code: code, Detail: detail}
}

func (s *State) open(at time.Time) (order.Event, *order.Rejection) {
	if s.Opened {
		return order.Event{}, conflict("account_exists", "the account is open already")
	}
	e := s.event(order.AccountOpened, "", at)
	var entry ledger.Entry
	for _, a := range s.cfg.Opening {
		entry.Fund(a)
	}
	if err := s.post(&e, &entry); err != nil {
		return order.Event{}, &order.Rejection{Kind: order.Unavailable, Code: "bad_configuration", Detail: "the opening funds cannot be booked"}
	}
	return e, nil
}

func (s *State) deposit(a *order.Amount, at time.Time) (order.Event, *order.Rejection) {
	switch {
	case a == nil:
		return order.Event{}, invalid("validation_failed", "amount", "is missing")
	case !validAsset(a.Asset):
		return order.Event{}, invalid("validation_failed", "asset", "must be 1–20 of A–Z 0–9")
	case a.Amount.Sign() <= 0:
		return order.Event{}, invalid("validation_failed", "amount", "must be above 0")
	case a.Amount.Scale() > maxDepositDecimals:
		return order.Event{}, invalid("validation_failed", "amount", "must have at most 18 decimals")
	}
	funds := s.Ledger.Assets[a.Asset]
	var c decimal.Calc
	if total := c.Add(c.Add(funds.Available, funds.Reserved), a.Amount); c.Err() != nil || total.Cmp(maxFunds) > 0 {
		return order.Event{}, invalid("validation_failed", "amount", "brings the balance above "+maxFunds.String())
	}
	e := s.event(order.Deposited, "", at)
	var entry ledger.Entry
	entry.Fund(*a)
	if err := s.post(&e, &entry); err != nil {
		return order.Event{}, invalid("validation_failed", "amount", "does not fit 38 digits")
	}
	amount := *a
	e.Deposit = &amount
	return e, nil
}

func validAsset(name string) bool {
	if name == "" || len(name) > maxAssetName {
		return false
	}
	for _, r := range name {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// create accepts an order and reserves its funds. Plain is set where the order is a plain one.
func (s *State) create(p *order.Params, plain *order.Plain, at time.Time, m *twap.Market) (order.Event, *order.Rejection) {
	o, accepted, refused := s.check(p, plain, at, m)
	if refused != nil {
		return order.Event{}, refused
	}
	e := s.about(o, order.OrderAccepted, "", at)
	marks := order.Marks{At: o.CreatedAt.Truncate(time.Millisecond), Mid: accepted.DecisionMid}
	e.Accepted, e.Marks = accepted, &marks
	var entry ledger.Entry
	entry.Reserve(accepted.Reservation, o.ID)
	if err := s.post(&e, &entry); err != nil {
		return order.Event{}, insufficient(accepted.Reservation, s.Ledger.Available(accepted.Reservation.Asset))
	}
	if !twap.Join(m, o, marks) {
		return order.Event{}, &order.Rejection{
			Kind: order.Unavailable, Code: "too_many_routing_sets", Detail: "too many different choices of exchanges are followed for this symbol",
		}
	}
	return e, nil
}

// check is all that a new order must pass but its funds.
func (s *State) check(p *order.Params, plain *order.Plain, at time.Time, m *twap.Market) (*order.Order, *order.Acceptance, *order.Rejection) {
	if p == nil {
		return nil, nil, invalid("validation_failed", "twap", "is missing")
	}
	if faults := p.Validate(at); plain == nil && len(faults) > 0 { // a plain order's own are checked, and bounded otherwise
		return nil, nil, &order.Rejection{
			Kind: order.Invalid, Code: "validation_failed", Detail: faults[0].Field + ": " + faults[0].Detail, Errors: faults,
		}
	}
	id := order.NewID(s.ID, p.TokenID)
	if s.byID[id] != nil {
		return nil, nil, conflict("token_id_exists", "the account has an order with this token_id")
	}
	if s.agenda.Len() >= maxOpen {
		return nil, nil, conflict("too_many_open_orders", "the account has as many open orders as it may have")
	}
	profile, err := s.cfg.profile(p.Preset, s.ID)
	if err != nil {
		return nil, nil, invalid("validation_failed", "preset", err.Error())
	}
	o, accepted, refused := twap.Accept(&twap.Request{ID: id, Params: p, Plain: plain, Profile: profile, Market: s.cfg.Market, At: at}, m)
	if refused == nil {
		refused = s.crowded(len(accepted.Schedule))
	}
	return o, accepted, refused
}

// crowded refuses so many slices more than the open orders have.
func (s *State) crowded(more int) *order.Rejection {
	for i := range s.agenda.entries {
		more += len(s.agenda.entries[i].work.Schedule)
	}
	if more <= maxPlanned {
		return nil
	}
	return conflict("too_many_open_orders", "the open orders of the account have as many slices as they may have; end some, or ask for fewer slices")
}

// insufficient refuses what cannot be paid.
func insufficient(need order.Amount, have decimal.Decimal) *order.Rejection {
	return &order.Rejection{
		Kind: order.Invalid, Code: "insufficient_funds",
		Detail: "needs " + need.Amount.String() + " " + need.Asset + ", available are " + have.String(),
	}
}

// pause stops the slices; the window goes on.
func (s *State) pause(w *twap.Work, at time.Time) (order.Event, *order.Rejection) {
	if w.Order.Status == order.Paused {
		return order.Event{}, conflict("already_paused", "the order is paused already")
	}
	o := changed(w, nil)
	o.Status = order.Paused
	return s.about(o, order.OrderPaused, "", at), nil
}

// resume goes on after a pause, with whatever catch-up makes of what was skipped.
func (s *State) resume(w *twap.Work, at time.Time) (order.Event, *order.Rejection) {
	if w.Order.Status != order.Paused {
		return order.Event{}, conflict("not_paused", "the order is not paused")
	}
	o := changed(w, nil)
	o.Status = order.Accepted
	if w.Started {
		o.Status = order.Active
	}
	return s.about(o, order.OrderResumed, "", at), nil
}

// amend changes what is not filled yet, and the reservation with it.
func (s *State) amend(w *twap.Work, a *order.Amendment, sc *twap.Scene) (order.Event, *order.Rejection) {
	switch {
	case a == nil:
		return order.Event{}, invalid("validation_failed", "amend", "is missing")
	case a.IfVersion != 0 && a.IfVersion != w.Order.Version:
		return order.Event{}, &order.Rejection{Kind: order.Changed, Code: "version_mismatch", Detail: "the order has changed since"}
	}
	work := w.Amend
	if w.Order.TimeInForce == order.GTC {
		work = w.Restate
	}
	plan, refused := work(a, sc)
	if refused == nil {
		refused = s.crowded(len(plan.Schedule) - len(w.Schedule) + len(w.Slices))
	}
	if refused != nil {
		return order.Event{}, refused
	}
	e := s.about(plan.Order, order.OrderAmended, "", sc.At)
	marks := w.MarksAt(sc.Market, sc.At)
	e.Amend, e.Schedule, e.Marks = a, plan.Schedule, &marks
	var entry ledger.Entry
	entry.Reserve(plan.Reservation, w.Order.ID)
	if err := s.post(&e, &entry); err != nil {
		return order.Event{}, insufficient(plan.Reservation, s.Ledger.Available(plan.Reservation.Asset))
	}
	return e, nil
}
