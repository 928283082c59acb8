package book

import (
	"fmt"
	"time"
)

// Bounds of what is buffered while a snapshot is fetched: at ten messages a second three minutes, at a busy exchange's 700
// levels a message still 370 messages. Beyond them the sync starts over.
const (
	maxHeld       = 2048
	maxHeldLevels = 1 << 18
)

// backlog holds updates in order, their levels in one piece of memory that is used again at the next sync.
type backlog struct {
	heads  []head
	levels []Level
}

type head struct {
	first, last, prev Seq
	time              time.Time
	bids, asks        int // how many levels each has in the common slice
}

func (l *backlog) clear() { l.heads, l.levels = l.heads[:0], l.levels[:0] }

func (l *backlog) add(u *Update) bool {
	if len(l.heads) == maxHeld || len(l.levels)+len(u.Bids)+len(u.Asks) > maxHeldLevels {
		return false
	}
	l.heads = append(l.heads, head{u.First, u.Last, u.Prev, u.Time, len(u.Bids), len(u.Asks)})
	l.levels = append(append(l.levels, u.Bids...), u.Asks...)
	return true
}

// catchUp takes a delta while the snapshot, or the message that bridges to it, is still missing.
func (b *Book) catchUp(u *Update) (Outcome, error) {
	if !b.rules.Anchored {
		return Ignored, nil // from before the snapshot in the stream, or between a request for one and its arrival
	}
	if !b.loaded {
		return b.hold(u)
	}
	switch verdict := b.judge(u); {
	case verdict == Skip:
		b.covered = true
	case verdict == StartOver, b.rules.Overlaps && !b.covered:
		b.loaded = false
		b.held.add(u) // the backlog was cleared when the snapshot came, so there is room
		return Stale, fmt.Errorf("%w: snapshot %d, then %d to %d", ErrTooOld, b.seq, u.First, u.Last)
	}
	outcome, err := b.follow(u)
	if outcome == Applied {
		b.loaded = false
	}
	return outcome, err
}

// hold buffers a delta. A hole among the buffered ones is a loss already, whatever snapshot comes.
func (b *Book) hold(u *Update) (Outcome, error) {
	if n := len(b.held.heads); n > 0 && b.rules.Chain != nil {
		switch last := b.held.heads[n-1].last; b.rules.Chain(last, u) {
		case Skip:
			return Ignored, nil
		case StartOver:
			return b.fail(fmt.Errorf("%w: after %d came %d to %d", ErrGap, last, u.First, u.Last))
		case Apply:
		}
	}
	if !b.held.add(u) {
		return b.fail(fmt.Errorf("%w: %d updates before the snapshot", ErrOverflow, len(b.held.heads)))
	}
	return Held, nil
}

// anchor takes a snapshot that was asked for: old buffered messages are dropped, the first survivor must bridge to the
// snapshot, the rest must chain. Where nothing survives the book is not in sync before a message bridges: that all is
// well cannot be told from the stream being dead.
func (b *Book) anchor(u *Update) (Outcome, error) {
	if b.state == InSync {
		if b.shadow != nil {
			return b.anchorShadow(u)
		}
		return Ignored, nil // the answer to a question that no longer matters
	}
	first := b.firstSurvivor(u.Last)
	b.covered = first > 0 || first < 0 && len(b.held.heads) > 0 || b.seen != 0 && u.Last >= b.seen
	if first >= 0 {
		h := b.held.heads[first]
		if b.judgeAt(u.Last, h) == StartOver || b.rules.Overlaps && !b.covered {
			return Stale, fmt.Errorf("%w: snapshot %d, then %d to %d", ErrTooOld, u.Last, h.first, h.last)
		}
	}
	if err := b.replace(u); err != nil {
		return b.fail(err)
	}
	b.loaded = true
	return b.drain()
}

// drain applies what is buffered onto the snapshot just loaded.
func (b *Book) drain() (Outcome, error) {
	heads, levels := b.held.heads, b.held.levels
	b.held = backlog{heads: heads[:0], levels: levels[:0]}
	for _, h := range heads {
		u := Update{Kind: Delta, First: h.first, Last: h.last, Prev: h.prev, Time: h.time,
			Bids: levels[:h.bids], Asks: levels[h.bids : h.bids+h.asks]}
		levels = levels[h.bids+h.asks:]
		if outcome, err := b.follow(&u); outcome == Broke {
			return outcome, err
		}
	}
	if b.state != InSync {
		return Waiting, nil
	}
	b.loaded = false
	return Applied, nil
}

// firstSurvivor returns the first buffered update that a snapshot of the given id does not contain, or -1.
func (b *Book) firstSurvivor(id Seq) int {
	for i, h := range b.held.heads {
		if b.judgeAt(id, h) != Skip {
			return i
		}
	}
	return -1
}

func (b *Book) judge(u *Update) Verdict {
	if b.rules.Chain == nil {
		return Apply
	}
	return b.rules.Chain(b.seq, u)
}

func (b *Book) judgeAt(last Seq, h head) Verdict {
	if b.rules.Chain == nil {
		return Apply
	}
	return b.rules.Chain(last, &Update{First: h.first, Last: h.last, Prev: h.prev, Time: h.time})
}

// Refresh prepares for a new snapshot of an anchored book in sync, which fills in levels that lay beyond the first one's
// reach. The book goes on serving; the snapshot, when it comes, is brought up to date on a copy that then takes over.
func (b *Book) Refresh() {
	if b.state != InSync || !b.rules.Anchored || b.shadow != nil {
		return
	}
	b.shadow = New(b.scale, b.rules)
	b.shadow.depth = b.depth
	b.shadow.Restart()
	b.shadow.seen = b.seq
}

// Refreshing says that a snapshot asked for by Refresh is still wanted.
func (b *Book) Refreshing() bool { return b.shadow != nil && !b.shadow.loaded }

func (b *Book) anchorShadow(u *Update) (Outcome, error) {
	if outcome, err := b.shadow.anchor(u); outcome == Broke {
		b.shadow = nil // the book itself is as good as before
		return Ignored, nil
	} else if outcome == Stale {
		return Stale, err
	}
	b.takeOver()
	return Applied, nil
}

func (b *Book) advanceShadow(u *Update) {
	switch outcome, _ := b.shadow.Apply(u); outcome {
	case Broke:
		b.shadow = nil
	case Applied:
		b.takeOver()
	case Ignored, Held, Waiting, Stale:
	}
}

// takeOver makes the shadow the book once both stand at the same change.
func (b *Book) takeOver() {
	if s := b.shadow; s.state == InSync && s.seq == b.seq {
		b.bids, b.asks, b.shadow = s.bids, s.asks, nil
	}
}
