package controller

import (
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// read returns the results that an agent's answer to a deployment has for its
// instance, and whether the agent accepted the configuration. An answer has one
// result for each node, or one for the whole instance, or a timeout with the
// results of the nodes behind it (spec management-api 5.5). A node without a result
// counts as a failure. Our agents also name nodes that the deployment removes and
// that do not end. A failure of the whole instance other than a timeout says that
// the agent changed nothing, even if results of single nodes follow. Our agents
// answer so when their preflight fails.
func (t *target) read(name mgmt.InstanceName, answers []mgmt.Result) (results []mgmt.Result, accepted bool) {
	open := map[mgmt.NodeName]bool{}
	for _, n := range t.of[name] {
		open[n.Name] = true
	}
	general, refused, leaving := false, false, 0
	for _, answer := range answers {
		switch {
		case answer.Node == "":
			general = true
			accepted = accepted || answer.Success
			refused = refused || !answer.Success && answer.Error != errTimedOut
			results = append(results, mgmt.Result{Success: answer.Success, Instance: name, Error: answer.Error})
		case open[answer.Node]:
			delete(open, answer.Node)
			accepted = true
			results = append(results, launchResult(name, answer))
		case t.leaves(name, answer) && leaving < maxLeaving:
			leaving++
			accepted = true
			results = append(results, mgmt.Result{Instance: name, Node: answer.Node, Error: answer.Error})
		}
	}
	if !general {
		for _, n := range slices.Sorted(maps.Keys(open)) {
			results = append(results, mgmt.Result{Instance: name, Node: n, Error: "no result from its instance"})
		}
	}
	return results, accepted && !refused || len(results) == 0
}

// maxLeaving bounds the removed nodes that an instance may name.
const maxLeaving = 500

// leaves reports whether a result is about a node that the deployment removes from
// the instance and that has not ended.
func (t *target) leaves(name mgmt.InstanceName, answer mgmt.Result) bool {
	n, ok := t.config.Node(answer.Node)
	return !answer.Success && !(ok && n.Instance == name) && mgmt.CheckName(string(answer.Node)) == nil
}

// passedOver reports whether the agent has ignored the configuration although it
// has nodes to run. Upstream's agents do that if they run a configuration with the
// same ID, and answer without looking at anything else (spec management-api 5.5;
// 7.2, G-A6).
func (t *target) passedOver(name mgmt.InstanceName, answers []mgmt.Result) bool {
	return len(t.of[name]) > 0 && len(answers) == 1 && answers[0].Success && answers[0].Node == ""
}

// launchResult returns an agent's result for one node in the form that clients
// expect: its data is the node's output, or none (spec management-api 2.5; 7.1,
// G-P7).
func launchResult(name mgmt.InstanceName, answer mgmt.Result) mgmt.Result {
	result := mgmt.Result{Success: answer.Success, Instance: name, Node: answer.Node, Error: answer.Error}
	switch data := answer.Data.(type) {
	case mgmt.NodeOutputs:
		result.Data = data
	case mgmt.BadData:
		result.Success, result.Error = false, data.Reason
	}
	return result
}
