package collector

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/bus"
	"github.com/hourglass-trading/hourglass/pkg/metrics"
	"github.com/hourglass-trading/hourglass/services/collector/internal/feed"
)

// meters are what a collector tells about each exchange. All of it is counted where it happens and read at a scrape, so
// that a frame pays nothing for it.
type meters struct {
	messages, gaps, badChecksums, resyncs, badFrames, reconnects *metrics.Readings
	connections, connected, lag, silence                         *metrics.Readings
	books, live, age                                             *metrics.Readings
	leaseHeld, leaseChanges                                      *metrics.Readings
}

func newMeters(r *metrics.Registry) *meters {
	counter := func(name, help string) *metrics.Readings { return r.Readings(metrics.Count, name, help, "exchange") }
	gauge := func(name, help string) *metrics.Readings { return r.Readings(metrics.Gauge, name, help, "exchange") }
	return &meters{
		messages:     counter("messages_total", "Frames received from the exchange."),
		gaps:         counter("gaps_total", "Books broken because a message of the exchange is missing."),
		badChecksums: counter("checksum_failures_total", "Books broken because the exchange's checksum is another than ours."),
		resyncs:      counter("resyncs_total", "Books broken for any reason and begun anew."),
		badFrames:    counter("bad_frames_total", "Frames that could not be read."),
		reconnects:   counter("reconnects_total", "Connections to the exchange that were lost and made again."),
		connections:  gauge("connections_wanted", "Connections that the collected symbols need."),
		connected:    gauge("connections", "Connections that stand."),
		lag:          gauge("lag_seconds", "Our clock minus the exchange's at the newest message that tells its time."),
		silence:      gauge("silence_seconds", "Time since the last frame of the exchange."),
		books:        gauge("books", "Books collected."),
		live:         gauge("books_live", "Books that are in sync and may be traded on."),
		age:          gauge("book_age_seconds", "Time since the connection of the live book that has been silent longest was last heard."),
		leaseHeld:    gauge("lease_held", "1 while this collector holds the exchange's lease, 0 while another may."),
		leaseChanges: counter("lease_changes_total", "Times that this collector took or lost the exchange's lease."),
	}
}

// watch adds an exchange. While another collector holds its lease there is nothing to tell but that.
func (m *meters) watch(d *desk) {
	name := string(d.endpoint.Exchange)
	count := func(r *metrics.Readings, of func(feed.Stats) uint64) {
		r.Add(func() int64 { return int64(of(d.feed.Stats())) }, name)
	}
	count(m.messages, func(s feed.Stats) uint64 { return s.Messages })
	count(m.gaps, func(s feed.Stats) uint64 { return s.Gaps })
	count(m.badChecksums, func(s feed.Stats) uint64 { return s.BadChecksums })
	count(m.resyncs, func(s feed.Stats) uint64 { return s.Resyncs })
	count(m.badFrames, func(s feed.Stats) uint64 { return s.BadFrames })
	count(m.reconnects, func(s feed.Stats) uint64 { return s.Reconnects })
	m.connections.Add(func() int64 { return int64(d.feed.Stats().Connections) }, name)
	m.connected.Add(func() int64 { return int64(d.feed.Stats().Connected) }, name)
	m.books.Add(func() int64 { books, _ := d.publisher.Count(); return int64(books) }, name)
	m.live.Add(func() int64 { _, live := d.publisher.Count(); return int64(live) }, name)
	m.leaseChanges.Add(d.lease.changes.Load, name)
	m.leaseHeld.Add(func() int64 {
		if d.lease.held.Load() {
			return 1
		}
		return 0
	}, name)
	held := func(known bool) bool { return known && d.lease.held.Load() }
	m.lag.AddDuration(func() (time.Duration, bool) {
		s := d.feed.Stats()
		return s.Lag, held(!s.LastMessage.IsZero())
	}, name)
	m.silence.AddDuration(func() (time.Duration, bool) {
		last := d.feed.Stats().LastMessage
		return time.Since(last), held(!last.IsZero())
	}, name)
	m.age.AddDuration(func() (time.Duration, bool) {
		age, known := d.publisher.Age(time.Now())
		return age, held(known)
	}, name)
}

// Metrics says what a collector tells at /metrics, for the documentation.
func Metrics() []metrics.Definition {
	r := metrics.New("collector", "")
	bus.Measures(r)
	newMeters(r)
	return r.Definitions()
}
