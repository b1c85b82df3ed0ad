package coretest

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// PlayAgent plays a dialogue of an agent. The dialogue says how the agent's
// processes behave and what its controllers send.
func PlayAgent(t T, text string) string {
	t.Helper()
	return Play(t, text, func(t T, trace *Trace) Stage { return &agentStage{t: t, trace: trace} })
}

// agentStage is an agent with its processes.
type agentStage struct {
	*AgentShell
	t     T
	trace *Trace
	cfg   agent.Config
	// asked is the last request that the agent sent to nodes.
	asked mgmt.NodeDispatchRequest
}

var agentVerbs = Verbs[*agentStage]{
	"adopt":       (*agentStage).adopt,
	"announce":    (*agentStage).announce,
	"answer":      (*agentStage).answer,
	"arrived":     (*agentStage).arrived,
	"arrives":     (*agentStage).arrives,
	"ask":         (*agentStage).ask,
	"connect":     (*agentStage).connect,
	"controllers": (*agentStage).controllers,
	"disconnect":  (*agentStage).disconnect,
	"disk":        (*agentStage).disk,
	"fetch":       (*agentStage).fetch,
	"hello":       (*agentStage).hello,
	"kill":        (*agentStage).kill,
	"lost":        (*agentStage).lost,
	"measure":     (*agentStage).measure,
	"node":        (*agentStage).node,
	"peer":        (*agentStage).peer,
	"preflight":   (*agentStage).preflight,
	"ready":       (*agentStage).ready,
	"restart":     (*agentStage).restart,
	"running":     (*agentStage).running,
	"set":         (*agentStage).set,
	"shutdown":    (*agentStage).shutdown,
	"updated":     (*agentStage).updated,
	"wait":        (*agentStage).wait,
	"wanted":      (*agentStage).wanted,
}

// Do makes the agent before the first line that is not a setting.
func (s *agentStage) Do(verb string, args *Args) error {
	if verb != "set" {
		s.begin()
	}
	return agentVerbs.Do(s, verb, args)
}

// RunUntil makes the agent, if there is none yet.
func (s *agentStage) RunUntil(at time.Duration) {
	s.begin()
	s.Run(at - s.Since())
}

func (s *agentStage) begin() {
	if s.AgentShell == nil {
		s.AgentShell = NewAgentShell(s.t, s.cfg)
		s.Heard = s.write
	}
}

func (s *agentStage) write(e agent.Effect) {
	if to, ok := e.(agent.ToNodes); ok {
		s.asked = to.Msg
	}
	s.trace.Add(s.Since(), AgentEntry(e))
}

// hostConfiguration is a configuration of the instance host alone.
func hostConfiguration(nodes []mgmt.Node) mgmt.Configuration {
	return mgmt.Configuration{
		ID:        "config",
		Instances: []mgmt.Instance{{Name: host, Host: mgmt.UnknownHost}},
		Nodes:     nodes,
	}
}
