package account_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

// icer freezes an account again and again, and holds each result against what the account was when the freeze began.
type icer struct {
	t     *testing.T
	state *account.State
	want  []byte // nil between two freezes
	whole int    // freezes that came to their end
	wg    sync.WaitGroup
}

// take takes n more orders. What is whole is encoded while the account goes on, so that the race detector sees what both
// touch.
func (i *icer) take(n int) {
	i.t.Helper()
	if i.want == nil {
		var err error
		if i.want, err = json.Marshal(i.state); err != nil {
			i.t.Fatal(err)
		}
	}
	f := i.state.Freeze(n)
	if f == nil {
		return
	}
	want := i.want
	i.want, i.whole = nil, i.whole+1
	i.wg.Go(func() {
		var got bytes.Buffer
		if err := f.Encode(&got, func() error { return nil }); err != nil {
			i.t.Error(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			i.t.Errorf("frozen: %s", cmp.Diff(string(want), got.String()))
		}
	})
}

func TestAFrozenAccountIsWhatItWasWhenTheFreezeBegan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &bytesDice{rapid.SliceOfN(rapid.Byte(), 2000, 2000).Draw(rt, "tape")}
		s := newScenario(d, 40+d.roll(80))
		events, _ := s.run(rt)
		i := &icer{t: t, state: account.New(owner, s.cfg)}
		for n := range events {
			i.take(d.roll(3))
			b, err := order.Encode(&events[n])
			if err != nil {
				rt.Fatal(err)
			}
			e, err := order.Decode(b)
			if err != nil {
				rt.Fatal(err)
			}
			if err := i.state.Apply(e, order.Hash(b)); err != nil {
				rt.Fatal(err)
			}
		}
		i.take(100)
		if i.wg.Wait(); i.whole == 0 || t.Failed() {
			rt.Fatalf("%d frozen", i.whole)
		}
	})
}

// TestAFrozenAccountHasTheOrdersThatItHasShedSince lets more orders end than are kept in full.
func TestAFrozenAccountHasTheOrdersThatItHasShedSince(t *testing.T) {
	e := busy(t, 280, 2, "0.01")
	i := &icer{t: t, state: e.State}
	for ms := range 3_000 {
		if ms == 2_250 {
			i.take(0) // begins: by now the first have been reported
		}
		if _, err := e.Step(epoch.Add(time.Duration(ms)*time.Millisecond), nil); err != nil {
			t.Fatal(err)
		}
	}
	before := bytes.Count(i.want, []byte(`"slices":[`))
	i.take(1000)
	shed := 0
	for _, o := range e.State.Orders() {
		if list, _ := e.State.Slices(o.ID); o.Status.Ended() && list == nil {
			shed++
		}
	}
	if i.wg.Wait(); shed == 0 || before != 280 || i.whole != 1 {
		t.Errorf("%d orders shed, %d had slices when the freeze began, %d frozen", shed, before, i.whole)
	}
}

func TestLongListsAreEncodedInPieces(t *testing.T) {
	const n = 1_000 // commands, and orders, which have ended; the memory holds what these took
	e := busy(t, n, 1, "0.00100")
	if _, err := e.Step(epoch.Add(3*time.Second), nil); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(e.State)
	if err != nil {
		t.Fatal(err)
	}
	f := e.State.Freeze(n)
	var got bytes.Buffer
	largest, before := 0, 0
	err = f.Encode(&got, func() error {
		largest, before = max(largest, got.Len()-before), got.Len()
		return nil
	})
	if err != nil || !bytes.Equal(got.Bytes(), want) || len(e.State.Memory.Taken) < n/2 || f.Orders() != n {
		t.Fatalf("%v; %d bytes, want %d; %d fills in memory, %d orders", err, got.Len(), len(want), len(e.State.Memory.Taken), f.Orders())
	}
	if largest > 40_000 || len(e.State.Commands)*60 < 40_000 {
		t.Errorf("a piece of %d bytes, %d commands", largest, len(e.State.Commands))
	}
	stop := errors.New("stop")
	if err := f.Encode(&got, func() error { return stop }); !errors.Is(err, stop) {
		t.Errorf("ended with %v", err)
	}
}

// BenchmarkFreeze takes an account of a thousand orders: what an account's loop spends on a snapshot.
func BenchmarkFreeze(b *testing.B) {
	e := busy(b, 1_000, 30, "0.001")
	if _, err := e.Step(epoch.Add(15*time.Second), nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if f := e.State.Freeze(1_000); f == nil || f.Orders() != 1_000 {
			b.Fatal(fmt.Sprint("not whole: ", f))
		}
	}
}
