package controller

import (
	"fmt"
	"slices"
	"sort"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// beginSteering begins an operation that stops, starts, pauses or resumes nodes. The
// lists that it changes are saved together with the operation.
func (o *operating) beginSteering(r *request, msg mgmt.OperateRequest, nodes []mgmt.Node) {
	t := o.task(r, msg.Kind, msg.Selectors, msg.Note)
	next := o.memory.state
	var steps []mgmt.OperationStep
	var keys []stepKey
	for _, n := range sortedNodes(nodes, byPlace) {
		key := stepKey{n.Instance, n.Name}
		s := mgmt.OperationStep{Instance: n.Instance, Node: n.Name, Action: actionOf(msg.Kind), State: mgmt.StepWaiting}
		switch s.Because = o.needless(msg.Kind, key); s.Because {
		case "", startsEnded:
			keys = append(keys, key)
		default:
			s.Action, s.State = mgmt.ActionNone, mgmt.StepDone
		}
		steps = append(steps, s)
	}
	t.plan(steps)
	if len(keys) > 0 {
		t.batches = [][]stepKey{keys}
	}
	next.Stopped, next.Paused = steered(msg.Kind, nodes, next.Stopped, next.Paused)
	o.accept(r, t, next)
}

// actionOf returns what an operation does with each of its nodes.
func actionOf(kind mgmt.OperationKind) mgmt.NodeAction {
	switch kind {
	case mgmt.OperationStart:
		return mgmt.ActionStart
	case mgmt.OperationStop:
		return mgmt.ActionStop
	case mgmt.OperationPause:
		return mgmt.ActionPause
	case mgmt.OperationResume:
		return mgmt.ActionResume
	}
	return mgmt.ActionRestart
}

// sortedNodes returns a sorted copy of a list.
func sortedNodes(list []mgmt.Node, compare func(a, b mgmt.Node) int) []mgmt.Node {
	list = append([]mgmt.Node(nil), list...)
	sort.Slice(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
	return list
}

// byPlace orders nodes by instance and name.
func byPlace(a, b mgmt.Node) int {
	if a.Instance != b.Instance {
		if a.Instance < b.Instance {
			return -1
		}
		return 1
	}
	if a.Name < b.Name {
		return -1
	}
	return 1
}

// needless returns why nothing is to be done with a node, or nothing. It returns
// startsEnded for a node that is to be started and that is not stopped, but has ended.
func (o *operating) needless(kind mgmt.OperationKind, key stepKey) string {
	state := o.memory.state
	stopped, paused := hasName(state.Stopped, key.node), hasName(state.Paused, key.node)
	switch {
	case kind == mgmt.OperationStop && stopped:
		return "it is stopped already"
	case kind == mgmt.OperationPause && paused:
		return "it is paused already"
	case kind == mgmt.OperationResume && !paused:
		return "it is not paused"
	case kind == mgmt.OperationStart && !stopped:
		switch o.observed.stateOf(key) {
		case mgmt.Crashed, mgmt.Failed:
			return startsEnded
		case mgmt.Running:
			return "it runs already"
		case mgmt.Pending:
			return "it is starting already"
		}
		return "it is not stopped"
	}
	return ""
}

func hasName(sorted []mgmt.NodeName, n mgmt.NodeName) bool {
	_, ok := slices.BinarySearch(sorted, n)
	return ok
}

// steered returns the lists of stopped and paused nodes after an operation on nodes.
func steered(kind mgmt.OperationKind, nodes []mgmt.Node, stopped, paused []mgmt.NodeName) (stops, pauses []mgmt.NodeName) {
	var list []mgmt.NodeName
	for _, n := range nodes {
		list = append(list, n.Name)
	}
	switch kind {
	case mgmt.OperationStop:
		stopped = withNames(stopped, list)
	case mgmt.OperationStart:
		stopped = withoutNames(stopped, list)
	case mgmt.OperationPause:
		paused = withNames(paused, list)
	case mgmt.OperationResume:
		paused = withoutNames(paused, list)
	}
	return stopped, paused
}

func withNames(sorted, more []mgmt.NodeName) []mgmt.NodeName {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(sorted, more))))
}

func withoutNames(sorted, fewer []mgmt.NodeName) []mgmt.NodeName {
	gone := slices.Sorted(slices.Values(fewer))
	return slices.DeleteFunc(slices.Clone(sorted), func(n mgmt.NodeName) bool { return hasName(gone, n) })
}

// supersede ends the steps of earlier starts and stops of the nodes of t. What a user says
// last counts.
func (t *task) supersede() {
	steers := func(t *task) bool { return t.is.Kind == mgmt.OperationStart || t.is.Kind == mgmt.OperationStop }
	if !steers(t) {
		return
	}
	for _, earlier := range t.tasks {
		for _, s := range t.is.Steps {
			if steers(earlier) && s.Action != mgmt.ActionNone {
				earlier.settle(stepKey{s.Instance, s.Node}, mgmt.StepSkipped, fmt.Sprintf("operation %d, a %s, came after it", t.id(), t.is.Kind), mgmt.NodeOutputs{})
			}
		}
	}
}

