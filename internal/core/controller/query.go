package controller

import (
	"fmt"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func (m *Machine) getConfiguration(r *request, deployed bool) {
	entry, kind := m.state.Staged, "staged"
	if deployed {
		entry, kind = m.state.Deployed, "deployed"
	}
	if entry == nil {
		m.refuse(r, fmt.Sprintf("no %s configuration available", kind))
		return
	}
	m.reply(r, mgmt.Result{Success: true, Data: entry.Config})
}

// getInstances lists the connected agents, with the addresses they are seen at
// (spec management-api 6.12).
func (m *Machine) getInstances(r *request) {
	list := mgmt.Instances{}
	for _, a := range m.sortedAgents() {
		list = append(list, a.instance())
	}
	m.reply(r, mgmt.Result{Success: true, Data: list})
}

// getNodes asks every connected agent, whether its instance is part of the
// cluster or not. An instance that cannot tell is a failure that carries its
// nodes as UNKNOWN.
func (m *Machine) getNodes(r *request) {
	if len(m.agents) == 0 {
		m.refuse(r, "no instances connected")
		return
	}
	for _, name := range m.absentees() {
		r.results = append(r.results, m.nodesUnknown(name, m.absence(name)))
	}
	for _, a := range m.sortedAgents() {
		if why := m.absence(a.name); why != "" {
			r.results = append(r.results, m.nodesUnknown(a.name, why))
			continue
		}
		c := m.query(r, a, callGetNodes)
		m.send(c, mgmt.AgentGetNodesRequest{ReqID: c.id})
	}
	m.await(r)
}

// absentees returns the instances of the deployed configuration that have no
// agent.
func (m *Machine) absentees() []mgmt.InstanceName {
	var names []mgmt.InstanceName
	if m.deployed != nil {
		for name := range m.deployed.instances {
			if m.agents[name] == nil {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func (m *Machine) getNodesAnswered(a *agent, msg mgmt.AgentGetNodesResponse) {
	c := m.answered(a, callGetNodes, msg.ReqID)
	if c == nil {
		return
	}
	statuses, ok := msg.Result.Data.(mgmt.NodeStatuses)
	var result mgmt.Result
	switch bad, isBad := msg.Result.Data.(mgmt.BadData); {
	case !msg.Result.Success:
		result = m.nodesUnknown(a.name, reason(msg.Result))
	case isBad:
		result = m.nodesUnknown(a.name, bad.Reason)
	case !ok:
		result = m.nodesUnknown(a.name, "answer without node statuses")
	case len(statuses) > m.cfg.Limits.Nodes:
		result = m.nodesUnknown(a.name, fmt.Sprintf("more than %d nodes", m.cfg.Limits.Nodes))
	default:
		// The text of a success is what the agent has to say of crashes.
		result = mgmt.Result{Success: true, Instance: a.name, Data: m.withSelf(a, statuses), Error: msg.Result.Error}
	}
	m.concluded(c, result)
}

// nodesUnknown is the failure of an instance that cannot tell the states of its
// nodes.
func (m *Machine) nodesUnknown(name mgmt.InstanceName, why string) mgmt.Result {
	result := mgmt.Result{Instance: name, Error: why}
	if m.deployed == nil {
		return result
	}
	statuses := mgmt.NodeStatuses{}
	for _, n := range m.deployed.of[name] {
		statuses = append(statuses, mgmt.NodeStatus{
			Node: n.Name, State: mgmt.Unknown, MgmtRole: mgmt.RoleNone, ClusterRole: n.Role,
			Port: n.Port, MetricsPort: n.MetricsPort,
		})
	}
	if len(statuses) > 0 {
		result.Data = statuses
	}
	return result
}

// query makes a call that r awaits.
func (m *Machine) query(r *request, a *agent, kind callKind) *call {
	c := m.newCall(a, kind)
	c.request = r
	r.open = append(r.open, c)
	return c
}

// await keeps r until its last call is concluded; without any it is answered
// now.
func (m *Machine) await(r *request) {
	if len(r.open) == 0 {
		m.reply(r, m.capped(r.results)...)
		return
	}
	m.requests[r.requestKey] = r
}

// concluded adds what came of a call to its request.
func (m *Machine) concluded(c *call, results ...mgmt.Result) {
	r := c.request
	r.results = append(r.results, results...)
	r.open = slices.DeleteFunc(r.open, func(o *call) bool { return o == c })
	m.await(r)
}

func (m *Machine) queryFailed(c *call, why string) {
	if c.kind == callGetNodes {
		m.concluded(c, m.nodesUnknown(c.agent.name, why))
		return
	}
	m.concluded(c, nodesFailed(c.agent.name, c.nodes, why)...)
}

// nodesFailed is one failure per node.
func nodesFailed(name mgmt.InstanceName, nodes []mgmt.NodeName, why string) []mgmt.Result {
	var results []mgmt.Result
	for _, n := range nodes {
		results = append(results, mgmt.Result{Instance: name, Node: n, Error: why})
	}
	return results
}

// reason returns the error of a failure.
func reason(r mgmt.Result) string {
	if r.Error == "" {
		return "no reason given"
	}
	return r.Error
}
