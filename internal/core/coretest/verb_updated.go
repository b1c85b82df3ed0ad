package coretest

import (
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "updated PEER [fleet] [term=TERM]": the peer's subscriptions have changed.
func (s *agentStage) updated(args *Args) error {
	term, err := args.term()
	s.Step(agent.PeerUpdated{Fleet: args.Flag("fleet"), Term: term, Peer: mgmt.PeerID(args.Next())})
	return err
}
