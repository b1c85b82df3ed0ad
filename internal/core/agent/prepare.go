package agent

import (
	"reflect"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// prepared is a configuration that could be deployed when peer asked whether it
// could. If peer deploys it soon, it is not looked at again.
type prepared struct {
	peer   mgmt.PeerID
	config mgmt.Configuration
	until  time.Time // it counts so long
	answer time.Time // when the deployment is to be answered
}

// prepare answers whether a configuration could be deployed. Nothing is saved,
// started or stopped because of it.
func (m *Machine) prepare(r *request, msg mgmt.AgentPrepareRequest) {
	m.prepared = nil
	if why := m.mistake(msg.Config); why != "" {
		m.refuse(r, why)
		return
	}
	r.answer = m.now.Add(min(msg.Whole, m.cfg.MaxPatience))
	m.open(r, min(msg.Look, m.cfg.MaxPatience))
	c := change{request: r, config: msg.Config}
	if look, ok := m.preflight(c); ok {
		m.look(c, look)
		return
	}
	m.passed(c)
}

// passed says that c could be deployed.
func (m *Machine) passed(c change) {
	r := c.request
	m.prepared = &prepared{
		peer: r.peer, config: c.config, until: m.now.Add(m.cfg.PreparedFor), answer: r.answer,
	}
	r.results = []mgmt.Result{m.result(r, "", mgmt.Result{Success: true})}
	m.close(r)
}

// wasPrepared reports whether r's peer is about to deploy what it has asked
// about, and how long it waits for that. Whatever is deployed, what was asked
// about before counts no more.
func (m *Machine) wasPrepared(r *request, config mgmt.Configuration) (patience time.Duration, ok bool) {
	p := m.prepared
	m.prepared = nil
	if p == nil || p.peer != r.peer || m.now.After(p.until) || !reflect.DeepEqual(p.config, config) {
		return 0, false
	}
	return p.answer.Sub(m.now), true
}
