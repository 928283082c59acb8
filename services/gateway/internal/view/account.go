package view

import (
	"cmp"
	"container/list"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

const (
	maxAnswers = 1_024 // answers to commands that are remembered, the newest
	markEvery  = 64    // events between two noted places in the stream
)

// Account is one account as its events tell it.
type Account struct {
	id    order.AccountID
	bus   AccountBus
	log   *slog.Logger
	tally *tally

	place  *list.Element // guarded by Accounts.mu
	users  int           // guarded by Accounts.mu
	usedAt time.Time     // guarded by Accounts.mu

	ready chan struct{} // closed when loaded or failed
	err   error         // why loading failed; set before ready is closed

	reading    sync.Mutex    // held while the stream is read, so that a hole is filled once
	completing chan struct{} // has room for the one that reads all events

	mu       sync.Mutex // guards what follows
	stop     func()     // ends the subscription
	missed   bool       // an event came that was not the next one, while loading, or any while halted
	halted   bool       // what comes is left to the stream
	lacking  *lacking   // nil if the account is made from all its events
	version  uint64     // of the last event applied
	seq      uint64     // its place in the stream
	marks    []uint64   // places of the versions 1, 65, 129, …; 0 where not known
	balances []order.Balance
	orders   []*Work // in the order of acceptance
	byID     map[order.ID]*Work
	detailed []*Work // ended orders whose details are still held, oldest first
	answers  map[string]*Answer
	answered []string // keys of answers, oldest first
	waiting  map[string][]chan<- *Answer
	sent     map[order.ID]bool // creations that went through us and are not decided on yet
	tail     tail
	watchers map[*func(uint64)]struct{}
}

// Answer is what became of a command.
type Answer struct {
	Type      order.EventType
	OrderID   order.ID
	TokenID   string
	Order     *order.Order     // as it was right after
	Rejection *order.Rejection // if it was refused
	Refused   *order.Order     // what a refused creation asked for
	Deposit   *order.Amount
	Balances  []order.Balance // after it, of the assets it touched
}

func newAccount(id order.AccountID, b AccountBus, log *slog.Logger, t *tally) *Account {
	return &Account{
		id: id, bus: b, log: log, tally: t, ready: make(chan struct{}), completing: make(chan struct{}, 1),
		byID: map[order.ID]*Work{}, answers: map[string]*Answer{},
		waiting: map[string][]chan<- *Answer{}, sent: map[order.ID]bool{}, watchers: map[*func(uint64)]struct{}{},
	}
}

// ID returns the account's id.
func (a *Account) ID() order.AccountID { return a.id }

// Version returns the version of the last event seen; an account without events has version 0.
func (a *Account) Version() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.version
}

// apply folds an event. It returns false if one is missing before it. Events that were seen before change nothing. From
// the stream itself a hole is taken as it is, because there is nothing to fill it with; that is the executor's alarm.
func (a *Account) apply(m bus.Stored, fromStream bool) bool {
	e, err := order.Decode(m.Data)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.halted {
		a.missed = true
		return true
	}
	if fromStream {
		a.seq = max(a.seq, m.Seq)
	}
	if err != nil {
		a.log.Warn("event not understood", "account", a.id, "seq", m.Seq, "error", err)
		return true
	}
	switch {
	case e.Account != a.id:
		a.log.Warn("event of another account", "account", a.id, "seq", m.Seq)
		return true
	case e.Version <= a.version:
		return true
	case e.Version > a.version+1 && !fromStream:
		return false
	}
	a.version, a.seq = e.Version, max(a.seq, m.Seq)
	if e.Version == uint64(len(a.marks))*markEvery+1 {
		a.marks = append(a.marks, m.Seq)
	}
	a.fold(e, m.Seq)
	a.answer(e)
	if len(a.watchers) > 0 {
		a.tail.push(Raw{Version: e.Version, Data: m.Data, Origin: m.Origin})
		for call := range a.watchers {
			(*call)(e.Version)
		}
	}
	return true
}

func (a *Account) fold(e *order.Event, seq uint64) {
	for _, b := range e.Balances {
		i, found := slices.BinarySearchFunc(a.balances, b.Asset, func(b order.Balance, asset string) int { return cmp.Compare(b.Asset, asset) })
		if found {
			a.balances[i] = b
		} else {
			a.balances = slices.Insert(a.balances, i, b)
		}
	}
	if e.OrderID == "" || (e.Order == nil && a.byID[e.OrderID] == nil) {
		return // about no order, or a refusal of one
	}
	w := a.byID[e.OrderID]
	if w == nil {
		w = &Work{Summary: Summary{Native: map[market.Exchange]string{}}, firstSeq: seq, details: &details{}}
		a.byID[e.OrderID] = w
		a.orders = append(a.orders, w)
	}
	ended := w.Status.Ended()
	if e.Order != nil {
		w.Order = *e.Order
	}
	if e.Accepted != nil {
		w.Native = Natives(e.Accepted.Instruments)
	}
	if w.details != nil {
		w.details.fold(e)
	}
	if !ended && w.Status.Ended() && w.details != nil {
		a.shed(w)
	}
}

// maxDetailed bounds the ended orders of an account whose slices and fills are held; those of older ones are read again
// from the stream when somebody asks.
const maxDetailed = 64

func (a *Account) shed(w *Work) {
	a.detailed = append(a.detailed, w)
	if len(a.detailed) > maxDetailed {
		a.detailed[0].details = nil
		a.detailed = slices.Delete(a.detailed, 0, 1)
	}
}

func (a *Account) answer(e *order.Event) {
	if e.CommandID == "" {
		return
	}
	answer := &Answer{
		Type: e.Type, OrderID: e.OrderID, TokenID: e.TokenID, Order: e.Order, Rejection: e.Rejection, Refused: e.Refused,
		Deposit: e.Deposit, Balances: e.Balances,
	}
	delete(a.sent, e.OrderID)
	if _, known := a.answers[e.CommandID]; !known {
		a.answered = append(a.answered, e.CommandID)
	}
	a.answers[e.CommandID] = answer
	if len(a.answered) > maxAnswers {
		delete(a.answers, a.answered[0])
		a.answered = slices.Delete(a.answered, 0, 1)
	}
	for _, waiting := range a.waiting[e.CommandID] {
		waiting <- answer // has room for the one answer there is
	}
	delete(a.waiting, e.CommandID)
}

// Answer returns what became of a command, nil if that is not known (yet).
func (a *Account) Answer(command string) *Answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answers[command]
}

// Await returns a channel that gets the answer to a command when it comes. It must be called before the command is sent,
// and forget after.
func (a *Account) Await(command string) (answer <-chan *Answer, forget func()) {
	ch := make(chan *Answer, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting[command] = append(a.waiting[command], ch)
	return ch, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		rest := slices.DeleteFunc(a.waiting[command], func(c chan<- *Answer) bool { return c == (chan<- *Answer)(ch) })
		if len(rest) == 0 {
			delete(a.waiting, command)
		} else {
			a.waiting[command] = rest
		}
	}
}

// Balances returns the balances, by asset.
func (a *Account) Balances() []order.Balance {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.balances)
}
