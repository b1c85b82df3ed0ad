package coretest

import (
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "lost PEER": the connection with a peer has ended.
func (s *controllerStage) lost(args *Args) error {
	s.step(controller.PeerLost{Peer: mgmt.PeerID(args.Next())})
	return nil
}

// "lost PEER": the connection with a peer has ended.
func (s *agentStage) lost(args *Args) error {
	s.Step(agent.PeerLost{Peer: mgmt.PeerID(args.Next())})
	return nil
}
