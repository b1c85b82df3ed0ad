package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/crash"
	"github.com/zeekfleet/zeekfleet/internal/diag"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/machine"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/tail"
)

// About is what an agent tells about itself, its host and the output of its nodes.
type About struct {
	// Version is the version of the program, and Build what else is known of its build.
	Version, Build string
	// Nodes is the kind of the nodes, in a few words. ZeekPath and ZeekVersion are those of
	// the Zeek that the agent starts. They are empty for embedded nodes.
	Nodes, ZeekPath, ZeekVersion string
	// LimitsBy is what bounds the processes of nodes: systemd, cgroup or rlimit.
	LimitsBy string
	// StateDir has a directory for each node. Stdout and Stderr name the files for a node's
	// output, as in proc.Spec.
	StateDir       string
	Stdout, Stderr string
	// MetricsAddr is where nodes serve metrics. Zero means their address in the layout.
	MetricsAddr netip.Addr
	// Dirs are the directories whose disks are of interest.
	Dirs []machine.Dir
}

// telling are the sources of an agent's streams.
type telling struct {
	instance mgmt.InstanceName
	about    About
	book     *nodeBook
	crashes  *crash.Store // nil: there are no records
	started  time.Time
	environ  []string                                                       // of the agent
	run      func(context.Context, mgmt.ExecQuery) (mgmt.ExecReport, error) // a command of the host; nil: none

	controllers *connectedControllers
	obeyed      *obeyed
	streams     func() int              // how many are being sent; nil: nobody knows
	sample      func() *mgmt.HostSample // the newest, or nil
	metricsAt   string                  // where the agent itself serves metrics; empty: nowhere
}

func (t *telling) sources() map[mgmt.StreamKind]carry.Source {
	return map[mgmt.StreamKind]carry.Source{
		mgmt.StreamLogs:    t.logs,
		mgmt.StreamCrashes: t.listCrashes,
		mgmt.StreamCrash:   t.crash,
		mgmt.StreamHost:    t.host,
		mgmt.StreamDiag:    t.diag,
		mgmt.StreamMetrics: t.metrics,
		mgmt.StreamExec:    t.exec,
		mgmt.StreamSettings: func(ctx context.Context, _ []byte, to *carry.Writer) error {
			return asJSON(ctx, to, machine.Settings("/"))
		},
	}
}

// parameters reads the parameters of a stream. Unknown ones are errors: an agent that is
// older than its controller must not do something else than what was asked for.
func parameters(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil && !(errors.Is(err, io.EOF) && len(text) == 0) {
		return &mgmt.StreamError{Code: mgmt.StreamInvalid, Text: fmt.Sprintf("the agent does not understand the request: %v", err)}
	}
	return nil
}

// asJSON sends a value.
func asJSON(ctx context.Context, to *carry.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return to.Write(ctx, text)
}

func notFound(format string, args ...any) error {
	return &mgmt.StreamError{Code: mgmt.StreamNotFound, Text: fmt.Sprintf(format, args...)}
}

// exec runs a command of the host.
func (t *telling) exec(ctx context.Context, text []byte, to *carry.Writer) error {
	var q mgmt.ExecQuery
	if err := parameters(text, &q); err != nil {
		return err
	}
	if t.run == nil {
		return &mgmt.StreamError{Code: mgmt.StreamUnsupported, Text: fmt.Sprintf("the agent of instance %s runs no commands", t.instance)}
	}
	to.Begin() // it can take longer than the asker waits for the beginning
	report, err := t.run(ctx, q)
	if err != nil {
		return err
	}
	return asJSON(ctx, to, report)
}

func (t *telling) logs(ctx context.Context, text []byte, to *carry.Writer) error {
	var q mgmt.LogsQuery
	if err := parameters(text, &q); err != nil {
		return err
	}
	if q.Lines < 0 || q.Lines > mgmt.MaxLogLines {
		return &mgmt.StreamError{Code: mgmt.StreamInvalid, Text: fmt.Sprintf("%d lines are not between 0 and %d", q.Lines, mgmt.MaxLogLines)}
	}
	path, err := t.output(q.Node, q.Stderr)
	if err != nil {
		return err
	}
	to.Begin()
	if q.Follow {
		return tail.Follow(ctx, tail.Config{}, path, q.Lines, to.Write)
	}
	err = tail.Last(ctx, tail.Config{}, path, q.Lines, to.Write)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has printed nothing yet
	}
	return err
}

