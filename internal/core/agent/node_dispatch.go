package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// dispatch asks each node that lives over its own peering, and fails the others at
// once. A node that lives and is not connected is asked as soon as it is connected:
// its status file may say that it is up a moment before the node and its agent
// connect. Every node is launched with a script that connects them (spec
// zeek-launch).
//
// cluster_layout and set_options are the agent's own. set_option does not set an option that can run commands, unless the host permits
// that option.
func (m *Machine) dispatch(r *request, msg mgmt.AgentDispatchRequest) {
	if len(msg.Action) > 0 && msg.Action[0] == mgmt.ClusterLayout {
		m.requests.refuse(r, mgmt.ClusterLayout+" is for the agent alone: it tells its nodes which configuration was deployed")
		return
	}
	if len(msg.Action) > 0 && msg.Action[0] == mgmt.SetOptions {
		m.requests.refuse(r, mgmt.SetOptions+" is for the agent alone: it tells its nodes the options of the configuration that was deployed; "+mgmt.SetOption+" sets an option until the node ends")
		return
	}
	if len(msg.Action) > 1 && msg.Action[0] == mgmt.SetOption {
		if why := m.cfg.Permits.CheckName(msg.Action[1]); why != "" {
			m.requests.refuse(r, mgmt.SetOption+" would set "+why)
			return
		}
	}
	rs := m.requests
	rs.open(r, m.cfg.RequestTimeout)
	r.Detail.ask = mgmt.NodeDispatchRequest{ReqID: rs.legs.Open(m.rng, r), Action: msg.Action, Nodes: msg.Nodes}
	r.Detail.unasked = map[mgmt.NodeName]bool{}
	var ready []*node
	for _, n := range m.rollout.nodes.targets(msg.Nodes) {
		switch {
		case !n.lives():
			rs.settle(r, n.name(), mgmt.Result{Error: "cluster node " + string(n.name()) + " not in running state"})
		case n.peer == "":
			r.Await(n.name())
			r.Detail.unasked[n.name()] = true
		case m.peers.known[n.peer].lacks(msg.Action):
			rs.settle(r, n.name(), mgmt.Result{Error: m.peers.known[n.peer].unknown(msg.Action[0])})
		default:
			r.Await(n.name())
			ready = append(ready, n)
		}
	}
	rs.ask(r, ready...)
	rs.closeIfSettled(r)
}

// ask sends a dispatch to nodes that are connected.
func (rs *requests) ask(r *request, nodes ...*node) {
	if len(nodes) == 0 {
		return
	}
	ask := ToNodes{Msg: r.Detail.ask}
	for _, n := range nodes {
		delete(r.Detail.unasked, n.name())
		ask.To = append(ask.To, NodePeer{Peer: n.peer, Node: n.name(), Launch: n.proc.launch})
	}
	rs.emit(ask)
}

// askLate sends a node that has just connected the dispatches that wait for it.
func (rs *requests) askLate(n *node) {
	for _, r := range rs.awaiting(n, untilAnswered) {
		if r.Detail.unasked[n.name()] {
			rs.ask(r, n)
		}
	}
}

// nodeAnswered takes the first answer of a node, and only over the peering of that
// node.
func (m *Machine) nodeAnswered(p *peer, msg mgmt.NodeDispatchResponse) {
	r, ok := m.requests.legs.Find(msg.ReqID)
	n := m.rollout.nodes.named[p.node]
	switch {
	case !ok && (m.measured(p, n, msg) || m.options.heard(p, n, msg)):
	case !ok:
		m.rollout.layouts.heard(p, n, msg) // or late
	case n == nil || n.peer != p.id || msg.Result.Node != "" && msg.Result.Node != p.node:
		m.emit(Note{Level: Warn, Text: "answer ignored: it is not the peer's to give", Node: msg.Result.Node, Peer: p.id, ReqID: msg.ReqID})
	case r.Awaits(p.node):
		m.requests.settle(r, p.node, checkAnswer(r.Detail.ask.Action, msg.Result))
		m.requests.closeIfSettled(r)
	}
}

// checkAnswer returns the part of a node's result that the agent passes on: success
// with its text, or the error.
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
