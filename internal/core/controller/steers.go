package controller

import (
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// marks says which nodes of an instance users have stopped, and which are paused. Both
// lists are sorted. Marks do not change. The same marks of an instance are the same
// pointer.
type marks struct{ stopped, paused []mgmt.NodeName }

func (k *marks) equal(o *marks) bool {
	return slices.Equal(k.stopped, o.stopped) && slices.Equal(k.paused, o.paused)
}

// unmarked are the marks of an instance without any.
var unmarked = &marks{}

// steers tells each agent which of its nodes are stopped or paused: when the agent is
// ready, and when that changes. The agents' answers go to asker.
type steers struct {
	*turn
	cfg    *Config
	memory *memory
	roster *roster
	legs   *legs
	asker  asker
	// sent counts what was sent to agents.
	sent uint64
	// of has the marks of each instance that has any. It was made from the lists and the
	// configuration below.
	of              map[mgmt.InstanceName]*marks
	stopped, paused []mgmt.NodeName
	deployed        *target
	later           soonest // when an agent is told again
}

// wanted returns the marks of an instance.
func (s *steers) wanted(name mgmt.InstanceName) *marks {
	state, deployed := s.memory.state, s.memory.deployed
	if s.of == nil || s.deployed != deployed || !same(s.stopped, state.Stopped) || !same(s.paused, state.Paused) {
		s.make(state.Stopped, state.Paused, deployed)
	}
	if k := s.of[name]; k != nil {
		return k
	}
	return unmarked
}

// same reports whether two lists have the same names. Most of the time they are one list.
func same(a, b []mgmt.NodeName) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

func (s *steers) make(stopped, paused []mgmt.NodeName, deployed *target) {
	before := s.of
	s.of, s.stopped, s.paused, s.deployed = map[mgmt.InstanceName]*marks{}, stopped, paused, deployed
	if deployed == nil {
		return
	}
	of := func(n mgmt.NodeName) *marks {
		in := deployed.nodes[n].Instance
		if s.of[in] == nil {
			s.of[in] = &marks{}
		}
		return s.of[in]
	}
	for _, n := range stopped {
		k := of(n)
		k.stopped = append(k.stopped, n)
	}
	for _, n := range paused {
		k := of(n)
		k.paused = append(k.paused, n)
	}
	for in, k := range s.of {
		if old := before[in]; old != nil && old.equal(k) {
			s.of[in] = old
		}
	}
}

// tellAll tells the agents that do not know it which of their nodes are stopped or
// paused. It comes before a configuration is sent, so that no agent starts a node that is
// stopped.
func (s *steers) tellAll(concerned whom) {
	list := s.later.those(concerned, s.roster, s.now)
	var due []*agent
	for _, a := range list {
		if s.due(a) {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(a, b *agent) int { return strings.Compare(string(a.name), string(b.name)) })
	for _, a := range due {
		s.tell(a)
	}
	for _, a := range list {
		s.later.offer(a.tellAt, a.told == nil && a.tellAt.After(s.now))
	}
}

// tellBefore tells all agents that do not know it, because a configuration is sent next. None
// waits for its next attempt: it might start a node that is stopped.
func (s *steers) tellBefore() {
	for _, a := range s.roster.agents {
		a.tellAt = time.Time{}
	}
	s.tellAll(everybody)
}

// due reports whether a is to be told something now.
func (s *steers) due(a *agent) bool {
	if a.standing != ready || !a.compatible() || !s.memory.deployed.has(a.name) || s.now.Before(a.tellAt) {
		return false
	}
	wanted := s.wanted(a.name)
	return a.told != wanted && (s.current(a) || wanted != unmarked && a.added != wanted)
}

// current reports whether a has the deployed configuration, as far as it ever gets it. An
// agent that has an earlier one is told only which more nodes are stopped or paused. If it
// started a node now, the configuration that is on its way might remove that node.
func (s *steers) current(a *agent) bool {
	return a.has == s.memory.deployed || s.memory.refused(a.name)
}

func (s *steers) tell(a *agent) {
	wanted, current := s.wanted(a.name), s.current(a)
	s.sent++
	a.told, a.added, a.toldAt = wanted, wanted, s.sent
	if !a.peer.steers {
		if wanted != unmarked {
			s.note(Note{Level: Warn, Text: "agent cannot be told that nodes are stopped or paused", Instance: a.name, Err: a.unable()})
		}
		return
	}
	if !current {
		a.told = nil
	}
	s.legs.close(a.telling)
	a.telling = s.legs.begin(a, s.asker)
	s.legs.send(a.telling, mgmt.AgentSteerRequest{
		ReqID: a.telling.id, Stopped: wanted.stopped, Paused: wanted.paused, Adds: !current,
	})
}

// again has the agent told once more, after a while.
func (s *steers) again(a *agent) { a.told, a.added, a.tellAt = nil, nil, s.now.Add(s.cfg.RetryDelay) }

// next returns when an agent is told again, if nothing happens before.
func (s *steers) next() (time.Time, bool) { return s.later.next() }

// unable returns why an agent cannot be told, or nothing. It is nil if the instance has no
// agent: then nobody knows yet.
func (a *agent) unable() string {
	switch {
	case a == nil || a.peer.steers:
		return ""
	case a.peer.fleet:
		return "the agent of instance '" + string(a.name) + "' is an older zeekfleet, which cannot keep nodes stopped or paused: update it"
	}
	return "the agent of instance '" + string(a.name) + "' is Zeek's own, which cannot keep nodes stopped or paused"
}

// stillThere returns the names of nodes of t, in their order.
func (t *target) stillThere(names []mgmt.NodeName) []mgmt.NodeName {
	var kept []mgmt.NodeName
	for _, n := range names {
		if _, ok := t.nodes[n]; ok {
			kept = append(kept, n)
		}
	}
	if len(kept) == len(names) {
		return names
	}
	return kept
}
