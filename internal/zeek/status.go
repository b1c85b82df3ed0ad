package zeek

import "strings"

// State is the state of a process as Zeek writes it into its status file.
type State string

// The states that Zeek writes.
const (
	Initializing State = "INITIALIZING"
	Running      State = "RUNNING"
	Terminating  State = "TERMINATING"
	Terminated   State = "TERMINATED"
)

// ParseStatus reads the content of a status file, such as "RUNNING [run_loop]".
// where is the text in brackets: the part of Zeek that wrote the file. ok is false
// for any other content, such as an empty file, which Zeek is about to write.
func ParseStatus(content string) (state State, where string, ok bool) {
	word, rest, _ := strings.Cut(strings.TrimSpace(content), " ")
	switch state = State(word); state {
	case Initializing, Running, Terminating, Terminated:
		where = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(rest), "["), "]")
		return state, where, true
	}
	return "", "", false
}
