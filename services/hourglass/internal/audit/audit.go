// Package audit checks the truth of the platform, the stream of events, against the promises that the executor makes:
// nothing lost, nothing twice, and money that adds up.
//
// The fold is pure and shares no code with the executor beyond the words of pkg/order, so that a fault there is not
// repeated here. An Auditor has one owner and no lock. It reads and reports: it never writes to the store and mends nothing.
package audit

import (
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// Rule names a promise that was broken.
type Rule string

// The rules.
const (
	Sequence Rule = "sequence" // the stream has a hole: an event that was stored is gone
	Foreign  Rule = "foreign"  // a message is no event of the account that its subject names
	Version  Rule = "version"  // an account's versions do not count up by one
	Chain    Rule = "chain"    // an event does not name the hash of the one before it
	Postings Rule = "postings" // the postings of an event do not sum to zero, or name no place for money
	Negative Rule = "negative" // a balance or a reservation is below zero
	Balances Rule = "balances" // what an event says of balances or reservations is not what its postings made
	Overfill Rule = "overfill" // an order has more than it asked for, or fills that it does not count
	Doubled  Rule = "doubled"  // a command or a fill has taken effect twice
)

// Violation is a broken promise, with the place where it shows.
type Violation struct {
	Rule    Rule            `json:"rule"`
	Seq     uint64          `json:"seq"` // in the stream
	Account order.AccountID `json:"account,omitempty"`
	Version uint64          `json:"v,omitempty"`
	Event   string          `json:"event,omitempty"`
	Detail  string          `json:"detail"`
}

// String says it in a line.
func (v *Violation) String() string {
	return fmt.Sprintf("%s: account %s, event %s (v %d, sequence %d): %s", v.Rule, v.Account, v.Event, v.Version, v.Seq, v.Detail)
}

// maxViolations bounds what is kept; those beyond are counted. One damaged block can break thousands of accounts.
const maxViolations = 1_000

// Auditor folds the events of all accounts. The zero value is not ready: see New.
type Auditor struct {
	accounts   map[order.AccountID]*account
	next       uint64 // the sequence that must come now
	events     uint64
	count      uint64
	violations []Violation
}

// New returns an Auditor of a stream from its first message on.
func New() *Auditor {
	return &Auditor{accounts: map[order.AccountID]*account{}, next: 1, violations: []Violation{}}
}

// Result is what an audit found.
type Result struct {
	Accounts   int         `json:"accounts"`
	Events     uint64      `json:"events"`
	Count      uint64      `json:"violations_total"`
	Violations []Violation `json:"violations"` // the first 1,000
	// Heads are the hashes of the accounts' last events: two stores with the same heads hold the same events.
	Heads map[order.AccountID]string `json:"-"`
}

// Result returns what was found so far.
func (a *Auditor) Result() Result {
	heads := make(map[order.AccountID]string, len(a.accounts))
	for id, acc := range a.accounts {
		heads[id] = acc.hash
	}
	return Result{Accounts: len(a.accounts), Events: a.events, Count: a.count, Violations: a.violations, Heads: heads}
}

// End tells that the stream claims to end with the sequence last, so that events missing at its end are seen.
func (a *Auditor) End(last uint64) {
	if a.next <= last {
		a.report(Violation{Rule: Sequence, Seq: a.next, Detail: fmt.Sprintf("sequences %d to %d are missing at the end", a.next, last)})
		a.next = last + 1
	}
}

// Event takes the next message of the stream. After a violation it goes on from what the event says, so that one fault is
// told once.
func (a *Auditor) Event(m *bus.Stored) {
	a.events++
	if m.Seq != a.next {
		a.report(Violation{
			Rule: Sequence, Seq: m.Seq, Account: m.Account,
			Detail: fmt.Sprintf("sequence %d was expected before this event of the account", a.next),
		})
	}
	a.next = m.Seq + 1
	e, err := order.Decode(m.Data)
	if err != nil || m.Account == "" || e.Account != m.Account {
		a.report(Violation{Rule: Foreign, Seq: m.Seq, Account: m.Account, Detail: foreign(err)})
		return
	}
	acc := a.accounts[m.Account]
	if acc == nil {
		acc = newAccount()
		a.accounts[m.Account] = acc
	}
	acc.fold(e, func(r Rule, format string, args ...any) {
		a.report(Violation{Rule: r, Seq: m.Seq, Account: m.Account, Version: e.Version, Event: e.ID, Detail: fmt.Sprintf(format, args...)})
	})
	acc.version, acc.hash = e.Version, order.Hash(m.Data)
}

func foreign(err error) string {
	if err != nil {
		return err.Error()
	}
	return "the subject and the event name different accounts"
}

func (a *Auditor) report(v Violation) {
	a.count++
	if len(a.violations) < maxViolations {
		a.violations = append(a.violations, v)
	}
}

// account is what the fold knows of one account.
type account struct {
	version   uint64
	hash      string
	available map[string]decimal.Decimal
	reserved  map[string]decimal.Decimal
	held      map[order.ID]decimal.Decimal
	commands  map[string]bool // those of recent
	recent    []command       // the commands that a repetition would be refused for, the oldest first
	orders    map[order.ID]*work
}

// command is a command that has its event.
type command struct {
	id string
	at time.Time
}

// work is what the fold knows of one order.
type work struct {
	filled   decimal.Decimal
	fills    map[string]bool // nil once the order is reported: nothing may follow
	reported bool
}

func newAccount() *account {
	return &account{
		available: map[string]decimal.Decimal{}, reserved: map[string]decimal.Decimal{}, held: map[order.ID]decimal.Decimal{},
		commands: map[string]bool{}, orders: map[order.ID]*work{},
	}
}

// report tells a violation of the event at hand.
type report func(r Rule, format string, args ...any)

func (a *account) fold(e *order.Event, tell report) {
	if e.Version != a.version+1 {
		tell(Version, "version %d follows %d", e.Version, a.version)
	}
	if e.Prev != a.hash {
		tell(Chain, "prev is %.12q, the event before it has %.12q", e.Prev, a.hash)
	}
	a.command(e, tell)
	a.post(e, tell)
	if e.OrderID != "" && e.Order != nil {
		a.order(e, tell)
	}
}

// command checks that a command takes effect once. Its id may come again when the command log has forgotten it: whoever
// uses an idempotency key a day later means something new.
func (a *account) command(e *order.Event, tell report) {
	for len(a.recent) > 0 && e.At.Sub(a.recent[0].at) > bus.CommandAge {
		delete(a.commands, a.recent[0].id)
		a.recent = a.recent[1:]
	}
	if e.CommandID == "" {
		return
	}
	if a.commands[e.CommandID] {
		tell(Doubled, "command %s has an event already", e.CommandID)
		return
	}
	a.commands[e.CommandID] = true
	a.recent = append(a.recent, command{e.CommandID, e.At})
}
