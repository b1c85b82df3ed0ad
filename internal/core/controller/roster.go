package controller

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// roster holds the native peers, and the agents among them. An agent is a peer that
// has introduced itself.
type roster struct {
	*turn
	cfg    *Config
	peers  map[mgmt.PeerID]*peer
	agents map[mgmt.InstanceName]*agent
	// newest is the agent that has joined in this Step, or nil.
	newest *agent
	// changes counts the agents that have joined or left.
	changes uint64
}

func newRoster(t *turn, cfg *Config) *roster {
	return &roster{turn: t, cfg: cfg, peers: map[mgmt.PeerID]*peer{}, agents: map[mgmt.InstanceName]*agent{}}
}

func (r *roster) add(ev PeerAdded) {
	if len(r.peers) >= r.cfg.Limits.Peers {
		r.note(Note{Level: Warn, Text: "peer ignored", Peer: ev.Peer,
			Err: fmt.Sprintf("there are %d already", len(r.peers))})
		return
	}
	r.peers[ev.Peer] = newPeer(ev)
}

// lose forgets a peer. It returns the agent that the peer was, or nil.
func (r *roster) lose(id mgmt.PeerID) *agent {
	p := r.peers[id]
	if p == nil {
		return nil
	}
	delete(r.peers, id)
	if a := r.agents[p.name]; a != nil && a.peer == p {
		r.note(Note{Level: Warn, Text: "agent lost", Instance: a.name, Peer: id})
		return a
	}
	return nil
}

// sender returns the agent of this instance if that agent is the peer that sent ev.
// Otherwise it returns nil, because any peer can publish on an agent's topic (spec
// management-api 7.1, G-P1 and G-P4).
func (r *roster) sender(ev FromAgent) *agent {
	a := r.agents[ev.Instance]
	if a == nil || a.peer.id != ev.Peer {
		r.note(Note{Level: Debug, Text: "message from a stranger ignored", Instance: ev.Instance, Peer: ev.Peer})
		return nil
	}
	return a
}

// hello makes the peer the agent of its instance, unless another connected peer is
// that agent already (spec management-api 6.4; 7.3, G-C9). It returns the agent if
// it has joined just now. It returns nil for a repeated hello.
func (r *roster) hello(ev FromAgent, hello mgmt.NotifyAgentHello) *agent {
	p := r.peers[ev.Peer]
	if reason := refuseHello(p, ev, hello); reason != "" {
		r.note(Note{Level: Warn, Text: "hello refused", Instance: ev.Instance, Peer: ev.Peer, Err: reason})
		return nil
	}
	if p.retired {
		return nil
	}
	if reason := p.notTheirs(hello.Instance); reason != "" {
		r.note(Note{Level: Warn, Text: "hello refused", Instance: ev.Instance, Peer: ev.Peer, Err: reason})
		r.emit(Refuse{p.id, hello.Instance, reason})
		return nil
	}
	first := p.name == ""
	if first {
		p.name, p.since = hello.Instance, r.now
	}
	a := r.agents[p.name]
	before := standingOf(a)
	changed := p.version != hello.APIVersion
	p.version = hello.APIVersion
	if a == nil {
		return r.join(p)
	}
	if a.peer == p && changed {
		r.stands(a.name, before, standingOf(a), "its agent speaks another version of the API now")
		r.noteVersion(a)
	} else if a.peer != p && first {
		r.refuseSecond(p, a)
	}
	return nil
}

func (r *roster) refuseSecond(p *peer, a *agent) {
	r.note(Note{Level: Warn, Text: "second agent of that name refused", Instance: p.name, Peer: p.id,
		Err: fmt.Sprintf("%s at %s has the name", a.peer.id, a.peer.addr)})
	r.emit(Refuse{p.id, p.name, fmt.Sprintf("an agent named '%s' is connected already, from %s", p.name, a.peer.addr)})
}

func (r *roster) join(p *peer) *agent {
	a := &agent{name: p.name, peer: p}
	r.agents[a.name], r.newest = a, a
	r.changes++
	r.note(Note{Level: Info, Text: "agent joined", Instance: a.name, Peer: p.id})
	r.stands(a.name, mgmt.Absent, standingOf(a), "its agent has connected from "+a.peer.addr.String())
	r.noteVersion(a)
	return a
}

