package coretest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Process is a node's process that lives.
type Process struct {
	Launch      uint64
	PID         int64
	Fingerprint mgmt.Fingerprint
	Peer        mgmt.PeerID // empty: it is not connected
	Unseen      bool        // the agent cannot look at it
	Options     []string    // names and values of its options
	since       time.Time
}

// Sorted returns the names of nodes in order.
func Sorted[V any](m map[mgmt.NodeName]V) []mgmt.NodeName { return slices.Sorted(maps.Keys(m)) }

func (s *AgentShell) start(e agent.Start) {
	name := e.Plan.Node.Name
	f := s.Fates[name]
	if s.Procs[name] != nil {
		s.t.Errorf("%s was started while a process of it lives", name)
	}
	if f.StartErr != "" {
		s.After(0, func() {
			s.Step(agent.StartFailed{Node: name, Launch: e.Launch, Err: f.StartErr, Outputs: f.Outputs})
		})
		return
	}
	s.pids++
	p := &Process{Launch: e.Launch, PID: s.pids, Fingerprint: e.Fingerprint, Options: e.Plan.Node.RunOptionArguments(), since: s.time.now}
	s.Procs[name] = p
	s.After(0, func() { s.Step(agent.Started{Node: name, Launch: p.Launch, PID: p.PID}) })
	if !f.Mute {
		s.After(f.Hello, func() { s.connectProcess(name, p) })
	}
	if f.Exit > 0 {
		s.After(f.Exit, func() { s.exit(name, p, f.Reason, f.Outputs) })
	}
}

// Connect lets a node's process say hello.
func (s *AgentShell) Connect(name mgmt.NodeName) { s.connectProcess(name, s.process(name)) }

// connectProcess lets a process say hello, if it lives.
func (s *AgentShell) connectProcess(name mgmt.NodeName, p *Process) {
	if s.Procs[name] != p || p.Peer != "" || p.Unseen {
		return
	}
	p.Peer = mgmt.PeerID(fmt.Sprintf("%s#%d", name, p.Launch))
	s.Step(agent.PeerAdded{Peer: p.Peer})
	s.Step(agent.FromNode{Peer: p.Peer, Msg: mgmt.NotifyNodeHello{Node: name}})
	if len(s.Announce) > 0 {
		s.Step(agent.FromNode{Peer: p.Peer, Msg: mgmt.NotifyDispatches{Node: name, Dispatches: s.Announce}})
	}
}

// Disconnect ends the connection of a node's process.
func (s *AgentShell) Disconnect(name mgmt.NodeName) {
	p := s.process(name)
	peer := p.Peer
	p.Peer = ""
	s.Step(agent.PeerLost{Peer: peer})
}

func (s *AgentShell) stop(e agent.Stop) {
	p := s.Procs[e.Node]
	if p == nil || p.Launch != e.Launch {
		s.t.Errorf("stop of %s launch %d, which does not live", e.Node, e.Launch)
		return
	}
	if !s.Saved.Told && !s.shut {
		s.t.Errorf("%s is stopped, and nobody has said what should run", e.Node)
	}
	if why := s.Fates[e.Node].Stuck; why != "" {
		s.After(0, func() { s.Step(agent.StopFailed{Node: e.Node, Launch: e.Launch, Err: why}) })
		return
	}
	if s.Fates[e.Node].Hung {
		return
	}
	after, reason := s.Fates[e.Node].Stop, "killed by SIGTERM"
	if e.Within != 0 && after > e.Within {
		after, reason = e.Within, "killed by SIGKILL"
	}
	s.After(after, func() { s.exit(e.Node, p, reason, mgmt.NodeOutputs{}) })
}

// limit answers a request for limits.
func (s *AgentShell) limit(e agent.Limit) {
	p := s.Procs[e.Node]
	if p == nil || p.Launch != e.Launch {
		s.t.Errorf("limits for %s launch %d, which does not live", e.Node, e.Launch)
		return
	}
	ev := agent.Limited{Node: e.Node, Launch: e.Launch, Limits: e.Limits, Err: s.Fates[e.Node].Limits}
	s.After(0, func() { s.Step(ev) })
}

// Kill ends a node's process.
func (s *AgentShell) Kill(name mgmt.NodeName) { s.Exit(name, "killed by SIGKILL") }

// Exit ends a node's process for a reason.
func (s *AgentShell) Exit(name mgmt.NodeName, reason string) {
	s.t.Helper()
	s.exit(name, s.process(name), reason, mgmt.NodeOutputs{})
}

func (s *AgentShell) process(name mgmt.NodeName) *Process {
	s.t.Helper()
	p := s.Procs[name]
	if p == nil {
		s.t.Fatalf("%s does not live", name)
	}
	return p
}

func (s *AgentShell) exit(name mgmt.NodeName, p *Process, reason string, out mgmt.NodeOutputs) {
	if s.Procs[name] != p {
		return
	}
	delete(s.Procs, name)
	if p.Unseen {
		s.Step(agent.Freed{Node: name, Launch: p.Launch, Last: true})
		s.bury(name, p)
		return
	}
	s.Step(agent.Exited{Node: name, Launch: p.Launch, Reason: reason, Outputs: out})
	s.bury(name, p)
	if p.Peer != "" {
		s.Step(agent.PeerLost{Peer: p.Peer})
	}
}

// bury puts the logs and the crash record of a process away, at once or later.
func (s *AgentShell) bury(name mgmt.NodeName, p *Process) {
	buried := agent.Buried{Node: name, Launch: p.Launch}
	if d := s.Fates[name].Burial; d > 0 {
		s.After(d, func() { s.Step(buried) })
		return
	}
	s.Step(buried)
}

// dispatch lets the nodes answer with their names.
func (s *AgentShell) dispatch(e agent.ToNodes) {
	for _, name := range Sorted(s.Procs) {
		p := s.Procs[name]
		if !slices.Contains(e.To, agent.NodePeer{Peer: p.Peer, Node: name, Launch: p.Launch}) || s.Fates[name].Deaf {
			continue
		}
		s.After(0, func() {
			result := mgmt.Result{ReqID: e.Msg.ReqID, Success: true, Node: name, Data: mgmt.Text(`"` + name + `"`)}
			if action := e.Msg.Action; len(action) > 0 && action[0] == mgmt.SetOptions {
				result.Data = nil
				if result.Error = s.Fates[name].Refuses; result.Error != "" {
					result.Success = false
				} else {
					p.Options = slices.Clone(action[1:])
				}
			}
			s.Step(agent.FromNode{Peer: p.Peer, Msg: e.Msg.Answer(e.Msg.ReqID, result)})
		})
	}
}
