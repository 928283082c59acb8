package chaos

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	calm   = time.Minute
	deaths = 5
	after  = 12 * time.Second // from one death to the next
)

// BenchmarkSlices tells how late slices are, from when they are due until their decisions are stored: first while nothing
// happens, then while an executor is killed every twelve seconds, then while NATS is. Some 120 slices fall due a second.
// It takes three minutes whatever -benchtime says, and what it tells holds for a machine that does nothing else.
func BenchmarkSlices(b *testing.B) {
	for b.Loop() {
		p := newPlant(b)
		ctx, stop := context.WithCancel(b.Context())
		var running sync.WaitGroup
		p.trade(ctx, &running, orderSeconds)
		wait := func(d time.Duration) time.Time {
			if err := pause(b.Context(), d); err != nil {
				b.Fatal(err)
			}
			return time.Now()
		}
		began := wait(orderSeconds * time.Second) // by then as many orders run as ever will
		calmed := wait(calm)
		var executors, stores []time.Time
		for i := range deaths {
			executors = append(executors, time.Now())
			p.procs[i%2].signal(syscall.SIGKILL)
			wait(after)
		}
		for range deaths {
			stores = append(stores, time.Now())
			p.nats.signal(syscall.SIGKILL)
			wait(after)
		}
		stop()
		running.Wait()
		d := p.decisions()
		late := func(from, to time.Time, part int) float64 { return milliseconds(d.due(from, to).late(part)) }
		b.ReportMetric(float64(len(d.due(began, calmed)))/calmed.Sub(began).Seconds(), "slices/s")
		b.ReportMetric(late(began, calmed, 500), "p50-late-ms")
		b.ReportMetric(late(began, calmed, 990), "p99-late-ms")
		worst, first := 0.0, 0.0
		for _, at := range executors {
			worst = max(worst, late(at, at.Add(after), 1000))
		}
		for _, at := range stores {
			took, ok := d.first(at)
			if !ok {
				b.Fatal("nothing was decided after NATS was killed")
			}
			first = max(first, milliseconds(took))
		}
		b.ReportMetric(worst, "max-late-after-a-death-ms")
		b.ReportMetric(first, "max-first-after-NATS-ms")
	}
	b.ReportMetric(0, "ns/op") // it is the time that was waited
}

// decisions are those that are stored by now.
func (p *plant) decisions() decisions {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), restWithin)
	defer cancel()
	conn := p.dial(ctx)
	defer conn.Close()
	c := newChecker()
	if err := c.read(ctx, conn); err != nil {
		p.t.Fatalf("read the events: %v", err)
	}
	return c.decided
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// due are those of the slices that were due within a time.
func (d decisions) due(from, to time.Time) decisions {
	return slices.DeleteFunc(slices.Clone(d), func(x decision) bool { return x.due.Before(from) || !x.due.Before(to) })
}

// first is how long after an instant the first decision was stored; false if none was.
func (d decisions) first(at time.Time) (time.Duration, bool) {
	for _, x := range d {
		if x.stored.After(at) {
			return x.stored.Sub(at), true
		}
	}
	return 0, false
}
