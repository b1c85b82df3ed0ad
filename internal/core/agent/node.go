package agent

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// node is a cluster node of this instance. It is desired, or its process has not
// ended yet.
type node struct {
	// What is desired; only the rollout writes it.
	plan        mgmt.Plan
	fingerprint mgmt.Fingerprint // of plan
	wanted      bool             // it is desired; if not, it is forgotten when its process is gone
	rests       bool             // a user has stopped it: it is desired, and does not run
	paused      bool             // it is not started again when it ends by itself
	kept        bool             // it runs on, and nobody has said whether it is wanted; see State.Told

	// What is observed.
	state mgmt.State // as last announced
	proc  *process   // nil: there is none
	// unseen says why the node may have an Unseen process. Empty means that it has
	// none. While it may have one, no other process is started.
	unseen string
	peer   mgmt.PeerID // the process's peering; empty: none

	// The next start.
	fresh    bool      // the node starts in the order of a rollout; if not, due counts
	due      time.Time // when a node that ended by itself is started again
	failures int       // in a row
	held     bool      // it ended while it was paused: it is not started

	last crash // the latest, under the present plan or an earlier one
}

// crash says when and how a node ended by itself. The zero value says that it never
// did.
type crash struct {
	at  time.Time
	how string
}

// process is a process of a node, from its Start or its adoption until its end.
type process struct {
	launch uint64
	// fingerprint is the fingerprint of the plan that the process was started with. It
	// has an older version if an older program has started the process.
	fingerprint mgmt.Fingerprint
	pid         int64  // zero until Started
	exposed     string // as in Started
	moment      uint64 // when it was started, see turn.moment; zero if it was adopted
	since       time.Time
	begun       bool // it was Started, or adopted
	// spec has the settings with which the node was started. It is nil if an earlier
	// life of the agent started it and the plan has changed since.
	spec *mgmt.Node
	// state is Pending, Running, or Unknown.
	state mgmt.State
	gate  time.Time // until when it counts as starting while it is Pending; zero: it does not count
	late  time.Time // when it is reported as still starting; zero: never, or that is done

	halt *halt // nil: the process is not to end

	// layout is the layout of the cluster that the process knows, as in mgmt.Telling. It is
	// empty if an earlier life of the agent started it.
	layout string
	hears  bool     // it can be told of another layout
	told   *telling // was sent and not answered yet; nil: none

	options optionsOfProcess
	limits  limitsOfProcess

	untold string // why the process does not know the present layout; empty: it does, or will
}

// halt says that a process is to end.
type halt struct {
	since time.Time // when that was decided
	sent  time.Time // when its Stop went out; zero: it did not go out yet
	stuck string    // why the process could not be stopped; empty: no Stop has failed
}

// gate returns until when the process may hold up other nodes.
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

// mayBeStopped reports whether the process is to end, has begun, and was not asked
// to end yet.
func (p *process) mayBeStopped() bool { return p.halt != nil && p.begun && p.halt.sent.IsZero() }

// starts reports whether the process counts among those that are starting.
func (p *process) starts(now time.Time) bool {
	return p.halt == nil && p.state == mgmt.Pending && now.Before(p.gate)
}

// name returns the name of the node.
func (n *node) name() mgmt.NodeName { return n.plan.Node.Name }

// pid returns the PID of n's process, or 0 if n has no process that has begun.
func (n *node) pid() int64 {
	if n.proc == nil {
		return 0
	}
	return n.proc.pid
}

// whyAgain says why a node that has failed is started.
func (n *node) whyAgain() string {
	switch {
	case n.failures > 1:
	case n.state == mgmt.Failed:
		return "started again after its start had failed"
	default:
		return "started again after it had ended by itself"
	}
	return fmt.Sprintf("started again after it had failed %d times in a row", n.failures)
}

// up reports whether the node does its work, and its PID is known.
func (n *node) up() bool {
	return n.proc != nil && n.proc.begun && n.proc.halt == nil && n.proc.state == mgmt.Running
}

// startable reports whether the node is to run, as far as users say, and has no process
// that cannot be seen.
func (n *node) startable() bool { return n.wanted && !n.rests && !n.held && n.unseen == "" }

// lives reports whether the node is up, or was up when its peering or the earlier
// life of its agent ended.
func (n *node) lives() bool {
	return n.up() || n.proc != nil && n.proc.halt == nil && n.proc.state == mgmt.Unknown
}

// stopping reports whether the process of n, which may be nil, is to end.
func (n *node) stopping() bool { return n != nil && n.proc != nil && n.proc.halt != nil }

// has reports whether n is to run its plan already, or is kept and runs it.
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

// obstacle returns why the agent cannot watch or stop n's process, or nothing.
func (n *node) obstacle() string {
	if n.unseen != "" {
		return n.unseen
	}
	return n.stuck()
}

// whyNotUp says why n is not up: what its start waits for, or that it has not ended.
func (n *node) whyNotUp() string {
	name := string(n.name())
	switch {
	case n.unseen != "":
		return n.unseen
	case (!n.wanted || n.rests) && n.stuck() == "":
		return "cluster node " + name + " still stopping"
	case n.proc == nil:
		return "cluster node " + name + " still waiting to be started"
	case n.stuck() != "":
		return n.stuck()
	case n.proc.halt != nil:
		return "earlier process of cluster node " + name + " still stopping"
	case n.proc.state == mgmt.Unknown:
		return "cluster node " + name + " is not connected"
	case n.up():
		return "cluster node " + name + " runs, and has not said yet whether it takes its options"
	default:
		return "cluster node " + name + " still starting"
	}
}

// status returns n as get-nodes shows it.
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
