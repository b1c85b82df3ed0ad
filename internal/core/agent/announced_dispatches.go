package agent

import (
	"fmt"
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
	n.proc.options.takes = slices.Contains(p.can, mgmt.SetOptions)
	if owes, _ := m.options.outcome(n); owes {
		m.requests.awaitAgain(n)
	}
	m.emit(Note{Level: Debug, Text: "node announced its dispatches", Node: p.node, Peer: p.id})
}

// unknown says that the node does not know a dispatch, and which ones it knows. It begins
// as the answer of Zeek's nodes does.
func (p *peer) unknown(name string) string {
	text := fmt.Sprintf("dispatch %.100s unknown", name)
	if nearest := mgmt.Nearest(name, p.can); nearest != "" {
		text += fmt.Sprintf(" (did you mean %s?)", nearest)
	}
	if len(p.can) == 0 {
		return text + "; the node knows none"
	}
	return text + "; the node knows " + mgmt.FewTexts(slices.Compact(slices.Sorted(slices.Values(p.can))), maxKnown, ", ")
}

// maxKnown bounds the dispatches that an answer names.
const maxKnown = 20

// lacks reports whether the peer, which may be nil, announced its dispatches
// without this action.
func (p *peer) lacks(action []string) bool {
	if p == nil || p.can == nil || len(action) == 0 {
		return false
	}
	return !slices.Contains(p.can, action[0])
}
