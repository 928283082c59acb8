// Package tape holds the messages of market-data streams in the order in which they are to be sent, for many readers at once.
//
// A reader keeps its own position, so a slow one holds nobody up and needs no queue of its own. Any number of goroutines may
// read a Tape; one at a time may write a Ring. The package sends nothing and reads no clock.
package tape

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// ErrLost says that the messages at a position are no longer kept: the reader was too slow.
var ErrLost = errors.New("tape position is no longer kept")

// Frame is one message of a stream. Its bytes are never changed once it is on a tape.
type Frame struct {
	// Due is when the message may be sent, on the wall clock.
	Due time.Time
	// Seq orders frames of different streams which are due at the same instant.
	Seq int64
	// Data is the payload as the exchange words it.
	Data []byte
	// Whole, where not nil, is the payload as recorded within its combined-stream wrapping.
	Whole []byte
}

// Tape is one stream's messages.
type Tape interface {
	// Frame returns the message at a position, and false where the stream has not come so far yet.
	// It fails with ErrLost where the position is no longer kept.
	Frame(pos int64) (Frame, bool, error)
}

// Ring is a Tape that grows at one end and forgets at the other.
type Ring struct {
	mu     sync.RWMutex
	first  int64 // position of frames[0]
	frames []Frame
	keep   int
	look   int // how many frames there are at the next look for old ones
}

// keepTime is how long messages are kept: a reader that is later than that is too slow for any exchange.
const keepTime = 90 * time.Second

// lookAt is the least number of frames at which old ones are looked for.
const lookAt = 64

// NewRing returns an empty tape that keeps at least the last keep messages of the last 90 seconds, and at most twice as many;
// a reader which falls further behind gets ErrLost.
func NewRing(keep int) *Ring { return &Ring{keep: keep} }

// Append puts a message at the end.
func (r *Ring) Append(f Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.frames) >= 2*r.keep {
		drop := len(r.frames) - r.keep
		// A new array, so that the dropped messages can be freed.
		r.frames = append(make([]Frame, 0, 2*r.keep), r.frames[drop:]...)
		r.first += int64(drop)
	}
	if len(r.frames) >= max(r.look, lookAt) {
		old, _ := slices.BinarySearchFunc(r.frames, f.Due.Add(-keepTime), func(e Frame, t time.Time) int { return e.Due.Compare(t) })
		r.frames = append(make([]Frame, 0, len(r.frames)-old+lookAt), r.frames[old:]...)
		r.first += int64(old)
		r.look = len(r.frames) + max(lookAt, len(r.frames)/4)
	}
	r.frames = append(r.frames, f)
}

// End is the position of the next message to be appended.
func (r *Ring) End() int64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.first + int64(len(r.frames))
}

// Frame implements Tape.
func (r *Ring) Frame(pos int64) (Frame, bool, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	i := pos - r.first
	if i < 0 {
		return Frame{}, false, ErrLost
	}
	if i >= int64(len(r.frames)) {
		return Frame{}, false, nil
	}
	return r.frames[i], true, nil
}
