package daemon

import (
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Nodes that were launched with a secret take proven requests alone, and prove
// their answers. What is proven and what is not is settled here: the core knows
// the plain messages.

// prove returns the proven form of a request for one node, and false if that
// node takes plain ones.
func (a *agentShell) prove(to agent.NodePeer, msg mgmt.NodeDispatchRequest) (mgmt.ProvenRequest, bool) {
	id := launchID{to.Node, to.Launch}
	p := a.nodes[id]
	if p == nil || p.facts.Secret == "" {
		return mgmt.ProvenRequest{}, false
	}
	a.provers[to.Peer] = id
	p.proven++
	r := mgmt.ProvenRequest{Node: to.Node, Number: p.proven, ReqID: msg.ReqID, Action: msg.Action}
	return r.Prove(p.facts.Secret), true
}

// fromNode returns the core's event for what a node said, and nil for what only
// concerns proofs or lacks one.
func (a *agentShell) fromNode(ev agent.FromNode) agent.Event {
	switch msg := ev.Msg.(type) {
	case mgmt.NotifyNumber:
		for id, p := range a.nodes {
			if id.node == msg.Node && msg.IsProven(p.facts.Secret) {
				p.proven = max(p.proven, msg.Number)
			}
		}
		return nil
	case mgmt.ProvenResponse:
		if p := a.prover(ev.Peer); p != nil && msg.IsProven(p.facts.Secret) {
			return agent.FromNode{Peer: ev.Peer, Msg: msg.Plain()}
		}
		a.unproven(ev.Peer, msg.Node)
		return nil
	case mgmt.NodeDispatchResponse:
		if a.prover(ev.Peer) != nil {
			a.unproven(ev.Peer, msg.Result.Node)
			return nil
		}
	}
	return ev
}

// prover returns the process that has to prove what comes from a peer, or nil.
func (a *agentShell) prover(peer mgmt.PeerID) *launched {
	if p := a.nodes[a.provers[peer]]; p != nil && p.facts.Secret != "" {
		return p
	}
	return nil
}

func (a *agentShell) unproven(peer mgmt.PeerID, node mgmt.NodeName) {
	a.cfg.Logger.Warn("answer ignored: it is not proven to be the node's", "node", string(node), "peer", string(peer))
}
