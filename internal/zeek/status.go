package zeek

import "strings"

// State is what Zeek says of itself in its status file.
type State string

// The states that Zeek writes.
const (
	Initializing State = "INITIALIZING"
	Running      State = "RUNNING"
	Terminating  State = "TERMINATING"
	Terminated   State = "TERMINATED"
)

// ParseStatus reads the content of a status file, such as "RUNNING [run_loop]".
// Where is what Zeek was doing. It is false for anything else, such as the
// empty file of a process that is about to write it.
func ParseStatus(content string) (state State, where string, ok bool) {
	word, rest, _ := strings.Cut(strings.TrimSpace(content), " ")
	switch state = State(word); state {
	case Initializing, Running, Terminating, Terminated:
		where = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(rest), "["), "]")
		return state, where, true
	}
	return "", "", false
}
