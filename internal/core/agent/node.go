package agent

import (
	"cmp"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// node is a cluster node of this instance: one that is desired, or one whose
// process has yet to end.
type node struct {
	// What is desired; only apply writes it.
	plan        mgmt.Plan
	fingerprint mgmt.Fingerprint // of plan
	wanted      bool             // false: the node is forgotten when its process is gone
	kept        bool             // nobody has said whether it is wanted; see Machine.told

	// What is observed.
	state mgmt.State // as last announced
	proc  *process   // nil: there is none
	// unseen says why a process of it may live that is not proc; empty: none
	// does. Until then no other is started.
	unseen string
	peer   mgmt.PeerID // the process's peering; empty: none

	// The next start.
	fresh    bool      // it belongs to a rollout, which has an order; else:
	due      time.Time // when a node that ended by itself is started again
	failures int       // in a row

	// last is how the node ended by itself last, under its present plan or an
	// earlier one.
	last lastCrash
}

// lastCrash is when a node ended by itself, and how; its zero value says that it
// did not.
type lastCrash struct {
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
	phase       phase
	// spec is the node as it was started; nil: an earlier life of the agent
	// knew it.
	spec *mgmt.Node
	// state is what is known of it: Pending, Running, or Unknown.
	state mgmt.State
	gate  time.Time // until when it counts as starting while it is Pending; zero: it does not
	late  time.Time // when it is reported as still starting; zero: no more

	halt    bool      // it is to be stopped, or being stopped
	haltAt  time.Time // since when
	stopped time.Time // when its Stop went out
	stuck   string    // why it could not be stopped; empty: it could, or has yet to be
}

// phase is how far the shell has come with a process.
type phase int

const (
	starting phase = iota // Start went out
	alive                 // Started, or adopted
	ending                // Stop went out
)

// up reports whether the node does its work.
func (n *node) up() bool { return n.proc != nil && !n.proc.halt && n.proc.state == mgmt.Running }

// lives reports whether the node is up, or was before its peering or its agent
// ended: nobody has said of its process that it does not do its work.
func (n *node) lives() bool {
	return n.up() || n.proc != nil && !n.proc.halt && n.proc.state == mgmt.Unknown
}

// name is the node's.
func (n *node) name() mgmt.NodeName { return n.plan.Node.Name }

// whyNotUp says what an unfinished start waits for, or that an end is
// unfinished.
func (n *node) whyNotUp() string {
	name := string(n.name())
	switch {
	case n.unseen != "":
		return n.unseen
	case !n.wanted && n.proc.stuck == "":
		return "cluster node " + name + " still stopping"
	case n.proc == nil:
		return "cluster node " + name + " still waiting to be started"
	case n.proc.stuck != "":
		return n.proc.stuck
	case n.proc.halt:
		return "earlier process of cluster node " + name + " still stopping"
	case n.proc.state == mgmt.Unknown:
		return "cluster node " + name + " is not connected"
	default:
		return "cluster node " + name + " still starting"
	}
}

// setState records and announces a change of n's state.
func (m *Machine) setState(n *node, s mgmt.State) {
	if n.state == s {
		return
	}
	described := n.plan.Node
	described.State = s
	described.Env = nil // it may hold secrets, and everyone can subscribe
	m.tell(mgmt.NotifyChange{Instance: m.cfg.Name, Node: described, Old: n.state, New: s})
	n.state = s
}

// The tiers in which nodes start; they stop in the reverse order.
const (
	loggers = iota
	managers
	proxies
	workers // and whatever has no other role
	tierCount
)

func tierOf(role mgmt.ClusterRole) int {
	switch role {
	case mgmt.Logger:
		return loggers
	case mgmt.Manager:
		return managers
	case mgmt.Proxy:
		return proxies
	default:
		return workers
	}
}

// sortTiers rebuilds tiers after nodes came, went or changed their role.
func (m *Machine) sortTiers() {
	clear(m.tiers[:])
	for _, n := range m.nodes {
		t := tierOf(n.plan.Node.Role)
		m.tiers[t] = append(m.tiers[t], n)
	}
	for _, tier := range m.tiers {
		slices.SortFunc(tier, byName)
	}
}

func byName(a, b *node) int { return cmp.Compare(a.name(), b.name()) }

// sortedNodes returns the nodes that keep reports true for, by name.
func (m *Machine) sortedNodes(keep func(*node) bool) []*node {
	var list []*node
	for _, n := range m.nodes {
		if keep(n) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, byName)
	return list
}

// forget drops a node that is not desired and has no process.
func (m *Machine) forget(n *node) {
	delete(m.nodes, n.name())
	m.sortTiers()
}
