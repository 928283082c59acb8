package candle

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hourglass-trading/hourglass/pkg/decimal"
	"github.com/hourglass-trading/hourglass/pkg/market"
)

var midnight = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return midnight.Add(time.Duration(seconds * float64(time.Second)))
}

// show renders a candle as "seconds since midnight: o h l c v".
func show(c market.Candle) string {
	return fmt.Sprintf("%d: %s %s %s %s %s", c.OpenTime.Sub(midnight)/time.Second, c.Open, c.High, c.Low, c.Close, c.Volume)
}

func TestCandles(t *testing.T) {
	type trade struct {
		at              float64
		price, quantity int64
	}
	tests := map[string]struct {
		start  float64
		trades []trade
		now    float64
		want   []string // finished
		runs   string   // the running one, "" for none that is whole
	}{
		"the first is held back, for its beginning is not known": {
			start: 0.5, trades: []trade{{0.6, 10, 1}, {1.1, 11, 2}}, now: 2.5, want: []string{"1: 11 11 11 11 2"}, runs: "2: 11 11 11 11 0",
		},
		"one that begins with the trades is whole": {
			start: 0, trades: []trade{{0, 10, 1}, {0.2, 12, 1}, {0.3, 9, 1}, {0.9, 11, 1}}, now: 1.5, want: []string{"0: 10 12 9 11 4"}, runs: "1: 11 11 11 11 0",
		},
		"a quiet one stands at the last price": {
			start: 0, trades: []trade{{0.5, 10, 1}, {3.5, 12, 2}}, now: 3.6,
			want: []string{"0: 10 10 10 10 1", "1: 10 10 10 10 0", "2: 10 10 10 10 0"}, runs: "3: 12 12 12 12 2",
		},
		"before the first trade there is none": {start: 0, now: 5},
		"a trade of the next finishes one at once": {
			start: 0, trades: []trade{{0.5, 10, 1}, {1.0, 11, 1}}, now: 1.0, want: []string{"0: 10 10 10 10 1"}, runs: "1: 11 11 11 11 1",
		},
		"time alone finishes one after a grace": {start: 0, trades: []trade{{0.5, 10, 1}}, now: 1.49, runs: "0: 10 10 10 10 1"},
		"a trade that comes too late is left out": {
			start: 0, trades: []trade{{0.5, 10, 1}, {1.2, 11, 1}, {0.9, 99, 5}}, now: 1.2, want: []string{"0: 10 10 10 10 1"}, runs: "1: 11 11 11 11 1",
		},
		"a gap beyond all measure starts anew": {start: 0, trades: []trade{{0.5, 10, 1}, {1000.5, 20, 1}}, now: 1002.5, want: []string{"1001: 20 20 20 20 0"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := NewSet(time.Second)
			s.Start(at(tt.start))
			var finished []Finished
			for _, x := range tt.trades {
				f, err := s.Trade(decimal.New(x.price, 0), decimal.New(x.quantity, 0), at(x.at))
				if err != nil {
					t.Fatal(err)
				}
				finished = append(finished, f...)
			}
			finished = append(finished, s.Advance(at(tt.now))...)
			var got []string
			for _, f := range finished {
				if !f.Candle.Complete || f.Candle.CloseTime.Sub(f.Candle.OpenTime) != 999*time.Millisecond || f.Interval != time.Second {
					t.Errorf("%+v", f)
				}
				got = append(got, show(f.Candle))
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("finished %q, want %q", got, tt.want)
			}
			runs := ""
			s.Running(func(_ time.Duration, c market.Candle) {
				if runs = show(c); c.Complete {
					t.Errorf("running and complete: %+v", c)
				}
			})
			if tt.runs != "" && runs != tt.runs {
				t.Errorf("running %q, want %q", runs, tt.runs)
			}
		})
	}
}

