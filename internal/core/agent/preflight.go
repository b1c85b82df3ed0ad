package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// check is a deployment whose nodes are being looked at; nothing of it has
// happened yet. It goes when its request is answered, whyever that is.
type check struct {
	id     uint64
	change change
	nodes  []mgmt.NodeName // that are looked at
	// until is when the deployment goes on, even if nobody has said anything;
	// zero: it does not.
	until time.Time
}

const (
	// lookMargin is how long before its request's deadline a preflight ends, so
	// that the answer can say which nodes it had not finished with.
	lookMargin = 500 * time.Millisecond
	// lookGrace is how long a preflight that does not decide may be late with
	// what it knows.
	lookGrace = time.Second
)

// preflight returns what has to be looked at before c, and false if there is
// nothing: c has no node with a new plan, or is to come about whatever it takes.
// A node that is down although its plan is the same was looked at when that came,
// and must not keep others from being changed.
func (m *Machine) preflight(c change) (Preflight, bool) {
	if m.cfg.Preflight == PreflightOff || c.force {
		return Preflight{}, false
	}
	var p Preflight
	plans := mgmt.PlansOf(c.config, m.cfg.Name)
	for name, plan := range plans.All() {
		if n := m.nodes[name]; n == nil || !n.has(name, plans) {
			p.Start = append(p.Start, plan)
		}
	}
	for _, n := range m.sortedNodes(func(n *node) bool { return n.proc != nil && n.proc.pid != 0 }) {
		p.Running = append(p.Running, n.proc.pid)
	}
	return p, len(p.Start) > 0
}

// has reports whether n has to run its plan already, or runs it without anybody
// having said whether it should.
func (n *node) has(name mgmt.NodeName, plans *mgmt.Plans) bool {
	return n.wanted && n.fingerprint == plans.Fingerprint(name) ||
		n.kept && n.proc != nil && !n.proc.halt && plans.Is(name, n.proc.fingerprint)
}

// look has the nodes of c looked at. A deployment that was being looked at is
// superseded, unless it is the same: the later one is what the controller wants.
func (m *Machine) look(c change, p Preflight) {
	if m.check != nil {
		before := m.check.change
		if c.repeats(before.config) && before.request.kind == deploying {
			c.twins = before.requests()
		} else {
			m.failAll(before, supersededBy(c.request))
		}
	}
	m.checks++
	p.ID, p.Deadline = m.checks, m.lookUntil(c.request)
	m.check = &check{id: p.ID, change: c}
	for _, plan := range p.Start {
		m.check.nodes = append(m.check.nodes, plan.Node.Name)
	}
	if m.cfg.Preflight == PreflightOn {
		m.check.until = earlier(p.Deadline.Add(lookGrace), c.request.deadline.Add(-lookMargin/2))
	}
	m.emit(p)
}