// nodeDir returns the directory of a node. There is one for each node that the agent has
// launched, also when the node is no longer in the configuration.
func (t *telling) nodeDir(node mgmt.NodeName) (string, error) {
	none := notFound("instance %s has no node %.100q", t.instance, string(node))
	if mgmt.CheckName(string(node)) != nil {
		return "", none
	}
	dir := launch.NodeDir(t.about.StateDir, node)
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return "", none
	}
	if _, err := os.Lstat(filepath.Join(dir, stateFile)); err == nil {
		return "", none // of a controller or an agent
	}
	return dir, nil
}

// output returns the file with the output of a node.
func (t *telling) output(node mgmt.NodeName, stderr bool) (string, error) {
	dir, err := t.nodeDir(node)
	if err != nil {
		return "", err
	}
	name, setting := t.about.Stdout, "agent.stdout_file"
	if stderr {
		name, setting = t.about.Stderr, "agent.stderr_file"
	}
	switch {
	case name == "":
		return "", notFound("instance %s keeps no such output of its nodes: %s is empty", t.instance, setting)
	case !filepath.IsAbs(name):
		return filepath.Join(dir, name), nil
	}
	// The operator has configured this path, and may mean the target of a link.
	if target, err := filepath.EvalSymlinks(name); err == nil {
		return target, nil
	}
	return name, nil
}

func (t *telling) listCrashes(ctx context.Context, _ []byte, to *carry.Writer) error {
	list := []mgmt.CrashSummary{}
	if t.crashes != nil {
		records, _ := t.crashes.All() // one that cannot be read is shown by the host's own command
		for _, r := range records {
			list = append(list, summary(r))
		}
	}
	return asJSON(ctx, to, list)
}

func (t *telling) crash(ctx context.Context, text []byte, to *carry.Writer) error {
	var q mgmt.CrashQuery
	if err := parameters(text, &q); err != nil {
		return err
	}
	if t.crashes != nil {
		if r, ok := t.crashes.Find(q.ID); ok {
			return asJSON(ctx, to, crashReport(r))
		}
	}
	return notFound("instance %s has no crash record %.40q: the oldest records are removed when there are too many", t.instance, q.ID)
}

func summary(r crash.Record) mgmt.CrashSummary {
	out := mgmt.NodeOutputs{Stdout: r.Stdout, Stderr: r.Stderr}
	why := out.TellingLine()
	if r.Exit.Signal != 0 || !r.Exit.Known {
		why = out.EndingLine()
	}
	return mgmt.CrashSummary{
		ID: r.ID(), Node: r.Node, When: r.When.UTC(), Uptime: r.Uptime, PID: r.PID, End: r.Exit.Text,
		Why: why, Backtrace: r.Backtrace != "",
	}
}

func crashReport(r crash.Record) mgmt.CrashReport {
	report := mgmt.CrashReport{
		CrashSummary: summary(r), Launch: r.Launch, Program: r.Program, Version: r.Version, Dir: r.Dir, Fingerprint: string(r.Fingerprint),
		Stdout: r.Stdout, Stderr: r.Stderr, Core: r.Core, Trace: r.Backtrace, Note: r.Note, Pending: r.Pending,
	}
	if r.Plan != nil {
		report.Plan = form.Encode(form.NewPlan(*r.Plan))
	}
	return report
}

func (t *telling) host(ctx context.Context, _ []byte, to *carry.Writer) error {
	return asJSON(ctx, to, t.facts())
}