func TestAfterALossCandlesAreWholeOnlyFromTheNext(t *testing.T) {
	s := NewSet(time.Second)
	s.Start(at(0))
	_, _ = s.Trade(decimal.One, decimal.One, at(0.1))
	s.Start(at(0.7)) // trades between were lost
	if f := s.Advance(at(3)); len(f) != 0 {
		t.Errorf("%+v", f)
	}
	f, err := s.Trade(decimal.New(2, 0), decimal.One, at(3.2))
	if err != nil || len(f) != 0 {
		t.Errorf("%+v, %v", f, err)
	}
	if f := s.Advance(at(4.5)); len(f) != 1 || show(f[0].Candle) != "3: 2 2 2 2 1" {
		t.Errorf("%+v", f)
	}
}

func TestASeedCompletesOnlyTheCandleItIsOf(t *testing.T) {
	s := NewSet(time.Minute)
	s.Start(at(30))
	seed := market.Candle{OpenTime: at(-60), Open: decimal.One, Close: decimal.One, Complete: true}
	s.Seed(time.Minute, seed)
	s.Running(func(time.Duration, market.Candle) { t.Error("seeded by another minute") })
	seed.OpenTime = at(0)
	s.Seed(time.Hour, seed)
	s.Running(func(time.Duration, market.Candle) { t.Error("seeded by another interval") })
	s.Seed(time.Minute, seed)
	runs := 0
	s.Running(func(_ time.Duration, c market.Candle) {
		if runs++; c.Complete {
			t.Error("complete while running")
		}
	})
	if runs != 1 || len(s.Recent(time.Minute)) != 1 || s.Recent(time.Hour) != nil {
		t.Errorf("%d run, recent %+v", runs, s.Recent(time.Minute))
	}
}

func TestOnlySoManyAreRemembered(t *testing.T) {
	s := NewSet(time.Second)
	s.Start(at(0))
	for i := range 3 * Keep {
		_, _ = s.Trade(decimal.One, decimal.One, at(float64(i)))
	}
	recent := s.Recent(time.Second)
	if n := len(recent); n < Keep || n > 2*Keep+1 || !recent[n-2].OpenTime.Equal(at(3*Keep-2)) {
		t.Errorf("%d remembered, the last but one of %s", n, recent[n-2].OpenTime)
	}
}

// TestJoinedCandlesAreThoseBuiltAtOnce builds the longer ones both ways.
func TestJoinedCandlesAreThoseBuiltAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSet(time.Second, 5*time.Second)
		s.Start(at(0))
		now := 0.0
		var short, long []market.Candle
		keep := func(finished []Finished) {
			for _, f := range finished {
				if f.Interval == time.Second {
					short = append(short, f.Candle)
				} else {
					long = append(long, f.Candle)
				}
			}
		}
		// One trade at the very beginning, so that every second has a price.
		f, _ := s.Trade(decimal.New(5, 0), decimal.One, at(0))
		keep(f)
		for range rapid.IntRange(1, 50).Draw(t, "trades") {
			now += rapid.Float64Range(0, 3).Draw(t, "gap")
			f, err := s.Trade(decimal.New(rapid.Int64Range(1, 9).Draw(t, "price"), 0), decimal.One, at(now))
			if err != nil {
				t.Fatal(err)
			}
			keep(f)
		}
		keep(s.Advance(at(now + 10)))
		joined, err := Aggregate(short, 5*time.Second, at(now+10))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range long {
			// A quiet second opens at the last price, so a joined candle opens there; one built at once at its first trade.
			got := joined[i]
			if !got.OpenTime.Equal(want.OpenTime) || got.Close != want.Close || got.Volume != want.Volume || !got.CloseTime.Equal(want.CloseTime) {
				t.Fatalf("%s, want %s", show(got), show(want))
			}
		}
	})
}

func TestDaysJoinFromMonday(t *testing.T) {
	var days []market.Candle
	for i := range 9 { // from a Saturday on
		days = append(days, market.Candle{OpenTime: midnight.AddDate(0, 0, i), Volume: decimal.One, Complete: true})
	}
	weeks, err := Aggregate(days, 7*24*time.Hour, midnight.AddDate(0, 0, 9))
	if err != nil || len(weeks) != 2 || weeks[1].OpenTime.Weekday() != time.Monday || weeks[1].Volume != decimal.New(7, 0) ||
		!weeks[0].Complete || !weeks[1].Complete {
		t.Errorf("%+v, %v", weeks, err)
	}
}
