package coretest

import (
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "ask CLIENT REQUEST": a client sends a request, as in Args.Message. Its user is
// an admin who has the client's name.
func (s *controllerStage) ask(args *Args) error {
	client := mgmt.PeerID(args.Next())
	msg := args.Message(mgmt.ControllerAPI, mgmt.FleetControllerAPI)
	if err := args.Done(); err != nil {
		return err
	}
	user := mgmt.Principal{Name: string(client), Role: mgmt.Admin}
	s.step(controller.FromClient{Client: client, Principal: user, Msg: msg})
	return nil
}

// "ask PEER REQUEST": a controller sends a request, as in Args.Message.
func (s *agentStage) ask(args *Args) error {
	peer := mgmt.PeerID(args.Next())
	msg := args.Message(mgmt.AgentAPI, mgmt.FleetAgentAPI)
	if err := args.Done(); err != nil {
		return err
	}
	s.Step(agent.FromController{Peer: peer, Msg: msg})
	return nil
}
