package coretest

import (
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "controllers PEER ADDRESS...": a controller says where the controllers of the cluster are.
func (s *agentStage) controllers(args *Args) error {
	peer := mgmt.PeerID(args.Next())
	s.Step(agent.FromController{Peer: peer, Msg: mgmt.ControllersChanged{Addresses: args.Rest()}})
	return nil
}
