package ini

import (
	"strings"
	"unicode/utf8"
)

// Clip shortens text for a message.
func Clip(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// DidYouMean returns the end of a message that suggests the nearest name. It
// returns nothing if nearest is empty.
func DidYouMean[S ~string](nearest S) string {
	if nearest == "" {
		return ""
	}
	return "; did you mean " + Quote(string(nearest)) + "?"
}

// Quote puts text into plain double quotes, as zeek-client's messages do.
func Quote(text string) string { return `"` + strings.ReplaceAll(Clip(text), "\n", " ") + `"` }
