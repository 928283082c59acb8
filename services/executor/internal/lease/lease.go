// Package lease decides which of several executors works which partition of the accounts.
//
// A Table is a state machine of values and time: it is told what stands in the bucket of leases, and says what to write
// there. It has one owner and no lock. It does no I/O, and safety does not hang on it: two executors that both take a
// partition for theirs do double work, while the event log lets only one of them append.
//
// A partition's key names its owner, and is written when it changes hands; the revision of that write is the epoch. An
// owner lives as long as the revision of its own key goes up. One sign of life speaks for all partitions of an executor:
// a bus that syncs every write would else spend 64 of them, several times a second, on nothing having happened.
package lease

import (
	"hash/fnv"
	"time"

	"github.com/hourglass-trading/hourglass/pkg/order"
)

// The clocks of leases. What an executor that dies held is taken over within Expires and a beat or two.
const (
	// Beat is the time between two signs of life.
	Beat = 200 * time.Millisecond
	// Expires is how long an executor may be silent before its partitions may be taken.
	Expires = time.Second
	// Orphaned is how long a partition may be without a living owner before it is taken whatever the share.
	Orphaned = 1500 * time.Millisecond
)

// maxStep is the most that one echo moves the clock on: two beats. A longer silence was the bus's, or our own.
const maxStep = 2 * Beat

// Table is what an executor knows of the leases. The zero value is not ready: see New.
type Table struct {
	id    string
	first int // the partition it begins with, so that several that start together take different ones

	// clock counts the time during which we heard our own signs of life. Others' silence is measured by it, so that nobody
	// is held dead for a silence of the bus or a pause of this process.
	clock   time.Duration
	echo    uint64    // the newest revision of our own key that came back
	echoAt  time.Time // when it did
	members map[string]sign
	slots   [order.Partitions]slot
	silence silence
}

// sign is an executor's newest sign of life.
type sign struct {
	revision uint64
	seen     time.Duration // on the clock
}

// slot is a partition's lease.
type slot struct {
	owner    string // empty if it was let go, or never taken
	revision uint64
	orphaned bool
	since    time.Duration // when it was first found without a living owner
}

// New returns the table of an executor that nobody knows yet. The id must be no other executor's, living or dead.
func New(id string) *Table {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return &Table{id: id, first: int(h.Sum32() % order.Partitions), members: map[string]sign{}}
}

// Alive takes a sign of life of an executor. Our own, come back, is what moves the clock.
func (t *Table) Alive(at time.Time, id string, revision uint64) {
	if id == t.id {
		if revision <= t.echo {
			return
		}
		if t.echo > 0 {
			t.clock += min(max(at.Sub(t.echoAt), 0), maxStep)
		}
		t.echo, t.echoAt = revision, at
		return
	}
	if revision > t.members[id].revision {
		t.members[id] = sign{revision, t.clock}
	}
}

// Left takes the end of an executor that has let go of everything.
func (t *Table) Left(id string) { delete(t.members, id) }

// Lease takes what stands in a partition's key: its owner, empty if there is none. What is older than what is known counts
// for nothing.
func (t *Table) Lease(partition int, owner string, revision uint64) {
	s := &t.slots[partition]
	if revision <= s.revision {
		return
	}
	*s = slot{owner: owner, revision: revision}
}

// Move is a write that a Table wants: on the condition that the key has the revision (0: that there is none), set it to our
// id, or to nothing.
type Move struct {
	Partition int
	Revision  uint64
	Take      bool // else let go
}

// Plan says what to write now. It takes what has no living owner up to this executor's share, lets go of what is beyond it,
// and takes whatever the share what has been without an owner for too long. Before the first sign of life has come back it
// says nothing, nor while it is silent.
func (t *Table) Plan() []Move {
	if t.echo == 0 || t.silence.now {
		return nil
	}
	share, held := t.share(), 0
	for i := range t.slots {
		s := &t.slots[i]
		switch {
		case s.owner == t.id:
			held++
			s.orphaned = false
		case t.living(s.owner):
			s.orphaned = false
		case !s.orphaned:
			s.orphaned, s.since = true, t.clock
			if m, known := t.members[s.owner]; known {
				s.since = m.seen
			}
		}
	}
	var moves []Move
	for k := range order.Partitions {
		i := (t.first + k) % order.Partitions
		s := &t.slots[i]
		if s.orphaned && (held < share || t.clock-s.since >= Orphaned) {
			held++
			moves = append(moves, Move{i, s.revision, true})
		}
	}
	if len(moves) > 0 {
		return moves
	}
	for k := order.Partitions - 1; held > share; k-- { // from the far end, where others begin
		i := (t.first + k) % order.Partitions
		if s := &t.slots[i]; s.owner == t.id {
			held--
			moves = append(moves, Move{i, s.revision, false})
		}
	}
	return moves
}

// share is how many partitions each living executor aims at.
func (t *Table) share() int {
	alive := 1
	for id := range t.members { // counted, so the order does not show
		if t.living(id) {
			alive++
		}
	}
	return (order.Partitions + alive - 1) / alive
}

// living reports whether an executor has given a sign of life lately, or is ourselves.
func (t *Table) living(id string) bool {
	m, known := t.members[id]
	return id == t.id || known && t.clock-m.seen < Expires
}

// Holdings say who works each partition.
type Holdings struct {
	Epochs [order.Partitions]uint64 // under which we work it; 0 if we do not
	Others [order.Partitions]bool   // another executor that is alive does
}

// Complete reports whether every partition has a living owner.
func (h *Holdings) Complete() bool {
	for p := range h.Epochs {
		if h.Epochs[p] == 0 && !h.Others[p] {
			return false
		}
	}
	return true
}

// Holdings returns who works each partition, as far as is known.
func (t *Table) Holdings() Holdings {
	var h Holdings
	for p := range t.slots {
		if s := &t.slots[p]; s.owner == t.id {
			h.Epochs[p] = s.revision
		} else {
			h.Others[p] = t.living(s.owner)
		}
	}
	return h
}

// Forgotten returns the executors that died a while ago and hold nothing any more: their keys can go.
func (t *Table) Forgotten() []string {
	holds := map[string]bool{}
	for p := range t.slots {
		holds[t.slots[p].owner] = true
	}
	var gone []string
	for id, m := range t.members { // each is dealt with alike, so the order does not show
		if t.clock-m.seen >= time.Minute && !holds[id] {
			gone = append(gone, id)
		}
	}
	return gone
}
