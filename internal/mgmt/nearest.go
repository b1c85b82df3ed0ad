package mgmt

import (
	"strings"
	"unicode/utf8"
)

// maxNearest bounds the names that Nearest compares, in bytes, since their
// comparison takes the product of their lengths.
const maxNearest = 128

// Nearest returns the one of known that name was most likely meant to be: the
// one with the fewest letters to change, add, drop or swap with the next. The
// case of letters does not count. It returns nothing if every one of known
// differs in more than a third of the letters, or is name itself. Of several
// that are as near, the first in known counts.
func Nearest[S ~string](name S, known []S) S {
	var nearest S
	if len(name) > maxNearest {
		return nearest
	}
	want := []rune(strings.ToLower(string(name)))
	least := max(1, len(want)/3) + 1
	for _, k := range known {
		if k == name || len(k) > maxNearest || abs(utf8.RuneCountInString(string(k))-len(want)) >= least {
			continue
		}
		if d := distance(want, []rune(strings.ToLower(string(k)))); d < least {
			nearest, least = k, d
		}
	}
	return nearest
}

func abs(n int) int { return max(n, -n) }

// distance returns how many letters to change, add, drop or swap with the next
// make a of b.
func distance(a, b []rune) int {
	// The rows of the usual table for the letter of a before the last, the last,
	// and the one at hand.
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		older, old, row = old, row, older
		row[0] = i + 1
		for j := range b {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(old[j]+change, old[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], older[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
