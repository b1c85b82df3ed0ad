package coretest

import "github.com/zeekfleet/zeekfleet/internal/core/agent"

// "measure": the agent asks its nodes for their figures.
func (s *agentStage) measure(*Args) error {
	s.Step(agent.Measure{})
	return nil
}
