package executor

import (
	"container/heap"
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// eventLog is what the loop needs of the bus: the truth about the accounts. See bus.Conn for the promises.
type eventLog interface {
	AppendEvent(ctx context.Context, a order.AccountID, id string, body []byte, last uint64) (uint64, error)
	ReadEvents(ctx context.Context, a order.AccountID, from uint64, handle func(bus.Stored) error) error
}

// settle is how long commands wait after a start for the exchanges to tell their instruments and for the first books, so
// that an order sent while the executor was away is not refused for want of a market.
const settle = 5 * time.Second

// loop owns everything that changes. Only its own goroutine touches its fields, the channels and the inbox apart.
type loop struct {
	log      *slog.Logger
	events   eventLog
	cfg      account.Config
	exchange []market.Exchange

	inbox     *inbox
	commands  chan bus.Stored
	pairs     chan listing
	questions chan question

	market    *twap.Market
	accounts  map[order.AccountID]*owned
	timers    timers
	wishes    *wishes
	watermark uint64 // the largest command sequence that an event carries
	listed    map[market.Exchange]bool
	settled   bool
	skipped   uint64 // stored messages that were not ours to understand
	meters    meters

	stored atomic.Uint64 // the largest sequence seen in the event log; keepMark reads it
}

// owned is an account with its place in the event log.
type owned struct {
	state *account.State
	seq   uint64 // of its last event in the stream
	wake  time.Time
	// broken is set when its events contradict each other. It is not touched again: a person must look.
	broken bool
}

func newLoop(cfg Config, events eventLog, epoch uint64, log *slog.Logger) *loop {
	return &loop{
		log: log, events: events, exchange: cfg.Exchanges,
		cfg:   account.Config{Opening: cfg.Opening, Profile: cfg.Profile, Market: cfg.Market, Epoch: epoch},
		inbox: newInbox(log), commands: make(chan bus.Stored, queuedCommands), pairs: make(chan listing), questions: make(chan question),
		market: twap.NewMarket(), wishes: newWishes(),
		accounts: map[order.AccountID]*owned{}, listed: map[market.Exchange]bool{},
	}
}

// run is the loop. It ends when ctx does; whatever it has decided by then is stored.
func (l *loop) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	settled := time.After(settle)
	l.wishes.tell()
	for {
		var commands <-chan bus.Stored
		var questions <-chan question
		if l.settled {
			commands, questions = l.commands, l.questions
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.inbox.wake:
			l.takeMarket(time.Now())
		case p := <-l.pairs:
			l.market.SetInstruments(p.exchange, p.instruments)
			l.listed[p.exchange] = true
			l.settled = l.settled || len(l.listed) == len(l.exchange)
		case <-settled:
			l.settled = true
		case m := <-commands:
			l.takeMarket(time.Now())
			if err := l.command(ctx, m); err != nil {
				return err
			}
		case q := <-questions:
			l.takeMarket(time.Now())
			value, err := q.ask(l, time.Now())
			q.answer <- answer{value, err}
		case <-timer.C:
			l.takeMarket(time.Now())
			if err := l.due(ctx); err != nil {
				return err
			}
		}
		if err := l.meet(ctx); err != nil {
			return err
		}
		timer.Reset(l.sleep(time.Now()))
	}
}

// takeMarket brings the market up to date, so that every decision sees the newest books that have arrived.
func (l *loop) takeMarket(at time.Time) {
	books, trades := l.inbox.take()
	for _, b := range books {
		l.market.Book(at, b)
	}
	for _, t := range trades {
		l.market.Trade(at, t)
	}
}

// command carries out a stored command. One that is no command of its account is counted and skipped.
func (l *loop) command(ctx context.Context, m bus.Stored) error {
	var cmd order.Command
	if err := json.Unmarshal(m.Data, &cmd); err != nil || m.Account == "" || cmd.Account != m.Account || cmd.ID == "" {
		l.skip()
		l.log.Error("foreign command skipped", "seq", m.Seq, "error", err)
		return nil
	}
	a := l.account(cmd.Account)
	err := l.commit(ctx, cmd.Account, a, func(at time.Time) (order.Event, bool) {
		return a.state.Command(&cmd, m.Seq, at, l.market)
	})
	if err != nil {
		return err
	}
	return l.advance(ctx, cmd.Account, a)
}

// skip counts a stored message that is not ours to understand.
func (l *loop) skip() {
	l.skipped++
	l.meters.foreign.Inc()
}

// account returns an account, a new one if it has no events yet.
func (l *loop) account(id order.AccountID) *owned {
	a := l.accounts[id]
	if a == nil {
		a = &owned{state: account.New(id, &l.cfg)}
		l.accounts[id] = a
		l.meters.accounts.Store(int64(len(l.accounts)))
	}
	return a
}

// due advances every account whose time has come.
func (l *loop) due(ctx context.Context) error {
	now := time.Now()
	for len(l.timers) > 0 && !l.timers[0].at.After(now) {
		t := heap.Pop(&l.timers).(timer)
		a := l.accounts[t.account]
		if !a.wake.Equal(t.at) {
			continue // the account has been given another time since
		}
		a.wake = time.Time{}
		if err := l.advance(ctx, t.account, a); err != nil {
			return err
		}
		now = time.Now()
	}
	return nil
}

// meet advances the accounts whose orders at rest the market has met; others cost nothing here.
func (l *loop) meet(ctx context.Context) error {
	for _, id := range l.market.Met() {
		if err := l.advance(ctx, id, l.accounts[id]); err != nil {
			return err
		}
	}
	return nil
}

// advance commits what has met an account or is due on it, one event after the other, and sets its next wake-up.
func (l *loop) advance(ctx context.Context, id order.AccountID, a *owned) error {
	for more := true; more && !a.broken; {
		more = false
		err := l.commit(ctx, id, a, func(at time.Time) (order.Event, bool) {
			e, ok := a.state.Match(at, l.market)
			if !ok {
				e, ok = a.state.Due(at, l.market)
			}
			more = more || ok
			return e, ok
		})
		if err != nil {
			return err
		}
	}
	if wake, ok := a.state.Wake(); ok && !a.broken && !wake.Equal(a.wake) {
		a.wake = wake
		heap.Push(&l.timers, timer{wake, id})
	}
	return nil
}

// sleep is how long the loop may wait for its timer: until the first account is due.
func (l *loop) sleep(now time.Time) time.Duration {
	if len(l.timers) == 0 {
		return time.Hour
	}
	return max(0, l.timers[0].at.Sub(now))
}

// timer says when an account wants to be woken.
type timer struct {
	at      time.Time
	account order.AccountID
}

// timers is a heap of timers, the first due at the root.
type timers []timer

func (t *timers) init()             { heap.Init(t) }
func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}
