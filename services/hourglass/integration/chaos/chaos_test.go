package chaos

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/failpoint"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/audit"
	"github.com/hourglass-trading/hourglass/services/hourglass/internal/embedded"
)

const (
	traders      = 12
	orderSeconds = 20
	orderSlices  = 200
	orderEvery   = 2 * time.Second // so ten orders of each trader run at a time
	zombieFor    = 2500 * time.Millisecond
	mishap       = "mishap"
	healWithin   = 5 * time.Second
	restWithin   = 2 * time.Minute // for the orders that run at the end, on a busy machine
)

var discard = slog.New(slog.DiscardHandler)

// TestMain is a NATS server instead where the environment says so: a process that can be killed like one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HOURGLASS_CHAOS_STORE"); dir != "" {
		os.Exit(serveNATS(dir, os.Getenv("HOURGLASS_CHAOS_LISTEN"), os.Getenv("HOURGLASS_CHAOS_SYNC")))
	}
	os.Exit(m.Run())
}

func serveNATS(dir, listen, sync string) int {
	_, err := embedded.Start(embedded.Config{Dir: dir, Listen: listen, SyncLazily: sync == "default"}, slog.Default())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	return 0
}

// natsCommand is this program as a NATS server.
func natsCommand(addr, store, sync string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), "HOURGLASS_CHAOS_STORE="+store, "HOURGLASS_CHAOS_LISTEN="+addr, "HOURGLASS_CHAOS_SYNC="+sync)
	return cmd
}

// mischief says whether processes are to be given failpoints: not at the start and not at the end.
var mischief atomic.Bool

// nextFailpoint is what a process that starts now is to do to itself.
func nextFailpoint(service string) string {
	if !mischief.Load() {
		return ""
	}
	if service == "gateway" {
		return fmt.Sprint(failpoint.AfterCommand, ":", 1+rand.IntN(20), ":kill")
	}
	names := []string{
		failpoint.BeforePublish, failpoint.AfterPublish, failpoint.BeforeBatch, failpoint.AfterBatch, failpoint.BeforeBeat, failpoint.BetweenLeases,
	}
	what := "kill"
	if rand.IntN(5) == 0 {
		what = "stop"
	}
	return fmt.Sprint(names[rand.IntN(len(names))], ":", 1+rand.IntN(60), ":", what)
}

// counts are the mishaps of a run.
type counts struct{ kills, zombies, nats, cuts, delays, faults atomic.Int64 }

// TestNothingIsLostOrDoubledWhateverDies runs for HOURGLASS_CHAOS_MINUTES; it is skipped without.
func TestNothingIsLostOrDoubledWhateverDies(t *testing.T) {
	minutes, err := strconv.ParseFloat(os.Getenv("HOURGLASS_CHAOS_MINUTES"), 64)
	if err != nil {
		t.Skip("kills processes for minutes: set HOURGLASS_CHAOS_MINUTES, or `make chaos`")
	}
	p := newPlant(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(minutes*float64(time.Minute)))
	defer cancel()
	var running sync.WaitGroup
	all := p.trade(ctx, &running, orderSlices)
	var n counts
	mischief.Store(true)
	for i, r := range p.procs {
		running.Go(func() { torment(ctx, r, &n) })
		running.Go(func() { cut(ctx, p.ways[i], r, &n) })
	}
	running.Go(func() { killNATS(ctx, p.nats, &n) })
	running.Wait()
	mischief.Store(false)
	deaths := int64(0)
	for i, r := range p.procs {
		r.signal(syscall.SIGCONT)
		r.signal(syscall.SIGKILL) // what starts now has no failpoint
		if i < 2 {
			deaths += r.deaths.Load()
		}
	}
	p.check(all, &n, deaths)
}

// trade has all traders trade until ctx ends.
func (p *plant) trade(ctx context.Context, running *sync.WaitGroup, slices int) (all []*trader) {
	for i := range traders {
		c := &trader{name: fmt.Sprint("trader", i), at: p.gateways, told: map[string]bool{}}
		all = append(all, c)
		running.Go(func() { c.trade(ctx, slices) })
	}
	return all
}

// dial connects to NATS past all proxies.
func (p *plant) dial(ctx context.Context) *bus.Conn {
	p.t.Helper()
	conn, err := bus.Connect(ctx, bus.Config{URL: "nats://" + p.natsAddr, Name: "checker"}, discard)
	if err != nil {
		p.t.Fatal(err)
	}
	return conn
}

