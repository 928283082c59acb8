package executor

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/daemon"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
	"github.com/hourglass-trading/hourglass/services/executor/internal/lease"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

// eventLog is what the loop needs of the bus: the truth about the accounts. See bus.Conn for the promises. The body of an
// event is not touched again after an append that succeeded: the loop writes the next one there.
type eventLog interface {
	AppendEvent(ctx context.Context, a order.AccountID, id string, body []byte, last uint64) (uint64, error)
	AppendEvents(ctx context.Context, events []bus.Append) ([]uint64, error)
	ReadEvents(ctx context.Context, a order.AccountID, from uint64, handle func(bus.Stored) error) error
	ReadPartitions(ctx context.Context, partitions []int, from uint64, handle func(bus.Stored) error) error
	LastEvents(ctx context.Context, partition int, handle func(bus.Stored)) error
	ReadSnapshots(ctx context.Context, partition int, handle func(*bus.Snapshot)) error
}

// settle is how long commands wait after a start for the exchanges to tell their instruments and for the first books, so
// that an order sent while the executor was away is not refused for want of a market.
const settle = 5 * time.Second

// loop owns everything that changes. Only its own goroutine touches its fields, the channels, the inbox and the counters
// apart.
type loop struct {
	log      *slog.Logger
	events   eventLog
	cfg      account.Config // of every account, but for the epoch
	exchange []market.Exchange
	meters   meters
	// now and pause are time.Now and daemon.Wait. Executors' clocks differ, and what one decides while another does is what
	// can go wrong: the simulation of the core gives each of them others.
	now   func() time.Time
	pause func(ctx context.Context, d time.Duration) error
	alarm func(d time.Duration) // is told when the loop's timer is due

	inbox     *inbox
	holdings  chan lease.Holdings // which partitions are ours
	claims    chan []claim        // those that are to be read from the log
	recovered chan *recovered     // and have been
	places    chan places         // from where commands are wanted
	commands  chan command
	pairs     chan listing
	questions chan question
	ready     func()        // called when each partition has an owner and ours have been read
	ended     chan struct{} // closed when the loop decides nothing more

	market   *twap.Market
	held     lease.Holdings
	parts    [order.Partitions]*partition // nil where not held
	unasked  []claim
	wanted   places
	round    uint64 // of places; commands of an earlier one are dropped
	accounts map[order.AccountID]*owned
	timers   timers
	hot      []order.AccountID // that had an event, or met the market, since they were looked at
	decided  decided
	buf      []byte // where events are encoded
	wishes   *wishes
	listed   map[market.Exchange]bool
	settled  bool
	tracer   *tracing.Tracer

	unsaved   []order.AccountID // that have events beyond their snapshot, the first to have one first
	freezing  *frozen           // the account whose snapshot is being taken, if one is
	snapshots chan *frozen      // those that are to be packed and stored
	queued    atomic.Int64      // orders in those

	stored atomic.Uint64 // the largest sequence seen in the event log; the mark follows it
}

// owned is an account with its place in the event log.
type owned struct {
	state *account.State
	seq   uint64 // of its last event in the stream
	wake  time.Time
	hot   bool // among those that the loop looks at next
	// origins are what placed the orders that are not reported yet, where that is known: the spans of what follows continue it.
	origins map[order.ID]tracing.Origin
	since   time.Time // of the first event that its snapshot lacks; zero if there is none
	saved   uint64    // place of the snapshot that it was made from; 0 if it was made from all its events
	proof   string    // hash that the event there must have for the snapshot to fit; empty once that is shown
	// broken is set when its events contradict each other. It is not touched again: a person must look.
	broken bool
	left   bool // others work it
}

func newOwned(state *account.State) *owned {
	return &owned{state: state, origins: map[order.ID]tracing.Origin{}}
}

func newLoop(cfg Config, events eventLog, log *slog.Logger) *loop {
	return &loop{
		log: log, events: events, exchange: cfg.Exchanges, now: time.Now, pause: daemon.Wait, alarm: func(time.Duration) {},
		cfg:      account.Config{Opening: cfg.Opening, Profile: cfg.Profile, Tiers: cfg.Tiers, Market: cfg.Market},
		inbox:    newInbox(log),
		holdings: make(chan lease.Holdings, 1), claims: make(chan []claim), recovered: make(chan *recovered), places: make(chan places),
		commands: make(chan command, queuedCommands), pairs: make(chan listing), questions: make(chan question),
		snapshots: make(chan *frozen, queuedSnapshots),
		market:    twap.NewMarket(), wishes: newWishes(),
		accounts: map[order.AccountID]*owned{}, listed: map[market.Exchange]bool{}, ready: func() {}, ended: make(chan struct{}),
	}
}

// run is the loop. It ends when ctx does; whatever it has decided by then is stored.
func (l *loop) run(ctx context.Context) error {
	defer close(l.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	settled := time.After(settle)
	saving := time.NewTicker(snapshotTick)
	defer saving.Stop()
	l.wishes.tell()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.inbox.wake:
			l.takeMarket(l.now())
		case h := <-l.holdings:
			l.hold(h)
		case r := <-l.recovered:
			l.adopt(r, l.now())
		case l.claiming() <- l.unasked:
			l.unasked = nil
		case l.placing() <- l.wanted:
			l.wanted.after = nil
		case p := <-l.pairs:
			l.market.SetInstruments(p.exchange, p.instruments)
			l.listed[p.exchange] = true
			l.settle(false)
		case <-settled:
			l.settle(true)
		case m := <-l.ifSettled():
			l.takeMarket(l.now())
			err = l.command(ctx, &m)
		case q := <-l.asked():
			l.tell(q)
		case <-saving.C:
			l.snapshot()
			continue // nothing has changed
		case <-timer.C:
			l.takeMarket(l.now())
			err = l.due(ctx)
		}
		if err != nil {
			return err
		}
		l.meet()
		d := l.sleep(l.now())
		timer.Reset(d)
		l.alarm(d) // after the timer, or the runtime would find nothing due
	}
}

