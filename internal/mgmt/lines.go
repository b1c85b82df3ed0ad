package mgmt

import "strings"

// LastLines returns the last n lines of a text, without the newlines at its end.
// Where the text was cut at its beginning, its first line is a part of a line, which
// is left out unless there is no other.
func LastLines(text string, n int, cut bool) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if cut && len(lines) > 1 {
		lines = lines[1:]
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
