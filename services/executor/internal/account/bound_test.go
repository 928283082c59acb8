package account_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// long places an order of as many slices as there may be, each on its own token.
func (s *stage) long(n int, slices int) *order.Event {
	s.t.Helper()
	return s.place(0, func(p *order.Params) {
		p.TokenID, p.Exchanges = fmt.Sprint("t", n), []market.Exchange{"binance"}
		p.Slices, p.DurationSeconds = slices, 40_000
		p.Quantity = decimal.New(int64(slices), 1) // a tenth each
	})
}

func rich(t *testing.T) *stage {
	t.Helper()
	s := desk(t)
	s.send(0, order.Command{Type: order.Deposit, Deposit: &order.Amount{Asset: "USDT", Amount: decimal.New(1_000_000_000, 0)}})
	return s
}

func TestOrdersThatEndedKeepSoManySlicesInAll(t *testing.T) {
	s := rich(t)
	for n := range 4 {
		e := s.long(n, order.MaxSlices)
		if e.Type != order.OrderAccepted {
			t.Fatalf("%s: %+v", e.Type, e.Rejection)
		}
		s.send(0, order.Command{Type: order.Cancel, OrderID: e.OrderID})
	}
	s.step(ms(1000), nil)
	for n, want := range []int{0, order.MaxSlices, order.MaxSlices, order.MaxSlices} { // 20,000 beyond the last
		id := order.NewID(owner, fmt.Sprint("t", n))
		list, _ := s.engine.State.Slices(id)
		x, err := s.engine.State.Execution(id, ms(1000), s.engine.Market)
		if err != nil || len(list) != want || x.Complete != (want > 0) || !x.Final || x.Order.Status != order.Canceled {
			t.Errorf("order %d: %d slices, want %d; complete %t, final %t, %s, %v", n, len(list), want, x.Complete, x.Final, x.Order.Status, err)
		}
	}
	s.refold()
}

func TestOpenOrdersHaveSoManySlicesInAll(t *testing.T) {
	s := rich(t)
	for n := range 19 {
		s.long(n, order.MaxSlices)
	}
	if e := s.long(19, order.MaxSlices-1); e.Type != order.OrderAccepted {
		t.Fatalf("199,999: %+v", e.Rejection)
	}
	const full = "too_many_open_orders"
	if e := s.long(20, 2); e.Rejection == nil || e.Rejection.Code != full || e.Rejection.Kind != order.Conflict {
		t.Errorf("two more than 199,999: %s %+v", e.Type, e.Rejection)
	}
	if e := s.long(21, 1); e.Type != order.OrderAccepted {
		t.Errorf("one more: %+v", e.Rejection)
	}
	ends := ms(0).Add(80_000 * time.Second)
	if e := s.send(0, order.Command{Type: order.Amend, OrderID: order.NewID(owner, "t21"), Amend: &order.Amendment{EndsAt: ends}}); e.Rejection == nil || e.Rejection.Code != full {
		t.Errorf("longer: %s %+v", e.Type, e.Rejection)
	}
	s.send(0, order.Command{Type: order.Cancel, OrderID: order.NewID(owner, "t3")})
	s.step(ms(0), nil)
	if e := s.long(22, order.MaxSlices); e.Type != order.OrderAccepted {
		t.Errorf("in the room of one that has ended: %+v", e.Rejection)
	}
}
