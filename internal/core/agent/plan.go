package agent

import (
	"encoding/json"
	"fmt"
	"sort"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// plan answers what a deployment of a configuration would do now. It saves, starts and
// stops nothing.
func (m *Machine) plan(r *request, msg mgmt.AgentPlanRequest) {
	if why := m.cfg.mistake(msg.Config); why != "" {
		m.requests.reply(r, planned(mgmt.InstancePlan{Problems: []mgmt.InstancePlanFinding{{Text: why}}}))
		return
	}
	m.requests.open(r, min(msg.Preflight, m.cfg.MaxPatience))
	c := change{request: r, purpose: plans, config: msg.Config, all: msg.All, plan: m.planFor(msg.Config)}
	_, needed := m.preflightOf(c)
	needed = needed || len(c.config.BundlesOf(m.cfg.Name)) > 0
	if before := m.proposals.waiting(); needed && before != nil && before.purpose != plans {
		m.proposals.answerPlan(c, "the preflight was not run: that of a deployment runs at present")
		return
	}
	if !m.proposals.fetch(c) {
		weighing{m}.weigh(c)
	}
}

// answerPlan answers a request for a plan. The doubts are texts about the host.
func (ps *proposals) answerPlan(c change, doubts ...string) {
	for _, text := range doubts {
		c.plan.Doubts = append(c.plan.Doubts, mgmt.InstancePlanFinding{Text: text})
	}
	ps.requests.closeWith(c.request, planned(*c.plan))
}

// answerPlanned answers a request for a plan when its preflight has ended. The doubts are texts
// about the host.
func (ps *proposals) answerPlanned(c change, findings []mgmt.Finding, unfinished []mgmt.NodeName, doubts ...string) {
	for _, f := range findings {
		outputs := ps.requests.cut(f.Outputs)
		c.plan.Problems = append(c.plan.Problems, mgmt.InstancePlanFinding{
			Node: f.Node, Text: f.Problem, Stdout: outputs.Stdout, Stderr: outputs.Stderr,
		})
	}
	for _, n := range unfinished {
		c.plan.Doubts = append(c.plan.Doubts, mgmt.InstancePlanFinding{Node: n, Text: notFinished})
	}
	ps.answerPlan(c, doubts...)
}

// planned returns the result that carries a plan.
func planned(plan mgmt.InstancePlan) mgmt.Result {
	text, err := json.Marshal(plan)
	if err != nil {
		panic(fmt.Sprintf("agent: marshal plan: %v", err)) // it holds plain data only
	}
	return mgmt.Result{Success: true, Data: mgmt.Text(text)}
}

// planFor returns what a deployment of c would do with each node of this instance.
func (m *Machine) planFor(c mgmt.Configuration) *mgmt.InstancePlan {
	next := m.plans.of(c, m.cfg.LayoutUse)
	present := m.plans.of(m.desired, m.rollout.use)
	r := planning{m.rollout, m.options, present, next, mgmt.NewPlanDifferences(present, next)}
	p := &mgmt.InstancePlan{Backend: backendOf(next)}
	for name, plan := range next.All() {
		node := r.of(name)
		node.Node, node.Role = name, plan.Node.Role
		p.Nodes = append(p.Nodes, node)
	}
	for _, n := range r.nodes.sorted(func(n *node) bool { return !next.Has(n.name()) }) {
		p.Nodes = append(p.Nodes, mgmt.InstancePlanNode{
			Node: n.name(), Role: n.plan.Node.Role, Action: mgmt.ActionStop, Because: []string{"it is no part of the configuration"},
		})
	}
	p.Bundles = mgmt.CompareBundles(m.desired.BundlesOf(m.cfg.Name), c.BundlesOf(m.cfg.Name))
	sort.Slice(p.Nodes, func(i, j int) bool { return p.Nodes[i].Node < p.Nodes[j].Node })
	return p
}

// planning finds out what a deployment of next would do.
type planning struct {
	*rollout
	options       *options
	present, next *mgmt.Plans
	differences   *mgmt.PlanDifferences // from present, which is desired now, to next
}

// of says what the deployment would do with a node, as rollout.want does it.
func (r planning) of(name mgmt.NodeName) mgmt.InstancePlanNode {
	n := r.nodes.named[name]
	stopped := r.steering.stops(name)
	does := func(action mgmt.NodeAction, because ...string) mgmt.InstancePlanNode {
		return mgmt.InstancePlanNode{Action: action, Because: because, Stopped: stopped}
	}
	switch {
	case stopped && n != nil && n.proc != nil:
		return does(mgmt.ActionStop, "a user has stopped it")
	case stopped:
		return does(mgmt.ActionNone)
	case n == nil:
		return does(mgmt.ActionStart)
	case n.unseen != "":
		return does(mgmt.ActionNone, n.unseen)
	case n.proc == nil && n.paused && n.held && n.has(name, r.next):
		return does(mgmt.ActionNone, "it has ended, and a user has paused it")
	case n.proc == nil:
		return does(mgmt.ActionStart, "it does not run")
	case !r.next.Is(name, n.proc.fingerprint):
		because := r.differences.Because(name)
		if len(because) == 0 {
			because = []string{"it runs with another plan"}
		}
		return does(mgmt.ActionRestart, append(because, append(r.setsOptions(n), r.setsLimits(n)...)...)...)
	case otherBackend(r.rollout, name, r.next) != "":
		return does(mgmt.ActionRestart, otherBackend(r.rollout, name, r.next))
	case n.proc.halt != nil && n.stuck() == "":
		return does(mgmt.ActionRestart, "it is about to be restarted")
	}
	action, because := mgmt.WhileRunning(r.setsOptions(n), r.setsLimits(n))
	return does(action, because...)
}

// setsLimits has a reason for each limit of n, which runs, that changes.
func (r planning) setsLimits(n *node) []string {
	before, _ := r.present.Of(n.name())
	after, _ := r.next.Of(n.name())
	because := mgmt.LimitsDifference(before.Node, after.Node)
	if why := n.proc.limits.why; why != "" && len(because) == 0 {
		because = []string{"it did not get its limits before: " + why}
	}
	return because
}

// setsOptions has a reason for each option that n, which runs, gets another value of.
func (r planning) setsOptions(n *node) []string {
	before, _ := r.present.Of(n.name())
	after, _ := r.next.Of(n.name())
	because := mgmt.RunOptionDifference(before.Node, after.Node)
	if _, why := r.options.outcome(n); why != "" && len(because) == 0 {
		because = []string{"it did not take its options before: " + why}
	}
	return because
}
