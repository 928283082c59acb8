package view

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func (s *stream) ReadSnapshot(_ context.Context, a order.AccountID) (*bus.Snapshot, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snapshot, there := s.snapshots[a]
	return snapshot, there, s.down
}

// twin is another stream of the same events, without snapshots.
func (s *stream) twin() *stream {
	other := newStream()
	other.stored = append(other.stored, s.stored...)
	for a, v := range s.versions {
		other.versions[a], other.prev[a] = v, s.prev[a]
	}
	return other
}

// snapshot is that of an account after its nth event: what the account's owner would say.
func (s *stream) snapshot(t *testing.T, a order.AccountID, n uint64) *bus.Snapshot {
	t.Helper()
	out, kept := &bus.Snapshot{Account: a, Form: order.SnapshotForm, Version: n}, &order.Snapshot{Account: a, Version: n}
	kept.Ledger.Assets = map[string]order.SnapshotFunds{}
	places := map[order.ID]int{}
	for _, m := range s.stored {
		e, err := order.Decode(m.Data)
		if err != nil || e.Account != a || e.Version > n {
			continue
		}
		out.Seq, out.Prev, kept.Hash = m.Seq, order.Hash(m.Data), order.Hash(m.Data)
		for _, b := range e.Balances {
			kept.Ledger.Assets[b.Asset] = order.SnapshotFunds{Available: b.Available, Reserved: b.Reserved}
		}
		if e.CommandID != "" {
			kept.Commands = append(kept.Commands, order.SnapshotCommand{ID: e.CommandID, At: e.At})
		}
		if e.Accepted != nil {
			places[e.OrderID] = len(kept.Orders)
			kept.Orders = append(kept.Orders, order.SnapshotOrder{Instruments: e.Accepted.Instruments})
		}
		if e.Order != nil {
			kept.Orders[places[e.OrderID]].Order = *e.Order
		}
	}
	fill(t, out, kept)
	return out
}

// fill gives a snapshot a state.
func fill(t *testing.T, s *bus.Snapshot, kept *order.Snapshot) {
	t.Helper()
	state, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(state)
	s.Sum = hex.EncodeToString(sum[:])
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(state); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s.State = packed.Bytes()
}

// past makes the events of accounts, each like one that an executor may decide.
type past struct {
	rng    *rand.Rand
	orders []order.ID // that run
	n      int
}

func (p *past) next() order.Event {
	p.n++
	amount := decimal.New(int64(1+p.rng.IntN(1000)), 0)
	e := order.Event{
		ID: fmt.Sprint("e", p.n), At: time.Unix(int64(p.n), 0).UTC(),
		Balances: []order.Balance{{Asset: []string{"BTC", "USDT", "EUR"}[p.rng.IntN(3)], Total: amount, Available: amount}},
	}
	kind := p.rng.IntN(9)
	if len(p.orders) == 0 && kind > 2 {
		kind = 0
	}
	var at int
	if kind > 2 {
		at = p.rng.IntN(len(p.orders))
		e.OrderID = p.orders[at]
		e.Order = &order.Order{ID: e.OrderID, Status: order.Active, Version: uint64(p.n), Quantity: amount}
	}
	switch kind {
	case 0:
		e.Type, e.CommandID = order.OrderAccepted, fmt.Sprint("c", p.n)
		e.OrderID = order.ID(fmt.Sprint("o", p.n))
		e.Order = &order.Order{ID: e.OrderID, Status: order.Accepted, Quantity: amount}
		e.Accepted = &order.Acceptance{
			Schedule:    []order.Planned{{K: 1, Quantity: amount}, {K: 2}, {K: 3}, {K: 4}},
			Instruments: []market.Instrument{{Exchange: "kraken", Native: fmt.Sprint("XBT", p.n)}},
		}
		p.orders = append(p.orders, e.OrderID)
	case 1:
		e.Type, e.CommandID, e.Deposit = order.Deposited, fmt.Sprint("c", p.n), &order.Amount{Asset: "USD", Amount: amount}
	case 2:
		e.Type, e.CommandID, e.Balances = order.CommandRejected, fmt.Sprint("c", p.n), nil
		e.OrderID = order.ID(fmt.Sprint("r", p.n))
		e.Rejection, e.Refused = &order.Rejection{Code: "no"}, &order.Order{ID: e.OrderID, Status: order.Rejected}
	case 3:
		e.Type, e.CommandID = order.OrderAmended, fmt.Sprint("c", p.n)
		e.Schedule = []order.Planned{{K: 1 + p.rng.IntN(4), Quantity: amount}}
	case 4:
		e.Type, e.Order.Status = order.OrderEnded, order.Filled
		p.orders = append(p.orders[:at:at], p.orders[at+1:]...)
	default:
		e.Type = order.SliceArrived
		e.Slice = &order.Slice{K: 1 + p.rng.IntN(4), Status: order.SliceFilled, Filled: amount}
		e.Fills = []order.Fill{{ID: fmt.Sprint("f", p.n), OrderID: e.OrderID, Quantity: amount}}
	}
	return e
}

