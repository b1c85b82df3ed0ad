package coretest

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "ask CLIENT REQUEST [as=ROLE]": a client sends a request, as in Args.Message. Its
// user has the client's name. Without a role it is an admin.
func (s *controllerStage) ask(args *Args) error {
	client := mgmt.PeerID(args.Next())
	role := args.role()
	msg := args.Message(mgmt.ControllerAPI, mgmt.FleetControllerAPI)
	if err := args.Done(); err != nil {
		return err
	}
	user := mgmt.Principal{Name: string(client), Role: role}
	s.step(controller.FromClient{Client: client, Principal: user, Msg: msg})
	return nil
}

// role takes as=ROLE from any place of the line.
func (a *Args) role() mgmt.UserRole {
	text, found := a.Value("as")
	if !found {
		return mgmt.Admin
	}
	for _, role := range []mgmt.UserRole{mgmt.NoUser, mgmt.Viewer, mgmt.Operator, mgmt.Admin} {
		if role.String() == text {
			return role
		}
	}
	a.fail(fmt.Errorf("%q is not a role", text))
	return mgmt.NoUser
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
