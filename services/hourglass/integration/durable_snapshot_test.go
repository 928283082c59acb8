package integration

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor"
)

func TestASnapshotOnlyGoesForward(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	const a, b = order.AccountID("aann"), order.AccountID("abob")
	keep := func(s bus.Snapshot) {
		t.Helper()
		if err := f.conn.KeepSnapshot(t.Context(), &s); err != nil {
			t.Fatal(err)
		}
	}
	read := func(of order.AccountID) (found []bus.Snapshot) {
		t.Helper()
		if err := f.conn.ReadSnapshots(t.Context(), of.Partition(), func(s *bus.Snapshot) { found = append(found, *s) }); err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := read(a); len(found) != 0 {
		t.Errorf("found %v in an empty bucket", found)
	}
	keep(bus.Snapshot{Account: a, Format: "1", Seq: 7, State: []byte("seven")})
	keep(bus.Snapshot{Account: a, Format: "1", Seq: 6, State: []byte("six")})
	keep(bus.Snapshot{Account: b, Format: "1", Seq: 8})
	if found := read(a); len(found) != 1 || string(found[0].State) != "seven" {
		t.Errorf("found %+v", found)
	}
	keep(bus.Snapshot{Account: a, Format: "2", Seq: 5}) // who knows another format cannot use what is there
	if found := read(a); len(found) != 1 || found[0].Seq != 5 {
		t.Errorf("found %+v", found)
	}
	kv, err := f.conn.Bucket(t.Context(), bus.SnapshotBucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), bus.SnapshotKey(a), []byte(`{"account":"abob","seq":9}`)); err != nil {
		t.Fatal(err)
	}
	if found := read(a); len(found) != 1 || found[0].Account != "" {
		t.Errorf("what is another's is found as %+v", found)
	}
}

func TestTheLastEventOfEachAccountIsTold(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	var ids []order.AccountID // of one partition
	for i := 0; len(ids) < 3; i++ {
		if id := order.AccountID(fmt.Sprintf("a%d", i)); id.Partition() == 7 {
			ids = append(ids, id)
		}
	}
	last := map[order.AccountID]uint64{}
	for i := range 6 {
		id := ids[i%len(ids)]
		seq, err := f.conn.AppendEvent(t.Context(), id, strconv.Itoa(i), fmt.Appendf(nil, `{"id":"%d"}`, i), last[id])
		if err != nil {
			t.Fatal(err)
		}
		last[id] = seq
	}
	told := map[order.AccountID]uint64{}
	if err := f.conn.LastEvents(t.Context(), 7, func(m bus.Stored) {
		if string(m.Data) == fmt.Sprintf(`{"id":"%d"}`, m.Seq-1) {
			told[m.Account] = m.Seq
		}
	}); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(told, last) {
		t.Errorf("told %v, want %v", told, last)
	}
	if err := f.conn.LastEvents(t.Context(), 8, func(m bus.Stored) { t.Errorf("told %+v", m) }); err != nil {
		t.Error(err)
	}
}

// TestColdStart measures how long an executor reads a log of HOURGLASS_COLD_EVENTS events before it works all accounts,
// without snapshots and with those that it has then made. It stores an order of a minute with its sixty slices for each of as
// many accounts as it takes; a million events take some ten minutes and 3 GB below TMPDIR.
func TestColdStart(t *testing.T) {
	events, _ := strconv.Atoi(os.Getenv("HOURGLASS_COLD_EVENTS"))
	if events == 0 {
		t.Skip("HOURGLASS_COLD_EVENTS says how many events are read; 1000000 take ten minutes")
	}
	f := newFloor(t)
	accounts, stored := f.multiply(f.pattern(), events)
	for range 2 {
		r := f.recover(accounts)
		t.Logf("%d events of %d accounts: all worked %s after the start, of which %s to read them, from %d snapshots and %d events",
			stored, accounts, r.after.Round(time.Millisecond), r.took.Round(time.Millisecond), r.snapshots, r.events)
		f.snapshotted(accounts)
		r.stop()
	}
}

