package controller

import (
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// watching asks each agent of ours for the states of its nodes when the agent has
// joined. From then on the agent announces every change of a state. It does not announce
// the PIDs with them, because Zeek's message has no place for one: so watching asks again
// when a node has come up.
type watching struct {
	parts
	// again holds when to ask agents again.
	again map[mgmt.InstanceName]time.Time
}

// begin asks an agent. Upstream's agents are not asked, nor is an agent that has not answered:
// its answer comes after all that it has said so far, and is as new.
func (w *watching) begin(a *agent) {
	delete(w.again, a.name)
	if !a.peer.fleet || !a.compatible() || a.listing != nil {
		return
	}
	a.listing = w.legs.begin(a, w)
	w.legs.send(a.listing, mgmt.AgentGetNodesRequest{ReqID: a.listing.id})
}

// accepted asks an agent that has accepted the configuration and has left a node as it is, if
// the state of that node is not known. The agent announces changes only, and it may have the
// node, stopped or crashed, from an earlier configuration. Such a node is forgotten here while
// it is no part of what is deployed.
func (w *watching) accepted(a *agent, results []mgmt.Result) {
	if slices.ContainsFunc(results, func(r mgmt.Result) bool {
		return r.Node != "" && r.Error != "" && w.observed.stateOf(stepKey{a.name, r.Node}) == ""
	}) {
		w.begin(a)
	}
}

// changed asks for the PID of a node that has come up, a little later: one request is
// enough for all nodes that come up with it.
func (w *watching) changed(a *agent, node mgmt.NodeName) {
	is, known := w.observed.reports[a.name].nodes[node]
	if !known || is.State != mgmt.Running || is.PID != nil || !a.peer.fleet {
		return
	}
	if due, ok := w.again[a.name]; !ok || due.After(w.now.Add(w.cfg.PIDDelay)) {
		w.again[a.name] = w.now.Add(w.cfg.PIDDelay)
	}
}

// answered keeps the states. An agent that could not answer is asked again.
func (w *watching) answered(l *leg, results []mgmt.Result) {
	a := l.agent
	a.listing = nil
	statuses, ok := results[0].Data.(mgmt.NodeStatuses)
	switch {
	case !results[0].Success || !ok:
		w.again[a.name] = w.now.Add(w.cfg.RequestTimeout)
	case len(statuses) <= w.cfg.Limits.Nodes:
		w.observed.list(a.name, statuses, w.memory.deployed)
	}
}

// failed has nothing to do: the agent is gone.
func (w *watching) failed(*leg, string) {}

// askAgain asks the agents again that could not answer, if it is time.
func (w *watching) askAgain() {
	if first, ok := w.next(); !ok || w.now.Before(first) {
		return // in most Steps: sorting hundreds of names in each is felt in deployments
	}
	for _, name := range slices.Sorted(maps.Keys(w.again)) {
		if w.now.Before(w.again[name]) {
			continue
		}
		delete(w.again, name)
		if a := w.roster.agents[name]; a != nil {
			w.begin(a)
		}
	}
}

// next returns when watching asks an agent again. It returns false if there is none
// to ask.
func (w *watching) next() (first time.Time, ok bool) {
	for _, at := range w.again {
		if !ok || at.Before(first) {
			first, ok = at, true
		}
	}
	return first, ok
}
