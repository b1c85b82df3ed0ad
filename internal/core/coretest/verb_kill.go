package coretest

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// "kill NODE": the node's process ends.
func (s *agentStage) kill(args *Args) error {
	s.Kill(mgmt.NodeName(args.Next()))
	return nil
}
