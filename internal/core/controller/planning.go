package controller

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// addPlans adds the request that asks what a deployment would do.
func (table decisions) addPlans() {
	decide(table, func(m *Machine, r *request, msg mgmt.PlanRequest) { planning{asking{m.parts}}.plan(r, msg) })
}

// planning asks agents what they would do if a configuration was deployed. For agents that
// cannot say it, it compares the configuration with the deployed one.
type planning struct{ asking }

// fleetPlan is the answer to a request for a plan in the making.
type fleetPlan struct {
	is       *mgmt.FleetPlan
	foreseen *foreseen
	backends backends
}

// planMargin is the time between the agents' answers and the moment when the controller
// gives up.
const planMargin = 500 * time.Millisecond

func (p planning) plan(r *request, msg mgmt.PlanRequest) {
	filled, errs, doubts := p.filled(msg.Config)
	if len(errs) > 0 {
		p.requests.refuse(r, mgmt.FewTexts(errs, maxNamed, "; "))
		return
	}
	next := newTarget(filled)
	if msg.Instance != "" && !next.has(msg.Instance) {
		p.requests.refuse(r, fmt.Sprintf("instance '%s' is no part of the configuration", msg.Instance))
		return
	}
	making := &fleetPlan{is: &mgmt.FleetPlan{Deployed: p.memory.state.Deployed.revision()}, foreseen: foresee(p.memory.deployed, next, p.memory.state.Stopped)}
	r.Detail.plan = making
	for _, text := range doubts {
		making.is.Doubts = append(making.is.Doubts, mgmt.PlanFinding{Text: text})
	}
	patience := p.cfg.deployTime(msg.Patience)
	r.Deadline = p.now.Add(patience)
	for _, name := range p.concerned(next, msg.Instance) {
		if why := p.cannotSay(name, msg.Instance != ""); why != "" && len(next.of[name]) > 0 {
			making.guess(name, p.roster.agents[name], why)
			last := &making.is.Unknown[len(making.is.Unknown)-1]
			last.Absent, last.Meant = p.roster.absence(name) != "", p.roster.meant(next, name)
			continue
		}
		if len(next.of[name]) == 0 { // all its nodes are stopped
			making.foresee(name, false)
			continue
		}
		l := p.ask(r, p.roster.agents[name], p)
		p.legs.send(l, mgmt.AgentPlanRequest{ReqID: l.id, Config: filled, Preflight: patience - min(planMargin, patience/8), All: msg.Instance != ""})
	}
	p.answerIfSettled(r)
}

