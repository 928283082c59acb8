package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/market"
	"github.com/hourglass-trading/hourglass/services/gateway"
)

// load is what TestManyClients does, as HOURGLASS_LOAD says it: {"clients": 10000, "symbols": 1, "every": 1000, "stalled": 10, "seconds": 30}.
type load struct {
	Clients int    `json:"clients"`
	Symbols int    `json:"symbols"` // whose books each client gets
	Every   int    `json:"every"`   // milliseconds from one book to the next
	Stalled int    `json:"stalled"` // per cent of the clients that subscribe and never read
	Seconds int    `json:"seconds"` // of measuring
	URL     string `json:"url"`     // of the gateway
}

// TestManyClients measures what many clients cost and how soon they get their books. The clients are another process on the
// same machine.
func TestManyClients(t *testing.T) {
	l := load{Clients: 20, Symbols: 2, Every: 100, Stalled: 10, Seconds: 1}
	if text := os.Getenv("HOURGLASS_LOAD"); text != "" {
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		t.Skip("needs seconds of real time")
	}
	symbols := make([]market.Symbol, l.Symbols)
	for i := range symbols {
		symbols[i] = loadSymbol(i)
	}
	h := newHouseListing(t, func(cfg *gateway.Config) { cfg.PublicStreams = true }, symbols...)
	for _, s := range symbols {
		h.books.deep("binance", s, 10)
	}
	before := resident(t)
	l.URL = h.url
	told, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), readersEnv+"="+string(told))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	line := func() []byte {
		if !lines.Scan() {
			t.Fatalf("the clients ended: %v %v", lines.Err(), child.Wait())
		}
		return bytes.Clone(lines.Bytes())
	}
	line() // all are connected
	cpu := processor(t)
	text := line()
	cpu = processor(t) - cpu
	held := resident(t) - before
	var r reading
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d clients (%d%% stalled), %d symbols each every %d ms: %d frames in %.1f s (%.0f/s, %d asked for), delivered p50 %.1f ms, p99 %.1f ms, largest %.1f ms; "+
		"%.1f KiB a client (%.0f MB), %.2f cores, %.1f µs a frame",
		l.Clients, l.Stalled, l.Symbols, l.Every, r.Frames, r.Seconds, float64(r.Frames)/r.Seconds, r.wanted(l), r.P50, r.P99, r.Max,
		float64(held)/1024/float64(l.Clients), float64(held)/1e6, cpu.Seconds()/r.Seconds, float64(cpu.Microseconds())/float64(max(r.Frames, 1)))
	if r.Lost > 0 || r.Frames == 0 && l.Symbols > 0 {
		t.Errorf("%d clients lost their connection, %d frames came of %d", r.Lost, r.Frames, r.wanted(l))
	}
}

func loadSymbol(i int) market.Symbol { return market.Symbol(fmt.Sprintf("L%02d-USDT", i)) }

// reading is what the clients saw. Times are milliseconds from a frame's own time to its arrival.
type reading struct {
	Seconds       float64
	Frames, Lost  int
	P50, P99, Max float64
}

func (r reading) wanted(l load) int {
	return int(float64((l.Clients-l.Clients*l.Stalled/100)*l.Symbols) * r.Seconds * 1000 / float64(l.Every))
}

// resident is the memory of this process in bytes.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("the memory of a process is only known on Linux")
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// processor is the processor time of this process so far.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
