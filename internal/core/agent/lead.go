package agent

import (
	"maps"
	"slices"
)

// Over one connection everything arrives in the order in which it was sent, over
// two it does not: a controller that died may have sent a deployment that arrives
// after those of its next life. So a peer that connected before the one that
// leads changes nothing. When that one is gone, the peers from before it have to
// connect anew: a controller that lives does so in a moment, a dead one cannot.

// ledSince reports whether a peer that connected later than p leads.
func (m *Machine) ledSince(p *peer) bool {
	for _, o := range m.peers {
		if o.led && o.moment > p.moment {
			return true
		}
	}
	return false
}

// leadLost has the controllers connect anew that connected before gone, which
// may have led. Peers that have not said what they are need not unless they turn
// out to be controllers.
func (m *Machine) leadLost(gone *peer) {
	if !gone.led {
		return
	}
	for _, p := range slices.SortedFunc(maps.Values(m.peers), byMoment) {
		if p.moment > gone.moment || p.node != "" {
			continue
		}
		p.past = true
		if p.led {
			m.drop(p)
		}
	}
}

// partWithPast ends the connection of r's peer if that one is why r was refused.
func (m *Machine) partWithPast(r *request) {
	if p := m.peers[r.peer]; p != nil && p.past && r.kind.leads() {
		m.drop(p)
	}
}

func (m *Machine) drop(p *peer) {
	m.emit(Drop{Peer: p.id, Reason: "another controller has led since"})
}
