package agent

import (
	"fmt"
	"slices"

	"zeekfleet/internal/mgmt"
)

// targets returns the desired nodes among names, or all if there are no names.
func (m *Machine) targets(names []mgmt.NodeName) []*node {
	return m.sortedNodes(func(n *node) bool {
		return n.wanted && (len(names) == 0 || slices.Contains(names, n.name()))
	})
}

// dispatch asks the nodes that can answer, each over its own peering, and fails
// the others at once.
func (m *Machine) dispatch(r *request, msg mgmt.AgentDispatchRequest) {
	m.open(r, m.cfg.RequestTimeout)
	r.leg = m.newID()
	if len(msg.Action) > 0 {
		r.action = msg.Action[0]
	}
	var peers []mgmt.PeerID
	for _, n := range m.targets(msg.Nodes) {
		switch {
		case !n.up():
			m.add(r, n.name(), mgmt.Result{Error: "cluster node " + string(n.name()) + " not in running state"})
		case n.peer == "":
			m.add(r, n.name(), mgmt.Result{Error: "cluster node " + string(n.name()) + " is not connected"})
		case m.lacks(n, msg.Action):
			m.add(r, n.name(), mgmt.Result{Error: fmt.Sprintf("dispatch %.100s unknown", msg.Action[0])})
		default:
			r.awaited[n.name()] = true
			peers = append(peers, n.peer)
		}
	}
	if len(peers) > 0 {
		m.emit(ToNodes{Peers: peers, Msg: mgmt.NodeDispatchRequest{ReqID: r.leg, Action: msg.Action, Nodes: msg.Nodes}})
	}
	m.closeIfDone(r)
}

// nodeAnswered takes a node's answer from that node's own peering only, and
// only the first.
func (m *Machine) nodeAnswered(p *peer, msg mgmt.NodeDispatchResponse) {
	i := slices.IndexFunc(m.requests, func(r *request) bool { return r.kind == dispatching && r.leg == msg.ReqID })
	n := m.nodes[p.node]
	switch {
	case i < 0: // late
	case n == nil || n.peer != p.id || msg.Result.Node != "" && msg.Result.Node != p.node:
		m.emit(Note{Level: Warn, Text: "answer ignored: it is not the peer's to give", Node: msg.Result.Node, Peer: p.id, ReqID: msg.ReqID})
	case m.requests[i].awaited[p.node]:
		r := m.requests[i]
		m.add(r, p.node, checkAnswer(r.action, msg.Result))
		m.closeIfDone(r)
	}
}

// checkAnswer returns what may be passed on of a node's result: its verdict,
// and text if it is a success.
func checkAnswer(action string, res mgmt.Result) mgmt.Result {
	if !res.Success {
		return mgmt.Result{Error: res.Error}
	}
	switch data := res.Data.(type) {
	case mgmt.Text:
		return mgmt.Result{Success: true, Data: data}
	case mgmt.BadData:
		return mgmt.Result{Error: data.Reason}
	case nil:
		if action != mgmt.GetIDValue {
			return mgmt.Result{Success: true}
		}
	}
	return mgmt.Result{Error: "answer lacks the text of a value"}
}

// failDispatches tells dispatches that n will not answer.
func (m *Machine) failDispatches(n *node, why string) {
	for _, r := range m.await(n, dispatching) {
		m.add(r, n.name(), mgmt.Result{Error: why})
		m.closeIfDone(r)
	}
}

// newID returns an ID that no dispatch in flight has.
func (m *Machine) newID() mgmt.ReqID {
	for {
		id := mgmt.NewReqID(m.rng)
		if !slices.ContainsFunc(m.requests, func(r *request) bool { return r.leg == id }) {
			return id
		}
	}
}
