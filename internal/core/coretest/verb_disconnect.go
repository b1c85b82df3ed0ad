package coretest

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// "disconnect NODE": the connection of the node's process ends; the process goes
// on.
func (s *agentStage) disconnect(args *Args) error {
	s.Disconnect(mgmt.NodeName(args.Next()))
	return nil
}
