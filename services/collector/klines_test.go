package collector

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange"
	"github.com/hourglass-trading/hourglass/services/collector/internal/exchange/binance"
)

func interval(t *testing.T, s string) bus.Interval {
	t.Helper()
	i, err := bus.ParseInterval(s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// exchangeNow is what the exchange's clock shows: it need not be ours.
var exchangeNow = time.Date(2024, 8, 8, 12, 0, 30, 0, time.UTC)

func TestKlinesAreFetchedPagedAndJoined(t *testing.T) {
	noon := exchangeNow.Truncate(time.Minute)
	tests := map[string]struct {
		interval    string
		limit       int
		start, end  time.Time
		first, last time.Time
		count       int
		volume      int64 // of each but the last
		calls       int
	}{
		"the newest":                          {interval: "1m", limit: 5, first: noon.Add(-4 * time.Minute), last: noon, count: 5, volume: 60, calls: 1},
		"a hundred where nothing is said":     {interval: "1m", first: noon.Add(-99 * time.Minute), last: noon, count: 100, volume: 60, calls: 1},
		"joined from shorter ones, two pages": {interval: "10s", limit: 150, first: exchangeNow.Add(-1490 * time.Second), last: exchangeNow, count: 150, volume: 10, calls: 2},
		"from a start": {
			interval: "1m", limit: 3, start: noon.Add(-time.Hour - time.Second), first: noon.Add(-time.Hour), last: noon.Add(-58 * time.Minute), count: 3, volume: 60, calls: 1,
		},
		"from a start to an end, both included": {
			interval: "1m", limit: 100, start: noon.Add(-5 * time.Minute), end: noon.Add(-3 * time.Minute), first: noon.Add(-5 * time.Minute), last: noon.Add(-3 * time.Minute), count: 3, volume: 60, calls: 1,
		},
		"before an end":                  {interval: "1m", limit: 2, end: noon.Add(-time.Hour), first: noon.Add(-61 * time.Minute), last: noon.Add(-time.Hour), count: 2, volume: 60, calls: 1},
		"a start behind the end is none": {interval: "1m", start: noon, end: noon.Add(-time.Hour)},
		"joined from a start, many pages": {
			interval: "30s", limit: 100, start: noon.Add(-time.Hour), first: noon.Add(-time.Hour), last: noon.Add(-time.Hour + 99*30*time.Second), count: 100, volume: 30, calls: 3,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var calls []string
			d := newTestDesk(t, binanceAt(exchangeNow, &calls))
			calls = nil
			reply, err := d.klines.answer(t.Context(), bus.KlinesRequest{
				Symbol: "BTC-USDT", Interval: interval(t, tt.interval), Limit: tt.limit, Start: tt.start, End: tt.end,
			})
			if err != nil || len(reply.Klines) != tt.count || reply.Source != bus.FromExchange || len(calls) != tt.calls {
				t.Fatalf("%d klines, %d calls, %v", len(reply.Klines), len(calls), err)
			}
			for i, c := range reply.Klines {
				switch length := reply.Interval.Duration(); {
				case i == 0 && !c.OpenTime.Equal(tt.first), i == tt.count-1 && !c.OpenTime.Equal(tt.last):
					t.Errorf("candle %d opens at %s, want %s to %s", i, c.OpenTime, tt.first, tt.last)
				case i > 0 && !c.OpenTime.Equal(reply.Klines[i-1].OpenTime.Add(length)):
					t.Errorf("candle %d opens at %s", i, c.OpenTime)
				case i < tt.count-1 && (c.Volume != decimal.New(tt.volume, 0) || c.Open != decimal.New(c.OpenTime.Unix(), 0) || c.Close != decimal.New(c.OpenTime.Add(length).Unix()-1, 0)):
					t.Errorf("candle %d: %+v", i, c)
				}
			}
		})
	}
}

func TestWhatCannotBeServedIsSaidByKind(t *testing.T) {
	var calls []string
	d := newTestDesk(t, binanceAt(exchangeNow, &calls))
	tests := map[string]struct {
		req  bus.KlinesRequest
		kind error
		text string
	}{
		"a symbol that is not listed": {bus.KlinesRequest{Symbol: "NONE-USDT", Interval: interval(t, "1m")}, bus.ErrNotFound, "does not list NONE-USDT"},
		"an interval that is not offered": {
			bus.KlinesRequest{Symbol: "BTC-USDT", Interval: interval(t, "7m")}, bus.ErrInvalid,
			"interval: must be one of 1s, 5s, 10s, 15s, 30s, 1m, 3m, 5m, 10m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 2d, 3d, 7d",
		},
		"no interval":     {bus.KlinesRequest{Symbol: "BTC-USDT"}, bus.ErrInvalid, "interval: must be"},
		"too many":        {bus.KlinesRequest{Symbol: "BTC-USDT", Interval: interval(t, "1m"), Limit: 1001}, bus.ErrInvalid, "limit: must be"},
		"fewer than none": {bus.KlinesRequest{Symbol: "BTC-USDT", Interval: interval(t, "1m"), Limit: -1}, bus.ErrInvalid, "limit: must be"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := d.klines.answer(t.Context(), tt.req); !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWithoutTheExchangeCandlesComeFromTradesOrNotAtAll(t *testing.T) {
	down := false
	var calls []string
	up := binanceAt(exchangeNow, &calls)
	d := newTestDesk(t, func(path string, query url.Values) (int, string) {
		if down {
			return 0, ""
		}
		return up(path, query)
	})
	down = true
	req := bus.KlinesRequest{Symbol: "BTC-USDT", Interval: interval(t, "1m")}
	if _, err := d.klines.answer(t.Context(), req); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	d.klines.recent = func(market.Symbol, time.Duration) []market.Candle {
		return []market.Candle{{OpenTime: exchangeNow, Close: decimal.One}}
	}
	reply, err := d.klines.answer(t.Context(), req)
	if err != nil || reply.Source != bus.FromTrades || len(reply.Klines) != 1 {
		t.Errorf("%+v, %v", reply, err)
	}
}

// coarse is an exchange that has candles of a minute and longer.
type coarse struct{ binance.Exchange }

func (coarse) Intervals() []time.Duration { return []time.Duration{time.Minute, time.Hour} }

func TestCandlesThatTheExchangeLacksAreOfTradesAndSaySo(t *testing.T) {
	var calls []string
	d := newTestDesk(t, binanceAt(exchangeNow, &calls))
	d.klines.exchange = coarse{}
	d.klines.recent = func(_ market.Symbol, length time.Duration) []market.Candle {
		return []market.Candle{{OpenTime: exchangeNow.Truncate(length), Close: decimal.One}}
	}
	calls = nil
	for length, source := range map[string]string{"10s": bus.FromTrades, "5m": bus.FromExchange} {
		reply, err := d.klines.answer(t.Context(), bus.KlinesRequest{Symbol: "BTC-USDT", Interval: interval(t, length), Limit: 1})
		if err != nil || reply.Source != source || len(reply.Klines) != 1 {
			t.Errorf("%s: %+v, %v", length, reply, err)
		}
	}
	if len(calls) != 1 || !strings.Contains(calls[0], "interval=1m") {
		t.Errorf("calls %q, want one for minutes", calls)
	}
}

func TestManyWhoAskTheSameCostOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []string
		d := newTestDesk(t, binanceAt(exchangeNow, &calls))
		calls = nil
		var asked sync.WaitGroup
		for range 20 {
			asked.Go(func() {
				reply, err := d.klines.answer(t.Context(), bus.KlinesRequest{Symbol: "BTC-USDT", Interval: interval(t, "1m"), Limit: 5})
				if err != nil || len(reply.Klines) != 5 {
					t.Errorf("%d klines, %v", len(reply.Klines), err)
				}
			})
		}
		asked.Wait()
		if len(calls) != 1 {
			t.Errorf("%d calls", len(calls))
		}
	})
}

func TestTheSameQuestionSoonAgainCostsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []string
		d := newTestDesk(t, binanceAt(exchangeNow, &calls))
		calls = nil
		req := bus.KlinesRequest{Symbol: "BTC-USDT", Interval: interval(t, "1m")}
		for range 5 {
			if _, err := d.klines.answer(t.Context(), req); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		if _, err := d.klines.answer(t.Context(), req); err != nil || len(calls) != 2 {
			t.Errorf("%d calls, %v", len(calls), err)
		}
	})
}

