package coretest

import (
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Trace is the text of a dialogue.
type Trace struct {
	text  strings.Builder
	names map[mgmt.ReqID]string
}

// command writes a line that makes something happen.
func (t *Trace) command(line string) { fmt.Fprintln(&t.text, line) }

// Add writes what happened.
func (t *Trace) Add(at time.Duration, e Entry) {
	stamp := fmt.Sprintf("  %-8s", at.Round(time.Millisecond))
	for _, line := range e.Lines(t.Name) {
		fmt.Fprintf(&t.text, "%s %s\n", stamp, line)
		stamp = strings.Repeat(" ", len(stamp))
	}
}

// madeID matches a request ID that a core has made.
var madeID = lazy.Regexp(`^[0-9A-Za-z]{17,18}$`)

// Name returns the short name of a request ID. IDs that the cores have made are
// counted: #1, #2, and so on.
func (t *Trace) Name(id mgmt.ReqID) string {
	if !madeID().MatchString(string(id)) {
		return string(id)
	}
	if t.names == nil {
		t.names = map[mgmt.ReqID]string{}
	}
	if t.names[id] == "" {
		t.names[id] = fmt.Sprintf("#%d", len(t.names)+1)
	}
	return t.names[id]
}