// pair is an account seen through its snapshot and what followed, and seen through all its events.
type pair struct {
	t           *testing.T
	rng         *rand.Rand
	past        *past
	s, twin     *stream
	part, whole *Account
	accounts    *Accounts
}

func (p *pair) store(lost bool) {
	a, e := order.AccountID("alice"), p.past.next()
	p.s.store(p.t, a, lost, e)
	if p.twin != nil {
		p.twin.store(p.t, a, lost, e)
	}
}

func newPair(t *testing.T, seed uint64, events int) *pair {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	p := &pair{t: t, rng: rng, past: &past{rng: rng}, s: newStream()}
	for range events {
		p.store(false)
		p.s.store(t, "bob", false, deposit(1))
	}
	p.s.snapshots["alice"] = p.s.snapshot(t, "alice", uint64(1+rng.IntN(events)))
	p.twin = p.s.twin()
	p.accounts = newAccounts(p.s)
	p.part, p.whole = open(t, p.accounts, "alice"), open(t, newAccounts(p.twin), "alice")
	return p
}

// look compares what both say to one question.
func (p *pair) look() {
	p.t.Helper()
	ctx, n := p.t.Context(), p.past.n
	same := func(what string, ask func(a *Account) any) {
		p.t.Helper()
		if got, want := ask(p.part), ask(p.whole); !reflect.DeepEqual(got, want) {
			p.t.Fatalf("%s: %+v\nwant %+v", what, got, want)
		}
	}
	told := func(v any, err error) any {
		if err != nil {
			p.t.Fatal(err)
		}
		return v
	}
	i, most := p.rng.IntN(n+2), 1+p.rng.IntN(80)
	switch p.rng.IntN(6) {
	case 0:
		same("version and balances", func(a *Account) any { return []any{a.Version(), a.Balances()} })
	case 1:
		same("orders", func(a *Account) any {
			found, next := a.Orders(i, most, func(*order.Order) bool { return true })
			return []any{found, next}
		})
	case 2:
		same("an order", func(a *Account) any {
			d, ok, err := a.Detail(ctx, order.ID(fmt.Sprint("o", i)))
			return told([]any{d, ok}, err)
		})
	case 3:
		chosen := p.rng.IntN(2) == 0
		same("an answer", func(a *Account) any { return told(a.Recall(ctx, fmt.Sprint("c", i), chosen)) })
	case 4:
		same("a creation", func(a *Account) any {
			refused, undecided, err := a.Creation(ctx, order.ID(fmt.Sprint("r", i)))
			return told([]any{refused, undecided}, err)
		})
	case 5:
		same("events", func(a *Account) any { return told(a.Events(ctx, uint64(i), most)) })
	}
}

