package mgmt

import (
	"strings"
	"unicode/utf8"
)

// maxNearest is the length, in bytes, of the longest name that Nearest compares.
// The time of a comparison grows with the product of both lengths.
const maxNearest = 128

// Nearest returns the name in known that is most similar to name, for "did you
// mean". It counts the letters to change, add, drop or swap with the next letter,
// without regard to case. It passes over name itself, and over names that differ in
// more than a third of the letters; if no other is left, it returns nothing. Among
// equally similar names, it returns the first in known.
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

// distance returns the number of edits that turn b into a. An edit changes, adds or
// drops a letter, or swaps two neighbours.
func distance(a, b []rune) int {
	// The table has one row for each letter of a, and the loop needs three of its
	// rows: row is for the letter a[i], old for a[i-1], older for a[i-2].
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
