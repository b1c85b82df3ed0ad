package controller

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// getIDValue asks nodes for an identifier's value (spec management-api 6.14;
// 7.3, G-C12).
func (m *Machine) getIDValue(r *request, msg mgmt.GetIDValueRequest) {
	if m.deployed == nil || len(m.deployed.instances) == 0 {
		m.refuse(r, "no cluster deployed")
		return
	}
	m.askNodes(r, callDispatch, msg.Nodes, func(id mgmt.ReqID, nodes []mgmt.NodeName) mgmt.Message {
		return mgmt.AgentDispatchRequest{ReqID: id, Action: []string{mgmt.GetIDValue, msg.ID}, Nodes: nodes}
	})
}

// restart asks for a restart of nodes (spec management-api 6.14).
func (m *Machine) restart(r *request, msg mgmt.RestartRequest) {
	switch {
	case len(m.agents) == 0:
		m.refuse(r, "no instances connected")
		return
	case m.deployed == nil:
		m.refuse(r, "no active cluster deployment")
		return
	}
	m.askNodes(r, callRestart, msg.Nodes, func(id mgmt.ReqID, nodes []mgmt.NodeName) mgmt.Message {
		return mgmt.AgentRestartRequest{ReqID: id, Nodes: nodes}
	})
}

// askNodes asks the agents of the named nodes, or of all if none is named, and
// answers at once for those that cannot be asked. There is exactly one result
// per node.
func (m *Machine) askNodes(r *request, kind callKind, names []mgmt.NodeName,
	ask func(mgmt.ReqID, []mgmt.NodeName) mgmt.Message) {
	if most := m.cfg.Limits.Nodes; len(names) > most {
		m.refuse(r, fmt.Sprintf("more than %d nodes named", most))
		return
	}
	known, strange := m.split(names)
	for _, n := range strange {
		r.results = append(r.results, mgmt.Result{Node: n, Error: "unknown cluster node"})
	}
	if len(known) == 0 && len(names) > 0 {
		m.await(r)
		return
	}
	byInstance := m.byInstance(known)
	for _, name := range slices.Sorted(maps.Keys(byInstance)) {
		if why := m.absence(name); why != "" {
			r.results = append(r.results, nodesFailed(name, byInstance[name], why)...)
			continue
		}
		c := m.query(r, m.agents[name], kind)
		c.nodes = byInstance[name]
		m.send(c, ask(c.id, known))
	}
	m.await(r)
}

// split sorts the names, without repetitions, into nodes of the deployed
// configuration and others.
func (m *Machine) split(names []mgmt.NodeName) (known, strange []mgmt.NodeName) {
	for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if _, ok := m.deployed.nodes[n]; ok {
			known = append(known, n)
		} else {
			strange = append(strange, n)
		}
	}
	return known, strange
}

// byInstance returns the named nodes, or all if none is named, by instance and
// sorted.
func (m *Machine) byInstance(names []mgmt.NodeName) map[mgmt.InstanceName][]mgmt.NodeName {
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(m.deployed.nodes))
	}
	by := map[mgmt.InstanceName][]mgmt.NodeName{}
	for _, n := range names {
		in := m.deployed.nodes[n].Instance
		by[in] = append(by[in], n)
	}
	return by
}

// nodesAnswered takes an agent's results for the nodes that it was asked about.
// A failure without a node is that of every node without a result (spec
// management-api 7.2, G-A14).
func (m *Machine) nodesAnswered(a *agent, kind callKind, id mgmt.ReqID, answers []mgmt.Result) {
	c := m.answered(a, kind, id)
	if c == nil {
		return
	}
	open := make(map[mgmt.NodeName]bool, len(c.nodes))
	for _, n := range c.nodes {
		open[n] = true
	}
	why := fmt.Sprintf("instance '%s' has no such node", a.name)
	var results []mgmt.Result
	for _, answer := range answers {
		switch {
		case answer.Node == "" && !answer.Success:
			why = reason(answer)
		case open[answer.Node]:
			delete(open, answer.Node)
			results = append(results, nodeResult(a, kind, answer))
		default:
			m.note(Note{Level: Debug, Text: "result of a node that was not asked ignored", Instance: a.name, Node: answer.Node})
		}
	}
	results = append(results, nodesFailed(a.name, slices.Sorted(maps.Keys(open)), why)...)
	m.concluded(c, results...)
}

// nodeResult returns an agent's result for one node as clients expect it: a
// value has its text, and nothing else has data (spec management-api 2.5; 7.1,
// G-P7).
func nodeResult(a *agent, kind callKind, answer mgmt.Result) mgmt.Result {
	result := mgmt.Result{Success: answer.Success, Instance: a.name, Node: answer.Node, Error: answer.Error}
	if kind != callDispatch || !answer.Success {
		return result
	}
	switch data := answer.Data.(type) {
	case mgmt.Text:
		result.Data = data
	case mgmt.BadData:
		result.Success, result.Error = false, data.Reason
	default:
		result.Success, result.Error = false, "answer without a value"
	}
	return result
}
