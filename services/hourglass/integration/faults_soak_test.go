package integration

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/services/simulator"
)

// TestEveryPublishedBookIsTheExchanges compares all books of many pairs with the exchanges' own: a few pairs and seconds, or
// with HOURGLASS_SOAK=10m two hundred pairs for so long.
func TestEveryPublishedBookIsTheExchanges(t *testing.T) {
	span, symbols := 4*time.Second, []string{"BTC-USDT", "BTC-USD", "ETH-USDT", "ETH-USD", "LINK-USDT", "LINK-USD"}
	if text := os.Getenv("HOURGLASS_SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		span, symbols = d, listed(t)
	} else if testing.Short() {
		t.Skip("needs seconds of real time")
	}
	exchanges := slices.Sorted(maps.Keys(nine))
	s := newStage(t, exchanges...)
	s.follow = false
	s.collect(exchanges, symbols)
	for begun := time.Now(); time.Since(begun) < span; {
		report(t, s, time.Since(begun))
		s.rest(min(span-time.Since(begun), time.Minute))
	}
	report(t, s, span)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		t.Error(fault)
	}
	books, unknown := len(s.books), s.counts["unknown"]
	if s.counts["differs"] > 0 || books < len(nine) || unknown > books*3 || s.counts["same"] < books {
		t.Errorf("%d books, %v", books, s.counts)
	}
}

// listed are all symbols of the nine exchanges.
func listed(t *testing.T) []string {
	t.Helper()
	sim, err := simulator.Open(simulator.Config{Exchanges: slices.Sorted(maps.Keys(nine))})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range sim.Offers() {
		out = append(out, o.Symbols...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// report tells how it stands: what was compared, and what the process has used.
func report(t *testing.T, s *stage, at time.Duration) {
	t.Helper()
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Logf("%s: %d books, compared %v, CPU %.1f s, heap %d MB, resident at most %d MB", at.Truncate(time.Second), len(s.books), s.counts,
		float64(use.Utime.Sec+use.Stime.Sec)+float64(use.Utime.Usec+use.Stime.Usec)/1e6, mem.HeapAlloc>>20, use.Maxrss>>10)
}

// rest waits for a while.
func (s *stage) rest(d time.Duration) { s.await("nobody", 0, d, func(shown) bool { return false }) }
