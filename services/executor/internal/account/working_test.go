package account_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
	"github.com/hourglass-trading/hourglass/services/executor/internal/account"
)

var orderX = order.NewID(owner, "x")

// told tells the slices of order x: "k status reason wanted filled exchange:quantity@price…", one a line.
func (s *stage) told() string {
	var out []string
	sls, _ := s.engine.State.Slices(orderX)
	for _, sl := range sls {
		line := fmt.Sprintf("%d %s %s %s %s", sl.K, sl.Status, orDash(string(sl.Reason)), sl.Wanted, sl.Filled)
		for _, f := range sl.Fills {
			line += fmt.Sprintf(" %s:%s@%s", f.Exchange, f.Quantity, f.Price)
		}
		if sl.LimitedBy != "" {
			line += " by " + sl.LimitedBy
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (s *stage) want(lines ...string) {
	s.t.Helper()
	if got, want := s.told(), strings.Join(lines, "\n"); got != want {
		s.t.Errorf("slices\n%s\nwant\n%s", got, want)
	}
}

func (s *stage) order() order.Order {
	s.t.Helper()
	o, ok := s.engine.State.Order(orderX)
	if !ok {
		s.t.Fatalf("no order: %+v", s.events[len(s.events)-1].Rejection)
	}
	return o
}

func (s *stage) wantOrder(status order.Status, reason, filled string) {
	s.t.Helper()
	o := s.order()
	if o.Status != status || o.Reason != reason || o.FilledQuantity != decimal.MustParse(filled) || status.Ended() && !o.Reserved.Amount.IsZero() {
		s.t.Errorf("order is %s (%s), filled %s, holds %s; want %s (%s), %s", o.Status, o.Reason, o.FilledQuantity, o.Reserved.Amount, status, reason, filled)
	}
}

func TestAChildTakesWhatIsThereWhenItArrives(t *testing.T) {
	s := desk(t)
	s.cfg.Profile.LatencyMS = 500
	s.place(0, func(p *order.Params) { p.Exchanges = []market.Exchange{"binance"} })
	s.show(400, "binance", "99.99", "10", "100.05", "0.3") // inside the bound still, but little
	s.step(ms(1000), nil)
	s.want("1 partial book_moved 1 0.3 binance:0.3@100.05")
	s.show(10_300, "binance", "99.99", "10", "109", "10") // beyond the bound when the second arrives
	s.step(ms(11_000), nil)
	s.want("1 partial book_moved 1 0.3 binance:0.3@100.05", "2 unfilled book_moved 1.23 0")
	s.show(19_000, "binance", "99.99", "10", "100.01", "10")
	s.step(ms(20_000), nil)
	s.market(ms(20_100), &exampleEvent{Exchange: "binance", Type: "disconnect"})
	s.step(ms(21_000), nil)
	s.want("1 partial book_moved 1 0.3 binance:0.3@100.05", "2 unfilled book_moved 1.23 0", "3 unfilled exchange_down 1.85 0")
}

func TestEachExchangeHasItsOwnLatency(t *testing.T) {
	s := desk(t)
	s.cfg.Profile.LatencyMSBy["kraken"] = 700
	s.show(0, "binance", "99.99", "10", "100.01", "0.4")
	s.place(0, func(*order.Params) {})
	s.step(ms(600), nil)
	s.want("1 sent - 1 0.4 binance:0.4@100.01")
	if o := s.order(); o.SlicesDone != 0 || o.FilledQuantity != decimal.MustParse("0.4") {
		t.Errorf("order %+v", o)
	}
	s.step(ms(700), nil)
	s.want("1 filled - 1 1 binance:0.4@100.01 kraken:0.6@100.1")
}

func TestAnExchangeWhoseShareItWouldRefuseIsLeftOut(t *testing.T) {
	s := desk(t)
	s.show(0, "binance", "99.99", "10", "100.01", "0.04") // worth 4.0004, below its minimum notional
	s.place(0, func(*order.Params) {})
	s.step(ms(0), nil)
	s.want("1 filled - 1 1 kraken:1@100.1")
	s.show(9000, "kraken", "99.9", "10", "109", "10")
	s.step(ms(10_000), nil)
	s.want("1 filled - 1 1 kraken:1@100.1", "2 skipped below_min 1 0")
}

func TestABuyIsCutToWhatCanBePaid(t *testing.T) {
	s := desk(t)
	s.place(0, func(p *order.Params) { // reserves 98 × 100 × (1 + fee), all but a little
		p.Quantity, p.Slices, p.LimitPrice, p.MaxSlippageBps = decimal.MustParse("98"), 1, ptr(decimal.MustParse("101")), nil
		p.Quantity = decimal.MustParse("95")
	})
	s.show(0, "binance", "99.99", "10", "100.9", "200")
	s.step(ms(0), nil)
	// 10 of kraken at 100.1 cost 1003.6026; what is left of 10,000 buys 89.06 more at 100.9 and ten basis points.
	s.want("1 filled - 95 95 binance:85@100.9 kraken:10@100.1")
	s = desk(t)
	s.place(0, func(p *order.Params) {
		p.Quantity, p.Slices, p.MaxSlippageBps = decimal.MustParse("94"), 1, ptr(decimal.MustParse("500"))
	})
	s.show(0, "binance", "99.99", "10", "108", "200")
	s.show(0, "kraken", "105", "10", "108.5", "200")
	s.step(ms(0), nil)
	s.want("1 partial insufficient_funds 94 92.5 binance:92.5@108 by funds") // 92.5 × 108.108 = 9999.99
	s.step(ms(100_000), nil)
	s.wantOrder(order.Expired, order.EndWindow, "92.5")
}

func TestPauseSkipsAndCatchUpMakesGood(t *testing.T) {
	s := desk(t)
	s.place(0, func(p *order.Params) { p.Exchanges = []market.Exchange{"binance"} })
	s.send(5000, order.Command{Type: order.Pause, OrderID: orderX})
	s.send(15_000, order.Command{Type: order.Resume, OrderID: orderX})
	s.step(ms(100_000), nil)
	s.want("1 filled - 1 1 binance:1@100.01", "2 skipped paused 0 0", "3 filled - 1.5 1.5 binance:1.5@100.01", "4 filled - 1.5 1.5 binance:1.5@100.01")
	s.wantOrder(order.Filled, order.EndFilled, "4")
}

func TestAnOrderPausedAtItsEndIsNotSwept(t *testing.T) {
	s := desk(t)
	s.place(0, func(p *order.Params) { p.EndPolicy = order.EndSweep })
	s.send(5000, order.Command{Type: order.Pause, OrderID: orderX})
	s.step(ms(100_000), nil)
	s.wantOrder(order.Expired, order.EndWindow, "1")
}

func TestACancelAtTheInstantOfASliceComesFirst(t *testing.T) {
	s := desk(t)
	s.place(0, func(p *order.Params) { p.Exchanges = []market.Exchange{"binance"} })
	s.send(10_000, order.Command{Type: order.Cancel, OrderID: orderX})
	s.step(ms(100_000), nil)
	s.want("1 filled - 1 1 binance:1@100.01", "2 canceled user 0 0", "3 canceled user 0 0", "4 canceled user 0 0")
	s.wantOrder(order.Canceled, order.EndUser, "1")
	r, err := s.engine.State.Report(orderX, ms(100_000), s.engine.Market)
	if err != nil || !r.Final || r.BenchmarkCoverage.String() != "1" || r.ScheduleMaxBehind.String() != "0" {
		t.Errorf("report %+v, %v", r, err)
	}
}

func TestWhatIsOnItsWayAtACancelStillArrives(t *testing.T) {
	s := desk(t)
	s.cfg.Profile.LatencyMS = 500
	s.place(0, func(p *order.Params) { p.Exchanges = []market.Exchange{"binance"} })
	e := s.send(100, order.Command{Type: order.Cancel, OrderID: orderX})
	// Its child of 1 was sent with the bound 103 and 10 basis points of fee: that much stays reserved.
	if e.Type != order.OrderEnded || e.Order.Status != order.Canceled || e.Order.Reserved.Amount.String() != "103.103" {
		t.Errorf("event %s %+v", e.Type, e.Order)
	}
	s.step(ms(100_000), nil)
	s.wantOrder(order.Canceled, order.EndUser, "1")
	s.want("1 filled - 1 1 binance:1@100.01", "2 canceled user 0 0", "3 canceled user 0 0", "4 canceled user 0 0")
}

func TestTheEndWaitsForWhatIsOnItsWay(t *testing.T) {
	lost := []string{
		"1 unfilled gapped_book 1 0", "2 unfilled gapped_book 1 0", "3 skipped gapped_book 1.5 0",
		"4 filled - 3 3 binance:3@100.01 by catch_up",
	}
	run := func(policy string) *stage {
		s := desk(t)
		s.cfg.Profile.LatencyMS = 15_000
		s.place(0, func(p *order.Params) { p.Exchanges, p.EndPolicy = []market.Exchange{"binance"}, policy })
		s.market(ms(14_000), &exampleEvent{Exchange: "binance", Type: "gap"})
		s.show(29_000, "binance", "99.99", "10", "100.01", "10")
		s.step(ms(100_000), nil)
		return s
	}
	s := run(order.EndExpire)
	s.want(lost...)
	s.wantOrder(order.Expired, order.EndWindow, "3")
	if o := s.order(); !o.EndedAt.Equal(ms(45_000)) {
		t.Errorf("ended at %s", o.EndedAt)
	}
	s = run(order.EndSweep)
	s.want(append(lost, "5 filled - 1 1 binance:1@100.01")...)
	s.wantOrder(order.Filled, order.EndFilled, "4")
	if o := s.order(); !o.EndedAt.Equal(ms(60_000)) {
		t.Errorf("ended at %s", o.EndedAt)
	}
}

func TestThePresetIsStoredWithEveryValue(t *testing.T) {
	s := desk(t)
	harsh := s.place(0, func(p *order.Params) { p.Preset = account.Harsh }).Order.Profile
	if harsh.Preset != "harsh" || harsh.LatencyMS != 500 || harsh.VisibleShare.String() != "0.25" || harsh.LiquidityMemoryMS != 300_000 || harsh.TakerFeeBps["kraken"].String() != "26" {
		t.Errorf("harsh: %+v", harsh)
	}
	free := s.place(0, func(p *order.Params) { p.TokenID, p.Preset = "y", account.Frictionless }).Order.Profile
	if free.LatencyMS != 0 || free.LiquidityMemoryMS != 0 || !free.TakerFeeBps["kraken"].IsZero() {
		t.Errorf("frictionless: %+v", free)
	}
	thin := s.place(0, func(p *order.Params) { p.TokenID, p.Preset = "z", account.Thin }).Order.Profile
	if thin.VisibleShare.String() != "0.5" || thin.LiquidityMemoryMS != 120_000 || thin.LatencyMS != 50 {
		t.Errorf("thin: %+v", thin)
	}
}

func TestOrdersOfAnAccountShareItsMemoryUnlessTheyAreAlone(t *testing.T) {
	for scope, want := range map[string]string{"account": "1 partial insufficient_depth 4 2 binance:2@100.01", "order": "1 filled - 4 4 binance:4@100.01"} {
		s := desk(t)
		s.cfg.Profile.MemoryScope, s.cfg.Profile.LiquidityMemoryMS = scope, 30_000
		s.show(0, "binance", "99.99", "10", "100.01", "6")
		s.place(0, func(p *order.Params) { p.TokenID, p.Exchanges, p.Slices = "other", []market.Exchange{"binance"}, 1 })
		s.place(0, func(p *order.Params) { p.Exchanges, p.Slices = []market.Exchange{"binance"}, 1 })
		s.step(ms(0), nil)
		s.want(want)
	}
}

func TestAPreviewSaysWhatWouldComeAndChangesNothing(t *testing.T) {
	s := desk(t)
	p := twapOf(func(*order.Params) {})
	before := s.engine.State.Balances()
	got, refused := s.engine.State.Preview(p, ms(0), s.engine.Market)
	if refused != nil {
		t.Fatal(refused)
	}
	if len(got.Schedule) != 4 || got.Reservation.Amount.String() != "413.0712" || got.Expected.FillRatio.String() != "1" || got.Expected.SlippageBps.String() != "1" {
		t.Errorf("preview %+v", got)
	}
	if e := s.place(0, func(*order.Params) {}); e.Type != order.OrderAccepted || e.Accepted.Reservation != got.Reservation {
		t.Errorf("event %s", e.Type)
	}
	if before[1].Available.String() != "10000" {
		t.Errorf("balances %+v", before)
	}
	if _, refused = s.engine.State.Preview(p, ms(0), s.engine.Market); refused == nil || refused.Code != "token_id_exists" {
		t.Errorf("a second time: %+v", refused)
	}
	p.TokenID, p.Quantity = "y", decimal.MustParse("98")
	if _, refused = s.engine.State.Preview(p, ms(0), s.engine.Market); refused == nil || refused.Code != "insufficient_funds" {
		t.Errorf("too much: %+v", refused)
	}
}
