package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Host is the host of an instance, as its agent last told.
type Host struct {
	Instance string    `json:"instance"`
	Present  bool      `json:"present" doc:"Whether the agent is connected."`
	Heard    time.Time `json:"heard,omitzero" doc:"When the agent told this. Absent if it has told nothing since the controller started, and everything below is absent then."`
	Err      string    `json:"err,omitempty" doc:"Why the agent has told nothing, or nothing newer."`

	Clock    time.Time `json:"clock,omitzero" doc:"The clock of the host when the agent told this."`
	Unsynced bool      `json:"unsynced,omitempty" doc:"Nothing keeps the clock right."`
	Version  string    `json:"version,omitempty" doc:"The version of the agent's program."`
	Build    string    `json:"build,omitempty" doc:"What the agent's program was built from."`
	Started  time.Time `json:"started,omitzero" doc:"When the agent started."`

	Nodes       string        `json:"nodes,omitempty" doc:"The kind of the nodes that the agent starts."`
	ZeekPath    string        `json:"zeek_path,omitempty"`
	ZeekVersion string        `json:"zeek_version,omitempty" doc:"The version of the Zeek that the agent starts. Nodes that run may have another one."`
	LimitsBy    string        `json:"limits_by,omitempty" doc:"What bounds the nodes: systemd, with a scope for each; cgroup, with groups that the agent makes; rlimit, each process by itself."`
	Running     []NodeVersion `json:"running,omitempty" nullable:"false"`

	Hostname string     `json:"hostname,omitempty"`
	OS       string     `json:"os,omitempty"`
	Kernel   string     `json:"kernel,omitempty"`
	Arch     string     `json:"arch,omitempty"`
	Booted   time.Time  `json:"booted,omitzero"`
	CPUs     int        `json:"cpus,omitempty"`
	Load     [3]float64 `json:"load" doc:"The load of the last 1, 5 and 15 minutes."`
	Memory   Memory     `json:"memory"`
	Disks    []Disk     `json:"disks,omitempty" nullable:"false"`
}

// NodeVersion says what runs as a node.
type NodeVersion struct {
	Node    string `json:"node"`
	PID     int    `json:"pid"`
	Program string `json:"program,omitempty"`
	Version string `json:"version,omitempty"`
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
	Use   string `json:"use" enum:"state,spool,archive"`
	Path  string `json:"path"`
	Total uint64 `json:"total"`
	Free  uint64 `json:"free"`
	Err   string `json:"err,omitempty"`
}

// Crash tells how a process of a node ended by itself.
type Crash struct {
	Instance string `json:"instance"`
	Node     string `json:"node"`
	// ID is empty if the agent keeps no record that can be asked for. When is then right to
	// a second or two.
	ID        string    `json:"id,omitempty" doc:"Names the record of the crash, among those of its instance."`
	When      time.Time `json:"when"`
	Seconds   float64   `json:"uptime_seconds,omitempty" doc:"How long the process ran."`
	PID       int       `json:"pid,omitempty"`
	End       string    `json:"end,omitempty" doc:"How the process ended."`
	Why       string    `json:"why,omitempty" doc:"The line of its output that says best why it ended."`
	Backtrace bool      `json:"backtrace,omitempty" doc:"Whether the record has a backtrace."`
}

// Crashes are the crashes of all instances that could be asked, newest first.
type Crashes struct {
	Items   []Crash   `json:"items" nullable:"false"`
	More    bool      `json:"more,omitempty" doc:"There are older ones."`
	Missing []Missing `json:"missing,omitempty" nullable:"false" doc:"The instances of which nothing is known."`
}

// Missing is an instance that could not be asked.
type Missing struct {
	Instance string `json:"instance"`
	Why      string `json:"why"`
}

// CrashRecord is everything that is known of a crash.
type CrashRecord struct {
	Crash
	Launch      uint64          `json:"launch"`
	Program     string          `json:"program,omitempty"`
	Version     string          `json:"version,omitempty"`
	Dir         string          `json:"dir,omitempty"`
	Fingerprint string          `json:"fingerprint,omitempty"`
	Stdout      string          `json:"stdout,omitempty"`
	Stderr      string          `json:"stderr,omitempty"`
	Core        string          `json:"core,omitempty"`
	Trace       string          `json:"trace,omitempty" doc:"The backtrace."`
	Note        string          `json:"note,omitempty"`
	Pending     bool            `json:"pending,omitempty" doc:"The core file has not been looked at yet."`
	Plan        json.RawMessage `json:"plan,omitempty" doc:"The plan of the launch."`
}

