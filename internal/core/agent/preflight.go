package agent

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// pendingPreflight is a Preflight that was not answered yet. It ends when its request
// is answered, for any reason.
type pendingPreflight struct {
	id     uint64
	change change
	nodes  []mgmt.NodeName // that the deployment would start
	// until is when the deployment goes on without an answer. Zero means that it does
	// not.
	until time.Time
}

const (
	// preflightMargin ends a preflight this long before its request's deadline, so that
	// the answer can say which nodes were not finished.
	preflightMargin = 500 * time.Millisecond
	// preflightGrace is how much later than its Deadline a Preflight may be answered,
	// with PreflightOn.
	preflightGrace = time.Second
)

// preflightOf returns the Preflight of c, and false if c needs none: c has no node
// with a new plan or other options that is to run, or c is forced, or it was prepared. A node that is down and
// keeps its plan had a preflight when that plan came. It must not keep other nodes from being
// changed. If c wants all nodes to be checked, none is left out, and it does not count that
// preflights are off: a user asks for this one.
func (m *Machine) preflightOf(c change) (Preflight, bool) {
	if m.cfg.Preflight == PreflightOff && !c.all || c.force || c.prepared {
		return Preflight{}, false
	}
	var p Preflight
	plans := m.plans.of(c.config, m.cfg.LayoutUse)
	for name, plan := range plans.All() {
		if m.rollout.steering.stops(name) {
			continue
		}
		if n := m.rollout.nodes.named[name]; c.all || n == nil || !n.has(name, plans) || otherBackend(m.rollout, name, plans) != "" || optionsOf(n.plan.Node) != optionsOf(plan.Node) {
			p.Start = append(p.Start, plan)
		}
	}
	return p, len(p.Start) > 0
}

// startPreflight starts the preflight p of c. It supersedes the change that waits at
// present.
func (ps *proposals) startPreflight(c change, p Preflight) {
	c = ps.superseding(c)
	ps.preflights++
	p.ID, p.Deadline = ps.preflights, ps.preflightDeadline(c)
	ps.pending = &pendingPreflight{id: p.ID, change: c}
	for _, plan := range p.Start {
		ps.pending.nodes = append(ps.pending.nodes, plan.Node.Name)
	}
	if ps.cfg.Preflight != PreflightStrict {
		ps.pending.until = earlier(p.Deadline.Add(preflightGrace), c.request.Deadline.Add(-preflightMargin/2))
	}
	ps.emit(p)
}

// preflightDeadline returns the Deadline of c's Preflight. With PreflightOn it leaves
// half of the time for the deployment itself.
func (ps *proposals) preflightDeadline(c change) time.Time {
	if ps.cfg.Preflight == PreflightStrict || c.purpose != deploys {
		return c.request.Deadline.Add(-preflightMargin)
	}
	return ps.now.Add(c.request.Deadline.Sub(ps.now) / 2)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// awaitsPreflight reports whether r waits for a preflight.
func (ps *proposals) awaitsPreflight(r *request) bool {
	return ps.pending != nil && ps.pending.change.has(r)
}

// expirePreflight forgets a preflight whose request was answered. It goes on with a
// deployment whose preflight does not end in time.
func (ps *proposals) expirePreflight() {
	c := ps.pending
	switch {
	case c == nil:
	case !ps.requests.inFlight.Holds(c.change.request):
		ps.pending = nil
	case !c.until.IsZero() && !ps.now.Before(c.until):
		ps.pending = nil
		ps.goOn(c.change, c.nodes)
	}
}

// preflighted goes on with the deployment that had this preflight, or fails the whole
// deployment.
func (ps *proposals) preflighted(ev Preflighted) {
	if ps.pending == nil || ps.pending.id != ev.ID {
		ps.emit(Note{Level: Debug, Text: "preflight ended of a deployment that nobody waits for"})
		return
	}
	c := ps.pending.change
	ps.pending = nil
	if ps.cfg.Preflight == PreflightStrict {
		for _, n := range ev.Unfinished {
			ev.Findings = append(ev.Findings, mgmt.Finding{Node: n, Problem: notFinished})
		}
		ev.Unfinished = nil
	}
	if c.purpose == plans {
		ps.answerPlanned(c, ev.Findings, ev.Unfinished, ev.Doubts...)
		return
	}
	if len(ev.Findings) == 0 {
		ps.goOn(c, ev.Unfinished)
		return
	}
	ps.emit(Note{Level: Warn, Text: "deployment failed its preflight", ReqID: c.request.ID, Err: inFull(ev.Findings)})
	for _, r := range c.requests() {
		ps.reject(r, ev.Findings)
	}
}

// notFinished is the problem, or the doubt, about a node whose preflight was not finished.
const notFinished = "its preflight was not finished in time"

// goOn saves a deployment that has no findings, or answers a preparation that has
// none. If the preflight was not finished, goOn names the nodes that were not checked.
func (ps *proposals) goOn(c change, unfinished []mgmt.NodeName) {
	if c.purpose == plans {
		ps.answerPlanned(c, nil, unfinished)
		return
	}
	if len(unfinished) > 0 {
		text := fmt.Sprintf("deployment %s goes on without a complete preflight of %s, which was not finished in time",
			c.request.ID, nodeList(unfinished))
		ps.emit(Note{Level: Warn, Text: "deployment goes on before its preflight has ended", ReqID: c.request.ID, Err: text})
		ps.tell(mgmt.NotifyLog{Instance: ps.cfg.Name, Msg: text})
	}
	if c.purpose == prepares {
		ps.passed(c)
		return
	}
	ps.save(c)
}
