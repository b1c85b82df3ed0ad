package ini

import (
	"errors"
	"strconv"
	"strings"
)

var errNotInteger = errors.New("not an integer")

// Int reads an integer as Python's int does: it accepts blanks around the
// integer, one sign, and single underscores between digits.
func Int(text string) (int64, error) {
	text = strings.TrimSpace(text)
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	if len(text)-len(digits) > 1 || strings.Contains("_"+digits+"_", "__") ||
		strings.ContainsFunc(digits, func(r rune) bool { return r != '_' && (r < '0' || r > '9') }) {
		return 0, errNotInteger
	}
	return strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
}

// TrailingComment returns the end of e's value that looks like a comment.
func TrailingComment(e *Entry) string {
	if e.Value == nil {
		return ""
	}
	for i, c := range *e.Value {
		if (c == '#' || c == ';') && i > 0 && strings.ContainsRune(" \t", rune((*e.Value)[i-1])) {
			return (*e.Value)[i:]
		}
	}
	return ""
}
