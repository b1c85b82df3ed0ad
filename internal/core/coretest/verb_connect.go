package coretest

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// "connect NODE": the node's process connects and says hello.
func (s *agentStage) connect(args *Args) error {
	s.Connect(mgmt.NodeName(args.Next()))
	return nil
}
