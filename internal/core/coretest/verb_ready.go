package coretest

import (
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "ready NODE LAUNCH": a check other than a hello has found the process up.
func (s *agentStage) ready(args *Args) error {
	name := mgmt.NodeName(args.Next())
	launch, err := strconv.ParseUint(args.Next(), 10, 64)
	if err != nil {
		return err
	}
	s.Step(agent.Ready{Node: name, Launch: launch})
	return nil
}
