package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
	"github.com/hourglass-trading/hourglass/services/executor/internal/lease"
	"github.com/hourglass-trading/hourglass/services/executor/internal/twap"
)

const (
	crowdAccounts = 100
	crowdOrders   = 1_000 // of an account
	crowdInterval = 30 * time.Second
	crowdTime     = 3 * crowdInterval  // that is measured
	crowdWindow   = 30 * crowdInterval // of an order: longer than the benchmark
	crowdGC       = 300                // GOGC of deploy/kubernetes/base/executor.yaml
)

// BenchmarkCrowd works 100,000 active orders with a slice each per thirty seconds, and tells how late slices were decided:
// from when they were due until the loop took the decision. The loop is the real one, with its one timer, over the books of
// nine exchanges that come ten times a second each. Events are encoded, chained and folded, but stored in a log without a
// disk: what the disk costs depends on the disk, and the fuller a batch the less. Snapshots are made as they are in life, and
// stored as little.
//
// It takes three intervals, and about half of one before them to have the orders accepted, whatever -benchtime says. What the
// process spends in all, on decoding the books and collecting its garbage too, is told as a share of one core. Its garbage is
// collected as seldom as where it is deployed: once or twice in that time. That takes one to two seconds, in which the collector
// has a quarter of each processor, on fewer than four of them in pieces of up to twenty milliseconds that the loop must wait for.
func BenchmarkCrowd(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(crowdGC))
	for b.Loop() {
		c := gather(b)
		runtime.GC() // what is left of the gathering is none of the orders' garbage
		c.catchUp()
		from, before, saved := time.Now(), processor(b), c.meters.snapshots.Load()
		c.wait(crowdTime)
		to, after := time.Now(), processor(b)
		c.wait(time.Second) // the last may be late
		c.disband()
		b.ReportMetric(100*(after-before).Seconds()/to.Sub(from).Seconds(), "cpu-%")
		b.ReportMetric(float64(c.meters.snapshots.Load()-saved)/to.Sub(from).Seconds(), "snapshots/s")
		c.tell(from, to)
	}
	b.ReportMetric(0, "ns/op") // it is the time that was waited
}

// crowd is a loop with many orders.
type crowd struct {
	*loop
	b     *testing.B
	empty uint64 // bytes in use before there were orders
	stop  context.CancelFunc
	ended chan error
}

// gather is a loop that works all the orders. An executor before it has accepted them, each account's in the interval up to
// the moment at which this one takes it over, and spread over that.
func gather(b *testing.B) *crowd {
	b.Helper()
	cfg := testConfig()
	cfg.Exchanges, cfg.Profile, cfg.Opening = crowdExchanges, account.StandardProfile(), nil
	cfg.Profile.TakerFeeBps = map[market.Exchange]decimal.Decimal{}
	for i, e := range crowdExchanges {
		cfg.Profile.TakerFeeBps[e] = decimal.New(int64(10+i), 0)
	}
	for _, asset := range []string{"USDT", "BTC", "ETH", "SOL", "XRP"} {
		cfg.Opening = append(cfg.Opening, order.Amount{Asset: asset, Amount: decimal.New(1_000_000_000, 0)})
	}
	ctx, cancel := context.WithCancel(b.Context())
	c := &crowd{b: b, empty: inUse(), stop: cancel, ended: make(chan error, 4)}
	c.loop = newLoop(cfg, &forgetfulLog{last: map[order.AccountID]uint64{}}, slog.New(slog.DiscardHandler))
	alarm, err := newAlarm()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(alarm.close)
	c.alarm = alarm.set
	go func() { c.ended <- alarm.run(ctx) }()
	go func() { c.ended <- c.run(ctx) }()
	go func() { c.ended <- c.keepSnapshots(ctx, forgetfulStore{}) }()
	for _, e := range crowdExchanges {
		c.pairs <- listing{e, crowdInstruments(e)}
	}
	go func() { c.ended <- feed(ctx, c.inbox) }()
	var h lease.Holdings
	for p := range h.Epochs {
		h.Epochs[p] = 1
	}
	c.holdings <- h
	claims := <-c.claims
	for i := range crowdAccounts {
		id := order.AccountID(fmt.Sprint("a", i))
		ours := claims[slices.IndexFunc(claims, func(cl claim) bool { return cl.partition == id.Partition() })]
		a := newOwned(c.accepted(id, ours.cfg, time.Duration(i)*crowdInterval/(crowdAccounts*crowdOrders)))
		c.recovered <- &recovered{claims: []claim{ours}, accounts: map[order.AccountID]*owned{id: a}}
	}
	return c
}

