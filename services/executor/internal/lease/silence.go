package lease

import (
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// An executor whose signs of life are stored while its writes of leases are not would have its share kept free for it, taken by
// others as orphaned, and given back to it without end. After Tolerated of that it gives no sign of life for a while: others
// take what it holds, and keep it. What it holds and nobody takes it works on.
const (
	// Tolerated is how long writes of leases may fail while signs of life are stored, in time that we heard these.
	Tolerated = 2 * time.Second
	// FirstSilence is how long it is silent then; twice as long each further time, until a write of a lease is answered, but
	// no longer than MaxSilence.
	FirstSilence = 5 * time.Second
	MaxSilence   = 30 * time.Second
)

// silence is what a table knows of its own writes.
type silence struct {
	failing bool          // the last write of a lease was not answered
	since   time.Duration // on the clock: the first of those
	failed  time.Duration // and the last
	last    time.Duration // how long the last silence was to be; 0 if writes were answered since
	now     bool
	until   time.Time
}

// Wrote takes what became of a write of a lease: whether the bus answered it, be it with a refusal. It returns for how long
// no sign of life is to be given from now on, 0 as a rule. An executor that is alone goes on: nobody would take over.
func (t *Table) Wrote(at time.Time, answered bool) time.Duration {
	s := &t.silence
	if answered {
		*s = silence{}
		return 0
	}
	if !s.failing || t.clock-s.failed >= Expires { // after a while in which nothing was to be written
		s.failing, s.since = true, t.clock
	}
	s.failed = t.clock
	if t.clock-s.since < Tolerated || t.share() == order.Partitions {
		return 0
	}
	s.last = min(max(2*s.last, FirstSilence), MaxSilence)
	s.failing, s.now, s.until = false, true, at.Add(s.last)
	return s.last
}

// Silent reports whether no sign of life is to be given at an instant. Nothing is planned meanwhile.
func (t *Table) Silent(at time.Time) bool {
	t.silence.now = t.silence.now && at.Before(t.silence.until)
	return t.silence.now
}
