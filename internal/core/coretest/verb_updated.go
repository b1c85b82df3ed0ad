package coretest

import (
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "updated PEER [fleet]": the peer's subscriptions have changed.
func (s *agentStage) updated(args *Args) error {
	s.Step(agent.PeerUpdated{Fleet: args.Flag("fleet"), Peer: mgmt.PeerID(args.Next())})
	return nil
}