func TestWhoAsksTheSameAtTheSameTimeWaitsForOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, calls := newPages(), 0
		var answered atomic.Int64
		fail := errors.New("no")
		for range 10 {
			go func() {
				_, err := p.get(t.Context(), exchange.Call{Path: "/"}, time.Second, func(context.Context) ([]market.Candle, error) {
					calls++
					time.Sleep(time.Second)
					return nil, fail
				})
				if errors.Is(err, fail) {
					answered.Add(1)
				}
			}()
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if calls != 1 || answered.Load() != 10 || len(p.byCall) != 0 {
			t.Errorf("%d calls, %d answered, %d remembered of a failure", calls, answered.Load(), len(p.byCall))
		}
	})
}

func TestManyQuestionsLeaveHalfOfTheWeightToTheBooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []string
		d := newTestDesk(t, binanceAt(exchangeNow, &calls))
		calls = nil
		for i := range 3000 { // each its own, so that no answer serves twice
			req := bus.KlinesRequest{Symbol: "BTC-USDT", Interval: interval(t, "1m"), Limit: 1, End: exchangeNow.Add(-time.Duration(i) * time.Minute)}
			_, _ = d.klines.answer(t.Context(), req)
		}
		// 2 of weight a call: the burst of 2,400, then 40 a second.
		spent := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
		if most := 1200 + int(spent.Seconds()*20) + 1; len(calls) > most {
			t.Errorf("%d calls in %s, want %d at most", len(calls), spent, most)
		}
	})
}

func TestSeedsAreTheRunningCandles(t *testing.T) {
	var calls []string
	d := newTestDesk(t, binanceAt(exchangeNow, &calls))
	l, err := d.catalog.find("BTC-USDT")
	if err != nil {
		t.Fatal(err)
	}
	got := map[time.Duration]market.Candle{}
	d.seeder.seed = func(_ *exchange.Listing, length time.Duration, c market.Candle) { got[length] = c }
	if err := d.seeder.once(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	for _, length := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour, 24 * time.Hour} {
		if c := got[length]; !c.OpenTime.Equal(exchangeNow.Truncate(length)) || c.Open != decimal.New(c.OpenTime.Unix(), 0) {
			t.Errorf("%s: %+v", length, c)
		}
	}
	if len(got) != 6 {
		t.Errorf("%d seeds", len(got))
	}
}

func TestAnExchangeThatWantsPeaceGetsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		d := newTestDesk(t, func(string, url.Values) (int, string) { n++; return http.StatusTeapot, "" })
		for range 3 {
			if err := d.catalog.refresh(t.Context()); err == nil {
				t.Fatal("read")
			}
		}
		if n != 1 {
			t.Errorf("%d calls after a ban", n)
		}
		time.Sleep(2 * time.Minute)
		_ = d.catalog.refresh(t.Context())
		if n != 2 {
			t.Errorf("%d calls after the ban has ended", n)
		}
		if _, err := d.catalog.pairs(); !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	})
}
