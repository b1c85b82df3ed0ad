package agent

import (
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// outcome tells the requests that wait for a node what became of it.
type outcome struct {
	node    *node
	kind    outcomeKind
	why     string
	outputs mgmt.NodeOutputs // of a failed start
}

// outcomeKind says what became of a node.
type outcomeKind int

const (
	up     outcomeKind = iota // its process does its work, or has said whether it takes its options
	failed                    // it did not come up, or it ended; why says how
	gone                      // it has no process, or one that cannot be stopped
	rests                     // a user has stopped it
	silent                    // it does not answer the dispatches that it was asked; why says why
)

func (r *rollout) became(n *node, kind outcomeKind) {
	r.outcomes = append(r.outcomes, outcome{node: n, kind: kind})
}

func (r *rollout) failed(n *node, why string, outputs mgmt.NodeOutputs) {
	r.outcomes = append(r.outcomes, outcome{node: n, kind: failed, why: why, outputs: outputs})
}

func (r *rollout) silenced(n *node, why string) {
	r.outcomes = append(r.outcomes, outcome{node: n, kind: silent, why: why})
}

// takeOutcomes returns the outcomes that came since it was called last.
func (r *rollout) takeOutcomes() []outcome {
	list := r.outcomes
	r.outcomes = nil
	return list
}

// settle tells the requests what became of nodes.
func (m *Machine) settle() {
	for _, o := range m.rollout.takeOutcomes() {
		switch o.kind {
		case up:
			owes, why := m.options.outcome(o.node)
			m.requests.up(o.node, owes, why)
		case failed:
			m.requests.failed(o.node, o.why, o.outputs)
		case rests:
			m.requests.rested(o.node)
		case silent:
			m.requests.silent(o.node, o.why)
		case gone:
			m.gone(o.node)
		}
	}
}

// gone tells stand-bys that n has no process any more. If n is not desired, it also
// tells deployments.
func (m *Machine) gone(n *node) {
	for _, r := range m.requests.awaiting(n, untilEnded) {
		r.Settle(n.name())
		m.awaitGone(r)
	}
	switch {
	case !n.wanted:
		m.requests.removed(n)
	case n.rests:
		m.requests.rested(n)
	}
}

// awaitGone answers a stand-by when no process is left except those that the agent
// cannot stop. Another request may ask such a process to end once more. Then the
// stand-by waits for it again.
func (m *Machine) awaitGone(r *request) {
	for _, n := range m.rollout.nodes.all() {
		if n.proc != nil && n.obstacle() == "" {
			r.Await(n.name())
		}
	}
	if r.Settled() {
		why := strings.Join(m.rollout.nodes.obstacles(), "; ")
		m.requests.closeWith(r, mgmt.Result{Success: why == "", Error: why})
	}
}

// expire answers the requests whose deadline has come.
func (m *Machine) expire() {
	for _, r := range m.requests.inFlight.Due(m.now) {
		why := lateText(r)
		if m.proposals.awaitsPreflight(r) {
			why = "preflight took too long, nothing was changed"
		}
		if m.proposals.awaitsFetch(r) {
			why = mgmt.FetchFailed + ": " + m.proposals.fetching.late()
		}
		m.requests.expire(r, m.rollout.nodes.sorted(func(n *node) bool { return r.Awaits(n.name()) }), why)
	}
}

// awaitUp has a deployment answered when every desired node is up or has failed,
// and no process of any other node is left. The answer names the other nodes only
// if their processes outlast the deadline.
func (m *Machine) awaitUp(r *request) {
	for _, n := range m.rollout.nodes.all() {
		switch {
		case n.up():
			owes, why := m.options.outcome(n)
			m.requests.upFor(r, n, owes, why)
		case n.rests && n.proc == nil && n.unseen == "":
			m.requests.settle(r, n.name(), mgmt.Result{Success: true, Error: restsText})
		case n.unseen != "":
			m.requests.settle(r, n.name(), mgmt.Result{Error: n.unseen})
		case n.held:
			m.requests.settle(r, n.name(), mgmt.Result{Success: true, Error: "it has ended and is " + heldText})
		default:
			r.Await(n.name())
		}
	}
	m.requests.closeIfSettled(r)
}
