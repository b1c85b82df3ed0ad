package coretest

import (
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "hello PEER INSTANCE [version=NUMBER] [id=ID] [topic=INSTANCE]": an agent says
// hello.
func (s *controllerStage) hello(args *Args) error {
	peer, name := mgmt.PeerID(args.Next()), mgmt.InstanceName(args.Next())
	s.introduced[peer] = name
	hello := mgmt.NotifyAgentHello{Instance: name, ID: string(peer), Connecting: true, APIVersion: mgmt.APIVersion}
	if id, given := args.Value("id"); given {
		hello.ID = id
	}
	if version, given := args.Value("version"); given {
		var err error
		if hello.APIVersion, err = strconv.ParseUint(version, 10, 64); err != nil {
			return err
		}
	}
	if topic, given := args.Value("topic"); given {
		name = mgmt.InstanceName(topic)
	}
	s.step(controller.FromAgent{Peer: peer, Instance: name, Msg: hello})
	return nil
}

// "hello PEER NODE [launched|is=PROGRAM]": a peer says that it is a node. The
// agent knows that the peer is the process that was launched as that node, or
// which other program it is; otherwise it cannot tell.
func (s *agentStage) hello(args *Args) error {
	other, _ := args.Value("is")
	proof := agent.Proof{Is: args.Flag("launched"), Other: other}
	peer := mgmt.PeerID(args.Next())
	s.Step(agent.FromNode{Peer: peer, Msg: mgmt.NotifyNodeHello{Node: mgmt.NodeName(args.Next())}, Proof: proof})
	return nil
}
