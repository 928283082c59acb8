package executor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// history is the log of an account that has worked two orders.
func history(t *testing.T) *memoryLog {
	t.Helper()
	log := &memoryLog{}
	synctest.Test(t, func(t *testing.T) {
		r := start(t, log)
		r.open()
		r.place("first")
		r.pass(4 * time.Second)
		r.place("second")
		r.pass(12 * time.Second)
		r.stop()
	})
	return log
}

// recall reads the account back, and returns it with how it was read.
func recall(t *testing.T, log eventLog) (*owned, *recovered, *meters) {
	t.Helper()
	r := recovery{events: log, meters: &meters{}, log: slog.New(slog.DiscardHandler)}
	out, err := r.read(t.Context(), []claim{{ann.Partition(), &account.Config{}}})
	if err != nil {
		t.Fatal(err)
	}
	return out.accounts[ann], out, r.meters
}

func dump(t *testing.T, a *owned) string {
	t.Helper()
	body, err := json.Marshal(a.state)
	if err != nil || a.broken || a.proof != "" {
		t.Fatalf("broken %t, proof %q, %v", a.broken, a.proof, err)
	}
	return string(body)
}

// snapshotAt is the snapshot of the account after n events.
func snapshotAt(t *testing.T, log *memoryLog, n int) *bus.Snapshot {
	t.Helper()
	a, _, _ := recall(t, &memoryLog{stored: log.stored[:n]})
	return packed(t, a)
}

