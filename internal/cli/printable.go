package cli

import (
	"strings"
	"unicode"
)

// Printable returns the text with a question mark for each character that is not
// printable, so that what a process printed does not control the terminal.
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
