package view

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stream is an event stream in memory. What is stored is repeated to the followers, unless it is said to get lost.
type stream struct {
	mu        sync.Mutex
	stored    []bus.Stored
	followers map[order.AccountID]func(bus.Stored)
	versions  map[order.AccountID]uint64
	prev      map[order.AccountID]string
	snapshots map[order.AccountID]*bus.Snapshot
	reads     int
	handed    int // events, to whoever read
	down      error
	meanwhile func(read int) // if set, it is called before a read hands over anything
}

func newStream() *stream {
	return &stream{
		followers: map[order.AccountID]func(bus.Stored){}, versions: map[order.AccountID]uint64{}, prev: map[order.AccountID]string{},
		snapshots: map[order.AccountID]*bus.Snapshot{},
	}
}

func (s *stream) SubscribeEvents(a order.AccountID, handle func(bus.Stored)) (func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return nil, s.down
	}
	s.followers[a] = handle
	return func() { s.mu.Lock(); delete(s.followers, a); s.mu.Unlock() }, nil
}

func (s *stream) ReadEvents(_ context.Context, a order.AccountID, from uint64, handle func(bus.Stored) error) error {
	s.mu.Lock()
	s.reads++
	reads, meanwhile := s.reads, s.meanwhile
	s.mu.Unlock()
	if meanwhile != nil {
		meanwhile(reads)
	}
	s.mu.Lock()
	stored, down := s.stored, s.down
	s.mu.Unlock()
	if down != nil {
		return down
	}
	for _, m := range stored {
		if m.Account == a && m.Seq >= from {
			s.mu.Lock()
			s.handed++
			s.mu.Unlock()
			if err := handle(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// store stores an event; lost says that its repetition does not arrive.
func (s *stream) store(t *testing.T, a order.AccountID, lost bool, e order.Event) {
	t.Helper()
	s.mu.Lock()
	s.versions[a]++
	e.Account, e.Version, e.Prev = a, s.versions[a], s.prev[a]
	body, err := order.Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	s.prev[a] = order.Hash(body)
	m := bus.Stored{Seq: uint64(len(s.stored) + 1), Account: a, Data: body}
	s.stored = append(s.stored, m)
	follow := s.followers[a]
	s.mu.Unlock()
	if follow != nil && !lost {
		follow(m)
	}
}

func deposit(n int64) order.Event {
	amount := decimal.New(n, 0)
	return order.Event{
		Type: order.Deposited, CommandID: fmt.Sprint("c", n), Deposit: &order.Amount{Asset: "USD", Amount: amount},
		Balances: []order.Balance{{Asset: "USD", Total: amount, Available: amount}},
	}
}

func open(t *testing.T, accounts *Accounts, id order.AccountID) *Account {
	t.Helper()
	a, err := accounts.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accounts.Close(a) })
	return a
}

func newAccounts(s *stream) *Accounts { return NewAccounts(s, slog.New(slog.DiscardHandler)) }

func TestAHoleIsFilledFromTheStream(t *testing.T) {
	s := newStream()
	s.store(t, "alice", false, deposit(1))
	a := open(t, newAccounts(s), "alice")
	s.store(t, "alice", true, deposit(2))
	s.store(t, "bob", false, deposit(9))
	s.store(t, "alice", true, deposit(3))
	if a.Version() != 1 {
		t.Fatalf("version %d before the hole shows", a.Version())
	}
	s.store(t, "alice", false, deposit(4))
	if got := a.Balances(); a.Version() != 4 || got[0].Total.String() != "4" {
		t.Errorf("version %d, balances %v", a.Version(), got)
	}
	s.store(t, "alice", true, deposit(5)) // the last one: nothing behind it shows the hole
	if err := a.CatchUp(t.Context()); err != nil || a.Version() != 5 {
		t.Errorf("after a check: version %d, %v", a.Version(), err)
	}
	s.followers["alice"](bus.Stored{Seq: 99, Account: "alice", Data: []byte("not an event")})
	s.followers["alice"](s.stored[0]) // again
	if a.Version() != 5 {
		t.Errorf("version %d after a repetition and nonsense", a.Version())
	}
}

func TestAnAnswerIsDeliveredOnceAndRemembered(t *testing.T) {
	s := newStream()
	a := open(t, newAccounts(s), "alice")
	coming, forget := a.Await("c7")
	other, forgetOther := a.Await("c8")
	s.store(t, "alice", false, deposit(7))
	if answer := <-coming; answer.Deposit.Amount.String() != "7" {
		t.Errorf("answer %+v", answer)
	}
	forget()
	forgetOther()
	if len(other) != 0 || len(a.waiting) != 0 {
		t.Error("somebody else's answer, or a waiter left behind")
	}
	for n := range int64(maxAnswers) {
		s.store(t, "alice", false, deposit(1_000+n))
	}
	if a.Answer("c7") != nil || a.Answer("c1000") == nil || len(a.answers) != maxAnswers {
		t.Errorf("%d answers are held", len(a.answers))
	}
}

func orderEvent(id order.ID, kind order.EventType, status order.Status) order.Event {
	return order.Event{Type: kind, OrderID: id, Order: &order.Order{ID: id, Status: status}}
}

func TestDetailsOfOldOrdersAreReadAgain(t *testing.T) {
	s := newStream()
	accounts := newAccounts(s)
	a := open(t, accounts, "alice")
	for i := range maxDetailed + 3 {
		id := order.ID(fmt.Sprint("o", i))
		accepted := orderEvent(id, order.OrderAccepted, order.Active)
		accepted.Accepted = &order.Acceptance{
			Schedule:    []order.Planned{{K: 1}, {K: 2}, {K: 3}},
			Instruments: []market.Instrument{{Exchange: "kraken", Native: "XBT/USD"}},
		}
		s.store(t, "alice", false, accepted)
		for _, status := range []order.SliceStatus{order.SliceSent, order.SliceFilled} {
			slice := orderEvent(id, order.SliceArrived, order.Active)
			slice.Slice = &order.Slice{K: 1, Status: status}
			if status == order.SliceFilled {
				slice.Fills = []order.Fill{{ID: "f"}}
			}
			s.store(t, "alice", false, slice)
		}
		amended := orderEvent(id, order.OrderAmended, order.Active)
		amended.Schedule = []order.Planned{{K: 2}, {K: 3}, {K: 4}}
		s.store(t, "alice", false, amended)
		s.store(t, "alice", false, orderEvent(id, order.OrderEnded, order.Filled))
	}
	for _, id := range []order.ID{"o0", "o2", order.ID(fmt.Sprint("o", maxDetailed))} {
		reads := s.reads
		d, ok, err := a.Detail(t.Context(), id)
		if err != nil || !ok || len(d.Schedule) != 4 || len(d.Slices) != 1 || d.Slices[0].Status != order.SliceFilled || len(d.Fills) != 1 ||
			d.Native["kraken"] != "XBT/USD" || d.Status != order.Filled {
			t.Errorf("%s: %+v, %v, %v", id, d, ok, err)
		}
		if again := s.reads > reads; again != (id == "o0" || id == "o2") {
			t.Errorf("%s: read again: %v", id, again)
		}
	}
	if _, ok, _ := a.Detail(t.Context(), "none"); ok {
		t.Error("an order that is not there")
	}
	// A second view, which reads all of it, sees the same.
	late := open(t, newAccounts(s), "alice")
	if late.Version() != a.Version() || len(late.orders) != len(a.orders) {
		t.Errorf("a late view has version %d, not %d", late.Version(), a.Version())
	}
}

func TestEventsComeFromMemoryOrFromTheStream(t *testing.T) {
	s := newStream()
	const n = 3 * tailEvents
	for i := range int64(n) {
		s.store(t, "alice", false, deposit(i))
	}
	a := open(t, newAccounts(s), "alice")
	watched := uint64(0)
	stop := a.Watch(func(version uint64) { watched = version })
	for i := range int64(tailEvents + 10) {
		s.store(t, "alice", false, deposit(n+i))
	}
	for _, from := range []uint64{0, 1, 64, 65, 66, 1000, n, n + 9, n + 11, n + tailEvents + 10} {
		events, err := a.Events(t.Context(), from, 50)
		if err != nil || len(events) == 0 || len(events) > 50 {
			t.Fatalf("from %d: %d events, %v", from, len(events), err)
		}
		for i, e := range events {
			if e.Version != max(from, 1)+uint64(i) {
				t.Fatalf("from %d: event %d has version %d", from, i, e.Version)
			}
		}
	}
	if events, err := a.Events(t.Context(), a.Version()+1, 50); err != nil || len(events) != 0 {
		t.Errorf("beyond the end: %d events, %v", len(events), err)
	}
	if watched != a.Version() || len(a.tail.events) != tailEvents {
		t.Errorf("watched up to %d of %d; the tail holds %d", watched, a.Version(), len(a.tail.events))
	}
	stop()
	if len(a.tail.events) != 0 {
		t.Error("a tail is kept for nobody")
	}
}

func TestAccountsBeyondTheBoundAreDropped(t *testing.T) {
	s := newStream()
	accounts := newAccounts(s)
	pinned := open(t, accounts, "pinned")
	for i := range maxAccounts + 5 {
		a, err := accounts.Open(t.Context(), order.AccountID(fmt.Sprint("a", i)))
		if err != nil {
			t.Fatal(err)
		}
		accounts.Close(a)
	}
	if len(accounts.byID) != maxAccounts || len(s.followers) != maxAccounts || accounts.byID["pinned"] != pinned || accounts.byID["a0"] != nil {
		t.Errorf("%d accounts, %d followed", len(accounts.byID), len(s.followers))
	}
}

func TestAnAccountThatCannotBeReadIsTriedAgain(t *testing.T) {
	s := newStream()
	accounts := newAccounts(s)
	s.down = errors.New("away")
	if _, err := accounts.Open(t.Context(), "alice"); !errors.Is(err, bus.ErrUnavailable) {
		t.Fatalf("with the bus away: %v", err)
	}
	s.down = nil
	s.store(t, "alice", false, deposit(1))
	if a := open(t, accounts, "alice"); a.Version() != 1 {
		t.Errorf("version %d", a.Version())
	}
}
