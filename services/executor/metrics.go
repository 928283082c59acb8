package executor

import (
	"sync/atomic"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/pkg/order"
)

// meters are what an executor tells about its work. They count what this process decided and stored, not what it read
// from the log. The zero meters count for nobody.
type meters struct {
	events    metrics.Counters
	due       metrics.Counter
	slices    metrics.Counters
	skipped   metrics.Counters
	lateness  metrics.Durations
	fills     metrics.Counters
	appending metrics.Durations

	// Read at a scrape.
	batches, batched, batchRefusals                   atomic.Int64
	conflicts, foreign                                atomic.Int64
	leasesTaken, leasesLost, leaseConflicts, silences atomic.Int64
	accounts, stopped, partitions, snapshots, misfits atomic.Int64
}

const ms = time.Millisecond

// observe makes the metrics of r count.
func (m *meters) observe(r *metrics.Registry) {
	m.events = r.Counters("events_total", "Events decided and stored.", "type")
	m.due = r.Counter("slices_due_total", "Slices whose time came, whatever became of them.")
	m.slices = r.Counters("slices_total", "Slices whose time came, by what was decided: sent, skipped or missed.", "status")
	m.skipped = r.Counters("slices_skipped_total", "Slices skipped or missed, by reason.", "reason")
	m.lateness = r.Durations("slice_lateness_seconds", "From the time a slice was due until it was decided.",
		1*ms, 2*ms, 5*ms, 10*ms, 20*ms, 50*ms, 100*ms, 200*ms, 500*ms, 1000*ms, 2000*ms, 5000*ms, 30_000*ms)
	m.fills = r.Counters("fills_total", "Fills.", "exchange")
	m.appending = r.Durations("append_seconds", "From handing an event to the log until it was stored on disk or the outcome was unknown.",
		1*ms, 2*ms, 5*ms, 10*ms, 20*ms, 50*ms, 100*ms, 500*ms, 1000*ms, 5000*ms)
	r.Readings(metrics.Count, "append_conflicts_total", "Events not stored: refused because another was stored before, or with an unknown outcome. They were decided anew.").Add(m.conflicts.Load)
	r.Readings(metrics.Count, "foreign_messages_total", "Messages in the logs that no part of the platform can have written; they were skipped.").Add(m.foreign.Load)
	m.observeBatches(r)
	m.observeLeases(r)
	r.Readings(metrics.Count, "snapshots_total", "Snapshots of accounts stored.").Add(m.snapshots.Load)
	r.Readings(metrics.Count, "snapshots_ignored_total", "Snapshots that were damaged, of another format, or did not fit the events: the account was read from all its events.").Add(m.misfits.Load)
	r.Readings(metrics.Gauge, "accounts", "Accounts held in memory.").Add(m.accounts.Load)
	r.Readings(metrics.Gauge, "accounts_stopped", "Accounts that are not worked on because their events contradict each other.").Add(m.stopped.Load)
}

func (m *meters) observeBatches(r *metrics.Registry) {
	r.Readings(metrics.Count, "append_batches_total", "Batches of events due together that were stored by one write.").Add(m.batches.Load)
	r.Readings(metrics.Count, "append_batched_events_total", "Events stored in batches.").Add(m.batched.Load)
	r.Readings(metrics.Count, "append_batch_refusals_total", "Batches refused or with an unknown outcome; their events were decided anew, singly.").Add(m.batchRefusals.Load)
}

func (m *meters) observeLeases(r *metrics.Registry) {
	r.Readings(metrics.Gauge, "partitions", "Partitions of the accounts that this executor holds, of 64.").Add(m.partitions.Load)
	r.Readings(metrics.Count, "leases_taken_total", "Partitions taken.").Add(m.leasesTaken.Load)
	r.Readings(metrics.Count, "leases_lost_total", "Partitions let go for other executors, or taken by them.").Add(m.leasesLost.Load)
	r.Readings(metrics.Count, "lease_conflicts_total", "Partitions that another executor was faster to take.").Add(m.leaseConflicts.Load)
	r.Readings(metrics.Count, "lease_silences_total", "Times that this executor could not write leases and gave no sign of life for 5 to 30 seconds, so that others take over.").Add(m.silences.Load)
}

// observeQueues tells what waits for the loop, and what was lost of the market data before it took it.
func observeQueues(r *metrics.Registry, pending func() int64, in *inbox) {
	r.Readings(metrics.Gauge, "commands_pending", "Commands in the log behind the one read last.").Add(pending)
	read := func(field *uint64) func() int64 {
		return func() int64 {
			in.mu.Lock()
			defer in.mu.Unlock()
			return int64(*field)
		}
	}
	r.Readings(metrics.Count, "trades_dropped_total", "Trades dropped because the executor did not keep up; the participation cap then sees less volume.").Add(read(&in.dropped))
	r.Readings(metrics.Count, "foreign_market_data_total", "Books and trades that are not what their subject says.").Add(read(&in.foreign))
}

// stored counts an event that was stored.
func (m *meters) stored(e *order.Event) {
	m.events.With(string(e.Type)).Inc()
	for i := range e.Fills {
		m.fills.With(string(e.Fills[i].Exchange)).Inc()
	}
	if e.Type != order.SliceDecided || e.Slice == nil {
		return
	}
	m.due.Inc()
	m.slices.With(string(e.Slice.Status)).Inc()
	if e.Slice.Status == order.SliceSkipped || e.Slice.Status == order.SliceMissed {
		m.skipped.With(string(e.Slice.Reason)).Inc()
	}
	if !e.Slice.DecidedAt.IsZero() {
		m.lateness.Observe(e.Slice.DecidedAt.Sub(e.Slice.DueAt))
	}
}

// Metrics says what an executor tells at /metrics, for the documentation.
func Metrics() []metrics.Definition {
	r := metrics.New("executor", "")
	bus.Measures(r)
	new(meters).observe(r)
	observeQueues(r, nil, newInbox(nil))
	return r.Definitions()
}