// lookUntil returns when a preflight is to tell what it knows. One that does not
// decide leaves the deployment time to be carried out.
func (m *Machine) lookUntil(r *request) time.Time {
	if m.cfg.Preflight == PreflightStrict || r.kind == preparing {
		return r.deadline.Add(-lookMargin)
	}
	return m.now.Add(r.deadline.Sub(m.now) / 2)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// lookNoMore goes on with a deployment whose preflight does not end.
func (m *Machine) lookNoMore() {
	c := m.check
	if c == nil || c.until.IsZero() || m.now.Before(c.until) {
		return
	}
	m.check = nil
	m.goOn(c.change, c.nodes)
}

func (m *Machine) failAll(c change, why string) {
	for _, r := range c.requests() {
		m.fail(r, why)
	}
}

// preflighted goes on with the deployment that was looked at, or fails it as a
// whole.
func (m *Machine) preflighted(ev Preflighted) {
	if m.check == nil || m.check.id != ev.ID {
		m.emit(Note{Level: Debug, Text: "preflight ended of a deployment that nobody waits for"})
		return
	}
	c := m.check.change
	m.check = nil
	if m.cfg.Preflight == PreflightStrict {
		for _, n := range ev.Unfinished {
			ev.Findings = append(ev.Findings, mgmt.Finding{Node: n, Problem: "it could not be looked at in time"})
		}
		ev.Unfinished = nil
	}
	if len(ev.Findings) == 0 {
		m.goOn(c, ev.Unfinished)
		return
	}
	m.emit(Note{Level: Warn, Text: "deployment failed its preflight", ReqID: c.request.id, Err: inFull(ev.Findings)})
	for _, r := range c.requests() {
		m.reject(r, ev.Findings)
	}
}

// goOn brings about a deployment in which nothing wrong was found, or says of
// one that was only asked about that it could be; and of which nodes not all is
// known.
func (m *Machine) goOn(c change, unseen []mgmt.NodeName) {
	if len(unseen) > 0 {
		text := fmt.Sprintf("deployment %s goes on without a complete preflight of %s, which was not finished in time",
			c.request.id, nodeList(unseen))
		m.emit(Note{Level: Warn, Text: "deployment goes on before its preflight has ended", ReqID: c.request.id, Err: text})
		m.tell(mgmt.NotifyLog{Instance: m.cfg.Name, Msg: text})
	}
	switch {
	case c.request.kind == preparing:
		m.passed(c)
	case m.change != nil:
		m.failAll(c, "another configuration is being saved")
	default:
		m.change = &c
	}
}

// reject answers a deployment with what keeps it from succeeding: one result
// for the whole, one for each problem of the host, and one for each node that
// has any.
func (m *Machine) reject(r *request, findings []mgmt.Finding) {
	r.results = []mgmt.Result{m.result(r, "", mgmt.Result{Error: summary(findings)})}
	nodes := map[mgmt.NodeName]mgmt.Finding{}
	for _, f := range findings {
		if f.Node == "" {
			r.results = append(r.results, m.result(r, "", mgmt.Result{Error: f.Problem}))
			continue
		}
		nodes[f.Node] = joined(nodes[f.Node], f)
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		f := nodes[name]
		m.add(r, name, mgmt.Result{Error: f.Problem, Data: m.outputData(f.Outputs)})
	}
	m.close(r)
}

// joined is one finding for several of a node: a node has one result.
func joined(a, b mgmt.Finding) mgmt.Finding {
	if a.Problem == "" {
		return b
	}
	lines := func(x, y string) string { return strings.Trim(x+"\n"+y, "\n") }
	return mgmt.Finding{
		Node:    b.Node,
		Problem: a.Problem + "; " + b.Problem,
		Outputs: mgmt.NodeOutputs{
			Stdout: lines(a.Outputs.Stdout, b.Outputs.Stdout),
			Stderr: lines(a.Outputs.Stderr, b.Outputs.Stderr),
		},
	}
}

// nodeList names nodes, the first few of them.
func nodeList(nodes []mgmt.NodeName) string {
	if len(nodes) > 1 {
		return "nodes " + mgmt.FewNames(nodes, maxSummary)
	}
	return "node " + mgmt.FewNames(nodes, maxSummary)
}

// inFull is the summary with the problems of the host, which a log tells nowhere
// else.
func inFull(findings []mgmt.Finding) string {
	texts := []string{summary(findings)}
	for _, f := range findings {
		if f.Node == "" {
			texts = append(texts, f.Problem)
		}
	}
	return strings.Join(texts, "; ")
}

// maxSummary bounds the nodes that a summary tells of.
const maxSummary = 5

// summary says what keeps a deployment from succeeding. It names nodes, because
// zeek-client shows no texts of results that belong to one (spec management-api
// appendix B).
func summary(findings []mgmt.Finding) string {
	var texts []string
	for _, f := range findings {
		if f.Node != "" {
			texts = append(texts, f.String())
		}
	}
	if len(texts) == 0 {
		return mgmt.PreflightFailed
	}
	return mgmt.PreflightFailed + "; " + mgmt.FewTexts(texts, maxSummary, "; ")
}
