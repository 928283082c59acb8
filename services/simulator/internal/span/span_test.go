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
