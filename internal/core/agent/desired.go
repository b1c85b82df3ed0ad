package agent

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// occasion is what makes another configuration desired, as far as people want to know.
type occasion int

const (
	agentStarted  occasion = iota // it was desired before
	deployed                      // a controller has deployed it
	deployedAnew                  // and wants all nodes restarted
	toldToStandBy                 // it has no nodes
)

// whyStarted says why a node is started. had says that the node had a process, and again
// that it was to run with this plan before.
func (o occasion) whyStarted(had, again bool) string {
	switch {
	case o == deployed && again:
		return "started again, because its configuration came again"
	case o == agentStarted && had:
		return "restarted: it runs with another plan than the one that was deployed"
	case o == agentStarted:
		return "the agent started, and the node did not run"
	case o == deployedAnew && had:
		return "restarted by a deployment of all nodes"
	case had:
		return "restarted: a deployment has changed its plan"
	}
	return "deployed"
}

// whyStopped says why a node that is not in the configuration is stopped.
func (o occasion) whyStopped() string {
	if o == toldToStandBy {
		return "stopped: the agent was told to stand by"
	}
	return "stopped: it is no part of the configuration any more"
}

// setDesired makes c what is to run. A node that is not in c is stopped. A node in c
// that runs with another plan, or not at all, is started afresh. With force, all
// nodes of c are started afresh.
func (r *rollout) setDesired(c mgmt.Configuration, force bool, o occasion) {
	if o == agentStarted {
		keepBackend(r, c)
	}
	plans := r.plans.of(c, r.use)
	r.plans.keepOnly(c)
	r.layouts.present = plans.Telling()
	for name := range plans.All() {
		n, ok := r.nodes.named[name]
		if !ok {
			n = &node{state: mgmt.Stopped}
			if o != agentStarted && r.steering.stops(name) {
				n.state = mgmt.Unknown // nobody knows yet that it is stopped here, too
			}
			r.nodes.named[name] = n
		}
		r.want(n, name, plans, force, o)
	}
	for _, n := range r.nodes.sorted(func(n *node) bool { return !plans.Has(n.name()) }) {
		r.retire(n, o.whyStopped())
	}
	r.nodes.sortTiers()
}

// want makes n run the plan of that name.
func (r *rollout) want(n *node, name mgmt.NodeName, plans *mgmt.Plans, force bool, o occasion) {
	fingerprint := plans.Fingerprint(name)
	changed := fingerprint != n.fingerprint || force
	again := n.wanted && !changed
	if changed {
		n.failures = 0
	}
	n.plan, _ = plans.Of(name)
	n.fingerprint, n.wanted, n.kept = fingerprint, true, false
	n.paused = r.steering.pauses(name)
	if n.proc != nil {
		n.proc.options.why, n.proc.options.told = "", nil // it is told again
		if n.proc.limits.why != "" {
			n.proc.limits = limitsOfProcess{} // and is limited again
		}
	}
	if r.steering.stops(name) {
		r.rest(n)
		return
	}
	n.rests = false
	other := otherBackend(r, name, plans)
	same := n.proc != nil && r.runs(n.proc, name, plans) && other == ""
	if same && n.proc.fingerprint.Whole() {
		n.proc.layout = r.layouts.present.Layout // it has not changed
	}
	if same && n.stuck() != "" && !force {
		r.keepRunning(n)
	}
	if same && n.proc.halt == nil && !force {
		n.proc.spec = new(n.plan.Node)
		return
	}
	if n.paused && n.proc == nil && (n.held && !changed || o == agentStarted) {
		r.hold(n)
		return
	}
	why := o.whyStarted(n.proc != nil, again)
	if other != "" && r.runs(n.proc, name, plans) {
		why = "restarted: " + other
	}
	r.relaunch(n, why)
}

// runs reports whether p was started with the node's plan. If the fingerprints
// cannot be compared, it notes that and returns false.
func (r *rollout) runs(p *process, name mgmt.NodeName, plans *mgmt.Plans) bool {
	if err := p.fingerprint.Check(); err != nil {
		r.emit(Note{Level: Warn, Text: "process is replaced: a newer version of the program started it, and its plan cannot be compared", Node: name, Err: err.Error()})
	}
	return plans.Is(name, p.fingerprint)
}

// keepRunning lets a process go on that could not be stopped, and that has the
// wanted plan.
func (r *rollout) keepRunning(n *node) {
	n.proc.halt, n.fresh = nil, false
	r.setState(n, n.proc.state, "it could not be stopped before, and is to run after all")
}

// restart makes the rollout start n again, in any state of n.
func (r *rollout) restart(n *node, why string) {
	n.failures = 0
	r.relaunch(n, why)
}

// relaunch has n started afresh, after its present process has ended.
func (r *rollout) relaunch(n *node, why string) {
	r.halt(n)
	n.fresh, n.held = true, false
	if n.unseen == "" {
		r.setState(n, mgmt.Pending, why)
	}
}

// retire makes n one that is not desired.
func (r *rollout) retire(n *node, why string) {
	wasWanted := n.wanted
	n.wanted, n.fresh, n.kept, n.rests, n.held = false, false, false, false, false
	r.halt(n)
	if n.unseen == "" {
		r.setState(n, mgmt.Stopped, why)
	}
	if wasWanted { // otherwise a deployment may wait for its end already
		r.failed(n, "the node was removed", mgmt.NodeOutputs{})
	}
	if n.proc == nil && n.unseen == "" {
		delete(r.nodes.named, n.name())
	}
}

// keepAll lets all processes run until a controller says what should run. An agent
// that was never told what should run stops nothing.
func (r *rollout) keepAll() {
	for _, n := range r.nodes.named {
		n.kept = true
	}
	r.nodes.sortTiers()
	if why := r.nodes.unaware(); why != "" {
		r.emit(Note{Level: Error, Text: "what should run is not known", Err: why})
		r.tell(mgmt.NotifyLog{Instance: r.cfg.Name, Msg: why})
	}
}

// stopAll has every process stopped, and none started any more.
func (r *rollout) stopAll() {
	for _, n := range r.nodes.all() {
		n.wanted, n.fresh, n.kept, n.rests, n.held = false, false, false, false, false
		r.halt(n)
		if r.last.end != (time.Time{}) && n.stopping() && !n.proc.halt.sent.IsZero() {
			n.proc.halt = &halt{since: r.now} // it is asked again: it had longer before
		}
		r.setState(n, mgmt.Stopped, "stopped: the agent stops all its nodes and ends")
	}
}
