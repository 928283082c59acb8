package executor

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/pkg/tracing"
)

// crowd gives each of n accounts an order of ten slices that fall due at the same instants.
func (r *rig) crowd(n int) []order.AccountID {
	r.t.Helper()
	var ids []order.AccountID
	starts := time.Now().Add(2 * time.Second)
	p := order.Defaults()
	p.TokenID, p.Symbol, p.Side, p.Quantity, p.StartsAt = "crowd", btc, market.Buy, decimal.One, starts
	p.DurationSeconds, p.IntervalSeconds = 10, 1
	for i := range n {
		id := order.AccountID(fmt.Sprintf("acrowd%d", i))
		ids = append(ids, id)
		for _, cmd := range []order.Command{
			{ID: "open", Account: id, Type: order.OpenAccount},
			{ID: "create", Account: id, Type: order.CreateTWAP, OrderID: order.NewID(id, p.TokenID), TWAP: &p},
		} {
			r.seq++
			body, err := json.Marshal(&cmd)
			if err != nil {
				r.t.Fatal(err)
			}
			r.bring(bus.Stored{Seq: r.seq, Account: id, Data: body, Origin: tracing.Origin{Request: "request of " + string(id)}})
		}
	}
	synctest.Wait()
	return ids
}

func TestSlicesDueTogetherAreStoredTogether(t *testing.T) {
	mishaps := map[string]func(n int) (refuse, lost bool){
		"all is well":               func(int) (bool, bool) { return false, false },
		"appends are refused":       func(n int) (bool, bool) { return n%9 == 1, false },
		"acknowledgements are lost": func(n int) (bool, bool) { return false, n%9 == 1 },
	}
	for name, mishap := range mishaps {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				log := &memoryLog{mishap: func(string) (bool, bool) {
					n++
					return mishap(n)
				}}
				r := start(t, log)
				defer r.stop()
				ids := r.crowd(12)
				r.pass(20 * time.Second)
				if decided, want := log.count(t, order.SliceDecided), 10*len(ids); decided != want {
					t.Errorf("%d slices decided, want %d", decided, want)
				}
				if log.batches < 10 {
					t.Errorf("%d batches in %d appends", log.batches, n)
				}
				for _, m := range log.stored {
					if want := "request of " + string(m.Account); m.Origin.Request != want {
						t.Fatalf("event %d came of %q, not of the %s", m.Seq, m.Origin.Request, want)
					}
				}
				for _, id := range ids {
					if o, _ := r.accounts[id].state.Order(order.NewID(id, "crowd")); o.Status != order.Filled {
						t.Fatalf("order of %s: %s, %s filled", id, o.Status, o.FilledQuantity)
					}
				}
			})
		})
	}
}

func TestOneWithMoreThanCanBeStoredDoesNotHoldUpTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		log := &memoryLog{mishap: func(string) (refuse, lost bool) {
			if slow.Load() {
				time.Sleep(20 * time.Millisecond) // an append
			}
			return false, false
		}}
		r := start(t, log)
		r.open()
		p := order.Defaults()
		p.TokenID, p.Symbol, p.Side, p.Quantity = "many", btc, market.Buy, decimal.One
		p.DurationSeconds, p.Slices = 60, 5_000 // 83 a second, where 25 can be stored
		r.send(order.Command{ID: "many", Type: order.CreateTWAP, TWAP: &p})
		r.pass(time.Second)
		slow.Store(true)
		r.pass(5 * time.Second)
		began := time.Now()
		others := r.crowd(3)
		r.pass(15 * time.Second)
		r.stop()
		slices := 0
		for _, m := range log.stored {
			var e order.Event
			if err := json.Unmarshal(m.Data, &e); err != nil {
				t.Fatal(err)
			}
			switch {
			case e.Account == ann:
			case e.Type == order.OrderAccepted && m.At.Sub(began) > time.Second:
				t.Errorf("an order of %s was accepted after %v", e.Account, m.At.Sub(began))
			case e.Type == order.SliceDecided:
				slices++
				if late := m.At.Sub(e.Slice.DueAt); late > 200*time.Millisecond {
					t.Errorf("slice %d of %s was stored %v late", e.Slice.K, e.Account, late)
				}
			}
		}
		if want := 10 * len(others); slices != want {
			t.Errorf("%d slices of the others, want %d", slices, want)
		}
	})
}
