package lease

import (
	"fmt"
	"testing"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// bucket is the bucket of leases with the executors that use it, in time of its own.
type bucket struct {
	t        *testing.T
	now      time.Time
	revision uint64
	keys     [order.Partitions]struct {
		owner    string
		revision uint64
	}
	tables map[string]*Table
	silent map[string]bool // dead, or cut off
	mute   map[string]bool // whose leases are not written; its signs of life are
	beats  map[string]uint64
}

func newBucket(t *testing.T) *bucket {
	return &bucket{
		t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), tables: map[string]*Table{}, silent: map[string]bool{}, mute: map[string]bool{}, beats: map[string]uint64{},
	}
}

// join starts an executor: it reads all there is before its first sign of life.
func (b *bucket) join(id string) {
	t := New(id)
	for other, revision := range b.beats {
		t.Alive(b.now, other, revision)
	}
	for p, k := range b.keys {
		if k.revision > 0 {
			t.Lease(p, k.owner, k.revision)
		}
	}
	b.tables[id] = t
	b.beat(id)
	b.act(id)
}

// leave is a graceful stop.
func (b *bucket) leave(id string) {
	delete(b.tables, id)
	delete(b.beats, id)
	for other, t := range b.tables {
		if !b.silent[other] {
			t.Left(id)
			b.act(other)
		}
	}
}

func (b *bucket) beat(id string) {
	b.revision++
	b.beats[id] = b.revision
	for other, t := range b.tables {
		if !b.silent[other] {
			t.Alive(b.now, id, b.revision)
		}
	}
}

// act carries out what an executor plans; a condition that does not hold is refused.
func (b *bucket) act(id string) {
	for _, m := range b.tables[id].Plan() {
		b.tables[id].Wrote(b.now, !b.mute[id])
		if b.mute[id] {
			return
		}
		k := &b.keys[m.Partition]
		if k.revision != m.Revision {
			continue
		}
		b.revision++
		k.owner, k.revision = "", b.revision
		if m.Take {
			k.owner = id
		}
		for other, t := range b.tables {
			if !b.silent[other] {
				t.Lease(m.Partition, k.owner, k.revision)
			}
		}
	}
}

// pass lets time go by, a beat at a time.
func (b *bucket) pass(d time.Duration) {
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(Beat)
		for _, id := range []string{"a", "b", "c", "d"} {
			if b.tables[id] != nil && !b.silent[id] && !b.tables[id].Silent(b.now) {
				b.beat(id)
			}
		}
		for _, id := range []string{"a", "b", "c", "d"} {
			if b.tables[id] != nil && !b.silent[id] {
				b.act(id)
			}
		}
	}
}

// held counts what stands in the bucket.
func (b *bucket) held() map[string]int {
	held := map[string]int{}
	for _, k := range b.keys {
		held[k.owner]++
	}
	return held
}

func (b *bucket) want(when string, want map[string]int) {
	b.t.Helper()
	if got := b.held(); fmt.Sprint(got) != fmt.Sprint(want) {
		b.t.Errorf("%s: %v hold partitions, want %v", when, got, want)
	}
}

func TestALoneExecutorTakesAllAtOnce(t *testing.T) {
	b := newBucket(t)
	b.join("a")
	b.want("at its first sign of life", map[string]int{"a": 64})
	if h := b.tables["a"].Holdings(); !h.Complete() || h.Epochs[7] != b.keys[7].revision {
		t.Errorf("holdings %+v", h)
	}
}

func TestExecutorsShareAndHandOver(t *testing.T) {
	b := newBucket(t)
	b.join("a")
	b.join("b")
	b.pass(3 * Beat)
	b.want("two", map[string]int{"a": 32, "b": 32})
	b.join("c")
	b.pass(3 * Beat)
	if held := b.held(); held["a"]+held["b"]+held["c"] != 64 || held["c"] < 20 {
		t.Errorf("three: %v", held)
	}
	before := b.keys
	b.pass(time.Minute)
	if b.keys != before {
		t.Error("partitions go back and forth although nothing happens")
	}
	b.leave("b")
	b.want("what a stopped one had is taken at once", map[string]int{"a": 32, "c": 32})
	b.leave("c")
	b.want("and that of the next", map[string]int{"a": 64})
}

func TestADeadExecutorIsTakenOverWhenItHasBeenSilentForASecond(t *testing.T) {
	b := newBucket(t)
	b.join("a")
	b.join("b")
	b.pass(time.Second)
	b.silent["b"] = true
	b.pass(Expires - Beat)
	b.want("before its time is over", map[string]int{"a": 32, "b": 32})
	b.pass(2 * Beat)
	b.want("after", map[string]int{"a": 64})
	if got := b.tables["a"].Forgotten(); got != nil {
		t.Errorf("%v forgotten so soon", got)
	}
	b.pass(time.Minute)
	if got := b.tables["a"].Forgotten(); len(got) != 1 || got[0] != "b" {
		t.Errorf("forgotten %v", got)
	}
	b.silent["b"] = false // it was frozen: what it holds in its mind is not what stands there
	b.join("b")
	b.pass(3 * Beat)
	b.want("back again", map[string]int{"a": 32, "b": 32})
}

func TestASuccessorOfAKilledOneWaitsForASecond(t *testing.T) {
	b := newBucket(t)
	b.join("a")
	delete(b.tables, "a") // killed: its keys stay
	b.now = b.now.Add(time.Hour)
	b.join("b")
	b.want("it may be alive", map[string]int{"a": 64})
	b.pass(Expires + Beat)
	b.want("it is dead", map[string]int{"b": 64})
}

func TestASilentBusMakesNobodyDead(t *testing.T) {
	b := newBucket(t)
	b.join("a")
	b.join("b")
	b.pass(3 * Beat)
	before := b.keys
	for range 10 { // each hears itself only after a long silence, and the other right after
		b.now = b.now.Add(10 * time.Second)
		b.pass(Beat)
		b.pass(Beat)
	}
	if b.keys != before {
		t.Errorf("taken over: %v", b.held())
	}
}

func TestAnOrphanIsTakenWhateverTheShare(t *testing.T) {
	a := New("a")
	a.Alive(time.Time{}, "b", 1)
	a.Alive(time.Time{}, "a", 2)
	for p := range order.Partitions {
		owner := "a"
		if p >= 32 {
			owner = ""
		}
		a.Lease(p, owner, uint64(10+p))
	}
	at := time.Time{}
	a.Plan()
	for revision := uint64(100); revision < 120; revision++ {
		at = at.Add(Beat)
		a.Alive(at, "b", revision) // it lives, and takes nothing
		a.Alive(at, "a", revision)
		due := at.Sub(time.Time{}) >= Orphaned
		if moves := a.Plan(); due != (len(moves) == 32) || !due && len(moves) > 0 {
			t.Fatalf("%s: %d moves", at.Sub(time.Time{}), len(moves))
		}
	}
}

func TestOldNewsChangesNothing(t *testing.T) {
	a := New("a")
	a.Lease(3, "a", 9)
	a.Lease(3, "b", 8)
	a.Alive(time.Time{}, "b", 5)
	if h := a.Holdings(); h.Epochs[3] != 9 || h.Others[3] || h.Complete() {
		t.Errorf("holdings %+v", h)
	}
	if moves := a.Plan(); moves != nil {
		t.Errorf("%d moves before it was heard", len(moves))
	}
}