// packed is the snapshot of an account.
func packed(t testing.TB, a *owned) *bus.Snapshot {
	t.Helper()
	f := a.freeze()
	for !f.take(1) {
	}
	s, err := newPacker(func() error { return nil }).pack(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASnapshotAndWhatFollowsMakeWhatAllEventsMake(t *testing.T) {
	log := history(t)
	whole, _, _ := recall(t, log)
	want := dump(t, whole)
	for n := 1; n <= len(log.stored); n++ {
		with := &memoryLog{stored: log.stored}
		_ = with.KeepSnapshot(t.Context(), snapshotAt(t, log, n))
		a, out, m := recall(t, with)
		if dump(t, a) != want || a.seq != whole.seq || out.done[ann.Partition()] != 3 {
			t.Fatalf("from the snapshot after event %d another account is read", n)
		}
		left := len(log.stored) - n
		if left > 0 {
			left++ // the event that the snapshot names is looked at too
		}
		if out.restored != 1 || out.events != left || m.misfits.Load() != 0 {
			t.Fatalf("after event %d: %d restored, %d events read, %d misfits", n, out.restored, out.events, m.misfits.Load())
		}
	}
}

func TestASnapshotIsOfTheMomentAtWhichItsFreezeBegan(t *testing.T) {
	log := history(t)
	last := len(log.stored)
	for n := 3; n <= last; n++ {
		a, _, _ := recall(t, &memoryLog{stored: log.stored[:n]})
		a.origins["an order"] = tracing.Origin{Request: "who asked"}
		want := dump(t, a)
		f := a.freeze()
		if f.take(0) {
			t.Fatal("it has no orders")
		}
		for _, m := range log.stored[n:] {
			if err := a.fold(a.decode(ann, m, &meters{}, slog.New(slog.DiscardHandler)), m); err != nil {
				t.Fatal(err)
			}
		}
		delete(a.origins, "an order")
		for f.state == nil {
			f.take(1)
		}
		s, err := newPacker(func() error { return nil }).pack(f)
		if err != nil {
			t.Fatal(err)
		}
		was, err := thaw(s, &account.Config{})
		if err != nil {
			t.Fatal(err)
		}
		was.proof = ""
		if dump(t, was) != want || was.seq != log.stored[n-1].Seq || was.origins["an order"].Request == "" {
			t.Errorf("after event %d another account was frozen, as of event %d, origins %v", n, was.seq, was.origins)
		}
	}
}

func TestAnAccountThatLeavesOrBreaksIsNotFrozenFurther(t *testing.T) {
	log := history(t)
	ends := map[string]func(l *loop, a *owned){
		"left":   func(l *loop, a *owned) { l.drop(ann, a) },
		"broken": func(_ *loop, a *owned) { a.broken = true },
		"whole":  func(*loop, *owned) {},
	}
	for name, end := range ends {
		l := newLoop(testConfig(), log, slog.New(slog.DiscardHandler))
		a, _, _ := recall(t, log)
		l.accounts[ann], l.unsaved, a.since = a, []order.AccountID{ann}, l.now().Add(-snapshotAfter)
		if l.freezing = l.nextFreeze(); l.freezing == nil || l.freezing.take(0) {
			t.Fatal("nothing is being frozen, or it has no orders")
		}
		end(l, a)
		l.snapshot()
		if n := len(l.snapshots); l.freezing != nil || (n == 1) != (name == "whole") {
			t.Errorf("%s: %d frozen, %v being so", name, n, l.freezing)
		}
	}
}

func TestASnapshotThatDoesNotFitIsIgnored(t *testing.T) {
	log := history(t)
	whole, _, _ := recall(t, log)
	want := dump(t, whole)
	last := len(log.stored)
	tests := map[string]func(n int, s *bus.Snapshot){
		"an older format":                   func(_ int, s *bus.Snapshot) { s.Format = "0-older" },
		"a place that holds another event":  func(_ int, s *bus.Snapshot) { s.Seq-- },
		"a place that is not there yet":     func(n int, s *bus.Snapshot) { s.Seq = uint64(last + n) },
		"a hash that the event has not":     func(_ int, s *bus.Snapshot) { s.Prev = order.Hash(nil) },
		"another version than its state":    func(_ int, s *bus.Snapshot) { s.Version++ },
		"a state that is no archive":        func(_ int, s *bus.Snapshot) { s.State = []byte("{}") },
		"a state cut short":                 func(_ int, s *bus.Snapshot) { s.State = s.State[:len(s.State)/2] },
		"a sum that its state has not":      func(_ int, s *bus.Snapshot) { s.Sum = order.Hash(nil) },
		"a state without orders, summed up": func(_ int, s *bus.Snapshot) { forge(t, s, func(state *account.State) { state.Works = nil }) },
		"a state of other events":           func(_ int, s *bus.Snapshot) { forge(t, s, func(state *account.State) { state.Hash = order.Hash(nil) }) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{3, last - 1} { // of one that is as new as the last event, a forgery is taken: nobody else can write there
				s := snapshotAt(t, log, n)
				spoil(n, s)
				with := &memoryLog{stored: log.stored}
				_ = with.KeepSnapshot(t.Context(), s)
				a, out, m := recall(t, with)
				if dump(t, a) != want || out.restored != 0 || m.misfits.Load() != 1 {
					t.Errorf("after event %d: %d restored, %d misfits, or another account", n, out.restored, m.misfits.Load())
				}
			}
		})
	}
}

// forge changes what a snapshot holds, sum and all.
func forge(t *testing.T, s *bus.Snapshot, change func(*account.State)) {
	t.Helper()
	a, err := thaw(s, &account.Config{})
	if err != nil {
		t.Fatal(err)
	}
	change(a.state)
	forged := packed(t, a)
	s.State, s.Sum = forged.State, forged.Sum
}

func TestNoDamagedByteOfASnapshotIsBelieved(t *testing.T) {
	log := history(t)
	whole, _, _ := recall(t, log)
	want := dump(t, whole)
	body, err := json.Marshal(snapshotAt(t, log, len(log.stored)-2))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(body); i += 1 + len(body)/100 {
		damaged := append([]byte(nil), body...)
		damaged[i] ^= byte(1 << (i % 8))
		var s bus.Snapshot
		if json.Unmarshal(damaged, &s) != nil || s.Account != ann {
			s = bus.Snapshot{} // as the bus hands it over
		}
		a, _, _ := recall(t, &memoryLog{stored: log.stored, snapshots: map[order.AccountID]bus.Snapshot{ann: s}})
		if dump(t, a) != want {
			t.Fatalf("byte %d of %d: another account is read", i, len(body))
		}
	}
}

func TestAChangedAccountGetsASnapshotInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		r := start(t, log)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.keepSnapshots(ctx, log) }()
		r.open()
		r.place("first")
		r.pass(snapshotAfter - time.Second)
		if _, there := log.kept(ann); there {
			t.Error("it has one already")
		}
		r.pass(2 * time.Second)
		if s, _ := log.kept(ann); s.Seq != log.last(ann) || r.meters.snapshots.Load() != 1 {
			t.Errorf("snapshot of event %d of %d, %d stored", s.Seq, log.last(ann), r.meters.snapshots.Load())
		}
		r.pass(2 * snapshotAfter)
		if n := r.meters.snapshots.Load(); n != 1 {
			t.Errorf("%d snapshots of what has not changed", n)
		}
		r.stop()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		r = start(t, log)
		defer r.stop()
		if a := r.accounts[ann]; a.saved == 0 || len(r.unsaved) != 0 {
			t.Errorf("made from the snapshot at %d, %d to be saved", a.saved, len(r.unsaved))
		}
	})
}
