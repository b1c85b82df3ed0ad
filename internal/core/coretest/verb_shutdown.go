package coretest

import "github.com/zeekfleet/zeekfleet/internal/core/agent"

// "shutdown": the agent stops its nodes, and ends.
func (s *agentStage) shutdown(*Args) error {
	s.Step(agent.Shutdown{})
	return nil
}
