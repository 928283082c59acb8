package executor

import (
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func ask[T any](r *rig, read reader, request any) (T, error) {
	r.t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		r.t.Fatal(err)
	}
	value, err := put(r.t.Context(), r.questions, read, body)
	out, _ := value.(T)
	return out, err
}

func TestAPreviewTellsTheCostAndLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memoryLog{}
		r := start(t, log)
		p := order.Defaults()
		p.TokenID, p.Symbol, p.Side, p.Quantity, p.DurationSeconds, p.Slices = "p", btc, market.Buy, decimal.One, 10, 4
		request := bus.PreviewRequest{Account: ann, TWAP: &p}
		if _, err := ask[*order.Preview](r, readPreview, request); !errors.Is(err, bus.ErrNotFound) || len(r.accounts) != 0 {
			t.Errorf("an account that is not there: %v", err)
		}
		r.open()
		got, err := ask[*order.Preview](r, readPreview, request)
		if err != nil {
			t.Fatal(err)
		}
		// One bitcoin at 60,001 is one above the mid; ten basis points of it are the fees.
		if e := got.Expected; len(got.Schedule) != 4 || e.SlippageCost.String() != "1" || e.Fees.String() != "60.001" || e.Cost.String() != "61.001" ||
			e.FillRatio.String() != "1" || e.AveragePrice.String() != "60001" || got.Immediate.SlippageBps.String() != "0.1667" {
			t.Errorf("preview %+v, expected %+v", got, e)
		}
		p.Quantity = decimal.New(2, 0)
		var failure *bus.Failure
		if _, err := ask[*order.Preview](r, readPreview, request); !errors.As(err, &failure) || failure.Code != "insufficient_funds" {
			t.Errorf("more than can be paid: %v", err)
		}
		if _, err := ask[*order.Preview](r, readPreview, bus.PreviewRequest{Account: ann}); !errors.Is(err, bus.ErrInvalid) {
			t.Errorf("nothing to preview: %v", err)
		}
		if r.stop(); len(log.stored) != 1 {
			t.Errorf("%d events, want the account's opening alone", len(log.stored))
		}
	})
}

func TestAReportIsToldAtAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, &memoryLog{})
		r.open()
		id := r.place("first")
		r.pass(4500 * time.Millisecond)
		half, err := ask[*order.Execution](r, readReport, bus.ReportRequest{Account: ann, OrderID: id})
		if err != nil || half.Final || len(half.Points) != 5 || half.Order.Status != order.Active {
			t.Errorf("half-way: %+v, %v", half, err)
		}
		r.pass(8 * time.Second)
		whole, err := ask[*order.Execution](r, readReport, bus.ReportRequest{Account: ann, OrderID: id})
		if err != nil {
			t.Fatal(err)
		}
		total := whole.Exchanges[0]
		if !whole.Final || !whole.Complete || len(whole.Fills) != 10 || whole.Seed != order.DefaultSeed(id) || whole.Profile.LatencyMS != 50 ||
			total.Exchange != "binance" || total.Fills != 10 || total.Quantity != decimal.One || total.Notional.String() != "60001" ||
			total.Fees.String() != "60.001" || total.Share.String() != "1" {
			t.Errorf("in the end: %+v", whole)
		}
		if c := whole.Counts; len(c) != 1 || c[0] != (order.SliceCount{Status: order.SliceFilled, Count: 10}) {
			t.Errorf("counts %+v", c)
		}
		last := whole.Points[9]
		if last.CumulativeFilled != decimal.One || last.CumulativePlanned != decimal.One || last.AveragePrice.String() != "60001" || last.Mid.String() != "60000" {
			t.Errorf("last point %+v", last)
		}
		if _, err := ask[*order.Execution](r, readReport, bus.ReportRequest{Account: ann, OrderID: "o0"}); !errors.Is(err, bus.ErrNotFound) {
			t.Errorf("an order that is not there: %v", err)
		}
		r.stop()
		if _, err := ask[*order.Execution](r, readReport, bus.ReportRequest{Account: ann, OrderID: id}); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("without a loop: %v", err)
		}
	})
}

func TestQuestionsHaveTheirTurnWhereMoreIsDueThanCanBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		r := start(t, &memoryLog{mishap: func(string) (refuse, lost bool) {
			if slow.Load() {
				time.Sleep(20 * time.Millisecond) // 25 slices a second at most, of two events each
			}
			return false, false
		}})
		r.open()
		p := order.Defaults()
		p.TokenID, p.Symbol, p.Side, p.Quantity = "many", btc, market.Buy, decimal.One
		p.DurationSeconds, p.Slices = 60, 5_000 // 83 a second
		r.send(order.Command{ID: "many", Type: order.CreateTWAP, TWAP: &p})
		r.pass(time.Second)
		slow.Store(true)
		r.pass(10 * time.Second)
		began := time.Now()
		x, err := ask[*order.Execution](r, readReport, bus.ReportRequest{Account: ann, OrderID: order.NewID(ann, "many")})
		if took := time.Since(began); err != nil || took > 50*time.Millisecond || len(x.Points) > 700 {
			t.Errorf("answered after %v, %v: %+v", took, err, x)
		}
		r.stop()
	})
}
