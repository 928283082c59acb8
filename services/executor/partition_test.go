package executor

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// both lets time go by for two executors, with a fresh book each second.
func both(a, b *rig, d time.Duration) {
	for range int(d / time.Second) {
		time.Sleep(time.Second)
		a.book()
		b.book()
	}
}

// report asks for the report of an order.
func report(r *rig, id order.ID) error {
	_, err := ask[*order.Execution](r, readReport, bus.ReportRequest{Account: ann, OrderID: id})
	return err
}

func TestAPartitionChangesHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		first, second := start(t, log), start(t, log)
		defer first.stop()
		defer second.stop()
		none, all := func(int) bool { return false }, func(int) bool { return true }
		second.hold(none)
		first.open()
		id := first.place("first")
		both(first, second, 4*time.Second)
		if err := report(second, id); !errors.Is(err, bus.ErrElsewhere) {
			t.Errorf("the other is asked: %v", err)
		}
		first.hold(none)
		if len(first.accounts) != 0 || len(first.wishes.orders) != 0 || len(first.wishes.open) != 0 {
			t.Errorf("%d accounts and %v are kept of what was lost", len(first.accounts), first.wishes.orders)
		}
		second.hold(all)
		if err := report(second, id); err != nil {
			t.Errorf("the new owner is asked: %v", err)
		}
		both(first, second, 10*time.Second)
		second.filled(id, "1")
		if decided := log.count(t, order.SliceDecided); decided != 10 {
			t.Errorf("%d slices decided, want 10", decided)
		}
		epochs := map[uint64]bool{}
		for _, e := range log.events(t) {
			epochs[e.Epoch] = true
		}
		if len(epochs) != 2 {
			t.Errorf("written under %v, want two epochs", epochs)
		}
	})
}

func TestAZombieDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		zombie := start(t, log)
		zombie.open()
		second := start(t, log) // both believe that all is theirs
		id := zombie.place("first")
		second.seq = zombie.seq - 1
		second.place("first")
		both(zombie, second, 12*time.Second)
		zombie.stop()
		second.stop()
		if accepted, decided := log.count(t, order.OrderAccepted), log.count(t, order.SliceDecided); accepted != 1 || decided != 10 {
			t.Errorf("%d orders accepted and %d slices decided, want 1 and 10", accepted, decided)
		}
		for _, r := range []*rig{zombie, second} { // each has caught up with what the other wrote, or does so now
			a := r.accounts[ann]
			if err := r.catchUp(t.Context(), ann, a); err != nil || a.broken {
				t.Fatalf("broken %t, %v", a.broken, err)
			}
			r.filled(id, "1")
		}
		if retries := zombie.meters.conflicts.Load() + second.meters.conflicts.Load(); retries == 0 {
			t.Error("the two never met")
		}
	})
}

func TestWhatIsLostWhileItIsReadIsDropped(t *testing.T) {
	l := newLoop(testConfig(), &memoryLog{}, slog.New(slog.DiscardHandler))
	l.held.Epochs[3] = 7
	l.hold(l.held)
	claims := l.unasked
	lost := l.held
	lost.Epochs[3] = 0
	l.hold(lost)
	l.adopt(&recovered{claims: claims}, time.Now())
	if l.parts[3] != nil || len(claims) != 1 || l.complete() {
		t.Errorf("partition %v of %d claims", l.parts[3], len(claims))
	}
}

func TestNobodyIsToldFromAnAccountThatNobodyWorks(t *testing.T) {
	l := newLoop(testConfig(), &memoryLog{}, slog.New(slog.DiscardHandler))
	if _, err := l.known(ann); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("nobody has it: %v", err)
	}
	l.held.Epochs[ann.Partition()] = 1
	l.hold(l.held)
	if _, err := l.known(ann); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("it is being read: %v", err)
	}
	l.held.Epochs[ann.Partition()], l.held.Others[ann.Partition()] = 0, true
	l.hold(l.held)
	if _, err := l.known(ann); !errors.Is(err, bus.ErrElsewhere) {
		t.Errorf("another has it: %v", err)
	}
}

// commandMemory is a command log.
type commandMemory []bus.Stored

func (c commandMemory) FirstCommand(_ context.Context, p int, from uint64) (uint64, error) {
	for _, m := range c {
		if m.Account.Partition() == p && m.Seq >= from {
			return m.Seq, nil
		}
	}
	return uint64(len(c)) + 1, nil
}

func (c commandMemory) FollowPartitions(ctx context.Context, _ []int, from uint64, handle func(bus.Stored) error) error {
	for _, m := range c {
		if m.Seq >= from {
			if err := handle(m); err != nil {
				return err
			}
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestCommandsComeFromTheFirstThatNobodyHasCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := commandMemory{{Seq: 1, Account: ann}, {Seq: 2, Account: "abob"}, {Seq: 3, Account: ann}}
		in, out := make(chan places), make(chan command, 8)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- followCommands(ctx, store, in, out, slog.New(slog.DiscardHandler)) }()
		brought := func(round uint64, want ...uint64) {
			t.Helper()
			synctest.Wait()
			for _, seq := range want {
				if m := <-out; m.Seq != seq || m.round != round {
					t.Errorf("command %d of round %d, want %d of %d", m.Seq, m.round, seq, round)
				}
			}
			if len(out) > 0 {
				t.Errorf("%d commands too many", len(out))
			}
		}
		in <- places{1, []place{{ann.Partition(), 1}}}
		brought(1, 3)
		in <- places{2, []place{{ann.Partition(), 3}, {order.AccountID("abob").Partition(), 0}}}
		brought(2, 2, 3)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}
