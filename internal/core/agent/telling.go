package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// wanted has a controller of this program told what happens here. It must be one that may
// make requests: what happens to nodes says what a cluster does.
func (m *Machine) wanted(id mgmt.PeerID, msg mgmt.HappeningsWanted) {
	p := m.peers.known[id]
	if p == nil || !p.fleet || p.barred != "" || p.node != "" {
		m.emit(Note{Level: Debug, Text: "peer is not told what happens", Peer: id})
		return
	}
	if why := m.terms.refusal(p); why != "" {
		obeying{m}.refused(p, why)
		return
	}
	m.emit(Tell{Peer: id, Log: msg.Log, After: msg.After})
}
