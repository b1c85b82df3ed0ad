package mgmt

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
)

// The types below travel as JSON in streams (messages_bytes.go), so that fields can be
// added. A field that is not known is absent.

// LogsQuery are the parameters of StreamLogs.
type LogsQuery struct {
	Node   NodeName `json:"node"`
	Stderr bool     `json:"stderr,omitempty"` // instead of stdout
	// Lines is how many of the last lines are sent first.
	Lines int `json:"lines"`
	// Follow goes on with what the node prints later.
	Follow bool `json:"follow,omitempty"`
}

// MaxLogLines bounds LogsQuery.Lines.
const MaxLogLines = 100_000

// CrashQuery are the parameters of StreamCrash.
type CrashQuery struct {
	ID string `json:"id"`
}

// DiagQuery are the parameters of StreamDiag.
type DiagQuery struct {
	Node NodeName `json:"node"`
	// Lines bounds the last lines of each output. Zero means 50.
	Lines int `json:"lines,omitempty"`
}

// CrashSummary describes one process that ended by itself.
type CrashSummary struct {
	ID     string        `json:"id"`
	Node   NodeName      `json:"node"`
	When   time.Time     `json:"when"`
	Uptime time.Duration `json:"uptime_ns"`
	PID    int           `json:"pid"`
	End    string        `json:"end"`
	// Why is the line of its output that says best why it ended.
	Why       string `json:"why,omitempty"`
	Backtrace bool   `json:"backtrace,omitempty"` // there is one
}

