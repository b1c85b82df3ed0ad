package coretest

import (
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "wanted PEER AFTER": a controller asks what happened after a record of the agent's log.
func (s *agentStage) wanted(args *Args) error {
	peer := mgmt.PeerID(args.Next())
	after, err := strconv.ParseUint(args.Next(), 10, 64)
	if err != nil {
		return err
	}
	s.Step(agent.FromController{Peer: peer, Msg: mgmt.HappeningsWanted{After: after}})
	return nil
}

// "told PEER LAST [as=INSTANCE]": an agent tells what happened.
func (s *controllerStage) told(args *Args) error {
	as, given := args.Value("as")
	peer := mgmt.PeerID(args.Next())
	last, err := strconv.ParseUint(args.Next(), 10, 64)
	if err != nil {
		return err
	}
	instance := s.introduced[peer]
	if given {
		instance = mgmt.InstanceName(as)
	}
	s.step(controller.FromAgent{Peer: peer, Instance: instance, Msg: mgmt.HappeningsTold{Last: last}})
	return nil
}