// settle lets commands and questions in once every exchange has told its instruments and every partition has its owner, or
// late anyway.
func (l *loop) settle(late bool) {
	l.settled = l.settled || late || l.complete() && len(l.listed) == len(l.exchange)
}

// ifSettled and asked are nil, which nothing comes from, until the loop has settled.
func (l *loop) ifSettled() <-chan command {
	if l.settled {
		return l.commands
	}
	return nil
}

func (l *loop) asked() <-chan question {
	if l.settled {
		return l.questions
	}
	return nil
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

// command carries out a stored command. One that is no command of its account is counted and skipped; one that was seen
// before, or is not ours, is dropped.
func (l *loop) command(ctx context.Context, m *command) error {
	if m.round != l.round {
		return nil
	}
	var cmd order.Command
	if err := json.Unmarshal(m.Data, &cmd); err != nil || m.Account == "" || cmd.Account != m.Account || cmd.ID == "" {
		l.meters.foreign.Add(1)
		l.log.Error("foreign command skipped", "seq", m.Seq, "error", err)
		return nil
	}
	part := l.parts[cmd.Account.Partition()]
	if part == nil || !part.loaded || m.Seq <= part.done {
		return nil
	}
	ctx, end := l.tracer.Start(m.Origin.Context(ctx), "command "+string(cmd.Type), "order_id", string(cmd.OrderID))
	defer end()
	l.log.Debug("command", "request_id", tracing.Request(ctx), "type", cmd.Type, "account", cmd.Account, "order_id", cmd.OrderID)
	a := l.account(cmd.Account, part)
	err := l.commit(ctx, cmd.Account, a, func(at time.Time) (order.Event, bool) {
		return a.state.Command(&cmd, m.Seq, at, l.market)
	})
	if err != nil {
		return err
	}
	part.done = m.Seq
	l.again(cmd.Account, a)
	return nil
}

// account returns an account of a partition that we hold, a new one if it has no events yet.
func (l *loop) account(id order.AccountID, part *partition) *owned {
	a := l.accounts[id]
	if a == nil {
		a = newOwned(account.New(id, part.cfg))
		l.accounts[id] = a
		l.meters.accounts.Store(int64(len(l.accounts)))
	}
	return a
}

// due advances every account that had an event just now, or whose time has come, by one event.
func (l *loop) due(ctx context.Context) error {
	now := l.now()
	for len(l.timers) > 0 && !l.timers[0].at.After(now) {
		t := heap.Pop(&l.timers).(timer)
		a := l.accounts[t.account]
		if a == nil || !a.wake.Equal(t.at) {
			continue // the account has left, or been given another time since
		}
		a.wake = time.Time{}
		l.again(t.account, a)
	}
	ids := slices.DeleteFunc(l.hot, func(id order.AccountID) bool {
		a := l.accounts[id]
		if a == nil || !a.hot { // it has left since, even if it is back
			return true
		}
		a.hot = false
		return false
	})
	l.hot = nil
	return l.together(ctx, ids)
}

// meet advances the accounts whose orders at rest the market has met; others cost nothing here.
func (l *loop) meet() {
	for _, id := range l.market.Met() {
		if a := l.accounts[id]; a != nil { // else it has left since
			l.again(id, a)
		}
	}
}

// again has the loop look whether there is more for an account, in its turn: where more falls due on one than can be stored,
// the others must not wait for it.
func (l *loop) again(id order.AccountID, a *owned) {
	if !a.hot && !a.broken {
		a.hot = true
		l.hot = append(l.hot, id)
	}
}

// next decides what has met an account or is due on it; false if nothing.
func (l *loop) next(a *owned, at time.Time) (order.Event, bool) {
	if e, ok := a.state.Match(at, l.market); ok {
		return e, true
	}
	return a.state.Due(at, l.market)
}

// schedule sets an account's next wake-up.
func (l *loop) schedule(id order.AccountID, a *owned) {
	if wake, ok := a.state.Wake(); ok && !a.broken && !wake.Equal(a.wake) {
		a.wake = wake
		heap.Push(&l.timers, timer{wake, id})
	}
}

// sleep is how long the loop may wait for its timer: until the first account is due, not at all while some are to be looked
// at again.
func (l *loop) sleep(now time.Time) time.Duration {
	switch {
	case len(l.hot) > 0:
		return 0
	case len(l.timers) == 0:
		return time.Hour
	}
	return max(0, l.timers[0].at.Sub(now))
}

// timer says when an account wants to be woken.
type timer struct {
	at      time.Time
	account order.AccountID
}

// timers is a heap of timers, the first due at the root. Len, Swap, Push, Less and Pop are container/heap's.
type timers []timer

func (t timers) Len() int      { return len(t) }
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)   { *t = append(*t, x.(timer)) }

// Less goes by name at one instant, so that what is done does not hang on what was read first.
func (t timers) Less(i, j int) bool {
	return cmp.Or(t[i].at.Compare(t[j].at), cmp.Compare(t[i].account, t[j].account)) < 0
}

func (t *timers) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}