// pattern has an executor work an order of a minute, and returns the events of its account.
func (f *floor) pattern() (events [][]byte) {
	f.t.Helper()
	stop, _ := f.execute()
	defer stop()
	const a = order.AccountID("apattern")
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side, p.Quantity, p.DurationSeconds, p.IntervalSeconds = "first", "BTC-USDT", market.Buy, decimal.One, 60, 1
	id := order.NewID(a, p.TokenID)
	f.send(order.Command{ID: "open", Account: a, Type: order.OpenAccount})
	f.ask(bus.AskPreview, bus.PreviewRequest{Account: a, TWAP: &p}, &order.Preview{})
	f.send(order.Command{ID: "create", Account: a, Type: order.CreateTWAP, OrderID: id, TWAP: &p})
	late := time.AfterFunc(5*time.Minute, func() { f.t.Error("the order does not end") })
	defer late.Stop()
	for done := reached(map[order.ID]order.AccountID{id: a}, order.OrderReported); ; {
		f.mu.Lock()
		seen, more := f.events, f.more
		f.mu.Unlock()
		if done(seen) {
			break
		}
		<-more
	}
	if err := f.conn.ReadEvents(f.t.Context(), a, 1, func(m bus.Stored) error {
		events = append(events, m.Data)
		return nil
	}); err != nil {
		f.t.Fatal(err)
	}
	return events
}

// multiply stores the same events for other accounts until there are as many as wanted.
func (f *floor) multiply(pattern [][]byte, events int) (accounts, stored int) {
	f.t.Helper()
	accounts = 1 + events/len(pattern)
	id := func(i int) order.AccountID { return order.AccountID(fmt.Sprintf("ac%06d", i)) }
	last, prev := make([]uint64, accounts), make([]string, accounts)
	for _, body := range pattern {
		for at := 1; at < accounts; at += bus.MaxBatch {
			var batch []bus.Append
			for i := at; i < min(at+bus.MaxBatch, accounts); i++ {
				e, err := order.Decode(bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("apattern"), []byte(id(i))),
					[]byte(order.NewID("apattern", "first")), []byte(order.NewID(id(i), "first"))))
				if err != nil {
					f.t.Fatal(err)
				}
				e.Prev = prev[i]
				mine, err := order.Encode(e)
				if err != nil {
					f.t.Fatal(err)
				}
				prev[i] = order.Hash(mine)
				batch = append(batch, bus.Append{Account: id(i), ID: e.ID, Body: mine, Last: last[i]})
			}
			sequences, err := f.conn.AppendEvents(f.t.Context(), batch)
			if err != nil {
				f.t.Fatal(err)
			}
			for i, seq := range sequences {
				last[at+i] = seq
			}
			stored += len(batch)
		}
	}
	return accounts, stored + len(pattern)
}

// recovery is how an executor came to its accounts.
type recovery struct {
	after, took       time.Duration
	snapshots, events int64
	stop              func()
}

// recover starts an executor and waits until it works so many accounts.
func (f *floor) recover(accounts int) recovery {
	f.t.Helper()
	cfg, err := executor.ParseConfig(func(key string) string {
		return map[string]string{"HOURGLASS_EXCHANGES": "binance", "HOURGLASS_MARKET": "sim"}[key]
	})
	if err != nil {
		f.t.Fatal(err)
	}
	cfg.HealthListen = ""
	told := make(chan map[string]int64, 64)
	conn := f.connect()
	began := time.Now()
	r := recovery{stop: f.goes(func(ctx context.Context) {
		_ = executor.Run(ctx, cfg, conn, slog.New(&listener{slog.DiscardHandler, told}))
	})}
	for seen := int64(0); seen < int64(accounts); {
		select {
		case m := <-told:
			seen, r.snapshots, r.events = seen+m["accounts"], r.snapshots+m["from_snapshots"], r.events+m["events"]
			r.took += time.Duration(m["took"])
		case <-time.After(10 * time.Minute):
			f.t.Fatalf("%d of %d accounts recovered", seen, accounts)
		}
	}
	r.after = time.Since(began)
	return r
}

// listener hears what was recovered.
type listener struct {
	slog.Handler
	told chan<- map[string]int64
}

func (l *listener) Enabled(context.Context, slog.Level) bool { return true }
func (l *listener) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *listener) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "accounts recovered" {
		return nil
	}
	numbers := map[string]int64{}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Value.Kind() {
		case slog.KindInt64:
			numbers[a.Key] = a.Value.Int64()
		case slog.KindDuration:
			numbers[a.Key] = a.Value.Duration().Nanoseconds()
		}
		return true
	})
	l.told <- numbers
	return nil
}

// snapshotted waits until there are as many snapshots as accounts.
func (f *floor) snapshotted(accounts int) {
	f.t.Helper()
	kv, err := f.conn.Bucket(f.t.Context(), bus.SnapshotBucket)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Minute)
	defer cancel()
	watch, err := kv.WatchAll(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = watch.Stop() }()
	keys := map[string]bool{}
	for e := range watch.Updates() {
		if e != nil {
			keys[e.Key()] = true
		}
		if len(keys) >= accounts {
			return
		}
	}
	f.t.Fatalf("%d snapshots of %d accounts", len(keys), accounts)
}
