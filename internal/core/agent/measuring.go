package agent

import (
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// askedAgain is after which time a node is asked for its figures again that has not answered.
// A node that hangs gets few requests, which wait in its connection.
const askedAgain = time.Minute

// measuring is what a node was asked for its figures last.
type measuring struct {
	id mgmt.ReqID // empty: the node has answered
	at time.Time
}

// measure asks the nodes that live, and that have announced that they can tell, for their
// figures. Nobody waits for the answers: a node that is silent has none.
func (m *Machine) measure() {
	ask := ToNodes{Msg: mgmt.NodeDispatchRequest{Action: []string{mgmt.GetStats}}}
	for _, n := range m.rollout.nodes.sorted((*node).lives) {
		p := m.peers.known[n.peer]
		if p == nil || !slices.Contains(p.can, mgmt.GetStats) || p.measuring.id != "" && m.now.Sub(p.measuring.at) < askedAgain {
			continue
		}
		if ask.Msg.ReqID == "" {
			ask.Msg.ReqID = mgmt.NewReqID(m.rng)
		}
		p.measuring = measuring{ask.Msg.ReqID, m.now}
		ask.To = append(ask.To, NodePeer{Peer: n.peer, Node: n.name(), Launch: n.proc.launch})
	}
	if len(ask.To) > 0 {
		m.emit(ask)
	}
}

// measured takes the figures of a node, and reports false if msg answers something else. It
// believes the peer that was asked, as long as it is the node's.
func (m *Machine) measured(p *peer, n *node, msg mgmt.NodeDispatchResponse) bool {
	if p.measuring.id == "" || p.measuring.id != msg.ReqID {
		return false
	}
	p.measuring = measuring{}
	if text, ok := msg.Result.Data.(mgmt.Text); ok && msg.Result.Success && n != nil && n.peer == p.id && n.proc != nil {
		m.emit(Measured{Node: n.name(), Launch: n.proc.launch, Figures: string(text)})
	}
	return true
}
