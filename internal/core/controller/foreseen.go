package controller

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// foreseen says what a deployment does with each node, as far as two configurations tell.
// What runs, and which nodes need no restart after a change of the cluster's layout, only
// the agents know.
type foreseen struct {
	before, after *target // before may be nil
	differences   *mgmt.PlanDifferences
	stopped       []mgmt.NodeName // as in State
}

func foresee(before, after *target, stopped []mgmt.NodeName) *foreseen {
	var was mgmt.Configuration
	if before != nil {
		was = before.config
	}
	return &foreseen{before, after, mgmt.NewPlanDifferences(mgmt.PlansOfCluster(was), mgmt.PlansOfCluster(after.config)), stopped}
}

// restartsAll is why an agent of upstream restarts a node.
const restartsAll = "Zeek's own agent restarts all its nodes when it gets another configuration"

// of returns what becomes of the nodes of one instance, by name. all says that its agent
// restarts all nodes.
func (f *foreseen) of(name mgmt.InstanceName, all bool) []mgmt.PlannedNode {
	var nodes []mgmt.PlannedNode
	add := func(n mgmt.Node, action mgmt.NodeAction, because ...string) {
		nodes = append(nodes, mgmt.PlannedNode{Instance: name, Node: n.Name, Role: n.Role, Action: action, Because: because})
	}
	for _, n := range f.after.of[name] {
		because := f.differences.Because(n.Name)
		switch _, stopped := slices.BinarySearch(f.stopped, n.Name); {
		case stopped:
			nodes = append(nodes, mgmt.PlannedNode{Instance: name, Node: n.Name, Role: n.Role, Action: mgmt.ActionNone, Stopped: true})
		case !f.before.runs(name, n.Name):
			add(n, mgmt.ActionStart)
		case len(because) > 0:
			add(n, mgmt.ActionRestart, because...)
		case all && f.before.config.ID != f.after.config.ID:
			add(n, mgmt.ActionRestart, restartsAll)
		default:
			add(n, mgmt.ActionNone)
		}
	}
	if f.before != nil {
		for _, n := range f.before.of[name] {
			if !f.after.runs(name, n.Name) {
				add(n, mgmt.ActionStop, "it is no part of the configuration")
			}
		}
	}
	slices.SortFunc(nodes, func(a, b mgmt.PlannedNode) int { return cmp.Compare(a.Node, b.Node) })
	return nodes
}

// readPlan returns what an agent says that it would do. It returns false if the text is no
// plan. It leaves out what no agent may say: names that no node can have.
func readPlan(data mgmt.Data, most int) (mgmt.InstancePlan, bool) {
	text, ok := data.(mgmt.Text)
	var plan mgmt.InstancePlan
	if !ok || json.Unmarshal([]byte(text), &plan) != nil || len(plan.Nodes)+len(plan.Problems)+len(plan.Doubts) > most {
		return mgmt.InstancePlan{}, false
	}
	plan.Nodes = slices.DeleteFunc(plan.Nodes, func(n mgmt.InstancePlanNode) bool { return mgmt.CheckName(string(n.Node)) != nil })
	return plan, true
}

// plannedNodes returns the nodes of an agent's plan.
func plannedNodes(name mgmt.InstanceName, plan mgmt.InstancePlan) []mgmt.PlannedNode {
	var nodes []mgmt.PlannedNode
	for _, n := range plan.Nodes {
		nodes = append(nodes, mgmt.PlannedNode{
			Instance: name, Node: n.Node, Role: n.Role, Action: n.Action, Because: n.Because, Stopped: n.Stopped,
		})
	}
	return nodes
}
