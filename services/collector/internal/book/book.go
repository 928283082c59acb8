// Package book keeps one exchange's order book of one instrument: exact, verified, and never in sync by assumption.
//
// A Book is fed with the Updates that an adapter decoded, in the order they came, and says of itself whether it is in sync.
// It holds the one routine for both ways in which exchanges start a book: from a snapshot in the stream, or from one that
// is asked for while the stream is buffered. What differs is given by Rules.
//
// A Book belongs to one goroutine. It reads no clock and does no I/O: it does not ask for snapshots, it says when it needs
// one, and whoever feeds it cares for that.
package book

import (
	"fmt"
	"time"
)

// State is what a book is good for.
type State uint8

// The states of a book.
const (
	Empty     State = iota // nothing asked for yet
	Buffering              // a snapshot is under way, or its first following message
	InSync                 // the levels are the exchange's
	Lost                   // something was lost; Restart begins anew
)

// Outcome says what an update did.
type Outcome uint8

// The outcomes.
const (
	Ignored Outcome = iota // it was old news, or came before a snapshot in the stream
	Held                   // it is buffered until a snapshot fits
	Waiting                // the snapshot is loaded, the message that bridges to it has yet to come
	Applied                // the book is in sync and holds it
	Stale                  // a snapshot older than what is buffered: ask for another (ErrTooOld)
	Broke                  // the book is broken; the error says why
)

// Book is a live order book. The zero value is of no use, see New.
type Book struct {
	rules  Rules
	scale  Scale
	depth  int // levels kept a side after each message, 0 for all
	state  State
	reason error

	bids, asks side
	seq        Seq
	time       time.Time

	held    backlog // while Buffering an anchored book
	loaded  bool    // the snapshot is in, the message that bridges to it is not
	covered bool    // the snapshot is known to contain a message of the stream, see Rules.Overlaps
	seen    Seq     // a message after which the stream is held without a gap, 0 if there is none
	shadow  *Book   // the next book, while Refresh is under way
	scratch [1024]byte
}

// New returns an empty book.
func New(scale Scale, rules Rules) *Book {
	return &Book{rules: rules, scale: scale, depth: rules.Depth, bids: side{sign: 1}, asks: side{sign: -1}}
}

// Restart forgets everything and waits for a snapshot. What comes before it is buffered, or ignored, as the rules say.
func (b *Book) Restart() {
	b.state, b.reason, b.loaded, b.shadow = Buffering, nil, false, nil
	b.bids.levels, b.asks.levels = b.bids.levels[:0], b.asks.levels[:0]
	b.seq, b.seen, b.time = 0, 0, time.Time{}
	b.held.clear()
}

// SetDepth makes the book keep only the best depth levels a side after each message, as exchanges demand that send no
// removal for a level pushed out of the subscribed depth; 0 keeps all.
func (b *Book) SetDepth(depth int) { b.depth = depth }

// State returns what the book is good for.
func (b *Book) State() State { return b.state }

// Reason returns why the book is broken, or nil.
func (b *Book) Reason() error { return b.reason }

// Seq returns the exchange's number of the newest change, 0 where it has none.
func (b *Book) Seq() Seq { return b.seq }

// Time returns the exchange's time of the newest change, zero where it tells none.
func (b *Book) Time() time.Time { return b.time }

// Apply takes the next update. The error is nil unless the outcome is Broke or Stale. It does not allocate on a book in
// sync, but for the growth of a side.
func (b *Book) Apply(u *Update) (Outcome, error) {
	switch {
	case u.Kind == Broken:
		return b.fail(fmt.Errorf("%w: %w", ErrStream, u.Err))
	case b.state == Lost || b.state == Empty:
		return Ignored, nil
	case u.Kind == Snapshot && b.rules.Anchored:
		return b.anchor(u)
	case u.Kind == Snapshot:
		if err := b.replace(u); err != nil {
			return b.fail(err)
		}
		return b.settle(u)
	case b.state == Buffering:
		return b.catchUp(u)
	}
	outcome, err := b.follow(u)
	if b.shadow != nil {
		b.advanceShadow(u)
	}
	return outcome, err
}

// follow applies a delta to a book that is in sync.
func (b *Book) follow(u *Update) (Outcome, error) {
	if b.rules.Chain != nil {
		switch b.rules.Chain(b.seq, u) {
		case Skip:
			return Ignored, nil
		case StartOver:
			return b.fail(fmt.Errorf("%w: after %d came %d to %d", ErrGap, b.seq, u.First, u.Last))
		case Apply:
		}
	}
	if err := b.change(u); err != nil {
		return b.fail(err)
	}
	return b.settle(u)
}

// change applies the levels of a delta, in order.
func (b *Book) change(u *Update) error {
	for _, l := range u.Bids {
		if l.Price <= 0 || l.Size < 0 {
			return ErrLevel
		}
		if !b.bids.set(l.Price, l.Size) {
			return fmt.Errorf("%w: bids", ErrOverflow)
		}
	}
	for _, l := range u.Asks {
		if l.Price <= 0 || l.Size < 0 {
			return ErrLevel
		}
		if !b.asks.set(l.Price, l.Size) {
			return fmt.Errorf("%w: asks", ErrOverflow)
		}
	}
	b.seq = u.Last
	if !u.Time.IsZero() {
		b.time = u.Time
	}
	return nil
}

// replace makes the levels of a snapshot the book.
func (b *Book) replace(u *Update) error {
	for _, levels := range [2][]Level{u.Bids, u.Asks} {
		for _, l := range levels {
			if l.Price <= 0 || l.Size < 0 {
				return ErrLevel
			}
		}
	}
	if !b.bids.load(u.Bids) || !b.asks.load(u.Asks) {
		return fmt.Errorf("%w: snapshot", ErrOverflow)
	}
	b.bids.limit(b.rules.Window)
	b.asks.limit(b.rules.Window)
	b.seq, b.time = u.Last, u.Time
	return nil
}

// settle finishes a whole message: only now is the book truncated, summed up and tested for crossing, because within a
// message the exchange may pass through any state.
func (b *Book) settle(u *Update) (Outcome, error) {
	if b.depth > 0 {
		b.bids.truncate(b.depth)
		b.asks.truncate(b.depth)
	}
	if u.Checked && b.rules.Checksum != nil {
		if sum := b.rules.Checksum(b, b.scratch[:0]); sum != u.Checksum {
			return b.fail(fmt.Errorf("%w: ours %d, theirs %d", ErrChecksum, sum, u.Checksum))
		}
	}
	if b.crossed() {
		return b.fail(fmt.Errorf("%w: bid %s, ask %s", ErrCrossed,
			b.scale.price(b.bids.at(0).Price), b.scale.price(b.asks.at(0).Price)))
	}
	b.state = InSync
	return Applied, nil
}

func (b *Book) crossed() bool {
	return len(b.bids.levels) > 0 && len(b.asks.levels) > 0 && b.bids.at(0).Price >= b.asks.at(0).Price
}

// fail marks the book broken before anything else can be done with it.
func (b *Book) fail(err error) (Outcome, error) {
	b.state, b.reason, b.loaded, b.shadow = Lost, err, false, nil
	b.held.clear()
	return Broke, err
}