func (r *roster) noteVersion(a *agent) {
	if !a.compatible() {
		r.note(Note{Level: Warn, Text: "agent is incompatible", Instance: a.name, Peer: a.peer.id, Err: r.absence(a.name)})
	}
}

// remove ends a's role as its instance's agent.
func (r *roster) remove(a *agent) {
	why := "the connection with its agent was lost"
	if a.peer.retired {
		why = "the controller has ended the connection with its agent"
	}
	r.stands(a.name, standingOf(a), mgmt.Absent, why)
	delete(r.agents, a.name)
	r.changes++
}

// promoteNext gives the name of a, which was removed, to the peer that has waited
// longest for it. It returns the new agent, or nil if no peer waits.
func (r *roster) promoteNext(a *agent) *agent {
	var next *peer
	for _, p := range r.peers {
		if p.name == a.name && p != a.peer && !p.retired && (next == nil || earlier(p, next) < 0) {
			next = p
		}
	}
	if next == nil {
		return nil
	}
	return r.join(next)
}

// absence returns the reason why the instance cannot be asked anything. It returns
// the empty string if it can be asked.
func (r *roster) absence(name mgmt.InstanceName) string {
	switch a := r.agents[name]; {
	case a == nil:
		return fmt.Sprintf("instance '%s' is not connected", name)
	case !a.compatible():
		return fmt.Sprintf("instance '%s' speaks API version %d, not %d", name, a.peer.version, mgmt.APIVersion)
	}
	return ""
}

// missing returns the reason why nothing can be deployed to the instance. It
// returns the empty string if something can.
func (r *roster) missing(name mgmt.InstanceName) string {
	if why := r.absence(name); why != "" {
		return why
	}
	switch a := r.agents[name]; {
	case a.standing == ready:
		return ""
	case a.refusal != "":
		return fmt.Sprintf("instance '%s' refused to join: %s", name, a.refusal)
	default:
		return fmt.Sprintf("instance '%s' did not answer its welcome", name)
	}
}

// lacking returns, sorted, the instances of t that have no agent. t may be nil.
func (r *roster) lacking(t *target) []mgmt.InstanceName {
	if t == nil {
		return nil
	}
	var names []mgmt.InstanceName
	for name := range t.instances {
		if r.agents[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// missingWithHint says why nothing can be deployed to the instance. If the instance is
// absent, missingWithHint also suggests the connected instance that may have been meant,
// which is no part of t.
func (r *roster) missingWithHint(t *target, name mgmt.InstanceName) string {
	why := r.missing(name)
	if meant := r.meant(t, name); meant != "" {
		why += fmt.Sprintf(" (did you mean '%s'?)", meant)
	}
	return why
}

// meant returns the connected instance that may have been meant by the name of one that is
// absent, or nothing. It is no part of t.
func (r *roster) meant(t *target, name mgmt.InstanceName) mgmt.InstanceName {
	if r.agents[name] != nil {
		return ""
	}
	var others []mgmt.InstanceName
	for _, a := range r.sorted() {
		if !t.has(a.name) {
			others = append(others, a.name)
		}
	}
	return mgmt.Nearest(name, others)
}

// connected returns a text that names the connected instances.
func (r *roster) connected() string {
	var names []string
	for _, a := range r.sorted() {
		names = append(names, string(a.name))
	}
	if len(names) == 0 {
		return "no instance is connected"
	}
	return "connected: " + mgmt.FewTexts(names, maxNamed, ", ")
}

// maxNamed bounds the instances that a text names.
const maxNamed = 10

// sorted returns all agents by name.
func (r *roster) sorted() []*agent {
	return slices.SortedFunc(maps.Values(r.agents), func(a, b *agent) int { return cmp.Compare(a.name, b.name) })
}

// failedAttempt delays the next attempt to send to a.
func (r *roster) failedAttempt(a *agent) {
	a.retryAt = r.now.Add(r.cfg.retryDelay(a.attempts))
	a.attempts++
}

func (r *roster) resetAllAttempts() {
	for _, a := range r.agents {
		a.resetAttempts()
	}
}
