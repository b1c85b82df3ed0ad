package coretest

import "github.com/zeekfleet/zeekfleet/internal/core/agent"

// "shutdown", "shutdown within=8s": the agent stops its nodes, and ends.
func (s *agentStage) shutdown(a *Args) error {
	s.Step(agent.Shutdown{Within: a.Duration("within")})
	return nil
}