func TestASnapshotAndWhatFollowedTellWhatAllEventsTell(t *testing.T) {
	completed := 0
	for seed := range uint64(16) {
		p := newPair(t, seed, 1+int(seed*9))
		if p.accounts.tally.restored.Load() != 1 || p.accounts.tally.ignored.Load() != 0 {
			t.Fatalf("seed %d: %d restored, %d ignored", seed, p.accounts.tally.restored.Load(), p.accounts.tally.ignored.Load())
		}
		for range 40 {
			if p.rng.IntN(2) == 0 {
				p.store(false)
			}
			p.look()
		}
		completed += int(p.accounts.tally.completed.Load())
		if err := p.part.complete(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p.part.lacking != nil || !reflect.DeepEqual(p.part.byID, p.whole.byID) || !reflect.DeepEqual(p.part.marks, p.whole.marks) ||
			!reflect.DeepEqual(p.part.answers, p.whole.answers) || !reflect.DeepEqual(p.part.answered, p.whole.answered) ||
			!reflect.DeepEqual(p.part.detailed, p.whole.detailed) {
			t.Fatalf("seed %d: once complete it is another account", seed)
		}
	}
	if completed < 8 {
		t.Errorf("%d accounts were completed by what was asked", completed)
	}
}

func TestAnAccountIsCompletedWhileEventsCome(t *testing.T) {
	for seed := range uint64(10) {
		p := newPair(t, seed, 60)
		busy, reads := false, 0
		p.s.meanwhile = func(int) {
			if busy || reads == 2 {
				return // a hole is being filled, or what was missed is caught up with
			}
			busy = true
			for range 1 + p.rng.IntN(3) {
				p.store(p.rng.IntN(4) == 0)
			}
			busy, reads = false, reads+1
		}
		if err := p.part.complete(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.s.meanwhile = nil
		for _, a := range []*Account{p.part, p.whole} {
			if err := a.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range 25 {
			p.look()
		}
	}
}

func TestWhatComesWhileAnAccountIsCompletedIsCaughtUpWith(t *testing.T) {
	p := newPair(t, 3, 50)
	reads := 0
	p.s.meanwhile = func(int) {
		if reads++; reads == 2 { // the last read before all is taken over
			p.store(false)
		}
	}
	if err := p.part.complete(t.Context()); err != nil || p.part.Version() != p.whole.Version() {
		t.Errorf("version %d, want %d, %v", p.part.Version(), p.whole.Version(), err)
	}
}

func TestAKeyIsKnownForLongerThanASnapshotRemembersIt(t *testing.T) {
	s := newStream()
	s.store(t, "alice", false, deposit(1))
	s.store(t, "alice", false, deposit(2))
	snapshot := s.snapshot(t, "alice", 2)
	kept, err := snapshot.View()
	if err != nil {
		t.Fatal(err)
	}
	kept.Commands = nil // a day has passed
	fill(t, snapshot, kept)
	s.snapshots["alice"] = snapshot
	accounts := newAccounts(s)
	a := open(t, accounts, "alice")
	if answer, err := a.Recall(t.Context(), "c1", false); answer != nil || err != nil || accounts.tally.completed.Load() != 0 {
		t.Errorf("all is read for a key that no client chose: %+v, %v", answer, err)
	}
	if answer, err := a.Recall(t.Context(), "c1", true); err != nil || answer == nil || answer.Deposit.Amount != decimal.One {
		t.Errorf("answer %+v, %v", answer, err)
	}
}

func TestASnapshotThatDoesNotFitIsIgnored(t *testing.T) {
	restate := func(change func(*order.Snapshot)) func(*testing.T, *bus.Snapshot) {
		return func(t *testing.T, s *bus.Snapshot) {
			kept, err := s.View()
			if err != nil {
				t.Fatal(err)
			}
			change(kept)
			fill(t, s, kept)
		}
	}
	tests := map[string]func(*testing.T, *bus.Snapshot){
		"another form":                     func(_ *testing.T, s *bus.Snapshot) { s.Form++ },
		"no form":                          func(_ *testing.T, s *bus.Snapshot) { s.Form = 0 },
		"another's":                        func(_ *testing.T, s *bus.Snapshot) { s.Account = "bob" },
		"a place that holds another event": func(_ *testing.T, s *bus.Snapshot) { s.Seq -= 2 },
		"a place that is another's":        func(_ *testing.T, s *bus.Snapshot) { s.Seq++ },
		"a place that is not there yet":    func(_ *testing.T, s *bus.Snapshot) { s.Seq += 1000 },
		"a hash that the event has not":    func(_ *testing.T, s *bus.Snapshot) { s.Prev = order.Hash(nil) },
		"another version than its state":   func(_ *testing.T, s *bus.Snapshot) { s.Version++ },
		"a state that is no archive":       func(_ *testing.T, s *bus.Snapshot) { s.State = []byte("{}") },
		"a state cut short":                func(_ *testing.T, s *bus.Snapshot) { s.State = s.State[:len(s.State)/2] },
		"a sum that its state has not":     func(_ *testing.T, s *bus.Snapshot) { s.Sum = order.Hash(nil) },
		"a version that its event has not": func(t *testing.T, s *bus.Snapshot) {
			restate(func(kept *order.Snapshot) { kept.Version++ })(t, s)
			s.Version++
		},
		"a hash of another log": func(t *testing.T, s *bus.Snapshot) {
			restate(func(kept *order.Snapshot) { kept.Hash = order.Hash(nil) })(t, s)
			s.Prev = order.Hash(nil)
		},
		"a state of other events": restate(func(kept *order.Snapshot) { kept.Hash = order.Hash(nil) }),
		"a state of another":      restate(func(kept *order.Snapshot) { kept.Account = "bob" }),
		"more than can be": restate(func(kept *order.Snapshot) {
			huge := decimal.MustParse("99999999999999999999999999999999999999")
			kept.Ledger.Assets["USDT"] = order.SnapshotFunds{Available: huge, Reserved: huge}
		}),
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			for _, n := range []uint64{20, 40} {
				p := newPair(t, 5, 40)
				s := p.s.snapshot(t, "alice", n)
				spoil(t, s)
				p.s.snapshots["alice"] = s
				p.accounts = newAccounts(p.s)
				p.part = open(t, p.accounts, "alice")
				if p.accounts.tally.restored.Load() != 0 || p.accounts.tally.ignored.Load() != 1 || p.part.lacking != nil {
					t.Fatalf("after event %d: %d restored, %d ignored", n, p.accounts.tally.restored.Load(), p.accounts.tally.ignored.Load())
				}
				for range 30 {
					p.look()
				}
			}
		})
	}
}

func TestASnapshotFromWhichTheNextEventDoesNotFollowIsIgnored(t *testing.T) {
	s := newStream()
	s.store(t, "alice", false, deposit(1))
	snapshot := s.snapshot(t, "alice", 1)
	s.prev["alice"] = order.Hash(nil) // the log was restored, and went another way
	s.store(t, "alice", false, deposit(2))
	s.snapshots["alice"] = snapshot
	accounts := newAccounts(s)
	if a := open(t, accounts, "alice"); a.Version() != 2 || accounts.tally.ignored.Load() != 1 || accounts.tally.restored.Load() != 0 {
		t.Errorf("version %d, %d ignored", a.Version(), accounts.tally.ignored.Load())
	}
}

func TestOfALongAccountOnlyTheTailIsRead(t *testing.T) {
	p := newPair(t, 1, 500)
	p.s.snapshots["alice"] = p.s.snapshot(t, "alice", 490)
	handed := p.s.handed
	if a := open(t, newAccounts(p.s), "alice"); a.Version() != 500 || p.s.handed-handed > 11 {
		t.Errorf("version %d after %d events", a.Version(), p.s.handed-handed)
	}
}
