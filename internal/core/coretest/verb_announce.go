package coretest

import (
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "announce PEER NODE DISPATCH...": a peer says which dispatches a node answers.
func (s *agentStage) announce(args *Args) error {
	peer := mgmt.PeerID(args.Next())
	node := mgmt.NodeName(args.Next())
	s.Step(agent.FromNode{Peer: peer, Msg: mgmt.NotifyDispatches{Node: node, Dispatches: args.Rest()}})
	return nil
}
