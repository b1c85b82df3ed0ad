package controller

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// addListings adds the requests that only read.
func (table decisions) addListings() {
	decide(table, func(m *Machine, r *request, msg mgmt.GetConfigurationRequest) {
		m.listings.getConfiguration(r, msg.Deployed)
	})
	decide(table, func(m *Machine, r *request, _ mgmt.GetHistoryRequest) { m.listings.getHistory(r) })
	decide(table, func(m *Machine, r *request, _ mgmt.GetInstancesRequest) { m.listings.getInstances(r) })
	decide(table, func(m *Machine, r *request, _ mgmt.GetNodesRequest) { m.nodeLists.getNodes(r) })
}

// listings answers with what the controller knows.
type listings struct{ parts }

// getConfiguration answers with the staged or the deployed configuration.
func (l listings) getConfiguration(r *request, deployed bool) {
	entry, kind := l.memory.state.Staged, "staged"
	if deployed {
		entry, kind = l.memory.state.Deployed, "deployed"
	}
	if entry == nil {
		l.requests.refuse(r, fmt.Sprintf("no %s configuration available", kind))
		return
	}
	l.requests.reply(r, mgmt.Result{Success: true, Data: entry.Config})
}

// getHistory lists the deployed configuration and its predecessors, newest first.
func (l listings) getHistory(r *request) {
	state := l.memory.state
	list := []mgmt.DeployedRevision{}
	for _, c := range slices.Backward(state.descriptions()) {
		list = append(list, mgmt.DeployedRevision{
			Revision: c.Revision, When: c.When.UTC(), Who: c.Who, ID: c.ID, Instances: c.Instances, Nodes: c.Nodes,
			Note: c.Note, Kind: c.Kind, From: c.From, Of: c.Of, Operation: c.Operation,
			Kept: c.Kept || c.Revision == state.Deployed.Revision,
		})
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(fmt.Sprintf("controller: marshal history: %v", err)) // it holds plain data only
	}
	l.requests.reply(r, mgmt.Result{Success: true, Data: mgmt.Text(text)})
}

// getInstances lists the connected agents with the addresses at which the
// controller sees them (spec management-api 6.12).
func (l listings) getInstances(r *request) {
	list := mgmt.Instances{}
	for _, a := range l.roster.sorted() {
		list = append(list, a.instance())
	}
	l.requests.reply(r, mgmt.Result{Success: true, Data: list})
}

// nodeLists asks agents for the states of their nodes.
type nodeLists struct{ asking }

// getNodes asks every connected agent, whether its instance is part of the cluster
// or not. For an instance that cannot answer, the result is a failure with its
// nodes as UNKNOWN.
func (n nodeLists) getNodes(r *request) {
	if len(n.roster.agents) == 0 {
		n.requests.refuse(r, "no instances connected")
		return
	}
	for _, name := range n.absentees() {
		r.Results = append(r.Results, n.unknown(name, n.roster.absence(name)))
	}
	for _, a := range n.roster.sorted() {
		if why := n.roster.absence(a.name); why != "" {
			r.Results = append(r.Results, n.unknown(a.name, why))
			continue
		}
		l := n.ask(r, a, n)
		n.legs.send(l, mgmt.AgentGetNodesRequest{ReqID: l.id})
	}
	n.requests.replyIfSettled(r)
}

// answered takes an agent's answer.
func (n nodeLists) answered(l *leg, results []mgmt.Result) {
	name, answer := l.agent.name, results[0]
	statuses, ok := answer.Data.(mgmt.NodeStatuses)
	var result mgmt.Result
	switch bad, isBad := answer.Data.(mgmt.BadData); {
	case !answer.Success:
		result = n.unknown(name, n.cfg.Limits.reason(answer))
	case isBad:
		result = n.unknown(name, bad.Reason)
	case !ok:
		result = n.unknown(name, "answer without node statuses")
	case len(statuses) > n.cfg.Limits.Nodes:
		result = n.unknown(name, fmt.Sprintf("more than %d nodes", n.cfg.Limits.Nodes))
	default:
		n.observed.list(name, statuses, n.memory.deployed)
		// The text of a success is what the agent has to say of crashes.
		result = mgmt.Result{Success: true, Instance: name, Data: n.withSelf(l.agent, statuses), Error: answer.Error}
	}
	n.settle(l, result)
}

func (n nodeLists) failed(l *leg, why string) { n.settle(l, n.unknown(l.agent.name, why)) }

// unknown is the result for an instance that cannot tell the states of its nodes.
func (n nodeLists) unknown(name mgmt.InstanceName, why string) mgmt.Result {
	result := mgmt.Result{Instance: name, Error: why}
	if statuses := n.memory.deployed.unknownNodes(name); len(statuses) > 0 {
		result.Data = statuses
	}
	return result
}

// withSelf adds the controller to the nodes that the agent on the same machine
// reports. Zeek's agent also reports a controller that its Supervisor runs (spec
// management-api 5.7). If several agents share the machine, none of them lists the
// controller. So it is never listed twice.
func (n nodeLists) withSelf(a *agent, statuses mgmt.NodeStatuses) mgmt.NodeStatuses {
	site := n.cfg.Rules.Controller
	if n.cfg.PID == 0 || !site.On(a.peer.addr.Addr()) {
		return statuses
	}
	for _, other := range n.roster.agents {
		if other != a && site.On(other.peer.addr.Addr()) {
			return statuses
		}
	}
	name := mgmt.NodeName(site.Name)
	if slices.ContainsFunc(statuses, func(s mgmt.NodeStatus) bool { return s.Node == name }) {
		return statuses
	}
	self := mgmt.NodeStatus{
		Node:        name,
		State:       mgmt.Running,
		MgmtRole:    mgmt.RoleController,
		ClusterRole: mgmt.ClusterNone,
		PID:         new(n.cfg.PID),
	}
	if n.cfg.ShownPort.Number != 0 {
		self.Port = new(n.cfg.ShownPort)
	}
	return append(slices.Clip(statuses), self)
}
