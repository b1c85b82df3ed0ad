package daemon

import (
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A node that was launched with a secret accepts only proven requests, and proves
// its answers. This file makes and checks the proofs. The core handles the plain
// messages.

// prove returns the proven form of a request for one node. It returns false if
// that node takes plain requests.
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

// fromNode returns the core's event for a message of a node. It returns nil if
// the message only concerns proofs, or lacks a proof.
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

// prover returns the process that has to prove the messages of a peer, or nil.
func (a *agentShell) prover(peer mgmt.PeerID) *launched {
	if p := a.nodes[a.provers[peer]]; p != nil && p.facts.Secret != "" {
		return p
	}
	return nil
}

func (a *agentShell) unproven(peer mgmt.PeerID, node mgmt.NodeName) {
	a.cfg.Logger.Warn("answer ignored: it is not proven to be the node's", "node", string(node), "peer", string(peer))
}
