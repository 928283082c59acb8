package book

import (
	"cmp"
	"slices"
)

// maxLevels bounds a side. The deepest books seen hold some 30,000 levels; a million is a stream gone wild.
const maxLevels = 1 << 20

// entry is a level under a key that grows toward the best price on both sides: the price of a bid, minus that of an ask.
type entry struct{ key, size int64 }

// side is one side of a book, the best level at the END. Nine updates in ten touch the levels next to the best, so a search
// from there is short, and so is the tail that an insertion or a removal has to move.
type side struct {
	levels []entry
	sign   int64 // +1 bids, -1 asks
	edged  bool  // only levels from edge on are all known
	edge   int64 // a key
}

// set applies one change; it reports false where the side would grow beyond its bound.
func (s *side) set(price, size int64) bool {
	i, found := s.find(s.sign * price)
	switch {
	case found && size == 0:
		s.levels = append(s.levels[:i], s.levels[i+1:]...)
	case found:
		s.levels[i].size = size
	case size == 0: // removing a price we do not hold is normal where exchanges batch
	case len(s.levels) == maxLevels:
		return false
	default:
		s.levels = append(s.levels, entry{})
		copy(s.levels[i+1:], s.levels[i:])
		s.levels[i] = entry{key: s.sign * price, size: size}
	}
	return true
}

// find returns where key is, or where it belongs: it gallops outward from the best and closes in by halves.
func (s *side) find(key int64) (int, bool) {
	low, high := len(s.levels)-1, len(s.levels)
	for step := 1; low >= 0 && s.levels[low].key > key; step <<= 1 {
		high = low
		low -= step
	}
	low = max(low, -1)
	for low+1 < high {
		if mid := int(uint(low+high) >> 1); s.levels[mid].key > key {
			high = mid
		} else {
			low = mid
		}
	}
	if low >= 0 && s.levels[low].key == key {
		return low, true
	}
	return high, false
}

// load replaces the side by the levels of a snapshot, whatever their order; of equal prices the last one counts.
func (s *side) load(levels []Level) bool {
	s.levels = s.levels[:0]
	if len(levels) > maxLevels {
		return false
	}
	// Exchanges send the best first, we keep it last: reading backwards is nearly always all the sorting there is to do.
	for i := len(levels) - 1; i >= 0; i-- {
		s.levels = append(s.levels, entry{key: s.sign * levels[i].Price, size: levels[i].Size})
	}
	byKey := func(a, b entry) int { return cmp.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(s.levels, byKey) {
		slices.SortStableFunc(s.levels, byKey)
	}
	s.levels = slices.CompactFunc(s.levels, func(a, b entry) bool { return a.key == b.key }) // keeps what came last
	s.levels = slices.DeleteFunc(s.levels, func(e entry) bool { return e.size == 0 })
	return true
}

// limit notes how far a snapshot of window levels reaches.
func (s *side) limit(window int) {
	if s.edged = window > 0 && len(s.levels) >= window; s.edged {
		s.edge = s.levels[0].key
	}
}

// shown is how many of the best n levels can be shown.
func (s *side) shown(n int) int {
	n = min(n, len(s.levels))
	for s.edged && n > 0 && s.levels[len(s.levels)-n].key < s.edge {
		n--
	}
	return n
}

// truncate keeps the best depth levels.
func (s *side) truncate(depth int) {
	if over := len(s.levels) - depth; over > 0 {
		s.levels = s.levels[:copy(s.levels, s.levels[over:])]
	}
}

// at returns the i-th level from the best.
func (s *side) at(i int) Level {
	e := s.levels[len(s.levels)-1-i]
	return Level{Price: s.sign * e.key, Size: e.size}
}