// later says what becomes of a node whose agent cannot be told now.
func (t *task) later() string {
	switch t.is.Kind {
	case mgmt.OperationStop:
		return "it stops the node when it connects"
	case mgmt.OperationStart:
		return "it starts the node when it connects"
	case mgmt.OperationPause:
		return "it pauses the node when it connects"
	}
	return "it resumes the node when it connects"
}

// steer waits for agents, which are told in this Step what to do. It asks agents for a
// restart of nodes that are to be started although they are not stopped.
func (t *task) steer(keys []stepKey) {
	ended := map[mgmt.InstanceName][]mgmt.NodeName{}
	for _, key := range keys {
		a := t.roster.agents[key.instance]
		switch why := t.roster.missing(key.instance); {
		case !t.memory.deployed.runs(key.instance, key.node):
			t.settle(key, mgmt.StepSkipped, "it is no part of the configuration any more", mgmt.NodeOutputs{})
		case why != "" && t.restarts(key):
			t.settle(key, mgmt.StepSkipped, why, mgmt.NodeOutputs{})
		case why != "":
			t.settle(key, mgmt.StepSkipped, why+"; "+t.later(), mgmt.NodeOutputs{})
		case a.unable() != "":
			t.settle(key, mgmt.StepFailed, a.unable(), mgmt.NodeOutputs{})
		case t.restarts(key):
			ended[key.instance] = append(ended[key.instance], key.node)
		}
	}
	t.askRestarts(ended)
}

// restarts reports whether a step is done by a restart: in a restart, and for a node that
// is to be started and was not stopped.
func (t *task) restarts(key stepKey) bool {
	s, _ := t.stepOf(key)
	return t.is.Kind == mgmt.OperationRestart || t.is.Kind == mgmt.OperationStart && s.Because == startsEnded
}

// startsEnded is the reason for a start of a node that is not stopped.
const startsEnded = "it has ended by itself"

// answered takes an agent's answer about nodes that are stopped or paused.
func (o *operating) answered(l *leg, answers []mgmt.Result) {
	l.agent.telling = nil
	adds := l.asked.(mgmt.AgentSteerRequest).Adds
	refusal, of := "", map[mgmt.NodeName]mgmt.Result{}
	for _, answer := range answers {
		if answer.Node != "" {
			of[answer.Node] = answer
		} else if !answer.Success {
			refusal = o.cfg.Limits.reason(answer)
		}
	}
	if refusal != "" {
		o.note(Note{Level: Warn, Text: "agent did not take which nodes are stopped or paused", Instance: l.agent.name, Err: refusal})
		o.steers.again(l.agent)
	}
	for _, t := range o.tasks {
		for _, key := range t.openKeys() {
			if _, watched := t.watched[key]; key.instance != l.agent.name || watched || t.restarts(key) || l.agent.toldAt <= t.told {
				continue
			}
			answer, ok := of[key.node]
			switch {
			case refusal != "":
				t.settle(key, mgmt.StepFailed, refusal+"; the controller tells the agent again", mgmt.NodeOutputs{})
			case adds && t.unmarks(): // the complete lists follow
			case ok:
				t.steered(key, answer)
			case t.is.Kind == mgmt.OperationStart:
				t.watch(key, "it is not up yet") // an earlier order of the same has begun to start it
			default:
				t.settle(key, mgmt.StepDone, "", mgmt.NodeOutputs{})
			}
		}
	}
}

// unmarks reports whether t takes marks from nodes.
func (t *task) unmarks() bool {
	return t.is.Kind == mgmt.OperationStart || t.is.Kind == mgmt.OperationResume
}

// steered takes an agent's result about a node.
func (t *task) steered(key stepKey, answer mgmt.Result) {
	state := t.observed.stateOf(key)
	outputs, _ := answer.Data.(mgmt.NodeOutputs)
	switch {
	case answer.Success:
		t.settle(key, mgmt.StepDone, "", mgmt.NodeOutputs{})
	case t.is.Kind == mgmt.OperationStop && state == mgmt.Stopped:
		t.steers.again(t.roster.agents[key.instance]) // it is still ending: the next answer says when it has ended
	case state == mgmt.Pending && t.is.Kind != mgmt.OperationStop:
		t.watch(key, t.cfg.Limits.reason(answer))
	default:
		t.settle(key, mgmt.StepFailed, t.cfg.Limits.reason(answer), outputs)
	}
}

// failed does nothing: lost tells the tasks.
func (o *operating) failed(l *leg, _ string) { l.agent.telling = nil }
