package agent

import (
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// check is a deployment whose nodes are being looked at. It goes when its request
// is answered, for whatever reason.
type pendingPreflight struct {
	id     uint64
	change change
	nodes  []mgmt.NodeName // that are looked at
	// until is when the deployment goes on, even if nobody has said anything;
	// zero: it does not.
	until time.Time
}

const (
	// preflightMargin ends a preflight this long before its request's deadline, so that
	// the answer can say which nodes the preflight had not finished with.
	preflightMargin = 500 * time.Millisecond
	// preflightGrace is how long a preflight that does not decide may be late with
	// what it knows.
	preflightGrace = time.Second
)

// preflight returns what has to be looked at before c, and false if there is
// nothing: c has no node with a new plan, or is to come about whatever it takes.
// A node that is down although its plan is the same was looked at when that plan
// came. It must not keep other nodes from being changed.
func (m *Machine) preflightOf(c change) (Preflight, bool) {
	if m.cfg.Preflight == PreflightOff || c.force {
		return Preflight{}, false
	}
	p := Preflight{Running: m.rollout.pids()}
	plans := mgmt.PlansOf(c.config, m.cfg.Name)
	for name, plan := range plans.All() {
		if n := m.rollout.named[name]; n == nil || !n.has(name, plans) {
			p.Start = append(p.Start, plan)
		}
	}
	return p, len(p.Start) > 0
}

// look has the nodes of c looked at. It supersedes a deployment that was being
// looked at, unless that is the same: the later one is what the controller wants.
func (ps *proposals) startPreflight(c change, p Preflight) {
	if ps.pending != nil {
		before := ps.pending.change
		if before.purpose == deploys && c.repeats(before.config) {
			c.twins = before.requests()
		} else {
			ps.failAll(before, supersededBy(c))
		}
	}
	ps.preflights++
	p.ID, p.Deadline = ps.preflights, ps.preflightDeadline(c)
	ps.pending = &pendingPreflight{id: p.ID, change: c}
	for _, plan := range p.Start {
		ps.pending.nodes = append(ps.pending.nodes, plan.Node.Name)
	}
	if ps.cfg.Preflight == PreflightOn {
		ps.pending.until = earlier(p.Deadline.Add(preflightGrace), c.request.Deadline.Add(-preflightMargin/2))
	}
	ps.emit(p)
}

// preflightDeadline returns when a preflight is to tell what it knows. A preflight that
// does not decide leaves the deployment time to be carried out.
func (ps *proposals) preflightDeadline(c change) time.Time {
	if ps.cfg.Preflight == PreflightStrict || c.purpose == prepares {
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
	return ps.pending != nil && slices.Contains(ps.pending.change.requests(), r)
}

// expirePreflight drops a preflight whose request was answered, and goes on with a
// deployment whose preflight does not end.
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

// preflighted goes on with the deployment that was looked at, or fails it as a
// whole.
func (ps *proposals) preflighted(ev Preflighted) {
	if ps.pending == nil || ps.pending.id != ev.ID {
		ps.emit(Note{Level: Debug, Text: "preflight ended of a deployment that nobody waits for"})
		return
	}
	c := ps.pending.change
	ps.pending = nil
	if ps.cfg.Preflight == PreflightStrict {
		for _, n := range ev.Unfinished {
			ev.Findings = append(ev.Findings, mgmt.Finding{Node: n, Problem: "it could not be looked at in time"})
		}
		ev.Unfinished = nil
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

// goOn brings about a deployment in which nothing wrong was found. Of a
// deployment that was only asked about it says that it could be. It also says of
// which nodes not all is known.
func (ps *proposals) goOn(c change, unfinished []mgmt.NodeName) {
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