// CrashReport is the record of one process that ended by itself.
type CrashReport struct {
	CrashSummary
	Launch      uint64 `json:"launch"`
	Program     string `json:"program,omitempty"`
	Version     string `json:"version,omitempty"`
	Dir         string `json:"dir,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Stdout      string `json:"stdout,omitempty"`
	Stderr      string `json:"stderr,omitempty"`
	Core        string `json:"core,omitempty"`
	Trace       string `json:"trace,omitempty"` // the backtrace
	Note        string `json:"note,omitempty"`
	Pending     bool   `json:"pending,omitempty"`
	// Plan is in the form in which configurations are written (package form).
	Plan json.RawMessage `json:"plan,omitempty"`
}

// HostFacts says what the host of an instance is.
type HostFacts struct {
	// Time is the host's clock. Unsynced says that nothing keeps it right.
	Time     time.Time `json:"time"`
	Unsynced bool      `json:"unsynced,omitempty"`

	Version string    `json:"version"` // of the agent's program
	Build   string    `json:"build,omitempty"`
	Started time.Time `json:"started"` // the agent

	// Nodes is the kind of the nodes that the agent starts, in a few words.
	Nodes       string        `json:"nodes,omitempty"`
	ZeekPath    string        `json:"zeek_path,omitempty"`
	ZeekVersion string        `json:"zeek_version,omitempty"`
	Running     []NodeVersion `json:"running,omitempty"`
	States      []NodeAge     `json:"states,omitempty"`
	// Metrics is the host:port at which the agent serves its own metrics, or empty.
	Metrics string `json:"metrics,omitempty"`
	// LimitsBy is what bounds the processes of nodes: systemd, cgroup or rlimit.
	LimitsBy string `json:"limits_by,omitempty"`

	Hostname string     `json:"hostname,omitempty"`
	OS       string     `json:"os,omitempty"`
	Kernel   string     `json:"kernel,omitempty"`
	Arch     string     `json:"arch,omitempty"`
	Booted   time.Time  `json:"booted,omitzero"`
	CPUs     int        `json:"cpus,omitempty"`
	Load     [3]float64 `json:"load"` // of 1, 5, 15 minutes
	Memory   Memory     `json:"memory"`
	Disks    []Disk     `json:"disks,omitempty"`
	// Hardware is nil if the agent is older than this.
	Hardware *Hardware `json:"hardware,omitempty"`
}

// Cut shortens all texts to so many bytes, and bounds the rest.
func (f *HostFacts) Cut(most int) {
	if f.Hardware != nil {
		f.Hardware.Bound(most)
	}
	texts := []*string{
		&f.Version, &f.Build, &f.Metrics, &f.LimitsBy, &f.Nodes, &f.ZeekPath, &f.ZeekVersion, &f.Hostname, &f.OS, &f.Kernel, &f.Arch,
	}
	for i := range f.Running {
		n := &f.Running[i]
		texts = append(texts, (*string)(&n.Node), &n.Program, &n.Version)
	}
	for i := range f.States {
		n := &f.States[i]
		texts = append(texts, (*string)(&n.Node), (*string)(&n.State))
	}
	for i := range f.Disks {
		d := &f.Disks[i]
		texts = append(texts, &d.Use, &d.Path, &d.Err)
	}
	for _, text := range texts {
		*text = CutText(*text, most)
	}
}

// CutText returns text, or the beginning of it if it is longer than most bytes.
func CutText(text string, most int) string {
	const more = "…"
	if len(text) <= most || most < len(more) {
		return text
	}
	return strings.ToValidUTF8(text[:most-len(more)], "") + more
}

// LineText makes one line of printable characters of a text that others have written, at most so
// many bytes long. What hides, or turns the direction of writing, is not printable.
func LineText(text string, most int) string {
	return CutText(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?")), most)
}

// NodeVersion says what runs as a node.
type NodeVersion struct {
	Node    NodeName `json:"node"`
	PID     int      `json:"pid"`
	Program string   `json:"program,omitempty"`
	Version string   `json:"version,omitempty"`
}

// NodeAge says for how long a node has been in its state, as its agent knows. It is no time:
// the clock of the host may be wrong.
type NodeAge struct {
	Node  NodeName      `json:"node"`
	State State         `json:"state"`
	Age   time.Duration `json:"age"` // in nanoseconds
}

// Memory is that of a host, in bytes.
type Memory struct {
	Total     uint64 `json:"total"`
	Available uint64 `json:"available"`
	SwapTotal uint64 `json:"swap_total,omitempty"`
	SwapFree  uint64 `json:"swap_free,omitempty"`
}

// Disk is the file system of a directory, in bytes.
type Disk struct {
	Use   string `json:"use"` // "state", "spool" or "archive"
	Path  string `json:"path"`
	Total uint64 `json:"total"`
	Free  uint64 `json:"free"`
	Err   string `json:"err,omitempty"`
}

// NodeDiag is a report about one node, without secrets.
type NodeDiag struct {
	Node     NodeName     `json:"node"`
	Instance InstanceName `json:"instance"`
	// Deployed says whether the configuration of the agent has the node.
	Deployed bool          `json:"deployed"`
	State    State         `json:"state,omitempty"`
	History  []StateChange `json:"history,omitempty"` // oldest first

	PID     int    `json:"pid,omitempty"`
	Launch  uint64 `json:"launch,omitempty"`
	Program string `json:"program,omitempty"`
	Version string `json:"version,omitempty"`
	Dir     string `json:"dir,omitempty"`
	// Remark says what a person should know about the process beside its state.
	Remark string `json:"remark,omitempty"`

	// Plan is in the form in which configurations are written (package form).
	Plan        json.RawMessage `json:"plan,omitempty"`
	Fingerprint string          `json:"fingerprint,omitempty"`

	Stdout string       `json:"stdout,omitempty"`
	Stderr string       `json:"stderr,omitempty"`
	Crash  *CrashReport `json:"crash,omitempty"` // the last one
	Host   HostFacts    `json:"host"`

	// Removed says which secrets were taken out.
	Removed []string `json:"removed,omitempty"`
}

// StateChange is a change of a node's state.
type StateChange struct {
	Time  time.Time `json:"time"`
	From  string    `json:"from,omitempty"`
	To    string    `json:"to"`
	Cause string    `json:"cause,omitempty"`
	PID   int64     `json:"pid,omitempty"`
}

// HostReport is what a controller knows of the host of an instance.
type HostReport struct {
	Instance InstanceName
	// Present says that the agent is connected.
	Present bool
	// Facts are nil if the agent has told nothing since the controller started.
	Facts *HostFacts
	// Heard is when the agent has told them, by the controller's clock.
	Heard time.Time
	// Err says why the agent has told nothing, or nothing newer.
	Err string
}

// MetricsQuery asks for the text of a Prometheus endpoint: that of a node, or that of the agent
// if Node is empty.
type MetricsQuery struct {
	Node NodeName `json:"node,omitempty"`
}