func (t *telling) facts() mgmt.HostFacts {
	f := machine.Look(t.about.Dirs)
	f.Version, f.Build, f.Started = t.about.Version, t.about.Build, t.started.UTC()
	f.Nodes, f.ZeekPath, f.ZeekVersion = t.about.Nodes, t.about.ZeekPath, t.about.ZeekVersion
	f.Running, f.States = t.book.versions(), t.book.ages(time.Now())
	f.Metrics, f.LimitsBy = t.metricsAt, t.about.LimitsBy
	f.Hardware = new(machine.ThisHardware())
	return f
}

// diagLines bounds the last lines of each output in a report, unless the asker says
// otherwise.
const diagLines = 50

func (t *telling) diag(ctx context.Context, text []byte, to *carry.Writer) error {
	var q mgmt.DiagQuery
	if err := parameters(text, &q); err != nil {
		return err
	}
	page, known := t.book.read(q.Node)
	dir, err := t.nodeDir(q.Node)
	if err != nil && !known {
		return err
	}
	var secrets diag.Secrets
	t.know(&secrets, page)
	d := mgmt.NodeDiag{
		Node: q.Node, Instance: t.instance, State: page.state, PID: page.pid, Launch: page.launch,
		Program: page.facts.Program, Version: page.facts.Version, Dir: dir, Remark: page.remark, Host: t.facts(),
	}
	if d.Crash, err = t.lastCrash(q.Node, &secrets); err != nil { // its environment may have had other secrets
		return err
	}
	for _, c := range page.changes {
		c.Cause = secrets.Text(c.Cause)
		d.History = append(d.History, c)
	}
	if page.known {
		d.Fingerprint = string(page.plan.Fingerprint())
		d.Plan = form.Encode(form.NewPlan(secrets.Plan(page.plan)))
	}
	lines := min(q.Lines, mgmt.MaxLogLines)
	if lines <= 0 {
		lines = diagLines
	}
	d.Stdout = secrets.Text(t.end(ctx, q.Node, false, lines))
	if t.about.Stderr != t.about.Stdout {
		d.Stderr = secrets.Text(t.end(ctx, q.Node, true, lines))
	}
	d.Removed = secrets.Removed()
	return asJSON(ctx, to, d)
}

// know tells the secrets that belong to a node.
func (t *telling) know(s *diag.Secrets, page nodePage) {
	s.KnowEnv(page.plan.Node.Env)
	s.Know("the secret of the node and its agent", string(page.facts.Secret))
	s.Know("CURVE key", page.facts.ZeroMQ.Curve.Server.Secret)
	s.Know("CURVE key", page.facts.ZeroMQ.Curve.Client.Secret)
	for _, entry := range t.environ {
		if name, value, ok := strings.Cut(entry, "="); ok && diag.Suspicious(name) {
			s.Know("environment variable "+name+" of the agent", value)
		}
	}
}

// lastCrash returns the last crash of a node without secrets, or nil.
func (t *telling) lastCrash(node mgmt.NodeName, secrets *diag.Secrets) (*mgmt.CrashReport, error) {
	if t.crashes == nil {
		return nil, nil
	}
	records, _ := t.crashes.List(node) // one that cannot be read is left out
	if len(records) == 0 {
		return nil, nil
	}
	r := records[0]
	if r.Plan != nil {
		secrets.KnowEnv(r.Plan.Node.Env)
		r.Plan = new(secrets.Plan(*r.Plan))
	}
	r.Stdout, r.Stderr, r.Backtrace, r.Note = secrets.Text(r.Stdout), secrets.Text(r.Stderr), secrets.Text(r.Backtrace), secrets.Text(r.Note)
	return new(crashReport(r)), nil
}

// maxDiagOutput bounds each output in a report, in bytes.
const maxDiagOutput = 64 << 10

// end returns the last lines of an output, or why there are none.
func (t *telling) end(ctx context.Context, node mgmt.NodeName, stderr bool, lines int) string {
	path, err := t.output(node, stderr)
	if err != nil {
		return ""
	}
	var text bytes.Buffer
	err = tail.Last(ctx, tail.Config{MaxBytes: maxDiagOutput}, path, lines, func(_ context.Context, p []byte) error {
		text.Write(p)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("zeekfleet: the output cannot be read: %v\n", err)
	}
	return strings.ToValidUTF8(text.String(), "?")
}
