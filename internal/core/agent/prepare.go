package agent

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// prepared is a configuration that peer has prepared, and that had no findings. If
// peer deploys it soon, the deployment has no preflight of its own.
type prepared struct {
	peer   mgmt.PeerID
	config mgmt.Configuration
	until  time.Time // when it no longer counts
	answer time.Time // when the deployment is to be answered
}

// prepare answers whether a configuration could be deployed. It saves, starts and
// stops nothing. A controller that gives a preflight no time wants none: its
// configuration ran before, and what runs now is worse.
func (m *Machine) prepare(r *request, msg mgmt.AgentPrepareRequest) {
	m.proposals.prepared = nil
	if why := m.cfg.mistake(msg.Config); why != "" {
		m.requests.refuse(r, why)
		return
	}
	r.Detail.answer = m.now.Add(min(msg.Whole, m.cfg.MaxPatience))
	m.requests.open(r, min(msg.Preflight, m.cfg.MaxPatience))
	c := change{request: r, purpose: prepares, config: msg.Config, plan: m.planFor(msg.Config)}
	switch {
	case msg.Preflight <= 0:
		m.proposals.passed(c) // its bundles are fetched when it is deployed
	case !m.proposals.fetch(c):
		weighing{m}.weigh(c)
	}
}

// passed answers that c could be deployed, and what that would do.
func (ps *proposals) passed(c change) {
	r := c.request
	ps.prepared = &prepared{
		peer: r.Asker, config: c.config, until: ps.now.Add(ps.cfg.PreparedFor), answer: r.Detail.answer,
	}
	ps.answerPlan(c)
}

// wasPrepared reports whether r deploys the configuration that its peer has prepared.
// If so, r gets the time that the peer waits for the deployment, and the configuration is returned
// in the memory of the one that was prepared. In either case the preparation no longer counts.
func (ps *proposals) wasPrepared(r *request, config mgmt.Configuration) (mgmt.Configuration, bool) {
	p := ps.prepared
	ps.prepared = nil
	if p == nil || p.peer != r.Asker || ps.now.After(p.until) || !p.config.Same(config) {
		return config, false
	}
	r.Detail.patience = p.answer.Sub(ps.now)
	return p.config, true
}

// peerLost forgets the preparation of a peer that is gone, and ends the Fetch from it.
func (ps *proposals) peerLost(id mgmt.PeerID) {
	if ps.prepared != nil && ps.prepared.peer == id {
		ps.prepared = nil
	}
	if f := ps.fetching; f != nil && f.change.request.Asker == id {
		ps.fetching = nil
		ps.failFetch(f.change, "the connection with the controller was lost")
	}
}
