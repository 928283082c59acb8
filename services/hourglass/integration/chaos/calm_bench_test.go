package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/order"
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
		for i := range traders {
			c := &trader{name: fmt.Sprint("trader", i), at: p.gateways, told: map[string]bool{}}
			running.Go(func() { c.trade(ctx, orderSeconds) })
		}
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
		b.ReportMetric(float64(len(d.due(began, calmed)))/calmed.Sub(began).Seconds(), "slices/s")
		b.ReportMetric(d.late(began, calmed, 500), "p50-late-ms")
		b.ReportMetric(d.late(began, calmed, 990), "p99-late-ms")
		worst, first := 0.0, 0.0
		for _, at := range executors {
			worst = max(worst, d.late(at, at.Add(after), 1000))
		}
		for _, at := range stores {
			first = max(first, d.first(at))
		}
		b.ReportMetric(worst, "max-late-after-a-death-ms")
		b.ReportMetric(first, "max-first-after-NATS-ms")
	}
	b.ReportMetric(0, "ns/op") // it is the time that was waited
}

// decision is when a slice was due and when its decision was stored.
type decision struct{ due, stored time.Time }

type decisions []decision

// decisions reads them, by storing.
func (p *plant) decisions() (out decisions) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), restWithin)
	defer cancel()
	conn, err := bus.Connect(ctx, bus.Config{URL: "nats://" + p.natsAddr, Name: "checker"}, discard)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	err = conn.ReadEvents(ctx, "", 1, func(m bus.Stored) error {
		var e order.Event
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return err
		}
		if e.Type == order.SliceDecided {
			out = append(out, decision{e.Slice.DueAt, m.At})
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// due are those of the slices that were due within a time.
func (d decisions) due(from, to time.Time) decisions {
	return slices.DeleteFunc(slices.Clone(d), func(x decision) bool { return x.due.Before(from) || !x.due.Before(to) })
}

// late is the p-th of a thousand of the lateness of the slices that were due within a time, in milliseconds.
func (d decisions) late(from, to time.Time, p int) float64 {
	some := d.due(from, to)
	slices.SortFunc(some, func(a, b decision) int { return int(a.stored.Sub(a.due) - b.stored.Sub(b.due)) })
	if len(some) == 0 {
		return -1
	}
	x := some[(len(some)-1)*p/1000]
	return x.stored.Sub(x.due).Seconds() * 1000
}

// first is how long after an instant the first decision was stored, in milliseconds.
func (d decisions) first(at time.Time) float64 {
	for _, x := range d {
		if x.stored.After(at) {
			return x.stored.Sub(at).Seconds() * 1000
		}
	}
	return -1
}
