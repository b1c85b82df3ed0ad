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

// A Record is one crash. The tags are for those who print it; the file has another
// form (recordform.go).
type Record struct {
	Node   mgmt.NodeName `json:"node"`
	Launch uint64        `json:"launch"` // which of the node's launches it was
	PID    int           `json:"pid"`
	// When is the time at which the end was noticed; zero in Add means now.
	When   time.Time     `json:"when"`
	Uptime time.Duration `json:"uptime_ns"`
	Exit   Exit          `json:"exit"`
	// Stdout and Stderr are the last lines that it printed; Add keeps the last
	// 64 KiB of each.
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	// Fingerprint and Plan are what it was launched by. A plan beyond 256 KiB of
	// JSON is not kept.
	Fingerprint mgmt.Fingerprint `json:"plan_hash"`
	Plan        *mgmt.Plan       `json:"plan,omitempty"`
	// Program is the absolute path of the executable, Version what it calls its
	// version, Dir its working directory. Without Program there is no backtrace,
	// without Dir a core file is found only where the kernel puts it into a fixed
	// directory.
	Program string `json:"program"`
	Version string `json:"version"`
	Dir     string `json:"dir"`

	// The rest is filled in by Store.Run, and ignored by Add.

	// Core is the core file, if one was found.
	Core string `json:"core,omitempty"`
	// Backtrace is what the debugger says of it, or its first 64 KiB.
	Backtrace string `json:"backtrace,omitempty"`
	// Note says why there is no core file, or no backtrace of it.
	Note string `json:"note,omitempty"`
	// Pending says that the core file is still to be looked for.
	Pending bool `json:"pending,omitempty"`
}

// Exit is how a process ended.
type Exit struct {
	// Text says it for people, such as "signal SIGSEGV (core dumped)".
	Text string `json:"text"`
	// Known is false if nobody has learnt it; then the rest is zero.
	Known      bool `json:"known"`
	Code       int  `json:"code"`   // if Signal is 0
	Signal     int  `json:"signal"` // that ended it, or 0
	CoreDumped bool `json:"core_dumped"`
}

// Limits of a record.
const (
	maxText   = 64 << 10  // bytes of each of its long texts
	maxPlan   = 256 << 10 // bytes of its plan in JSON
	maxRecord = 2 << 20   // bytes of its file; a longer one is none of ours
)

// bound cuts what is too long.
func (r *Record) bound() {
	r.Stdout, r.Stderr = end(r.Stdout), end(r.Stderr)
	if r.Plan != nil {
		if len(form.Encode(form.NewPlan(*r.Plan))) > maxPlan {
			r.Plan = nil
		}
	}
}

// end returns the last part of text, from the beginning of a line if there is one.
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
	freshSuffix = ".json.new" // of a file that is being written
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

// parse accepts only what Add could have written there.
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
