package controller

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// addQuestions adds the requests that go to nodes.
func (table decisions) addQuestions() {
	decide(table, func(m *Machine, r *request, msg mgmt.GetIDValueRequest) { m.questions.getIDValue(r, msg) })
}

// nodeQuestions asks nodes for something through their agents. The answer has
// exactly one result for each node.
type nodeQuestions struct{ asking }

// getIDValue asks nodes for an identifier's value (spec management-api 6.14;
// 7.3, G-C12).
func (q nodeQuestions) getIDValue(r *request, msg mgmt.GetIDValueRequest) {
	if q.memory.deployed == nil || len(q.memory.deployed.instances) == 0 {
		q.requests.refuse(r, "no cluster deployed")
		return
	}
	q.askAll(r, msg.Nodes, func(id mgmt.ReqID, nodes []mgmt.NodeName) mgmt.Request {
		return mgmt.AgentDispatchRequest{ReqID: id, Action: []string{mgmt.GetIDValue, msg.ID}, Nodes: nodes}
	})
}

// askAll asks the agents of the named nodes, or of all nodes if none is named.
// It answers at once for the nodes that cannot be asked.
func (q nodeQuestions) askAll(r *request, names []mgmt.NodeName, question func(mgmt.ReqID, []mgmt.NodeName) mgmt.Request) {
	if most := q.cfg.Limits.Nodes; len(names) > most {
		q.requests.refuse(r, fmt.Sprintf("more than %d nodes named", most))
		return
	}
	known, strange := q.memory.deployed.split(names)
	for _, n := range strange {
		r.Results = append(r.Results, mgmt.Result{Node: n, Error: "unknown cluster node"})
	}
	var byInstance map[mgmt.InstanceName][]mgmt.NodeName
	if len(known) > 0 || len(names) == 0 {
		byInstance = q.memory.deployed.byInstance(known)
	}
	for _, name := range slices.Sorted(maps.Keys(byInstance)) {
		if why := q.roster.absence(name); why != "" {
			r.Results = append(r.Results, nodesFailed(name, byInstance[name], why)...)
			continue
		}
		l := q.ask(r, q.roster.agents[name], q)
		l.nodes = byInstance[name]
		q.legs.send(l, question(l.id, known))
	}
	q.requests.replyIfSettled(r)
}

// answered takes an agent's results for the nodes that it was asked about.
func (q nodeQuestions) answered(l *leg, answers []mgmt.Result) { q.settle(l, q.sorted(l, answers)...) }

// sorted returns an agent's results for the nodes that it was asked about: one for each. A
// failure without a node counts for every node without a result (spec management-api 7.2,
// G-A14).
func (p parts) sorted(l *leg, answers []mgmt.Result) []mgmt.Result {
	open := make(map[mgmt.NodeName]bool, len(l.nodes))
	for _, n := range l.nodes {
		open[n] = true
	}
	why := fmt.Sprintf("instance '%s' has no such node", l.agent.name)
	var results []mgmt.Result
	for _, answer := range answers {
		switch {
		case answer.Node == "" && !answer.Success:
			why = p.cfg.Limits.reason(answer)
		case open[answer.Node]:
			delete(open, answer.Node)
			results = append(results, l.nodeResult(answer))
		default:
			p.note(Note{Level: Debug, Text: "result of a node that was not asked ignored", Instance: l.agent.name, Node: answer.Node})
		}
	}
	return append(results, nodesFailed(l.agent.name, slices.Sorted(maps.Keys(open)), why)...)
}

func (q nodeQuestions) failed(l *leg, why string) {
	q.settle(l, nodesFailed(l.agent.name, l.nodes, why)...)
}

// nodesFailed returns one failure for each node.
func nodesFailed(name mgmt.InstanceName, nodes []mgmt.NodeName, why string) []mgmt.Result {
	var results []mgmt.Result
	for _, n := range nodes {
		results = append(results, mgmt.Result{Instance: name, Node: n, Error: why})
	}
	return results
}

// nodeResult returns an agent's result for one node in the form that clients
// expect: a value has its text, and nothing else has data (spec management-api 2.5;
// 7.1, G-P7).
func (l *leg) nodeResult(answer mgmt.Result) mgmt.Result {
	result := mgmt.Result{Success: answer.Success, Instance: l.agent.name, Node: answer.Node, Error: answer.Error}
	asked, ok := l.asked.(mgmt.AgentDispatchRequest)
	if !ok || !answer.Success {
		return result
	}
	switch data := answer.Data.(type) {
	case mgmt.Text:
		result.Data = data
	case mgmt.BadData:
		result.Success, result.Error = false, data.Reason
	case nil:
		if action := asked.Action; len(action) == 0 || action[0] == mgmt.GetIDValue {
			result.Success, result.Error = false, "answer without a value"
		}
	default:
		result.Success, result.Error = false, "answer without a value"
	}
	return result
}
