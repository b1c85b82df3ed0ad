package controller

import (
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// withSelf adds the controller itself to what the agent of its own machine
// reports, as Zeek's agent reports a controller that its Supervisor runs (spec
// management-api 5.7). Where several agents share that machine the controller
// is listed with none, and so never twice.
func (m *Machine) withSelf(a *agent, statuses mgmt.NodeStatuses) mgmt.NodeStatuses {
	site := m.cfg.Rules.Controller
	if m.cfg.PID == 0 || !site.On(a.peer.addr.Addr()) {
		return statuses
	}
	for _, other := range m.agents {
		if other != a && site.On(other.peer.addr.Addr()) {
			return statuses
		}
	}
	name := mgmt.NodeName(site.Name)
	if slices.ContainsFunc(statuses, func(s mgmt.NodeStatus) bool { return s.Node == name }) {
		return statuses
	}
	self := mgmt.NodeStatus{
		Node:        name,
		State:       mgmt.Running,
		MgmtRole:    mgmt.RoleController,
		ClusterRole: mgmt.ClusterNone,
		PID:         new(m.cfg.PID),
	}
	if m.cfg.ShownPort.Number != 0 {
		self.Port = new(m.cfg.ShownPort)
	}
	return append(slices.Clip(statuses), self)
}
