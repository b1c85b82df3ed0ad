package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// maxCrashes bounds the crashes that get-nodes tells of; the newest count.
const maxCrashes = 20

// crashes summarises how nodes ended by themselves last, newest first. A
// NodeStatus has no place for it, and the error text of a result that is a
// success is read by nobody else (spec management-api, appendix B).
func (m *Machine) crashes() string {
	crashed := m.sortedNodes(func(n *node) bool { return n.last != lastCrash{} })
	slices.SortStableFunc(crashed, func(a, b *node) int { return b.last.at.Compare(a.last.at) })
	var texts []string
	for _, n := range crashed[:min(len(crashed), maxCrashes)] {
		texts = append(texts, fmt.Sprintf("%s (%s ago)", n.last.how, m.now.Sub(n.last.at).Round(time.Second)))
	}
	return strings.Join(texts, "\n")
}

// statuses lists the agent itself and its nodes (spec management-api 5.7). A
// controller on this host adds itself.
func (m *Machine) statuses() mgmt.NodeStatuses {
	list := mgmt.NodeStatuses{m.ownStatus()}
	for _, n := range m.sortedNodes(func(*node) bool { return true }) {
		list = append(list, n.status())
	}
	return list
}

func (m *Machine) ownStatus() mgmt.NodeStatus {
	s := mgmt.NodeStatus{
		Node:        mgmt.NodeName(m.cfg.Name),
		State:       mgmt.Running,
		MgmtRole:    mgmt.RoleAgent,
		ClusterRole: mgmt.ClusterNone,
	}
	if m.cfg.PID != 0 {
		s.PID = new(m.cfg.PID)
	}
	if !m.cfg.Connecting && m.cfg.ListenPort.Number != 0 {
		s.Port = new(m.cfg.ListenPort)
	}
	return s
}

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
