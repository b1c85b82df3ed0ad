package coretest

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "running NODE...": the peer "controller" has deployed these nodes, and they
// run. The dialogue begins after that, at 0s.
func (s *agentStage) running(args *Args) error {
	nodes := args.Nodes()
	if err := args.Done(); err != nil {
		return err
	}
	s.Heard = nil
	s.Deployed(nodes...)
	s.Heard = s.write
	return nil
}

// Deployed lets the peer "controller" deploy nodes. The time begins at 0s when they
// run.
func (s *AgentShell) Deployed(nodes ...mgmt.Node) {
	s.t.Helper()
	s.Step(agent.PeerAdded{Peer: "controller"})
	s.Step(agent.FromController{Peer: "controller", Msg: mgmt.AgentDeployRequest{ReqID: "boot", Config: hostConfiguration(nodes)}})
	s.Run(time.Second)
	for _, n := range nodes {
		if got := s.State(n.Name); got != mgmt.Running {
			s.t.Fatalf("%s is %s", n.Name, got)
		}
	}
	s.time.epoch = s.time.now
}

// GetNodes asks the agent for its nodes, as a controller does. The trace does not
// show it.
func (s *AgentShell) GetNodes() mgmt.Result {
	s.t.Helper()
	for _, e := range s.Core.Step(s.time.now, agent.FromController{Peer: "controller", Msg: mgmt.AgentGetNodesRequest{ReqID: "state"}}) {
		if to, ok := e.(agent.ToController); ok {
			if msg, ok := to.Msg.(mgmt.AgentGetNodesResponse); ok {
				return msg.Result
			}
		}
	}
	s.t.Fatalf("no answer to get-nodes")
	return mgmt.Result{}
}

// Statuses returns the agent's nodes, as the agent says.
func (s *AgentShell) Statuses() mgmt.NodeStatuses {
	s.t.Helper()
	statuses, ok := s.GetNodes().Data.(mgmt.NodeStatuses)
	if !ok {
		s.t.Fatalf("get-nodes has no statuses: %v", fmt.Sprint(s.GetNodes()))
	}
	return statuses
}

// State returns the state of a node, as the agent says. It is empty if the agent has
// no such node.
func (s *AgentShell) State(name mgmt.NodeName) mgmt.State {
	s.t.Helper()
	for _, status := range s.Statuses() {
		if status.Node == name {
			return status.State
		}
	}
	return ""
}
