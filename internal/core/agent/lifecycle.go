package agent

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// find returns the node whose present process is this launch; reports about
// other launches are late and mean nothing.
func (m *Machine) find(name mgmt.NodeName, launch uint64) (*node, bool) {
	n, ok := m.nodes[name]
	if !ok || n.proc == nil || n.proc.launch != launch {
		m.emit(Note{Level: Debug, Text: "report about a process that is not known", Node: name})
		return nil, false
	}
	return n, true
}

func (m *Machine) started(ev Started) {
	n, ok := m.find(ev.Node, ev.Launch)
	if !ok || n.proc.phase != starting {
		return
	}
	n.proc.phase, n.proc.pid, n.proc.since = alive, ev.PID, m.now
}

func (m *Machine) startFailed(ev StartFailed) {
	n, ok := m.find(ev.Node, ev.Launch)
	if !ok {
		return
	}
	p := n.proc
	m.vanished(n)
	if !n.wanted || p.halt {
		return
	}
	n.failures++
	n.due = m.now.Add(m.delay(n.failures))
	m.setState(n, mgmt.Failed)
	m.emit(Note{Level: Error, Text: "node could not be started", Node: ev.Node, Err: ev.Err})
	m.tell(mgmt.NotifyError{
		Instance: m.cfg.Name,
		Msg:      fmt.Sprintf("failed to create node %s: %s", ev.Node, ev.Err),
		Node:     ev.Node,
	})
	m.settleFailed(n, ev.Err, ev.Outputs)
}

func (m *Machine) ready(ev Ready) {
	if n, ok := m.find(ev.Node, ev.Launch); ok && !n.proc.halt {
		m.cameUp(n)
	}
}

// cameUp says that n's present process does its work.
func (m *Machine) cameUp(n *node) {
	n.proc.state = mgmt.Running
	m.setState(n, mgmt.Running)
	m.settleUp(n)
}

func (m *Machine) exited(ev Exited) {
	n, ok := m.find(ev.Node, ev.Launch)
	if !ok {
		return
	}
	p := n.proc
	m.vanished(n)
	switch {
	case n.kept && !p.halt:
		m.keptEnded(n, ev)
	case n.wanted && !p.halt:
		m.crashed(n, p, ev)
	}
}

// vanished says that n's process is gone, for whatever reason.
func (m *Machine) vanished(n *node) {
	n.proc, n.peer = nil, ""
	m.settleGone(n)
	if !n.wanted && n.unseen == "" {
		m.forget(n)
	}
}

// crashed decides when a node that ended by itself is tried again.
func (m *Machine) crashed(n *node, p *process, ev Exited) {
	if m.now.Sub(p.since) >= m.cfg.Backoff.Reset {
		n.failures = 0
	}
	n.failures++
	delay := m.delay(n.failures)
	n.due = m.now.Add(delay)
	why := withWords(ev.Reason, ev.Outputs)
	msg := fmt.Sprintf("node %s crashed: %s", ev.Node, why)
	if n.failures >= m.cfg.Backoff.GiveUp {
		m.setState(n, mgmt.Failed)
		msg = fmt.Sprintf("node %s failed %d times in a row, next try in %s: %s", ev.Node, n.failures, delay, why)
	} else {
		m.setState(n, mgmt.Crashed)
	}
	n.last = lastCrash{m.now, msg}
	m.emit(Note{Level: Error, Text: "node ended by itself", Node: ev.Node, Err: msg})
	m.tell(mgmt.NotifyError{Instance: m.cfg.Name, Msg: msg, Node: ev.Node})
	m.failDispatches(n, fmt.Sprintf("cluster node %s exited: %s", ev.Node, ev.Reason))
	m.settleFailed(n, ev.Reason, ev.Outputs)
}

// withWords adds to why a process failed the line that it printed of it.
func withWords(why string, outputs mgmt.NodeOutputs) string {
	if said := outputs.TellingLine(); said != "" {
		return why + "; it printed: " + said
	}
	return why
}

// reportLate names the nodes that take longer to come up than their role may.
func (m *Machine) reportLate() {
	for _, tier := range m.tiers {
		for _, n := range tier {
			p := n.proc
			if p == nil || p.halt || p.state != mgmt.Pending || p.late.IsZero() || m.now.Before(p.late) {
				continue
			}
			p.late = time.Time{}
			m.emit(Note{Level: Warn, Text: "node still starting", Node: n.name()})
			m.tell(mgmt.NotifyLog{
				Instance: m.cfg.Name,
				Msg:      fmt.Sprintf("node %s still starting after %s", n.name(), m.cfg.startDeadline(n.plan.Node.Role)),
				Node:     n.name(),
			})
		}
	}
}
