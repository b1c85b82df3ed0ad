package agent

import (
	"fmt"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// targets returns the desired nodes among names, or all if there are no names.
// Nodes that are kept count: nobody has said that they are not desired.
func (m *Machine) targets(names []mgmt.NodeName) []*node {
	return m.sortedNodes(func(n *node) bool {
		return (n.wanted || n.kept) && (len(names) == 0 || slices.Contains(names, n.name()))
	})
}

// dispatch asks the nodes that can answer, each over its own peering, and fails
// the others at once. A node that lives and is not connected is asked when it is:
// it is up when its status file says so, which can be a moment before it reaches
// the agent or is reached, and every node is launched with a script that does
// (spec zeek-launch).
//
// An option that can run commands is not set at run time either unless the host
// permits it, whoever asks.
func (m *Machine) dispatch(r *request, msg mgmt.AgentDispatchRequest) {
	if len(msg.Action) > 1 && msg.Action[0] == mgmt.SetOption {
		if why := m.cfg.Permits.CheckName(msg.Action[1]); why != "" {
			m.refuse(r, mgmt.SetOption+" would set "+why)
			return
		}
	}
	m.open(r, m.cfg.RequestTimeout)
	r.leg, r.action, r.named, r.unasked = m.newID(), msg.Action, msg.Nodes, make(map[mgmt.NodeName]bool)
	var ready []*node
	for _, n := range m.targets(msg.Nodes) {
		switch {
		case !n.lives():
			m.add(r, n.name(), mgmt.Result{Error: "cluster node " + string(n.name()) + " not in running state"})
		case n.peer == "":
			r.awaited[n.name()], r.unasked[n.name()] = true, true
		case m.lacks(n, msg.Action):
			m.add(r, n.name(), mgmt.Result{Error: fmt.Sprintf("dispatch %.100s unknown", msg.Action[0])})
		default:
			r.awaited[n.name()] = true
			ready = append(ready, n)
		}
	}
	m.askNodes(r, ready...)
	m.closeIfDone(r)
}

// askNodes sends a dispatch to nodes that are connected.
func (m *Machine) askNodes(r *request, nodes ...*node) {
	if len(nodes) == 0 {
		return
	}
	ask := ToNodes{Msg: mgmt.NodeDispatchRequest{ReqID: r.leg, Action: r.action, Nodes: r.named}}
	for _, n := range nodes {
		delete(r.unasked, n.name())
		ask.To = append(ask.To, NodePeer{Peer: n.peer, Node: n.name(), Launch: n.proc.launch})
	}
	m.emit(ask)
}

// askLate sends a node that has just been connected what has waited for that.
func (m *Machine) askLate(n *node) {
	for _, r := range m.await(n, dispatching) {
		if r.unasked[n.name()] {
			m.askNodes(r, n)
		}
	}
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
func checkAnswer(action []string, res mgmt.Result) mgmt.Result {
	if !res.Success {
		return mgmt.Result{Error: res.Error}
	}
	switch data := res.Data.(type) {
	case mgmt.Text:
		return mgmt.Result{Success: true, Data: data}
	case mgmt.BadData:
		return mgmt.Result{Error: data.Reason}
	case nil:
		if len(action) == 0 || action[0] != mgmt.GetIDValue {
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