// NodeDiag is a report about a node, without secrets.
type NodeDiag struct {
	Node     string        `json:"node"`
	Instance string        `json:"instance"`
	State    string        `json:"state,omitempty"`
	History  []StateChange `json:"history,omitempty" nullable:"false" doc:"How its state has changed since its agent started, oldest first."`

	PID     int    `json:"pid,omitempty"`
	Launch  uint64 `json:"launch,omitempty"`
	Program string `json:"program,omitempty"`
	Version string `json:"version,omitempty"`
	Dir     string `json:"dir,omitempty"`
	Remark  string `json:"remark,omitempty"`

	Plan        json.RawMessage `json:"plan,omitempty" doc:"The plan of the launch."`
	Fingerprint string          `json:"fingerprint,omitempty"`
	Stdout      string          `json:"stdout,omitempty" doc:"The last lines."`
	Stderr      string          `json:"stderr,omitempty" doc:"The last lines."`
	Crash       *CrashRecord    `json:"crash,omitempty" doc:"The last crash."`
	Host        Host            `json:"host"`

	Controller string   `json:"controller" doc:"The version of the controller."`
	Removed    []string `json:"removed,omitempty" nullable:"false" doc:"Which secrets were taken out, and how many."`
}

// StateChange is a change of a node's state.
type StateChange struct {
	Time  time.Time `json:"time"`
	From  string    `json:"from,omitempty"`
	To    string    `json:"to"`
	Cause string    `json:"cause,omitempty"`
	PID   int64     `json:"pid,omitempty"`
}

// LogsQuery says which output of a node is wanted.
type LogsQuery struct {
	// Instance is needed if the node is no longer deployed, or is known of several ones.
	Instance string
	Stderr   bool // instead of stdout
	// Lines is how many of the last lines come first.
	Lines int
	// Follow goes on with what the node prints later.
	Follow bool
}

// TrailerError is the trailer of an answer that says why a text that has begun is not
// whole.
const TrailerError = "Zeekfleet-Error"

// Hosts returns the hosts of all instances. With fresh, the controller asks the agents first.
func (c *Client) Hosts(ctx context.Context, fresh bool) ([]Host, error) {
	path := PathHosts
	if fresh {
		path += "?fresh=true"
	}
	var page Page[Host]
	return page.Items, c.get(ctx, path, &page)
}

// Crashes tells how nodes ended by themselves. An empty node stands for all nodes.
func (c *Client) Crashes(ctx context.Context, node string) (found Crashes, err error) {
	query := url.Values{}
	if node != "" {
		query.Set("node", node)
	}
	return found, c.do(ctx, request{method: http.MethodGet, path: PathCrashes, query: query}, &found)
}

// CrashRecord returns everything about a crash.
func (c *Client) CrashRecord(ctx context.Context, instance, id string) (r CrashRecord, err error) {
	return r, c.get(ctx, PathCrashes+"/"+url.PathEscape(instance)+"/"+url.PathEscape(id), &r)
}

// Diag returns a report about a node. instance is as in LogsQuery.
func (c *Client) Diag(ctx context.Context, node, instance string) (d NodeDiag, err error) {
	query := url.Values{}
	if instance != "" {
		query.Set("instance", instance)
	}
	return d, c.do(ctx, request{method: http.MethodGet, path: PathNodes + "/" + url.PathEscape(node) + "/diag", query: query}, &d)
}

// Logs returns the output of a node. The caller closes it. It is read to io.EOF if it is
// whole, and else to an error for people. What is followed ends when ctx is done.
func (c *Client) Logs(ctx context.Context, node string, q LogsQuery) (io.ReadCloser, error) {
	query := url.Values{"lines": {strconv.Itoa(q.Lines)}}
	if q.Instance != "" {
		query.Set("instance", q.Instance)
	}
	if q.Stderr {
		query.Set("stream", "stderr")
	}
	if q.Follow {
		query.Set("follow", "true")
	}
	return c.text(ctx, request{method: http.MethodGet, path: PathNodes + "/" + url.PathEscape(node) + "/logs", query: query})
}
