package executor

import (
	"encoding/json"
	"fmt"
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
