package view

import (
	"cmp"
	"slices"
	"strings"
)

// maxName bounds what is compared; no name of ours is longer.
const maxName = 40

// closest returns at most n of the names that a text may have meant, the likeliest first.
func closest(text string, names []string, n int) []string {
	wanted := lettersOf(text)
	if wanted == "" || len(wanted) > maxName {
		return nil
	}
	type match struct {
		name     string
		distance int
	}
	var near []match
	for _, name := range names {
		letters := lettersOf(name)
		d := distance(wanted, letters)
		if strings.HasPrefix(letters, wanted) { // BTC: every pair that begins so is a good guess
			d = min(d, 2)
		}
		if d <= max(2, len(wanted)/3) {
			near = append(near, match{name, d})
		}
	}
	slices.SortStableFunc(near, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var found []string
	for _, m := range near[:min(n, len(near))] {
		found = append(found, m.name)
	}
	return found
}

// distance is the Levenshtein distance of two short texts.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
