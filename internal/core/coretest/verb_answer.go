package coretest

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "answer PEER KIND [for=PEER] [as=INSTANCE] all|RESULT [; RESULT]...": an agent
// answers the last request of that kind that it got, or that another peer got,
// for its own instance or another. "all" are the results of a deployment that
// succeeded.
func (s *controllerStage) answer(args *Args) error {
	peer, kind := mgmt.PeerID(args.Next()), args.Next()
	instance, whose := s.introduced[peer], peer
	if other, given := args.Value("as"); given {
		instance = mgmt.InstanceName(other)
	}
	if other, given := args.Value("for"); given {
		whose = mgmt.PeerID(other)
	}
	request, ok := s.asked[whose][kind]
	if !ok {
		return fmt.Errorf("nobody asked %s of %s", kind, whose)
	}
	answers := results(args, request, instance)
	if err := args.Done(); err != nil {
		return err
	}
	s.step(controller.FromAgent{Peer: peer, Instance: instance, Msg: request.Answer(request.RequestID(), answers...)})
	return nil
}

func results(args *Args, request mgmt.Request, instance mgmt.InstanceName) []mgmt.Result {
	if !args.Flag("all") {
		return args.Results(request.RequestID(), instance)
	}
	deploy, ok := request.(mgmt.AgentDeployRequest)
	if !ok {
		args.fail(fmt.Errorf("only a deployment has a result for each node"))
	}
	return EachOk(deploy, instance)
}

// EachOk returns the results of an instance's agent for a deployment that succeeded.
func EachOk(request mgmt.AgentDeployRequest, instance mgmt.InstanceName) (results []mgmt.Result) {
	for _, n := range request.Config.NodesOf(instance) {
		results = append(results, mgmt.Result{ReqID: request.ReqID, Success: true, Instance: instance, Node: n.Name})
	}
	return results
}

// "answer PEER RESULT": a peer answers the last request that the agent sent to nodes.
func (s *agentStage) answer(args *Args) error {
	peer, id := mgmt.PeerID(args.Next()), s.asked.ReqID
	results := args.Results(id, "")
	if err := args.Done(); err != nil {
		return err
	}
	s.Step(agent.FromNode{Peer: peer, Msg: s.asked.Answer(id, results...)})
	return nil
}
