package market

import (
	"cmp"
	"slices"
	"strings"
)

const (
	maxClosest = 3  // so many names a person looks through
	maxName    = 40 // letters that are compared; no name of ours has more
)

// Closest returns the names that a text may have meant, the likeliest first, three at most: those that a few changes of the
// text give, and those that begin with it. The order of names does not matter.
func Closest(text string, names []string) []string {
	wanted := Letters(text)
	if wanted == "" || len(wanted) > maxName {
		return nil
	}
	type match struct {
		name    string
		changes int
	}
	var near []match
	for _, name := range names {
		letters := Letters(name)
		if len(letters) > maxName {
			continue
		}
		n := changes(wanted, letters)
		if strings.HasPrefix(letters, wanted) { // BTC: every pair that begins so is a good guess
			n = min(n, 2)
		}
		if n <= max(2, len(wanted)/3) {
			near = append(near, match{name, n})
		}
	}
	slices.SortFunc(near, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.changes, b.changes), cmp.Compare(a.name, b.name))
	})
	var found []string
	for _, m := range near[:min(maxClosest, len(near))] {
		found = append(found, m.name)
	}
	return found
}

// DidYouMean is what a message about an unknown name ends with: nothing where no name is close.
func DidYouMean(closest []string) string {
	if len(closest) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(closest, ", ") + "?"
}

// Letters returns a symbol without separators, in upper case, with Bitcoin called BTC as everybody but Kraken does.
func Letters(text string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, text)
	return strings.ReplaceAll(plain, "XBT", "BTC")
}

// changes counts how many letters must be put in, left out, replaced or swapped with the next to make b of a (the distance
// of optimal string alignment).
func changes(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
