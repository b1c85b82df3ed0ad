package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// This file is what the agent does when it knows less than it should: what was
// to run is lost, a process cannot be looked at, or cannot be signalled. In none
// of these cases is anything stopped, or a second process started.

// planless is the plan of a node of which no more is known than its name.
func (m *Machine) planless(name mgmt.NodeName) mgmt.Plan {
	return mgmt.Plan{Node: mgmt.Node{Name: name, Instance: m.cfg.Name, Role: mgmt.ClusterNone}}
}

// keepAll leaves what runs alone until a controller says what should run. An
// agent that was never told so has no wishes, and so does not wish for nothing.
func (m *Machine) keepAll() {
	for _, n := range m.nodes {
		n.kept = true
	}
	m.sortTiers()
	if why := m.unaware(); why != "" {
		m.emit(Note{Level: Error, Text: "what should run is not known", Err: why})
		m.tell(mgmt.NotifyLog{Instance: m.cfg.Name, Msg: why})
	}
}

// unaware says which nodes are kept although nobody has said whether they are
// wanted, or nothing if there are none.
func (m *Machine) unaware() string {
	kept := m.sortedNodes(func(n *node) bool { return n.kept })
	if len(kept) == 0 {
		return ""
	}
	return "the agent does not know what it should run: its state is missing. It keeps " + names(kept) +
		" running, and starts and stops nothing until a controller tells it what should run (deploy)"
}

func names(nodes []*node) string {
	var list []string
	for _, n := range nodes {
		list = append(list, string(n.name()))
	}
	return strings.Join(list, ", ")
}

// keptEnded says that a node ended of which nobody knows whether it is wanted.
func (m *Machine) keptEnded(n *node, ev Exited) {
	n.kept = false
	m.setState(n, mgmt.Crashed)
	msg := fmt.Sprintf("node %s ended: %s. It is not started again: the agent does not know what it should run, until a controller tells it (deploy)", ev.Node, ev.Reason)
	m.emit(Note{Level: Error, Text: "node ended by itself", Node: ev.Node, Err: msg})
	m.tell(mgmt.NotifyError{Instance: m.cfg.Name, Msg: msg, Node: ev.Node})
	m.failDispatches(n, fmt.Sprintf("cluster node %s exited: %s", ev.Node, ev.Reason))
}

// cannotSee makes nodes wait whose processes cannot be looked at.
func (m *Machine) cannotSee(unseen []Unseen) {
	for _, u := range unseen {
		m.launches = max(m.launches, u.Launch)
		n := m.nodes[u.Node]
		if n == nil {
			n = &node{plan: m.planless(u.Node), state: mgmt.Unknown}
			m.nodes[u.Node] = n
		}
		n.unseen = u.Why
		m.emit(Note{Level: Error, Text: "node is not started: it may run already", Node: u.Node, Err: u.Why})
		m.tell(mgmt.NotifyError{Instance: m.cfg.Name, Msg: u.Why, Node: u.Node})
	}
}

// freed lets a node start that had to wait for a process nobody could look at.
func (m *Machine) freed(ev Freed) {
	n := m.nodes[ev.Node]
	if n == nil || n.unseen == "" {
		m.emit(Note{Level: Debug, Text: "report about a process that is not known", Node: ev.Node})
		return
	}
	n.unseen = ""
	m.emit(Note{Level: Info, Text: "node has no process any more that cannot be seen", Node: ev.Node})
	m.settleGone(n)
	switch {
	case n.proc != nil:
	case !n.wanted:
		m.setState(n, mgmt.Stopped)
		m.forget(n)
	case m.mode == serving:
		m.setState(n, mgmt.Pending)
	}
}

// stopFailed says that n's process runs on, whatever was asked of it. Nobody
// waits for its end any longer; a later request tries again.
func (m *Machine) stopFailed(ev StopFailed) {
	n, ok := m.find(ev.Node, ev.Launch)
	if !ok || !n.proc.halt {
		return
	}
	n.proc.stuck = fmt.Sprintf("process %d of cluster node %s cannot be stopped and runs on: %s", n.proc.pid, ev.Node, ev.Err)
	m.emit(Note{Level: Error, Text: "node cannot be stopped", Node: ev.Node, Err: n.proc.stuck})
	m.setState(n, mgmt.Unknown)
	m.settleFailed(n, n.proc.stuck, mgmt.NodeOutputs{})
	m.settleGone(n)
}

// tryAgain has a process that could not be stopped asked to end once more.
func (m *Machine) tryAgain(p *process) {
	if p.stuck != "" {
		p.stuck, p.phase, p.haltAt = "", alive, m.now
	}
}

// reprieve lets a process go on that could not be stopped, and is wanted as it
// is.
func (m *Machine) reprieve(n *node) {
	p := n.proc
	p.halt, p.stuck, p.phase = false, "", alive
	n.fresh = false
	m.setState(n, p.state)
}

// obstacle returns why nothing can be done about n's process, or nothing.
func (n *node) obstacle() string {
	if n.unseen != "" {
		return n.unseen
	}
	if n.proc != nil {
		return n.proc.stuck
	}
	return ""
}

// obstacles returns the same of all nodes, by name.
func (m *Machine) obstacles() []string {
	var list []string
	for _, n := range m.sortedNodes(func(n *node) bool { return n.obstacle() != "" }) {
		list = append(list, n.obstacle())
	}
	return list
}

// remarks is what a person should know of the nodes beside their states.
func (m *Machine) remarks() string {
	var texts []string
	if why := m.unaware(); why != "" {
		texts = append(texts, why)
	}
	texts = append(texts, m.obstacles()...)
	if crashes := m.crashes(); crashes != "" {
		texts = append(texts, crashes)
	}
	return strings.Join(slices.Compact(texts), "\n")
}