// check waits until all orders have ended and looks whether everything is as it was promised.
func (p *plant) check(all []*trader, n *counts, deaths int64) {
	ctx, cancel := context.WithTimeout(p.t.Context(), restWithin)
	defer cancel()
	conn := p.dial(ctx)
	defer conn.Close()
	var c *checker
	for {
		c = newChecker()
		if err := c.read(ctx, conn); err != nil {
			p.t.Fatalf("read the events: %v", err)
		}
		if len(c.ended) == len(c.accepted) || pause(ctx, time.Second) != nil {
			break
		}
	}
	orders := 0
	for _, t := range all {
		orders += len(t.told)
		c.compare(t)
	}
	r, err := audit.Bus(p.t.Context(), conn)
	if err != nil || r.Count > 0 {
		p.t.Errorf("audit: %d violations, %v, %v", r.Count, r.Violations, err)
	}
	for _, f := range append(c.faults, p.faults()...) {
		p.t.Error(f)
	}
	p.t.Logf("executors died %d times, %d zombies, NATS killed %d times, %d partitions, %d delays, processes killed from outside %d times",
		deaths, n.zombies.Load(), n.nats.Load(), n.cuts.Load(), n.delays.Load(), n.kills.Load())
	p.t.Logf("%d orders acknowledged, %d there; %d events, %d slices (%d missed), %d fills; lateness p50 %s p99 %s max %s",
		orders, len(c.accepted), r.Events, len(c.decided), c.missed, len(c.fills), c.decided.late(500), c.decided.late(990), c.decided.late(1000))
	if n.faults.Load() > 0 {
		p.t.Errorf("%d ways to NATS could not be mended", n.faults.Load())
	}
	if len(c.accepted) == 0 || deaths == 0 {
		p.t.Error("nothing was tried: no order or no death")
	}
}

// torment kills a process at random, freezes it, and thaws it when it has frozen itself at a failpoint.
func torment(ctx context.Context, r *proc, n *counts) {
	frozen := time.Time{}
	next := time.Now().Add(randomly(time.Second, 4*time.Second))
	for pause(ctx, 100*time.Millisecond) == nil {
		switch {
		case r.frozen() && frozen.IsZero():
			frozen = time.Now()
			n.zombies.Add(1)
		case !frozen.IsZero() && time.Since(frozen) > zombieFor:
			frozen = time.Time{}
			r.signal(syscall.SIGCONT)
			next = time.Now().Add(randomly(time.Second, 3*time.Second)) // time to do harm in
		case frozen.IsZero() && time.Now().After(next):
			next = time.Now().Add(randomly(time.Second, 4*time.Second))
			if r.name == "executor" && rand.IntN(4) == 0 {
				r.signal(syscall.SIGSTOP)
			} else {
				n.kills.Add(1)
				r.signal(syscall.SIGKILL)
			}
		}
	}
}

func killNATS(ctx context.Context, r *proc, n *counts) {
	for pause(ctx, randomly(4*time.Second, 10*time.Second)) == nil {
		n.nats.Add(1)
		r.signal(syscall.SIGKILL)
	}
}

// cut takes a process's way to NATS away or makes it slow, for a second or two.
func cut(ctx context.Context, w *way, r *proc, n *counts) {
	for pause(ctx, randomly(3*time.Second, 12*time.Second)) == nil {
		toxic := `{"name": "` + mishap + `", "type": "latency", "attributes": {"latency": 200, "jitter": 150}}`
		if rand.IntN(2) == 0 {
			toxic = `{"name": "` + mishap + `", "type": "timeout", "attributes": {"timeout": 0}}` // nothing gets through
			n.cuts.Add(1)
		} else {
			n.delays.Add(1)
		}
		if _, err := w.now().Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			continue
		}
		_ = pause(ctx, randomly(500*time.Millisecond, 2500*time.Millisecond))
		if moved, err := w.heal(); err != nil {
			n.faults.Add(1)
		} else if moved {
			r.signal(syscall.SIGKILL) // it is told the new way when it starts again
		}
	}
}

func randomly(from, to time.Duration) time.Duration { return from + rand.N(to-from) }