// accepted is an account whose orders were accepted in the interval up to now, the first of them after a while.
func (c *crowd) accepted(id order.AccountID, cfg *account.Config, after time.Duration) *account.State {
	now := time.Now()
	at := now.Add(after - crowdInterval)
	e := account.Engine{State: account.New(id, cfg), Market: twap.NewMarket()}
	for _, x := range crowdExchanges {
		e.Market.SetInstruments(x, crowdInstruments(x))
		for _, s := range crowdSymbols {
			e.Market.Book(at, crowdBook(x, s, 5, 0, now)) // few levels, for what is not measured
		}
	}
	step := func(in *account.Input) {
		if _, err := e.Step(at, in); err != nil {
			c.b.Fatal(err)
		}
	}
	step(&account.Input{Command: &order.Command{ID: "open", Account: id, Type: order.OpenAccount}})
	for i := range crowdOrders {
		p := order.Defaults()
		p.TokenID, p.Symbol, p.Side = fmt.Sprint("t", i), crowdSymbols[i%len(crowdSymbols)], market.Buy
		if i%2 == 1 {
			p.Side = market.Sell
		}
		p.DurationSeconds, p.IntervalSeconds = int(crowdWindow/time.Second), int(crowdInterval/time.Second)
		p.Quantity = decimal.New(int64(crowdWindow/crowdInterval), 1)
		p.RandomizeTimeBps = i % 2 * 5_000
		p.Exchanges = crowdRoutes[i%len(crowdRoutes)]
		step(&account.Input{Command: &order.Command{ID: fmt.Sprint("c", i), Account: id, Type: order.CreateTWAP, TWAP: &p}})
		at = at.Add(crowdInterval / crowdOrders)
	}
	at = now
	step(nil)
	if n := len(e.State.Orders()); n != crowdOrders {
		c.b.Fatalf("%d orders accepted, want %d", n, crowdOrders)
	}
	return e.State
}

func (c *crowd) wait(d time.Duration) {
	c.b.Helper()
	select {
	case err := <-c.ended:
		c.b.Fatal("the loop has ended: ", err)
	case <-time.After(d):
	}
}

// catchUp waits until what the gathering has held up is made up for: until the loop has been in time for two seconds.
func (c *crowd) catchUp() {
	c.b.Helper()
	const look, enough, most = 100 * time.Millisecond, 20, 600
	good := 0
	for range most {
		if c.behind() > look {
			good = 0
		} else if good++; good == enough {
			return
		}
		c.wait(look)
	}
	c.b.Fatal("this machine does not keep up with so many orders")
}

// behind is how long the first order that is due has waited for the loop.
func (c *crowd) behind() time.Duration {
	q := question{answer: make(chan answer, 1), ask: func(l *loop, at time.Time) (any, error) {
		first := at
		for _, a := range l.accounts {
			if due, ok := a.state.Wake(); ok && due.Before(first) {
				first = due
			}
		}
		return at.Sub(first), nil
	}}
	c.questions <- q
	return (<-q.answer).value.(time.Duration)
}

func (c *crowd) disband() {
	c.b.Helper()
	c.stop()
	for range cap(c.ended) {
		if err := <-c.ended; !errors.Is(err, context.Canceled) {
			c.b.Fatal(err)
		}
	}
}

// tell reports on the slices that were due within a time.
func (c *crowd) tell(from, to time.Time) {
	c.b.Helper()
	var late []time.Duration
	for _, a := range c.accounts {
		for _, o := range a.state.Orders() {
			list, _ := a.state.Slices(o.ID)
			for i := range list {
				s := &list[i]
				if s.DueAt.Before(from) || !s.DueAt.Before(to) {
					continue
				}
				if len(s.Children) == 0 {
					c.b.Fatalf("slice %d of %s: %+v", i, o.ID, *s)
				}
				late = append(late, s.DecidedAt.Sub(s.DueAt))
			}
		}
	}
	if len(late) < crowdAccounts*crowdOrders*int(crowdTime/crowdInterval)*9/10 { // those at random times have one in an interval on average
		c.b.Fatalf("%d slices decided", len(late))
	}
	slices.Sort(late)
	at := func(part int) float64 { return late[(len(late)-1)*part/1000].Seconds() * 1000 }
	c.b.ReportMetric(at(500), "p50-late-ms")
	c.b.ReportMetric(at(990), "p99-late-ms")
	c.b.ReportMetric(at(999), "p99.9-late-ms")
	c.b.ReportMetric(at(1000), "max-late-ms")
	c.b.ReportMetric(float64(len(late))/to.Sub(from).Seconds(), "slices/s")
	c.b.ReportMetric(float64(inUse()-c.empty)/(crowdAccounts*crowdOrders), "B/order")
	runtime.KeepAlive(c)
}

// inUse is how many bytes are reachable.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// processor is the processor time of this process so far.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// forgetfulLog is an event log without a disk, which knows of each account only which event was the last.
type forgetfulLog struct {
	eventLog // nothing is read from it
	seq      uint64
	last     map[order.AccountID]uint64
}

func (m *forgetfulLog) AppendEvent(_ context.Context, a order.AccountID, _ string, _ []byte, last uint64) (uint64, error) {
	if m.last[a] != last {
		return 0, bus.ErrOutcomeUnknown
	}
	m.seq++
	m.last[a] = m.seq
	return m.seq, nil
}

func (m *forgetfulLog) AppendEvents(ctx context.Context, events []bus.Append) (out []uint64, err error) {
	for i := range events {
		seq, err := m.AppendEvent(ctx, events[i].Account, events[i].ID, events[i].Body, events[i].Last)
		if err != nil {
			return nil, err
		}
		out = append(out, seq)
	}
	return out, nil
}

// forgetfulStore encodes snapshots and forgets them.
type forgetfulStore struct{}

func (forgetfulStore) KeepSnapshot(_ context.Context, s *bus.Snapshot) error {
	_, err := json.Marshal(s)
	return err
}
