package mgmt

import "strings"

// LastLines returns the last n lines of a text, without the newlines at its end.
// cut says that the beginning of the text is missing. The first line may then be
// incomplete, and LastLines leaves it out if there is another line.
func LastLines(text string, n int, cut bool) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if cut && len(lines) > 1 {
		lines = lines[1:]
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
