package sim

import (
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// referee checks in times of peace that the cluster does what its users want.
type referee struct{ *world }

// reachable reports whether the controller and the agent can connect: one of them
// dials the other, or the controller dialed the agent when it deployed last. The
// controller may have hung up on an instance because its double agreed to stand by.
func (r *referee) reachable(a *agentPart) bool {
	dialed := slices.ContainsFunc(r.controller.dials, func(d *instanceDial) bool { return d.addr == a.addr })
	return a.dials || dialed || r.dialable[a.name] == a.addr && r.chaos.doubled != a.name
}

// checkPlacement demands that only deployed nodes run, each on its own instance, and
// each once.
func (r *referee) checkPlacement() {
	r.checkLead(false)
	d := r.controller.disk.saved.Deployed
	if d == nil {
		return
	}
	for _, a := range r.agents {
		seen := map[mgmt.NodeName]bool{}
		for _, p := range a.procs.live {
			n, ok := d.Config.Node(p.name)
			if r.reachable(a) && !r.refused(a.name) && (!ok || n.Instance != a.name) {
				r.violated("%s runs although it is not deployed there, %v after the last fault", p, r.terms.settling())
			}
			if r.reachable(a) && ok && n.Instance == a.name && r.isStopped(p.name) {
				r.violated("%s runs although a user has stopped it, %v after the last fault", p, r.terms.settling())
			}
			if seen[p.name] {
				r.violated("%s runs twice on %s", p.name, a.label)
			}
			seen[p.name] = true
		}
	}
}

// checkRecovery demands that every deployed node runs, and that a client hears so.
func (r *referee) checkRecovery() {
	r.checkLead(true)
	r.checkStored()
	r.checkPlacement()
	r.ops.checkPeace()
	d := r.controller.disk.saved.Deployed
	if d == nil || r.broken != nil {
		return
	}
	for _, n := range d.Config.Nodes {
		r.checkNode(d.Config, n)
	}
	r.checkFurniture(d.Config)
	r.checkSnapshot(d.Config)
	c := r.clients[0]
	c.connect()
	c.role = mgmt.Viewer // nothing changes in peace
	r.runUntil(r.now + 5*time.Second)
	if r.broken != nil {
		return
	}
	clear(c.heard)
	for _, msg := range []mgmt.Message{
		mgmt.GetNodesRequest{ReqID: r.newReqID()},
		mgmt.GetIDValueRequest{ReqID: r.newReqID(), ID: "Cluster::node"},
		mgmt.GetConfigurationRequest{ReqID: r.newReqID(), Deployed: true},
	} {
		if r.broken == nil {
			c.ask(msg, true)
			r.runUntil(r.now + time.Second)
		}
	}
	r.checkHeard(c, d.Config)
	c.leave()
}

// checkSnapshot demands that the controller's snapshot has every deployed node as
// RUNNING, if the controller knows its agents as ours. No client needs to ask.
func (r *referee) checkSnapshot(config mgmt.Configuration) {
	if !r.terms.fleetAgents || r.broken != nil {
		return
	}
	states := map[place]mgmt.State{} // an instance that has refused the configuration may run a node that another one runs, too
	for _, in := range r.controller.snapshot().Instances {
		for _, n := range in.Nodes {
			if n.MgmtRole == mgmt.RoleNone {
				states[place{in.Name, n.Node}] = n.State
			}
		}
	}
	for _, n := range config.Nodes {
		a, at := r.agent(n.Instance), place{n.Instance, n.Name}
		if a != nil && r.reachable(a) && !r.refused(a.name) && !r.rightState(a, n.Name, states[at]) {
			r.violated("in peace the controller's snapshot has %s on %s as %q", n.Name, n.Instance, states[at])
		}
		delete(states, at)
	}
	if r.everybodyReachable() && len(states) > 0 {
		r.violated("in peace the controller's snapshot has nodes that are not deployed: %v", states)
	}
}

// refused reports whether the instance's agent refused the deployed configuration.
// Then the instance keeps its nodes until somebody deploys again.
func (r *referee) refused(name mgmt.InstanceName) bool {
	return slices.Contains(r.controller.disk.saved.Refused, name)
}

// checkNode demands that a node runs with its present plan.
func (r *referee) checkNode(config mgmt.Configuration, n mgmt.Node) {
	a := r.agent(n.Instance)
	if a == nil || !r.reachable(a) || r.refused(n.Instance) {
		return
	}
	plan, _ := mgmt.PlanFor(config, n.Name)
	p := a.procs.running(n.Name)
	if r.isStopped(n.Name) || p == nil && r.isPaused(n.Name) {
		return // checkPlacement has looked at stopped nodes
	}
	if p == nil || p.plan != plan.Fingerprint() {
		r.violated("%s does not run on %s as deployed, %v after the last fault", n.Name, n.Instance, r.terms.settling()+r.terms.recovery())
	}
}

// isStopped reports whether users have stopped the node, and its agent can be told so.
func (r *referee) isStopped(n mgmt.NodeName) bool {
	return r.terms.steers && slices.Contains(r.controller.disk.saved.Stopped, n)
}

// isPaused reports whether users have paused the node, and its agent can be told so.
func (r *referee) isPaused(n mgmt.NodeName) bool {
	return r.terms.steers && slices.Contains(r.controller.disk.saved.Paused, n)
}

// rightState reports whether a node may be in this state in peace.
func (r *referee) rightState(a *agentPart, n mgmt.NodeName, state mgmt.State) bool {
	switch {
	case r.isStopped(n):
		return state == mgmt.Stopped
	case r.isPaused(n) && a.procs.running(n) == nil:
		return state == mgmt.Crashed || state == mgmt.Failed
	}
	return state == mgmt.Running
}

// checkHeard demands that a client was told the truth in peace.
func (r *referee) checkHeard(c *client, config mgmt.Configuration) {
	if r.broken != nil {
		return
	}
	states := map[place]mgmt.State{}
	for _, res := range c.heard["get_nodes"] {
		statuses, _ := res.Data.(mgmt.NodeStatuses)
		for _, s := range statuses {
			if s.MgmtRole == mgmt.RoleNone {
				states[place{res.Instance, s.Node}] = s.State
			}
		}
	}
	answered := map[mgmt.NodeName]bool{}
	for _, res := range c.heard["get_id_value"] {
		answered[res.Node] = res.Success
	}
	for _, n := range config.Nodes {
		a, at := r.agent(n.Instance), place{n.Instance, n.Name}
		here := a != nil && r.reachable(a) && !r.refused(a.name)
		if here && (!r.rightState(a, n.Name, states[at]) || !answered[n.Name] && states[at] == mgmt.Running) {
			r.violated("in peace %s on %s is reported %q, and answers a client: %t", n.Name, n.Instance, states[at], answered[n.Name])
		}
		delete(states, at)
	}
	if r.everybodyReachable() && len(states) > 0 {
		r.violated("in peace %d nodes are reported that are not deployed", len(states))
	}
	if res := c.heard["get_configuration"]; len(res) != 1 || !res[0].Success {
		r.violated("in peace the deployed configuration cannot be had")
	}
}

func (r *referee) everybodyReachable() bool {
	return !slices.ContainsFunc(r.agents, func(a *agentPart) bool { return !r.reachable(a) || r.refused(a.name) })
}
