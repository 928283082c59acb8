package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

// floor is a bus with a market that stands still, on which executors work.
type floor struct {
	t     *testing.T
	bus   bus.Config
	conn  *bus.Conn
	lease jetstream.KeyValue

	mu     sync.Mutex // guards all below
	events []order.Event
	more   chan struct{} // closed at the next event
}

func newFloor(t *testing.T) *floor {
	t.Helper()
	nats, err := embedded.Start(embedded.Config{Dir: t.TempDir()}, discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Stop(nats) })
	f := &floor{t: t, bus: bus.Config{InProcess: nats, Name: "test"}, more: make(chan struct{})}
	f.open()
	return f
}

// open connects and starts the market.
func (f *floor) open() {
	f.t.Helper()
	f.conn = f.connect()
	if err := f.conn.EnsureStreams(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	var err error
	if f.lease, err = f.conn.Bucket(f.t.Context(), bus.LeaseBucket); err != nil {
		f.t.Fatal(err)
	}
	stop, err := f.conn.SubscribeOrders("usr.*", f.event)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(stop)
	f.trade()
}

func (f *floor) connect() *bus.Conn {
	f.t.Helper()
	conn, err := bus.Connect(f.t.Context(), f.bus, discard)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(conn.Close)
	return conn
}

// trade offers a pair and shows its book five times a second.
func (f *floor) trade() {
	service, err := micro.AddService(f.conn.Orders(), micro.Config{Name: "collector", Version: "1.0.0"})
	if err != nil {
		f.t.Fatal(err)
	}
	reply := &bus.PairsReply{Exchange: "binance", Instruments: []market.Instrument{{
		Exchange: "binance", Symbol: "BTC-USDT", Native: "BTCUSDT", Base: "BTC", Quote: "USDT", Status: market.Trading,
		PriceTick: decimal.New(1, 2), QuantityStep: decimal.New(1, 5), MinQuantity: decimal.New(1, 5), MinNotional: decimal.New(5, 0),
	}}}
	tell := micro.HandlerFunc(func(r micro.Request) { _ = bus.Answer(r, reply, nil) })
	if err := service.AddEndpoint("pairs", tell, micro.WithEndpointSubject(bus.CollectorSubject("binance", bus.AskPairs))); err != nil {
		f.t.Fatal(err)
	}
	f.goes(func(ctx context.Context) {
		level := func(price int64) []market.Level {
			return []market.Level{{Price: decimal.New(price, 0), Quantity: decimal.New(1000, 0)}}
		}
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for seq := uint64(1); ctx.Err() == nil; seq++ {
			now := time.Now()
			body, _ := json.Marshal(&market.Book{
				Exchange: "binance", Symbol: "BTC-USDT", Seq: seq, State: market.Live, ReceivedAt: now, AliveAt: now, Bids: level(59_999), Asks: level(60_001),
			})
			_ = f.conn.PublishMarket(bus.BookSubject("binance", "BTC-USDT"), body)
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
}

// goes runs a part until the returned function is called, at the latest until the test ends.
func (f *floor) goes(run func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	f.t.Cleanup(stop)
	return stop
}

// execute starts an executor. It ends gracefully by stop, and by cut as when its machine dies.
func (f *floor) execute() (stop, cut func()) {
	f.t.Helper()
	env := map[string]string{"HOURGLASS_EXCHANGES": "binance", "HOURGLASS_MARKET": "sim"}
	cfg, err := executor.ParseConfig(func(key string) string { return env[key] })
	if err != nil {
		f.t.Fatal(err)
	}
	cfg.HealthListen = ""
	conn := f.connect()
	stop = f.goes(func(ctx context.Context) {
		if err := executor.Run(ctx, cfg, conn, discard); err != nil && !strings.Contains(err.Error(), "lost for good") {
			f.t.Errorf("executor: %v", err)
		}
	})
	return stop, conn.Close
}

func (f *floor) event(_ string, body []byte) {
	e, err := order.Decode(body)
	if err != nil {
		f.t.Errorf("event: %v", err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, *e)
	close(f.more)
	f.more = make(chan struct{})
}

// await waits until the events, of which it is shown all, are as they should be.
func (f *floor) await(what string, done func([]order.Event) bool) {
	f.t.Helper()
	late := time.After(60 * time.Second)
	for {
		f.mu.Lock()
		events, more := f.events, f.more
		f.mu.Unlock()
		if done(events) {
			return
		}
		select {
		case <-more:
		case <-late:
			f.t.Fatalf("no %s", what)
		}
	}
}

// shared waits until the partitions are held by so many executors, each with as many, and returns how long that took.
func (f *floor) shared(executors int) time.Duration {
	f.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
	defer cancel()
	watch, err := f.lease.WatchFiltered(ctx, []string{"*"}) // the executors' own keys have two tokens
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = watch.Stop() }()
	owners := map[string]string{}
	for e := range watch.Updates() {
		if e == nil || e.Key() == bus.MarkKey {
			continue
		}
		owners[e.Key()] = string(e.Value())
		held := map[string]int{}
		for _, owner := range owners {
			held[owner]++
		}
		even := slices.Max(slices.Collect(maps.Values(held))) == order.Partitions/executors
		if len(owners) == order.Partitions && len(held) == executors && even {
			return time.Since(began)
		}
	}
	f.t.Fatalf("the partitions are not shared by %d: %v", executors, owners)
	return 0
}

// send appends a command of an account.
func (f *floor) send(cmd order.Command) {
	f.t.Helper()
	if _, err := f.conn.AppendCommand(f.t.Context(), &cmd); err != nil {
		f.t.Fatal(err)
	}
}

// TestSeveralExecutorsShareTheAccounts has executors come, stop and die while many accounts have orders working.
func TestSeveralExecutorsShareTheAccounts(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs seconds of real time")
	}
	const accounts = 40
	f := newFloor(t)
	stopFirst, _ := f.execute()
	t.Logf("one has all after %s", f.shared(1))
	orders := map[order.ID]order.AccountID{}
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side, p.Quantity, p.DurationSeconds, p.IntervalSeconds = "first", "BTC-USDT", market.Buy, decimal.One, 14, 1
	for i := range accounts {
		a := order.AccountID(fmt.Sprintf("a%02d", i))
		f.send(order.Command{ID: order.CommandID(a, order.OpenAccount, ""), Account: a, Type: order.OpenAccount})
		id := order.NewID(a, p.TokenID)
		f.ask(bus.AskPreview, bus.PreviewRequest{Account: a, TWAP: &p}, &order.Preview{}) // the book is there
		f.send(order.Command{ID: order.CommandID(a, order.CreateTWAP, p.TokenID), Account: a, Type: order.CreateTWAP, OrderID: id, TWAP: &p})
		orders[id] = a
	}
	f.await("acceptance of all", reached(orders, order.OrderAccepted))

	_, cutSecond := f.execute()
	t.Logf("two share after %s", f.shared(2))
	f.report(orders)
	stopFirst()
	t.Logf("what a stopped one had is taken after %s", f.shared(1))
	f.report(orders)
	f.execute()
	t.Logf("two share again after %s", f.shared(2))
	cutSecond()
	t.Logf("what a dead one had is taken after %s", f.shared(1))
	f.await("end of all", reached(orders, order.OrderReported))

	result, err := audit.Bus(t.Context(), f.conn)
	if err != nil || result.Count != 0 || result.Accounts != accounts {
		t.Fatalf("audit of %d accounts: %v, %v", result.Accounts, result.Violations, err)
	}
	f.check(orders)
}

// reached tells when each order has an event of a type.
func reached(orders map[order.ID]order.AccountID, typ order.EventType) func([]order.Event) bool {
	return func(events []order.Event) bool {
		has := map[order.ID]bool{}
		for i := range events {
			if events[i].Type == typ {
				has[events[i].OrderID] = true
			}
		}
		return len(has) == len(orders)
	}
}

// report has every order reported on: whoever works its account answers.
func (f *floor) report(orders map[order.ID]order.AccountID) {
	f.t.Helper()
	for id, a := range orders {
		var told order.Execution
		f.ask(bus.AskReport, bus.ReportRequest{Account: a, OrderID: id}, &told)
		if told.Order.ID != id {
			f.t.Errorf("report of %s is of %s", id, told.Order.ID)
		}
	}
}

// ask asks until there is an answer: right after a change of hands nobody may know.
func (f *floor) ask(question string, request, reply any) {
	f.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		err := f.conn.Ask(f.t.Context(), bus.ExecutorSubject(question), request, reply)
		if err == nil {
			return
		}
		if time.Since(began) > 30*time.Second {
			f.t.Fatalf("%s: %v", question, err)
		}
	}
}

// check reads the stream: each slice was decided once, and no order has more than it asked for.
func (f *floor) check(orders map[order.ID]order.AccountID) {
	f.t.Helper()
	decided, epochs, missed := map[string]int{}, map[uint64]bool{}, 0
	last := map[order.ID]order.Order{}
	err := f.conn.ReadEvents(f.t.Context(), "", 1, func(m bus.Stored) error {
		e, err := order.Decode(m.Data)
		if err != nil {
			return err
		}
		epochs[e.Epoch] = true
		if e.Type == order.SliceDecided {
			decided[fmt.Sprint(e.OrderID, " ", e.Slice.K)]++
			if e.Slice.Status == order.SliceMissed {
				missed++
			}
		}
		if e.Order != nil {
			last[e.OrderID] = *e.Order
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	for slice, n := range decided {
		if n != 1 {
			f.t.Errorf("slice %s was decided %d times", slice, n)
		}
	}
	filled := 0
	for id := range orders {
		o := last[id]
		if !o.Status.Ended() || o.Quantity.Less(o.FilledQuantity) {
			f.t.Errorf("order %s: %s, %s of %s", id, o.Status, o.FilledQuantity, o.Quantity)
		}
		if o.Status == order.Filled {
			filled++
		}
	}
	f.t.Logf("%d slices, %d of them missed; %d of %d orders filled; %d epochs", len(decided), missed, filled, len(orders), len(epochs))
}

// TestManySlicesAtOneInstant measures how late slices are that are due together, and how long an executor takes to read it
// all again: HOURGLASS_CROWD is how many accounts have an order of ten slices each, all at the same instants.
func TestManySlicesAtOneInstant(t *testing.T) {
	accounts, err := strconv.Atoi(os.Getenv("HOURGLASS_CROWD"))
	if err != nil {
		t.Skip("measures: set HOURGLASS_CROWD to a number of accounts")
	}
	f := newFloor(t)
	stop, _ := f.execute()
	f.shared(1)
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side, p.Quantity, p.DurationSeconds, p.IntervalSeconds = "crowd", "BTC-USDT", market.Buy, decimal.One, 20, 2
	p.StartsAt = time.Now().Add(time.Duration(accounts)*10*time.Millisecond + 10*time.Second)
	orders := map[order.ID]order.AccountID{}
	for i := range accounts {
		a := order.AccountID(fmt.Sprintf("a%04d", i))
		f.send(order.Command{ID: order.CommandID(a, order.OpenAccount, ""), Account: a, Type: order.OpenAccount})
		if i == 0 {
			f.ask(bus.AskPreview, bus.PreviewRequest{Account: a, TWAP: &p}, &order.Preview{}) // the book is there
		}
		id := order.NewID(a, p.TokenID)
		f.send(order.Command{ID: order.CommandID(a, order.CreateTWAP, p.TokenID), Account: a, Type: order.CreateTWAP, OrderID: id, TWAP: &p})
		orders[id] = a
	}
	f.await("acceptance of all", reached(orders, order.OrderAccepted))
	if late := time.Since(p.StartsAt); late > 0 {
		t.Fatalf("accepted %s after the start", late)
	}
	f.await("end of all", reached(orders, order.OrderReported))
	var decided, stored []time.Duration
	err = f.conn.ReadEvents(t.Context(), "", 1, func(m bus.Stored) error {
		e, err := order.Decode(m.Data)
		if err == nil && e.Type == order.SliceDecided {
			decided = append(decided, e.Slice.DecidedAt.Sub(e.Slice.DueAt))
			stored = append(stored, m.At.Sub(e.Slice.DueAt))
		}
		return err
	})
	if err != nil || len(decided) != 10*accounts {
		t.Fatalf("%d slices: %v", len(decided), err)
	}
	for name, late := range map[string][]time.Duration{"decided": decided, "stored": stored} {
		slices.Sort(late)
		t.Logf("%s after they were due: p50 %s, p99 %s, max %s", name, late[len(late)/2], late[len(late)*99/100], late[len(late)-1])
	}
	f.check(orders)

	stop()
	began := time.Now()
	f.execute()
	a := order.AccountID("a0000")
	f.report(map[order.ID]order.AccountID{order.NewID(a, p.TokenID): a})
	last, err := f.conn.LastEvent(t.Context())
	t.Logf("answers %s after a cold start on %d events, %v", time.Since(began), last, err)
}
