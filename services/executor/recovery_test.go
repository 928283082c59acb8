package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// BenchmarkRecovery makes accounts anew that have worked an order of a minute each: from their events, and from their
// snapshots, in two hands. The log is in memory: what the bus costs comes on top. It tells the time of one core.
func BenchmarkRecovery(b *testing.B) {
	const accounts = 200
	log, events := town(b, accounts, 60)
	read := func(b *testing.B, restored int, of int, unit string) {
		before := processor(b)
		for b.Loop() {
			r := recovery{events: log, meters: &meters{}, log: slog.New(slog.DiscardHandler), hands: 2}
			found, err := r.read(b.Context(), claimAll())
			if err != nil || len(found.accounts) != accounts || found.restored != restored {
				b.Fatalf("%d accounts, %d restored, %v", len(found.accounts), found.restored, err)
			}
		}
		b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N*of), unit)
	}
	b.Run("events", func(b *testing.B) { read(b, 0, events, "us/event") })
	log.save(b, events)
	b.Run("snapshots", func(b *testing.B) { read(b, accounts, accounts, "us/account") })
}

func TestManyHandsMakeTheSameAccountsAsOne(t *testing.T) {
	log, events := town(t, 20, 5)
	log.save(t, 15) // which are of as many accounts
	log.save(t, events)
	for p := range log.snapshots {
		for i, s := range log.snapshots[p] {
			switch i % 4 {
			case 1:
				s.State = s.State[1:]
			case 2:
				s.Prev = order.Hash(nil)
			case 3:
				s.Seq++ // another account's event
			}
		}
	}
	log.stored = append(log.stored, bus.Stored{Seq: uint64(events + 1), Data: []byte("a stranger's")})
	read := func(hands int) (*recovered, *meters) {
		r := recovery{events: log, meters: &meters{}, log: slog.New(slog.DiscardHandler), hands: hands}
		found, err := r.read(t.Context(), claimAll())
		if err != nil {
			t.Fatal(err)
		}
		return found, r.meters
	}
	one, told := read(1)
	if one.restored == 0 || one.restored == len(one.accounts) || told.misfits.Load() == 0 {
		t.Fatalf("%d of %d accounts from snapshots, %d misfits", one.restored, len(one.accounts), told.misfits.Load())
	}
	for _, hands := range []int{2, 3, 16} {
		many, also := read(hands)
		if many.done != one.done || many.last != one.last || many.events != one.events || many.restored != one.restored ||
			len(many.accounts) != len(one.accounts) || also.misfits.Load() != told.misfits.Load() || also.foreign.Load() != 1 {
			t.Errorf("%d hands read %d accounts, %d restored, %d misfits, %d foreign", hands, len(many.accounts), many.restored, also.misfits.Load(), also.foreign.Load())
		}
		for id, a := range one.accounts {
			if b := many.accounts[id]; b == nil || b.seq != a.seq || dump(t, b) != dump(t, a) {
				t.Fatalf("%d hands make another %s", hands, id)
			}
		}
	}
}

