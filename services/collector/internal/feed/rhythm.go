package feed

import "time"

// Bounds of judging a silence by what came before it.
const (
	learnFrames = 30   // frames before a connection's rhythm is known
	outOfRhythm = 5    // times the longest gap of late is no gap any more
	forget      = 1000 // with each frame a thousandth of the longest gap is forgotten
	giveUp      = 3    // times that, and the connection is dropped
)

// rhythm is how frames of market data usually come on a connection. It notices a stream that has stopped on a socket that still answers
// pings, without mistaking a pair that is seldom traded for one: what is too long is learned from the connection itself.
type rhythm struct {
	frames  int
	last    time.Time
	longest time.Duration
}

func (r *rhythm) beat(at time.Time) {
	if r.frames > 0 {
		r.longest = max(r.longest-r.longest/forget, at.Sub(r.last))
	}
	r.frames++
	r.last = at
}

// limit returns how long a silence may last before it is one, or 0 while that is not known; least at least.
func (r *rhythm) limit(least time.Duration) time.Duration {
	if r.frames < learnFrames {
		return 0
	}
	return max(least, outOfRhythm*r.longest)
}

// stopped reports whether the silence lasts longer than it may, and whether it is hopeless.
func (r *rhythm) stopped(now time.Time, least time.Duration) (silent time.Duration, stopped, hopeless bool) {
	limit := r.limit(least)
	silent = now.Sub(r.last)
	return silent, limit > 0 && silent > limit, limit > 0 && silent > giveUp*limit
}
