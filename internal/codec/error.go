package codec

import "strings"

// Error says why an event is not a message: which event it is, and what of it is
// wrong.
type Error struct {
	Event    string
	Argument string // the path to the culprit, such as "config.nodes[2].role"; empty if it is the event as a whole
	Index    int    // the argument's position, from 0; -1 if it is the event as a whole
	Reason   string
}

// Error returns, for example, "event X: argument config.nodes[2].role: got
// string, want enum-value".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("event " + e.Event)
	if e.Argument != "" {
		b.WriteString(": argument " + e.Argument)
	}
	b.WriteString(": " + e.Reason)
	return b.String()
}
