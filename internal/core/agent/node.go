package agent

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// node is a cluster node of this instance. Either it is desired, or its process
// has yet to end.
type node struct {
	// What is desired; only the rollout writes it.
	plan        mgmt.Plan
	fingerprint mgmt.Fingerprint // of plan
	wanted      bool             // false: the node is forgotten when its process is gone
	kept        bool             // nobody has said whether it is wanted; see State.Told

	// What is observed.
	state mgmt.State // as last announced
	proc  *process   // nil: there is none
	// unseen says why the node may have a process beside proc; empty: it has
	// none. Until then no other is started.
	unseen string
	peer   mgmt.PeerID // the process's peering; empty: none

	// The next start.
	fresh    bool      // it belongs to a rollout, which has an order; else:
	due      time.Time // when a node that ended by itself is started again
	failures int       // in a row

	last crash // the latest, under the present plan or an earlier one
}

// crash is when a node ended by itself, and how. The zero value says that the
// node did not.
type crash struct {
	at  time.Time
	how string
}

// process is a process from its Start, or its adoption, to its end.
type process struct {
	launch uint64
	// fingerprint is that of the plan that it was started with. An older program
	// may have started it, whose fingerprints have an older version.
	fingerprint mgmt.Fingerprint
	pid         int64  // zero until Started
	moment      uint64 // of its Start, among the peerings; zero if it was adopted
	since       time.Time
	begun       bool // it was Started, or adopted
	// spec is the node as it was started; nil: only an earlier life of the agent
	// knew it.
	spec *mgmt.Node
	// state is what is known of it: Pending, Running, or Unknown.
	state mgmt.State
	gate  time.Time // until when it counts as starting while it is Pending; zero: it does not
	late  time.Time // when it is reported as still starting; zero: it is not, or was already

	halt *halt // nil: the process is to go on
}

// halt says that a process is to end.
type halt struct {
	since time.Time // when that was decided
	sent  time.Time // when its Stop went out; zero: it has yet to
	stuck string    // why the process could not be stopped; empty: nothing says so
}

// gate returns until when the process holds up other nodes.
func (h *halt) gate(patience time.Duration) time.Time {
	if !h.sent.IsZero() {
		return h.sent.Add(patience)
	}
	return h.since.Add(patience)
}

// blocks reports whether a process that is to end holds up other nodes.
func (p *process) blocks(now time.Time, patience time.Duration) bool {
	return p.mayBeStopped() || p.halt.stuck == "" && now.Before(p.halt.gate(patience))
}

// mayBeStopped reports whether the process is to end, exists, and was not asked
// to end yet.
func (p *process) mayBeStopped() bool { return p.halt != nil && p.begun && p.halt.sent.IsZero() }

// starts reports whether the process counts among those that are starting.
func (p *process) starts(now time.Time) bool {
	return p.halt == nil && p.state == mgmt.Pending && now.Before(p.gate)
}

// name is the node's.
func (n *node) name() mgmt.NodeName { return n.plan.Node.Name }

// up reports whether the node does its work.
func (n *node) up() bool { return n.proc != nil && n.proc.halt == nil && n.proc.state == mgmt.Running }

// lives reports whether the node is up, or was up before its peering or its agent
// ended. Nobody has said since that its process does not do its work.
func (n *node) lives() bool {
	return n.up() || n.proc != nil && n.proc.halt == nil && n.proc.state == mgmt.Unknown
}

// stopping reports whether the process of n, which may be nil, is to end.
func (n *node) stopping() bool { return n != nil && n.proc != nil && n.proc.halt != nil }

// has reports whether n has to run its plan already, or runs it without anybody
// having said whether it should.
func (n *node) has(name mgmt.NodeName, plans *mgmt.Plans) bool {
	return n.wanted && n.fingerprint == plans.Fingerprint(name) ||
		n.kept && n.proc != nil && n.proc.halt == nil && plans.Is(name, n.proc.fingerprint)
}

// stuck returns why n's process could not be stopped, or nothing.
func (n *node) stuck() string {
	if !n.stopping() {
		return ""
	}
	return n.proc.halt.stuck
}

// obstacle returns why nothing can be done about n's process, or nothing.
func (n *node) obstacle() string {
	if n.unseen != "" {
		return n.unseen
	}
	return n.stuck()
}

// whyNotUp says what an unfinished start waits for, or that an end is unfinished.
func (n *node) whyNotUp() string {
	name := string(n.name())
	switch {
	case n.unseen != "":
		return n.unseen
	case !n.wanted && n.stuck() == "":
		return "cluster node " + name + " still stopping"
	case n.proc == nil:
		return "cluster node " + name + " still waiting to be started"
	case n.stuck() != "":
		return n.stuck()
	case n.proc.halt != nil:
		return "earlier process of cluster node " + name + " still stopping"
	case n.proc.state == mgmt.Unknown:
		return "cluster node " + name + " is not connected"
	default:
		return "cluster node " + name + " still starting"
	}
}

// status is what get-nodes tells of n.
func (n *node) status() mgmt.NodeStatus {
	s := mgmt.NodeStatus{
		Node:        n.name(),
		State:       n.state,
		MgmtRole:    mgmt.RoleNone,
		ClusterRole: n.plan.Node.Role,
		MetricsPort: n.plan.Node.MetricsPort,
	}
	if p := n.plan.Node.Port; p != nil && p.Number != 0 {
		s.Port = p
	}
	if n.proc != nil && n.proc.pid != 0 {
		s.PID = new(n.proc.pid)
	}
	return s
}
