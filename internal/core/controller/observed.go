package controller

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// observed holds what agents have reported about their nodes. Snapshot shows it.
type observed struct {
	*turn
	cfg     *Config
	reports map[mgmt.InstanceName]*report
	nodes   int // in all reports
}

// report is what the agent of one instance has reported.
type report struct {
	since, heard time.Time // as in mgmt.ObservedInstance
	nodes        map[mgmt.NodeName]mgmt.ObservedNode
	// shown is the latest view of the report, and of is the configuration that was
	// deployed then. shown is nil if the report has changed since.
	shown *mgmt.ObservedInstance
	of    *target
}

func newObserved(t *turn, cfg *Config) *observed {
	return &observed{turn: t, cfg: cfg, reports: map[mgmt.InstanceName]*report{}}
}

// join begins the report of an instance whose agent has connected.
func (o *observed) join(name mgmt.InstanceName) {
	o.forget(name)
	o.reports[name] = &report{since: o.now, nodes: map[mgmt.NodeName]mgmt.ObservedNode{}}
}

// lose removes the reports of an instance whose agent is gone. It keeps the time at
// which the agent was heard last.
func (o *observed) lose(name mgmt.InstanceName) {
	heard := o.reports[name].heard
	o.forget(name)
	o.reports[name] = &report{since: o.now, heard: heard}
}

func (o *observed) forget(name mgmt.InstanceName) {
	if s := o.reports[name]; s != nil {
		o.nodes -= len(s.nodes)
		delete(o.reports, name)
	}
}

// deploy is called when t is deployed. It forgets the instances that are neither
// part of t nor connected, and the nodes that have ended and are no part of t.
func (o *observed) deploy(t *target, connected map[mgmt.InstanceName]*agent) {
	for _, name := range slices.Collect(maps.Keys(o.reports)) {
		if connected[name] == nil && !t.has(name) {
			o.forget(name)
			continue
		}
		s := o.reports[name]
		before := len(s.nodes)
		maps.DeleteFunc(s.nodes, func(node mgmt.NodeName, is mgmt.ObservedNode) bool {
			return hasEnded[is.State] && !t.runs(name, node)
		})
		o.nodes += len(s.nodes) - before
	}
}

// hasEnded holds the states of a node without a process.
var hasEnded = map[mgmt.State]bool{mgmt.Stopped: true, mgmt.Crashed: true, mgmt.Failed: true}

// list replaces the reports of an instance by the agent's list of all its nodes. It
// leaves out a node that has ended and is no part of t, the deployed configuration:
// the agent is about to forget that node. It also leaves out names that no node can
// have, which may be of any length.
func (o *observed) list(name mgmt.InstanceName, statuses mgmt.NodeStatuses, t *target) {
	s := o.reports[name]
	before := s.nodes
	if o.nodes-len(before)+len(statuses) > o.cfg.Limits.Observed {
		o.note(Note{Level: Warn, Text: "node states are not kept", Instance: name,
			Err: fmt.Sprintf("there would be more than %d", o.cfg.Limits.Observed)})
		statuses = nil
	}
	s.nodes, s.heard, s.shown = make(map[mgmt.NodeName]mgmt.ObservedNode, len(statuses)), o.now, nil
	for _, status := range statuses {
		ended := hasEnded[status.State] && !t.runs(name, status.Node)
		if ended || mgmt.CheckName(string(status.Node)) != nil {
			continue
		}
		since := o.now
		if was, ok := before[status.Node]; ok && was.State == status.State {
			since = was.Since
		}
		s.nodes[status.Node] = mgmt.ObservedNode{NodeStatus: status, Since: since}
	}
	o.nodes += len(s.nodes) - len(before)
}

