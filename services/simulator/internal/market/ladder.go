package market

import "slices"

// Level is a price in ticks and a quantity in steps.
type Level struct{ Price, Qty int64 }

// ladder is one side of a book. The best level is the last, because most changes happen near it.
type ladder struct {
	bid    bool
	levels []Level
}

// better says whether price a comes before price b.
func (l *ladder) better(a, b int64) bool {
	if l.bid {
		return a > b
	}
	return a < b
}

func (l *ladder) find(price int64) (int, bool) {
	return slices.BinarySearchFunc(l.levels, price, func(e Level, price int64) int {
		switch {
		case e.Price == price:
			return 0
		case l.better(price, e.Price):
			return -1
		}
		return 1
	})
}

// best is the best level; false for an empty side.
func (l *ladder) best() (Level, bool) {
	if len(l.levels) == 0 {
		return Level{}, false
	}
	return l.levels[len(l.levels)-1], true
}

func (l *ladder) qty(price int64) int64 {
	if i, ok := l.find(price); ok {
		return l.levels[i].Qty
	}
	return 0
}

// set makes qty the quantity at a price; 0 removes it.
func (l *ladder) set(price, qty int64) {
	i, held := l.find(price)
	switch {
	case qty <= 0 && held:
		l.levels = slices.Delete(l.levels, i, i+1)
	case qty <= 0:
	case held:
		l.levels[i].Qty = qty
	default:
		l.levels = slices.Insert(l.levels, i, Level{price, qty})
	}
}

// top appends the best n levels, best first; all if n is 0.
func (l *ladder) top(dst []Level, n int) []Level {
	if n <= 0 || n > len(l.levels) {
		n = len(l.levels)
	}
	for i := range n {
		dst = append(dst, l.levels[len(l.levels)-1-i])
	}
	return dst
}
