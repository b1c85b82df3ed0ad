package controller

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// addDispatches adds the request that asks nodes for an action.
func (table decisions) addDispatches() {
	decide(table, func(m *Machine, r *request, msg mgmt.DispatchRequest) { m.questions.dispatch(r, msg) })
}

// dispatch asks nodes for an action through their agents (spec management-api 6.14). The
// nodes know which actions there are.
func (q nodeQuestions) dispatch(r *request, msg mgmt.DispatchRequest) {
	if why := q.badAction(msg.Action); why != "" {
		q.requests.refuse(r, why)
		return
	}
	if q.memory.deployed == nil || len(q.memory.deployed.nodes) == 0 {
		q.requests.refuse(r, "no node is deployed")
		return
	}
	nodes, why := q.selectNodes(msg.Selectors)
	if why != "" {
		q.requests.refuse(r, why)
		return
	}
	var asked []mgmt.NodeName
	for _, n := range nodes {
		asked = append(asked, n.Name)
	}
	q.askAll(r, asked, func(id mgmt.ReqID, nodes []mgmt.NodeName) mgmt.Request {
		return mgmt.AgentDispatchRequest{ReqID: id, Action: msg.Action, Nodes: nodes}
	})
}

// badAction returns what is wrong with an action, or nothing.
func (q nodeQuestions) badAction(action []string) string {
	limits := q.cfg.Limits
	if len(action) == 0 || action[0] == "" {
		return "an action needs a name, such as get_version"
	}
	if action[0] == mgmt.SetOptions {
		return mgmt.SetOptions + " is for agents alone: they tell their nodes the options of the configuration that is deployed; " + mgmt.SetOption + " sets an option until the node ends"
	}
	if len(action) > limits.ActionWords {
		return fmt.Sprintf("an action has at most %d arguments", limits.ActionWords-1)
	}
	bytes := 0
	for _, word := range action {
		bytes += len(word)
	}
	if bytes > limits.ActionBytes {
		return fmt.Sprintf("an action has at most %d bytes, with its arguments", limits.ActionBytes)
	}
	return ""
}
