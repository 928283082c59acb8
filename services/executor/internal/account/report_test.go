package account_test

import (
	"testing"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

func (s *stage) report(t int64) order.Report {
	s.t.Helper()
	r, err := s.engine.State.Report(orderX, ms(t), s.engine.Market)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// is compares a figure of a report with its text; "null" is what is not known.
func is(t *testing.T, name string, got *decimal.Decimal, want string) {
	t.Helper()
	text := "null"
	if got != nil {
		text = got.String()
	}
	if text != want {
		t.Errorf("%s = %s, want %s", name, text, want)
	}
}

func (s *stage) trade(t int64, price, quantity string) {
	s.market(ms(t), &exampleEvent{Exchange: "binance", Type: "trade", Price: decimal.MustParse(price), Qty: decimal.MustParse(quantity)})
}

func onBinance(p *order.Params) { p.Exchanges = []market.Exchange{"binance"} }

func TestAMidThatIsNotKnownCarriesTheLastOneOn(t *testing.T) {
	s := desk(t)
	s.place(0, onBinance)
	s.market(ms(11_000), &exampleEvent{Exchange: "binance", Type: "disconnect"})
	s.show(21_000, "binance", "101.99", "10", "102.01", "10")
	s.step(ms(100_000), nil)
	r := s.report(100_000)
	is(t, "twap_window", r.TWAPWindow, "100.95") // 21 s at 100, 19 s at 102
	is(t, "benchmark_coverage", r.BenchmarkCoverage, "0.75")
	is(t, "twap_schedule", r.TWAPSchedule, "100.66666667") // the slice at 20 s saw none
	is(t, "end_mid", r.EndMid, "102")
}

func TestTheWindowsVolumeBeginsAfterTheStartAndEndsWithTheEnd(t *testing.T) {
	s := desk(t)
	for at, quantity := range []string{"1", "2", "4"} { // at 0, 1 and 2 ms; the window begins at 1 ms
		s.trade(int64(at), "100", quantity)
	}
	s.place(2, func(p *order.Params) {
		onBinance(p)
		p.StartsAt = ms(1)
	})
	s.trade(40_001, "110", "8")
	s.trade(40_002, "120", "16")
	s.step(ms(100_000), nil)
	r := s.report(100_000)
	is(t, "market_volume", &r.MarketVolume, "12")
	is(t, "vwap_interval", r.VWAPInterval, "106.66666667")
	is(t, "participation_rate", r.ParticipationRate, "0.333333")
}

func TestTheDelayBeforeTheStartHasItsCost(t *testing.T) {
	s := desk(t)
	s.place(0, func(p *order.Params) {
		onBinance(p)
		p.StartsAt = ms(60_000)
	})
	s.show(59_000, "binance", "101.49", "10", "101.51", "10")
	s.step(ms(200_000), nil)
	r := s.report(200_000)
	is(t, "decision_mid", r.DecisionMid, "100")
	is(t, "arrival_mid", r.ArrivalMid, "101.5")
	is(t, "delay", r.Shortfall.Delay, "6")
	is(t, "trading", r.Shortfall.Trading, "0.04")
}

func TestAReportIsProvisionalUntilTheWindowEnds(t *testing.T) {
	s := desk(t)
	s.place(0, func(p *order.Params) {
		onBinance(p)
		p.Slices = 1
	})
	s.step(ms(0), nil)
	s.wantOrder(order.Filled, order.EndFilled, "4")
	s.show(10_000, "binance", "103.99", "10", "104.01", "10")
	s.step(ms(20_000), nil)
	r := s.report(20_000)
	if r.Final {
		t.Error("it is final in the middle of the window")
	}
	is(t, "twap_window so far", r.TWAPWindow, "102")
	s.step(ms(39_999), nil)
	version := s.order().Version
	s.step(ms(40_000), nil)
	if r = s.report(99_000); !r.Final {
		t.Error("it is provisional after the window")
	}
	is(t, "twap_window", r.TWAPWindow, "103")
	if s.order().Version != version {
		t.Error("the report changed an order that had ended")
	}
	if e := s.event(order.OrderReported); e.Report == nil || !e.Report.Final || !e.At.Equal(ms(40_000)) {
		t.Errorf("event %+v", e)
	}
}

func TestAnOrderCanceledBeforeItsStartHasAReportOfLittle(t *testing.T) {
	s := desk(t)
	s.place(0, func(p *order.Params) { p.StartsAt = ms(60_000) })
	s.send(30_000, order.Command{Type: order.Cancel, OrderID: orderX})
	s.step(ms(200_000), nil)
	s.wantOrder(order.Canceled, order.EndUser, "0")
	r := s.report(200_000)
	if !r.Final {
		t.Error("it is not final")
	}
	is(t, "decision_mid", r.DecisionMid, "100")
	is(t, "end_mid", r.EndMid, "100")
	is(t, "arrival_mid", r.ArrivalMid, "null")
	is(t, "average_price", r.AveragePrice, "null")
	is(t, "twap_window", r.TWAPWindow, "null")
	is(t, "fill_ratio", r.FillRatio, "0")
	is(t, "total", r.Shortfall.Total, "null")
}

func TestAnOrderWithoutAFillStillHasItsOpportunityCost(t *testing.T) {
	s := desk(t)
	s.place(0, func(p *order.Params) {
		onBinance(p)
		p.LimitPrice = num("90")
	})
	s.show(30_500, "binance", "104.99", "10", "105.01", "10")
	s.step(ms(100_000), nil)
	s.wantOrder(order.Expired, order.EndWindow, "0")
	r := s.report(100_000)
	is(t, "opportunity", r.Shortfall.Opportunity, "20")
	is(t, "trading", r.Shortfall.Trading, "0")
	is(t, "timing", r.CostBreakdown.Timing, "0")
	is(t, "slippage", r.SlippageArrivalBps, "null")
	is(t, "schedule_max_behind", r.ScheduleMaxBehind, "1")
	is(t, "total_bps", r.Shortfall.TotalBps, "500")
}
