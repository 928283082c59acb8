// Package account is the aggregate that the platform's truth is made of: an account's orders, money and liquidity memory,
// decided upon and folded event by event.
//
// Command, Due and Match say which event comes next and change nothing; Apply folds an event, and is the only thing that
// changes a State, the same way for one that was just decided and for one that is read back. So the events alone rebuild a
// State, byte for byte. A State has one owner and no lock, and takes time, market and chance from its arguments. It writes no
// event anywhere and sends nothing: the executor's loop does.
package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/ledger"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

var (
	// ErrChain says that an event does not follow the last one: its version or its predecessor's hash is another.
	ErrChain = errors.New("event does not follow")
	// ErrEvent says that an event cannot be of this account as it is: it is malformed, or of a foreign hand.
	ErrEvent = errors.New("event does not fit the account")
	// ErrUnknown says that an account has no such order.
	ErrUnknown = errors.New("unknown order")
)

// Config is what an executor decides by. Events hold what came of it, so an account can be read back under another.
type Config struct {
	Opening []order.Amount // the funds of a new account
	Profile order.Profile  // of orders that name no preset; its fees hold in every preset that has fees, unless the account has a tier
	Tiers   Tiers          // the fees of accounts that have others than the profile's
	Market  string         // live, sim or replay
	Epoch   uint64         // of the lease that the executor writes under; the owner may change it between calls
}

// State is an account. Its JSON is its snapshot.
type State struct {
	ID         order.AccountID `json:"account"`
	Version    uint64          `json:"v"`    // of the last event
	Hash       string          `json:"hash"` // of the last event's bytes
	At         time.Time       `json:"at"`   // of the last event; the next is not before it, whatever a clock says
	Opened     bool            `json:"opened"`
	CommandSeq uint64          `json:"command_seq"` // the largest folded in
	Ledger     ledger.Ledger   `json:"ledger"`
	Memory     twap.Memory     `json:"memory"`
	Works      []*twap.Work    `json:"orders"`   // by acceptance
	Finished   []order.ID      `json:"finished"` // reported orders that are kept in full, the oldest first
	Commands   []Folded        `json:"commands"` // folded in, the oldest first

	cfg     *Config
	byID    map[order.ID]*twap.Work
	folded  map[string]bool
	agenda  agenda
	wake    time.Time
	resumed time.Time
	leaving []*twap.Work            // reported since the last Due, which lets them go
	resting []*twap.Work            // at rest, the first to come first
	moved   map[order.ID]*twap.Work // whose place at rest has changed since the last Match, which tells the market
	rejoin  bool                    // after a restart the orders have yet to follow their benchmarks

	freezing *freeze              // nil if the account is not being frozen
	alike    map[route]*twap.Work // the newest order of some routes, see share
}

// Folded is a command that has its event.
type Folded struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

const (
	// commandMemory is how long a folded command is known: the day that the command log covers, and an hour for clocks.
	commandMemory = 25 * time.Hour
	// keptInFull is how many reported orders keep their slices, and keptSlices how many these are in all, beyond those of the
	// last; of older ones the summary and the report stay. One in short is some 300 bytes.
	keptInFull = 256
	keptSlices = 20_000
	// maxOpen is how many orders of an account may be open, and maxPlanned how many slices they may have in all; one more
	// is refused.
	maxOpen    = 10_000
	maxPlanned = 200_000
)

// New returns an account of which nothing has happened yet. It keeps cfg.
func New(id order.AccountID, cfg *Config) *State {
	return &State{
		ID: id, cfg: cfg, byID: map[order.ID]*twap.Work{}, folded: map[string]bool{}, agenda: agenda{places: map[*twap.Work]int{}},
		moved: map[order.ID]*twap.Work{},
	}
}

// Restore reads a snapshot that json.Marshal made of a State.
func Restore(snapshot []byte, cfg *Config) (*State, error) {
	return RestoreBy(json.Unmarshal, snapshot, cfg)
}

// RestoreBy is Restore with what does the same as json.Unmarshal, faster.
func RestoreBy(unmarshal func(data []byte, into any) error, snapshot []byte, cfg *Config) (*State, error) {
	s := New("", cfg)
	if err := unmarshal(snapshot, s); err != nil {
		return nil, fmt.Errorf("restore account: %w", err)
	}
	for _, w := range s.Works {
		if w == nil {
			return nil, fmt.Errorf("restore account %s: %w", s.ID, ErrEvent)
		}
		if err := w.Restore(); err != nil {
			return nil, fmt.Errorf("restore account %s: %w", s.ID, err)
		}
		s.byID[w.Order.ID] = w
		s.share(w)
		if w.Order.Resting != nil {
			s.rest(w, false)
		}
	}
	for _, c := range s.Commands {
		s.folded[c.ID] = true
	}
	s.replanAll()
	return s, nil
}

// Order returns an order's summary.
func (s *State) Order(id order.ID) (order.Order, bool) {
	w := s.byID[id]
	if w == nil {
		return order.Order{}, false
	}
	return w.Order, true
}

// Orders returns the summaries of all orders, in the order of their acceptance.
func (s *State) Orders() []order.Order {
	out := make([]order.Order, 0, len(s.Works))
	for _, w := range s.Works {
		out = append(out, w.Order)
	}
	return out
}

// Slices returns the slices of an order that have fallen due, and what was planned by k, those to come too. The caller
// must not change them. Of an order that ended long ago there are none.
func (s *State) Slices(id order.ID) ([]order.Slice, []order.Planned) {
	w := s.byID[id]
	if w == nil {
		return nil, nil
	}
	return w.Slices, w.Schedule
}

// Balances returns what the account has, by asset.
func (s *State) Balances() []order.Balance { return s.Ledger.Balances() }

// Report returns the execution-quality report of an order as it stands, or ErrUnknown.
func (s *State) Report(id order.ID, at time.Time, m *twap.Market) (order.Report, error) {
	w := s.byID[id]
	if w == nil {
		return order.Report{}, fmt.Errorf("report of %.40q: %w", string(id), ErrUnknown)
	}
	return w.Report(m, at), nil
}

// Wake returns when Due may have something; false while nothing is planned.
func (s *State) Wake() (time.Time, bool) { return s.wake, s.agenda.Len() > 0 || s.rejoin }

// Resume tells the account, read back from its events, when the executor came back: what fell due before is missed, what
// was on its way is closed without a fill. It records nothing; Due then has the events.
func (s *State) Resume(at time.Time) {
	s.resumed, s.rejoin = at.UTC().Round(0), true
	for _, w := range s.resting {
		s.moved[w.Order.ID] = w
	}
	s.replanAll()
}

// notBefore returns an instant as events are stamped: UTC without a monotonic part, and not before the last event. A clock
// that was set back, or that of the executor before us, must not make an account's time run backwards.
func (s *State) notBefore(at time.Time) time.Time {
	at = at.UTC().Round(0)
	if at.Before(s.At) {
		return s.At
	}
	return at
}
