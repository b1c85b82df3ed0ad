package agent

import (
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// outcome is what became of a node, for the requests that wait for it.
type outcome struct {
	node    *node
	became  became
	why     string
	outputs mgmt.NodeOutputs // of a failed start
}

// became says what has become of a node.
type became int

const (
	up     became = iota // its process does its work
	failed               // its process does not, as why says
	gone                 // it has no process that anything can be done about
	silent               // its process answers nothing that was asked of it, as why says
)

func (r *rollout) came(n *node, b became) {
	r.outcomes = append(r.outcomes, outcome{node: n, became: b})
}

func (r *rollout) failed(n *node, why string, outputs mgmt.NodeOutputs) {
	r.outcomes = append(r.outcomes, outcome{node: n, became: failed, why: why, outputs: outputs})
}

func (r *rollout) silenced(n *node, why string) {
	r.outcomes = append(r.outcomes, outcome{node: n, became: silent, why: why})
}

// takeOutcomes returns the outcomes since it was called last.
func (r *rollout) takeOutcomes() []outcome {
	list := r.outcomes
	r.outcomes = nil
	return list
}

// settle tells requests what has become of nodes.
func (m *Machine) settle() {
	for _, o := range m.rollout.takeOutcomes() {
		switch o.became {
		case up:
			m.requests.up(o.node)
		case failed:
			m.requests.failed(o.node, o.why, o.outputs)
		case silent:
			m.requests.silent(o.node, o.why)
		case gone:
			m.gone(o.node)
		}
	}
}

// gone tells stand-bys that n has no process any more, and deployments that do
// not want one.
func (m *Machine) gone(n *node) {
	for _, r := range m.requests.awaiting(n, untilEnded) {
		r.Settle(n.name())
		m.awaitGone(r)
	}
	if !n.wanted {
		m.requests.removed(n)
	}
}

// awaitGone answers a stand-by when no process is left but those about which
// nothing can be done. A process that could not be stopped is awaited again as
// soon as another request has it asked to end once more.
func (m *Machine) awaitGone(r *request) {
	for _, n := range m.rollout.all() {
		if n.proc != nil && n.obstacle() == "" {
			r.Await(n.name())
		}
	}
	if r.Settled() {
		why := strings.Join(m.rollout.obstacles(), "; ")
		m.requests.closeWith(r, mgmt.Result{Success: why == "", Error: why})
	}
}

// expire answers the requests whose deadline has come.
func (m *Machine) expire() {
	for _, r := range m.requests.inFlight.Due(m.now) {
		why := lateText(r)
		if m.proposals.looksAt(r) {
			why = "preflight took too long, nothing was changed"
		}
		m.requests.expire(r, m.rollout.sorted(func(n *node) bool { return r.Awaits(n.name()) }), why)
	}
}

// awaitUp has a deployment answered when every desired node is up or has failed,
// and no process of any other node is left. The answer names the other nodes only
// if their processes outlast the deadline.
func (m *Machine) awaitUp(r *request) {
	for _, n := range m.rollout.all() {
		switch {
		case n.up():
			m.requests.settle(r, n.name(), mgmt.Result{Success: true})
		case n.unseen != "":
			m.requests.settle(r, n.name(), mgmt.Result{Error: n.unseen})
		default:
			r.Await(n.name())
		}
	}
	m.requests.closeIfSettled(r)
}
