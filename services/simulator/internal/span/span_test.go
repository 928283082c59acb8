package span

import (
	"testing"
	"time"
)

func TestEveryMomentLiesInOneInterval(t *testing.T) {
	at := time.Date(2026, 8, 2, 13, 47, 31, 5e8, time.UTC) // a Sunday
	tests := map[string]struct{ start, next string }{
		"1s":  {"2026-08-02T13:47:31Z", "2026-08-02T13:47:32Z"},
		"1m":  {"2026-08-02T13:47:00Z", "2026-08-02T13:48:00Z"},
		"15m": {"2026-08-02T13:45:00Z", "2026-08-02T14:00:00Z"},
		"4h":  {"2026-08-02T12:00:00Z", "2026-08-02T16:00:00Z"},
		"1w":  {"2026-07-27T00:00:00Z", "2026-08-03T00:00:00Z"},
		"1M":  {"2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"},
	}
	for name, want := range tests {
		s, ok := Binance(name)
		if !ok {
			t.Fatalf("%s is no interval", name)
		}
		start := s.Start(at)
		if got := start.Format(time.RFC3339); got != want.start {
			t.Errorf("%s starts at %s, want %s", name, got, want.start)
		}
		if got := s.Next(start).Format(time.RFC3339); got != want.next {
			t.Errorf("%s is followed at %s, want %s", name, got, want.next)
		}
		if got := s.Back(s.Next(start), 1); !got.Equal(start) {
			t.Errorf("%s: one back from the next is %s, want %s", name, got, start)
		}
	}
	if _, ok := Kraken("3"); ok {
		t.Error("Kraken serves no interval of 3 minutes")
	}
}

func TestAWindowTakesTheFirstFromItsStartAndTheLastWithoutOne(t *testing.T) {
	start := func(i int) time.Time { return time.Unix(int64(60*i), 0) }
	tests := map[string]struct {
		w      Window
		lo, hi int
	}{
		"the newest where nothing is said":          {Window{Limit: 3}, 7, 10},
		"the first ones from a start":               {Window{From: start(2), Limit: 3}, 2, 5},
		"a start between two candles is rounded up": {Window{From: start(2).Add(time.Second), Limit: 3}, 3, 6},
		"the last ones before an end":               {Window{To: start(5), Limit: 3}, 3, 6},
		"both ends":                                 {Window{From: start(4), To: start(5), Limit: 30}, 4, 6},
		"an end before the start":                   {Window{From: start(4), To: start(2), Limit: 30}, 4, 4},
	}
	for name, tt := range tests {
		if lo, hi := tt.w.Cut(10, start); lo != tt.lo || hi != tt.hi {
			t.Errorf("%s: [%d, %d), want [%d, %d)", name, lo, hi, tt.lo, tt.hi)
		}
	}
}

func TestAShiftedGridBeginsBesideUTC(t *testing.T) {
	hongKong := -8 * time.Hour
	at := time.Date(2026, 3, 31, 17, 30, 0, 0, time.UTC) // the first of April in Hong Kong
	for name, tt := range map[string]struct {
		span Span
		want string
	}{
		"a day":    {Shifted(24*time.Hour, hongKong), "2026-03-31T16:00:00Z"},
		"6 hours":  {Shifted(6*time.Hour, hongKong), "2026-03-31T16:00:00Z"},
		"a month":  {Months(1, hongKong), "2026-03-31T16:00:00Z"},
		"a season": {Months(3, 0), "2026-01-01T00:00:00Z"},
	} {
		start := tt.span.Start(at)
		if got := start.Format(time.RFC3339); got != tt.want {
			t.Errorf("%s begins at %s, want %s", name, got, tt.want)
		}
		if back := tt.span.Back(tt.span.Next(start), 1); !back.Equal(start) {
			t.Errorf("%s: one on and one back is %s", name, back)
		}
	}
}