// change notes the new state of a node. It forgets a node that has ended and is not
// wanted.
func (o *observed) change(instance mgmt.InstanceName, msg mgmt.NotifyChange, wanted bool) {
	s, name := o.reports[instance], msg.Node.Name
	node, known := s.nodes[name]
	s.heard, s.shown = o.now, nil
	switch {
	case hasEnded[msg.New] && !wanted:
		delete(s.nodes, name)
		if known {
			o.nodes--
		}
		return
	case !known && mgmt.CheckName(string(name)) != nil:
		return
	case !known && (o.nodes >= o.cfg.Limits.Observed || len(s.nodes) >= o.cfg.Limits.Nodes):
		return
	case !known:
		node.NodeStatus = mgmt.NodeStatus{
			Node: name, MgmtRole: mgmt.RoleNone, ClusterRole: msg.Node.Role, Port: msg.Node.Port, MetricsPort: msg.Node.MetricsPort,
		}
		o.nodes++
	}
	if msg.New != mgmt.Running || node.State != mgmt.Pending {
		node.PID = nil // the process may be another one
	}
	node.State, node.Since = msg.New, o.now
	s.nodes[name] = node
}

// Snapshot returns what the machine knows. Parts that have not changed are shared
// with the latest Snapshot. A Snapshot never changes. Only the goroutine that calls
// Step may call it.
func (m *Machine) Snapshot() *mgmt.Snapshot {
	state := m.memory.state
	snap := &mgmt.Snapshot{
		Revision: state.Revision, Staged: state.Staged.View(), Deployed: state.Deployed.View(), History: state.History,
		Operations: m.operations.newestFirst(), Stopped: state.Stopped, Paused: state.Paused,
	}
	if d := m.deployments.running(); d != nil {
		snap.Deploying = d.target.bundles
	}
	names := map[mgmt.InstanceName]bool{}
	for name := range m.roster.agents {
		names[name] = true
	}
	if m.memory.deployed != nil {
		for name := range m.memory.deployed.instances {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		snap.Instances = append(snap.Instances, m.observedInstance(name))
	}
	return snap
}

// Instance returns an instance as a Snapshot shows it, or nil if a Snapshot has no such
// instance. Only the goroutine that calls Step may call it.
func (m *Machine) Instance(name mgmt.InstanceName) *mgmt.ObservedInstance {
	if m.roster.agents[name] == nil && !m.memory.deployed.has(name) {
		return nil
	}
	return m.observedInstance(name)
}

// View returns e as a Snapshot shows it. e may be nil.
func (e *Entry) View() *mgmt.ConfigRevision {
	if e == nil {
		return nil
	}
	return &mgmt.ConfigRevision{Revision: e.Revision, When: e.When, Who: e.Who, Origin: e.Origin, Config: e.Config, Found: e.Found, Assigned: e.Assigned}
}

// observedInstance returns the view of an instance.
func (m *Machine) observedInstance(name mgmt.InstanceName) *mgmt.ObservedInstance {
	s, a, deployed := m.observed.reports[name], m.roster.agents[name], m.memory.deployed
	if s == nil {
		s = &report{}
		m.observed.reports[name] = s
	}
	view := mgmt.ObservedInstance{Name: name, Standing: standingOf(a), Since: s.since, Heard: s.heard}
	if a != nil {
		view.Peer, view.Addr, view.Dialed = a.peer.id, a.peer.addr, a.peer.dialed
	}
	if old := s.shown; old != nil && s.of == deployed && old.Standing == view.Standing && old.Peer == view.Peer {
		return old
	}
	view.Nodes = slices.Collect(maps.Values(s.nodes))
	for _, status := range deployed.unknownNodes(name) {
		if _, known := s.nodes[status.Node]; !known {
			view.Nodes = append(view.Nodes, mgmt.ObservedNode{NodeStatus: status})
		}
	}
	sort.Slice(view.Nodes, func(i, j int) bool { return view.Nodes[i].Node < view.Nodes[j].Node })
	s.shown, s.of = &view, deployed
	return s.shown
}

// standingOf returns the standing of an agent. The agent may be nil.
func standingOf(a *agent) mgmt.Standing {
	switch {
	case a == nil:
		return mgmt.Absent
	case !a.compatible():
		return mgmt.Incompatible
	case a.standing == ready:
		return mgmt.Ready
	case a.standing == dismissed:
		return mgmt.StandsBy
	}
	return mgmt.Newcomer
}
