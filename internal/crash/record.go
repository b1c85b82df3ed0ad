package crash

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A Record describes one crash. Its tags are for programs that print it. The file has
// another form (recordform.go).
type Record struct {
	Node   mgmt.NodeName `json:"node"`
	Launch uint64        `json:"launch"` // the number of the node's launch
	PID    int           `json:"pid"`
	// When is the time at which the agent noticed the end. In Add, zero means now.
	When   time.Time     `json:"when"`
	Uptime time.Duration `json:"uptime_ns"`
	Exit   Exit          `json:"exit"`
	// Stdout and Stderr are the last lines of the output. Add keeps the last 64 KiB of
	// each.
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	// Fingerprint and Plan are those of the launch. Add drops a plan of more than
	// 256 KiB of JSON.
	Fingerprint mgmt.Fingerprint `json:"plan_hash"`
	Plan        *mgmt.Plan       `json:"plan,omitempty"`
	// Program is the absolute path of the executable, Version its version, Dir the
	// process's working directory. Without Program there is no backtrace. Without Dir
	// Run finds a core file only if core_pattern names a fixed directory.
	Program string `json:"program"`
	Version string `json:"version"`
	Dir     string `json:"dir"`

	// Store.Run sets the following fields. Add ignores them.

	// Core is the path of the core file, if one was found.
	Core string `json:"core,omitempty"`
	// Backtrace is the debugger's output, at most 64 KiB.
	Backtrace string `json:"backtrace,omitempty"`
	// Note says why there is no core file, or no backtrace.
	Note string `json:"note,omitempty"`
	// Pending says that Run must still examine the crash.
	Pending bool `json:"pending,omitempty"`
}

// Exit says how a process ended.
type Exit struct {
	// Text is for people, such as "signal SIGSEGV (core dumped)".
	Text string `json:"text"`
	// Known is false if the exit status is unknown. The next fields are then zero.
	Known      bool `json:"known"`
	Code       int  `json:"code"`   // the exit code, if Signal is 0
	Signal     int  `json:"signal"` // the signal that ended the process, or 0
	CoreDumped bool `json:"core_dumped"`
}

// The limits of a record.
const (
	maxText   = 64 << 10  // bytes of Stdout, Stderr and Backtrace each
	maxPlan   = 256 << 10 // bytes of the plan in JSON
	maxRecord = 2 << 20   // bytes of the file; a longer file is not a record
)

// bound shortens Stdout and Stderr and drops a plan that is too long.
func (r *Record) bound() {
	r.Stdout, r.Stderr = end(r.Stdout), end(r.Stderr)
	if r.Plan != nil {
		if len(form.Encode(form.NewPlan(*r.Plan))) > maxPlan {
			r.Plan = nil
		}
	}
}

// end returns the last maxText bytes of text or less. It begins at the beginning of a
// line if it can.
func end(text string) string {
	if len(text) <= maxText {
		return text
	}
	text = text[len(text)-maxText:]
	if _, lines, ok := strings.Cut(text, "\n"); ok && lines != "" {
		return lines
	}
	for text != "" && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return text
}

const (
	suffix      = ".json"
	freshSuffix = ".json.new" // the suffix while the file is being written
	timeLayout  = "20060102T150405.000000000Z"
)

// file returns the name of r's file. Names sort by time.
func (r *Record) file() string {
	return fmt.Sprintf("%s-%d%s", r.When.UTC().Format(timeLayout), r.Launch, suffix)
}

// directory returns the name of a node's directory.
func directory(node mgmt.NodeName) string {
	// An escaped name contains no slash, but may be ".." as a whole.
	name := url.PathEscape(string(node))
	if strings.HasPrefix(name, ".") {
		name = "%2E" + name[1:]
	}
	return name
}

// read reads the record in f.
func (f file) read(root string) (Record, error) {
	text, err := durable.ReadRegular(f.path(root), maxRecord)
	if errors.Is(err, durable.ErrTooLong) {
		err = errors.New("not a crash record: it is too large")
	}
	if err != nil {
		return Record{}, err
	}
	return f.parse(text)
}

// parse reads the record in text. It accepts only a record to which Add gives the
// name of f.
func (f file) parse(text []byte) (Record, error) {
	r, err := decodeRecord(text)
	if err != nil {
		return Record{}, err
	}
	if directory(r.Node) != f.dir || r.file() != f.name {
		return Record{}, fmt.Errorf("it is the record of node %q, launch %d", r.Node, r.Launch)
	}
	return r, nil
}
