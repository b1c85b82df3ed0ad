package agent

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"zeekfleet/internal/mgmt"
)

// check is a deployment whose nodes are being looked at; nothing of it has
// happened yet. It goes when its request is answered, whyever that is.
type check struct {
	id     uint64
	change change
}

// preflight returns what has to be looked at before c, and false if there is
// nothing: c has no node with a new plan, or is to come about whatever it takes.
// A node that is down although its plan is the same was looked at when that came,
// and must not keep others from being changed.
func (m *Machine) preflight(c change) (Preflight, bool) {
	if !m.cfg.Preflight || c.force {
		return Preflight{}, false
	}
	var p Preflight
	plans := mgmt.Plans(c.config, m.cfg.Name)
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		if n := m.nodes[name]; n == nil || !n.has(plans[name].Hash()) {
			p.Start = append(p.Start, plans[name])
		}
	}
	for _, n := range m.sortedNodes(func(n *node) bool { return n.proc != nil && n.proc.pid != 0 }) {
		p.Running = append(p.Running, n.proc.pid)
	}
	return p, len(p.Start) > 0
}

// keeps reports whether n keeps its process if a plan of this hash is wanted.
func (n *node) keeps(hash string) bool {
	return n.proc != nil && n.proc.hash == hash && !n.proc.halt
}

// has reports whether a plan of this hash is what n has to run already, or runs
// without anybody having said whether it should.
func (n *node) has(hash string) bool { return n.wanted && n.hash == hash || n.kept && n.keeps(hash) }

// look has the nodes of c looked at. A deployment that was being looked at is
// superseded, unless it is the same: the later one is what the controller wants.
func (m *Machine) look(c change, p Preflight) {
	if m.check != nil {
		earlier := m.check.change
		if c.repeats(earlier.config) && earlier.request.kind == deploying {
			c.twins = earlier.requests()
		} else {
			m.failAll(earlier, supersededBy(c.request))
		}
	}
	m.checks++
	p.ID, p.Deadline = m.checks, c.request.deadline
	m.check = &check{id: p.ID, change: c}
	m.emit(p)
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
	switch {
	case len(ev.Findings) > 0:
		m.emit(Note{Level: Warn, Text: "deployment failed its preflight", ReqID: c.request.id, Err: summary(ev.Findings)})
		for _, r := range c.requests() {
			m.reject(r, ev.Findings)
		}
	default:
		m.goOn(c)
	}
}

// goOn brings about a deployment in which nothing wrong was found, or says of
// one that was only asked about that it could be.
func (m *Machine) goOn(c change) {
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
func (m *Machine) reject(r *request, findings []Finding) {
	r.results = []mgmt.Result{m.result(r, "", mgmt.Result{Error: summary(findings)})}
	nodes := map[mgmt.NodeName]Finding{}
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
func joined(a, b Finding) Finding {
	if a.Problem == "" {
		return b
	}
	lines := func(x, y string) string { return strings.Trim(x+"\n"+y, "\n") }
	return Finding{
		Node:    b.Node,
		Problem: a.Problem + "; " + b.Problem,
		Outputs: mgmt.NodeOutputs{
			Stdout: lines(a.Outputs.Stdout, b.Outputs.Stdout),
			Stderr: lines(a.Outputs.Stderr, b.Outputs.Stderr),
		},
	}
}

// maxSummary bounds the nodes that a summary tells of.
const maxSummary = 5

// summary says what keeps a deployment from succeeding. It names nodes, because
// zeek-client shows no texts of results that belong to one (spec management-api
// appendix B).
func summary(findings []Finding) string {
	text := mgmt.PreflightFailed
	told := 0
	for _, f := range findings {
		if f.Node == "" {
			continue
		}
		if told++; told <= maxSummary {
			text += fmt.Sprintf("; node %s: %s", f.Node, f.Problem)
		}
	}
	if told > maxSummary {
		text += fmt.Sprintf("; and %d more", told-maxSummary)
	}
	return text
}