// concerned returns, sorted, the instances of the next and of the deployed configuration, or
// only this one.
func (p planning) concerned(next *target, only mgmt.InstanceName) []mgmt.InstanceName {
	if only != "" {
		return []mgmt.InstanceName{only}
	}
	names := slices.Collect(maps.Keys(next.instances))
	if p.memory.deployed != nil {
		names = slices.AppendSeq(names, maps.Keys(p.memory.deployed.instances))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// cannotSay returns why an instance cannot say what it would do, or cannot check all its nodes
// if that is wanted. Otherwise it returns nothing.
func (p planning) cannotSay(name mgmt.InstanceName, all bool) string {
	if why := p.roster.absence(name); why != "" {
		return why
	}
	switch peer := p.roster.agents[name].peer; {
	case !peer.fleet:
		return fmt.Sprintf("the agent of instance '%s' is Zeek's own: it cannot say what it would do", name)
	case !peer.plans:
		return fmt.Sprintf("the zeekfleet of instance '%s' is older than plans", name)
	case all && !peer.checks:
		return fmt.Sprintf("the zeekfleet of instance '%s' is older than preflights that a user asks for", name)
	}
	return ""
}

// guess has the nodes of an instance that has not said what it would do. a is its agent,
// or nil.
func (f *fleetPlan) guess(name mgmt.InstanceName, a *agent, why string) {
	f.is.Unknown = append(f.is.Unknown, mgmt.PlanFinding{
		Instance: name, Text: why + "; its nodes are compared with what was deployed, not with what runs, and nothing was checked there",
	})
	f.foresee(name, a != nil && !a.peer.fleet)
}

// foresee has what becomes of an instance as two configurations tell. all is as in
// foreseen.of.
func (f *fleetPlan) foresee(name mgmt.InstanceName, all bool) {
	f.is.Nodes = append(f.is.Nodes, f.foreseen.of(name, all)...)
	f.is.Bundles = append(f.is.Bundles, f.foreseen.bundles(name)...)
}

// answered takes an agent's plan.
func (p planning) answered(l *leg, results []mgmt.Result) {
	making, name := l.request.Detail.plan, l.agent.name
	plan, ok := readPlan(results[0].Data, p.cfg.Limits)
	switch {
	case !results[0].Success:
		making.guess(name, l.agent, fmt.Sprintf("instance '%s' did not say what it would do: %s", name, p.cfg.Limits.reason(results[0])))
	case !ok:
		making.guess(name, l.agent, fmt.Sprintf("instance '%s' has answered without a plan", name))
	case len(plan.Nodes) == 0: // it refuses the configuration
		making.foresee(name, false)
	default:
		making.is.Nodes = append(making.is.Nodes, plannedNodes(name, plan)...)
		making.is.Bundles = append(making.is.Bundles, plannedBundles(name, plan)...)
	}
	if f := plan.Fetching; f != nil && mgmt.CheckBundleName(f.Bundle) == nil {
		making.is.Fetching = append(making.is.Fetching, mgmt.PlannedFetch{Instance: name, InstancePlanFetch: *f})
	}
	if why := making.backends.take(name, plan.Backend); why != "" {
		making.is.Problems = append(making.is.Problems, mgmt.PlanFinding{Instance: name, Text: why})
	}
	making.is.Problems = append(making.is.Problems, findings(name, plan.Problems)...)
	making.is.Doubts = append(making.is.Doubts, findings(name, plan.Doubts)...)
	p.settled(l)
}

func (p planning) failed(l *leg, why string) {
	l.request.Detail.plan.guess(l.agent.name, l.agent, fmt.Sprintf("instance '%s' did not say what it would do: %s", l.agent.name, why))
	p.settled(l)
}

func (p planning) settled(l *leg) {
	delete(l.request.Detail.legs, l.agent.name)
	l.request.Settle(l.agent.name)
	p.answerIfSettled(l.request)
}

// answerIfSettled answers a request for which no agent is asked any more.
func (p planning) answerIfSettled(r *request) {
	if !r.Settled() {
		return
	}
	plan := r.Detail.plan.is
	sort.Slice(plan.Nodes, func(i, j int) bool {
		return cmp.Or(cmp.Compare(plan.Nodes[i].Instance, plan.Nodes[j].Instance), cmp.Compare(plan.Nodes[i].Node, plan.Nodes[j].Node)) < 0
	})
	sort.Slice(plan.Bundles, func(i, j int) bool {
		a, b := plan.Bundles[i], plan.Bundles[j]
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Name, b.Name)) < 0
	})
	sort.Slice(plan.Fetching, func(i, j int) bool { return plan.Fetching[i].Instance < plan.Fetching[j].Instance })
	for _, list := range [][]mgmt.PlanFinding{plan.Problems, plan.Doubts, plan.Unknown} {
		sort.SliceStable(list, func(i, j int) bool {
			return cmp.Or(cmp.Compare(list[i].Instance, list[j].Instance), cmp.Compare(list[i].Node, list[j].Node)) < 0
		})
	}
	p.requests.ledger.Close(r)
	p.emit(Reply{r.Asker, mgmt.PlanResponse{ReqID: r.ID, Result: mgmt.Result{ReqID: r.ID, Success: true}, Plan: plan}})
}

func findings(name mgmt.InstanceName, list []mgmt.InstancePlanFinding) []mgmt.PlanFinding {
	var all []mgmt.PlanFinding
	for _, f := range list {
		all = append(all, mgmt.PlanFinding{
			Instance: name, Node: f.Node, Text: f.Text, Outputs: mgmt.NodeOutputs{Stdout: f.Stdout, Stderr: f.Stderr},
		})
	}
	return all
}
