package controller

import (
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// whom says for which agents something may have changed: for some, or for all.
type whom struct {
	all  bool
	some []*agent
}

var everybody = whom{all: true}

// whom returns the agent that a peer is, and the one that has joined in this Step.
func (r *roster) whom(id mgmt.PeerID) (w whom) {
	add := func(a *agent) {
		if a != nil && r.agents[a.name] == a && !slices.Contains(w.some, a) {
			w.some = append(w.some, a)
		}
	}
	if p := r.peers[id]; p != nil {
		add(r.agents[p.name])
	}
	add(r.newest)
	return w
}

// soonest is when something is due for any agent, at the earliest. So agents for which nothing
// has changed are not looked at before that.
type soonest struct {
	at  time.Time
	any bool
}

// those returns the agents that must be looked at: those concerned, and all when something is due.
// The caller then offers the next time of each of them.
func (s *soonest) those(concerned whom, r *roster, now time.Time) []*agent {
	if concerned.all || s.any && !now.Before(s.at) {
		s.any = false
		return slices.Collect(maps.Values(r.agents))
	}
	return concerned.some
}

func (s *soonest) offer(at time.Time, ok bool) {
	if ok && (!s.any || at.Before(s.at)) {
		s.at, s.any = at, true
	}
}

func (s *soonest) next() (time.Time, bool) { return s.at, s.any }
