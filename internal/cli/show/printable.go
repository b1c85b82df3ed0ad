package show

import (
	"strings"
	"unicode"
)

// Printable replaces each character that is not printable by a question mark, and
// a tab by a blank. The output of a process then cannot control the terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