func TestALogThatFailsEndsAllHands(t *testing.T) {
	log, _ := town(t, 20, 5)
	for _, hands := range []int{1, 2, 5} {
		r := recovery{events: &failingLog{log, 100}, meters: &meters{}, log: slog.New(slog.DiscardHandler), hands: hands}
		if found, err := r.read(t.Context(), claimAll()); !errors.Is(err, errNetwork) {
			t.Errorf("%d hands: %v, %v", hands, found, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r.events = log
		if found, err := r.read(ctx, claimAll()); hands > 1 && !errors.Is(err, context.Canceled) {
			t.Errorf("%d hands, canceled: %v, %v", hands, found, err)
		}
	}
}

// failingLog is a log that cannot be read to its end.
type failingLog struct {
	*townLog
	after int
}

func (l *failingLog) ReadPartitions(ctx context.Context, partitions []int, from uint64, handle func(bus.Stored) error) error {
	n := 0
	return l.townLog.ReadPartitions(ctx, partitions, from, func(m bus.Stored) error {
		if n++; n > l.after {
			return errNetwork
		}
		return handle(m)
	})
}

func claimAll() (all []claim) {
	for p := range order.Partitions {
		all = append(all, claim{p, &account.Config{}})
	}
	return all
}

// townLog is a log that is only read.
type townLog struct {
	eventLog
	stored    []bus.Stored
	parts     [order.Partitions][]bus.Stored
	snapshots [order.Partitions][]*bus.Snapshot
}

func (l *townLog) ReadPartitions(_ context.Context, partitions []int, from uint64, handle func(bus.Stored) error) error {
	for _, m := range l.stored[from-1:] {
		if m.Account != "" && !slices.Contains(partitions, m.Account.Partition()) {
			continue
		}
		if err := handle(m); err != nil {
			return err
		}
	}
	return nil
}

func (l *townLog) LastEvents(_ context.Context, partition int, handle func(bus.Stored)) error {
	lastEvents(l.parts[partition], partition, handle)
	return nil
}

func (l *townLog) ReadSnapshots(_ context.Context, partition int, handle func(*bus.Snapshot)) error {
	for _, s := range l.snapshots[partition] {
		handle(&bus.Snapshot{
			Account: s.Account, Format: s.Format, Version: s.Version, Seq: s.Seq, Prev: s.Prev, State: s.State, Sum: s.Sum, Origins: s.Origins,
		})
	}
	return nil
}

// save keeps snapshots of all accounts as they are after so many events, of those that have none yet.
func (l *townLog) save(tb testing.TB, events int) {
	tb.Helper()
	half := &townLog{stored: l.stored[:events]}
	r := recovery{events: half, meters: &meters{}, log: slog.New(slog.DiscardHandler), hands: 1}
	found, err := r.read(tb.Context(), claimAll())
	if err != nil {
		tb.Fatal(err)
	}
	for id, a := range found.accounts {
		s, p := packed(tb, a), id.Partition()
		if !slices.ContainsFunc(l.snapshots[p], func(s *bus.Snapshot) bool { return s.Account == id }) {
			l.snapshots[p] = append(l.snapshots[p], s)
		}
	}
}

// town is the log of so many accounts, each of which has worked an order of some slices, one a second, and how many events it has.
func town(tb testing.TB, accounts, slices int) (*townLog, int) {
	tb.Helper()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	histories := make([][]order.Event, accounts)
	for i := range histories {
		histories[i] = worked(tb, order.AccountID(fmt.Sprint("a", i)), at, slices)
	}
	log := &townLog{}
	for k := range histories[0] { // side by side, as they happened
		for i := range histories {
			if k < len(histories[i]) {
				log.add(tb, &histories[i][k])
			}
		}
	}
	return log, len(log.stored)
}

func (l *townLog) add(tb testing.TB, e *order.Event) {
	tb.Helper()
	body, err := order.Encode(e)
	if err != nil {
		tb.Fatal(err)
	}
	m := bus.Stored{Seq: uint64(len(l.stored) + 1), Account: e.Account, Data: body}
	l.stored = append(l.stored, m)
	l.parts[e.Account.Partition()] = append(l.parts[e.Account.Partition()], m)
}

// worked is what happens to an account with an order of so many slices, one a second.
func worked(tb testing.TB, id order.AccountID, at time.Time, slices int) (events []order.Event) {
	tb.Helper()
	cfg := testConfig()
	e := account.NewEngine(id, &account.Config{Opening: cfg.Opening, Profile: cfg.Profile, Market: cfg.Market})
	step := func(in *account.Input) {
		more, err := e.Step(at, in)
		if err != nil {
			tb.Fatal(err)
		}
		events = append(events, more...)
	}
	e.Market.SetInstruments("binance", crowdInstruments("binance"))
	step(&account.Input{Book: crowdBook("binance", btc, 50, 0, at.Add(time.Hour))})
	step(&account.Input{Command: &order.Command{ID: "open", Account: id, Type: order.OpenAccount}, Seq: 1})
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side, p.Quantity, p.DurationSeconds, p.IntervalSeconds = "first", btc, market.Buy, decimal.One, slices, 1
	step(&account.Input{Command: &order.Command{ID: "create", Account: id, Type: order.CreateTWAP, OrderID: order.NewID(id, "first"), TWAP: &p}, Seq: 2})
	for wake, more := e.Wake(); more; wake, more = e.Wake() {
		at = wake
		step(nil)
	}
	if n := len(events); n < 2*slices || events[n-1].Type != order.OrderReported {
		tb.Fatalf("%d events", n)
	}
	return events
}
