package agent

import (
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// nodeCan keeps the dispatches that a node announced, as long as its peering
// lasts. A node may announce only its own dispatches.
func (m *Machine) nodeCan(p *peer, msg mgmt.NotifyDispatches) {
	n := m.rollout.nodes.named[p.node]
	if n == nil || n.peer != p.id || msg.Node != p.node {
		level := Warn
		if n.stopping() && msg.Node == p.node {
			level = Debug // its hello was ignored
		}
		m.emit(Note{Level: level, Text: "dispatches ignored: they are not the peer's to announce", Node: msg.Node, Peer: p.id})
		return
	}
	p.can = []string{}
	for _, name := range msg.Dispatches {
		if len(p.can) < m.cfg.MaxDispatches && len(name) <= m.cfg.MaxDispatchBytes {
			p.can = append(p.can, name)
		}
	}
	n.proc.hears = slices.Contains(p.can, mgmt.ClusterLayout)
	m.emit(Note{Level: Debug, Text: "node announced its dispatches", Node: p.node, Peer: p.id})
}

// lacks reports whether the peer, which may be nil, announced its dispatches
// without this action.
func (p *peer) lacks(action []string) bool {
	if p == nil || p.can == nil || len(action) == 0 {
		return false
	}
	return !slices.Contains(p.can, action[0])
}
