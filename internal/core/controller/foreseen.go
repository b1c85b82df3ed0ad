package controller

import (
	"slices"
	"sort"

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
		var options, limits []string
		if f.before.runs(name, n.Name) {
			options = mgmt.RunOptionDifference(f.before.nodes[n.Name], n)
			limits = mgmt.LimitsDifference(f.before.nodes[n.Name], n)
		}
		switch _, stopped := slices.BinarySearch(f.stopped, n.Name); {
		case stopped:
			nodes = append(nodes, mgmt.PlannedNode{Instance: name, Node: n.Name, Role: n.Role, Action: mgmt.ActionNone, Stopped: true})
		case !f.before.runs(name, n.Name):
			add(n, mgmt.ActionStart)
		case len(because) > 0:
			add(n, mgmt.ActionRestart, append(because, append(options, limits...)...)...)
		case all && f.before.config.ID != f.after.config.ID:
			add(n, mgmt.ActionRestart, restartsAll)
		default:
			action, because := mgmt.WhileRunning(options, limits)
			add(n, action, because...)
		}
	}
	if f.before != nil {
		for _, n := range f.before.of[name] {
			if !f.after.runs(name, n.Name) {
				add(n, mgmt.ActionStop, "it is no part of the configuration")
			}
		}
	}
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].Node < nodes[j].Node })
	return nodes
}

// bundles returns what becomes of the bundles of one instance, by name.
func (f *foreseen) bundles(name mgmt.InstanceName) []mgmt.PlannedBundle {
	var was []mgmt.Bundle
	if f.before != nil {
		was = f.before.config.BundlesOf(name)
	}
	return plannedBundles(name, mgmt.InstancePlan{Bundles: mgmt.CompareBundles(was, f.after.config.BundlesOf(name))})
}

// compared says of a restart that only the controller foresees it.
const compared = "as compared by the controller"

// steps returns what becomes of the nodes of one instance, for the steps of a deployment.
func (f *foreseen) steps(name mgmt.InstanceName, all bool) []mgmt.PlannedNode {
	nodes := f.of(name, all)
	if all && f.before != nil && f.before.config.ID != f.after.config.ID {
		return nodes // they do restart
	}
	for i, n := range nodes {
		if n.Action == mgmt.ActionRestart {
			nodes[i].Because = append(slices.Clip(n.Because), compared)
		}
	}
	return nodes
}

// readPlan returns what an agent says that it would do. It returns false if the text is no
// plan, or a greater one than an agent has. It leaves out what no agent may say: names that
// no node can have, and actions that there are not.
func readPlan(data mgmt.Data, limits Limits) (mgmt.InstancePlan, bool) {
	text, ok := data.(mgmt.Text)
	var plan mgmt.InstancePlan
	const values = 50 // of a node, or of a finding
	if !ok || mgmt.ReadJSON([]byte(text), values*(limits.Nodes+1), &plan) != nil ||
		len(plan.Nodes)+len(plan.Problems)+len(plan.Doubts)+len(plan.Bundles) > limits.Nodes {
		return mgmt.InstancePlan{}, false
	}
	plan.Nodes = slices.DeleteFunc(plan.Nodes, func(n mgmt.InstancePlanNode) bool {
		return mgmt.CheckName(string(n.Node)) != nil || !slices.Contains(planActions, n.Action)
	})
	if plan.Backend.Check() != nil {
		plan.Backend = ""
	}
	plan.Bundles = slices.DeleteFunc(plan.Bundles, func(b mgmt.InstancePlanBundle) bool { return b.Check() != nil })
	for i := range plan.Nodes {
		n := &plan.Nodes[i]
		n.Role = mgmt.ClusterRole(mgmt.CutText(string(n.Role), limits.PlanText))
		n.Because = n.Because[:min(len(n.Because), limits.PlanReasons)]
		for j := range n.Because {
			n.Because[j] = mgmt.CutText(n.Because[j], limits.PlanText)
		}
	}
	for _, list := range [][]mgmt.InstancePlanFinding{plan.Problems, plan.Doubts} {
		for i := range list {
			list[i].Node = mgmt.NodeName(mgmt.CutText(string(list[i].Node), mgmt.MaxNameLen))
			list[i].Text = mgmt.CutText(list[i].Text, limits.PlanText)
		}
	}
	return plan, true
}

// planActions are what a plan may say of a node.
var planActions = []mgmt.NodeAction{mgmt.ActionNone, mgmt.ActionStart, mgmt.ActionStop, mgmt.ActionRestart, mgmt.ActionOptions, mgmt.ActionLimits}

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

// plannedBundles returns the bundles of an agent's plan.
func plannedBundles(name mgmt.InstanceName, plan mgmt.InstancePlan) []mgmt.PlannedBundle {
	var bundles []mgmt.PlannedBundle
	for _, b := range plan.Bundles {
		bundles = append(bundles, mgmt.PlannedBundle{
			Instance: name, Name: b.Name, Kind: b.Kind, Hash: b.Hash, Was: b.Was, Missing: b.Missing,
		})
	}
	return bundles
}
