package mgmt

import (
	"encoding/json"
	"fmt"
)

// ReadJSON decodes JSON that another program has sent. A value takes memory, however short
// it is in the text: "{}" may become hundreds of bytes. Of a text with more than most
// values nothing is decoded, and the error says so.
func ReadJSON(text []byte, most int, into any) error {
	if MoreValues(text, most) {
		return fmt.Errorf("more than %d values", most)
	}
	return json.Unmarshal(text, into)
}

// MoreValues reports whether a JSON text has more than most values. An empty list or object
// counts as two. What it says of a text that is no JSON means nothing.
func MoreValues(text []byte, most int) bool {
	found, quoted := 1, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '[' || c == '{'):
			// Each value but the first one comes after one of these.
			if found++; found > most {
				return true
			}
		}
	}
	return found > most
}
