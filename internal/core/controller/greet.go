package controller

import (
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// greetingFor returns what a is yet to agree to: a welcome if its instance is
// part of the cluster, a standby if there is a cluster and it is not, or
// nothing. The standby also goes to agents that connect as strangers: they may
// have been dropped while they were away (spec management-api 7.3, G-C13).
func (m *Machine) greetingFor(a *agent) callKind {
	d := m.deploying
	switch {
	case !a.compatible():
		return callNone
	case m.deployed.has(a.name) || d != nil && d.target.has(a.name):
		if a.standing != ready {
			return callWelcome
		}
	case m.deployed != nil && a.standing != dismissed:
		return callStandby
	}
	return callNone
}

// attention returns when something is to be done about a, unless something
// happens before.
func (m *Machine) attention(a *agent) (time.Time, bool) {
	wanted := m.greetingFor(a)
	switch {
	case a.greeting != nil && a.greeting.kind == wanted:
		return a.greeting.deadline, true
	case a.greeting != nil:
		return m.now, true
	case wanted != callNone:
		return a.retryAt, true
	case m.stale(a) && m.deploying == nil:
		return a.retryAt, true
	}
	return time.Time{}, false
}

// settleAll sends and gives up on greetings as it is time.
func (m *Machine) settleAll() {
	var due []*agent
	for _, a := range m.agents {
		if at, ok := m.attention(a); ok && !m.now.Before(at) {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(a, b *agent) int { return strings.Compare(string(a.name), string(b.name)) })
	for _, a := range due {
		m.settle(a)
	}
}

// settle keeps a's greeting in flight the one that it needs, one at a time
// (spec management-api 7.3, G-C14). One that is not answered in time is sent
// again, and a late answer to the one before still counts.
func (m *Machine) settle(a *agent) {
	wanted := m.greetingFor(a)
	if c := a.greeting; c != nil && c.kind == wanted {
		m.note(Note{Level: Warn, Text: "agent did not answer " + c.kind.String(), Instance: a.name, ReqID: c.id})
		m.forget(a.overdue)
		a.greeting, a.overdue = nil, c
		m.failedAttempt(a)
	} else if c != nil {
		m.forgetGreetings(a)
	}
	if wanted == callNone || m.now.Before(a.retryAt) {
		return
	}
	if a.overdue != nil && a.overdue.kind != wanted {
		m.forgetGreetings(a)
	}
	c := m.newCall(a, wanted)
	c.deadline = m.now.Add(m.cfg.RequestTimeout)
	a.greeting = c
	if wanted == callWelcome {
		m.send(c, mgmt.AgentWelcomeRequest{ReqID: c.id})
	} else {
		m.send(c, mgmt.AgentStandbyRequest{ReqID: c.id})
	}
}

func (m *Machine) forgetGreetings(a *agent) {
	m.forget(a.greeting)
	m.forget(a.overdue)
	a.greeting, a.overdue = nil, nil
}

// forget ends a call, or nil, without a word.
func (m *Machine) forget(c *call) {
	if c != nil {
		delete(m.calls, c.id)
	}
}

func (m *Machine) welcomed(a *agent, msg mgmt.AgentWelcomeResponse) {
	if c := m.answered(a, callWelcome, msg.ReqID); c == nil {
		return
	}
	m.forgetGreetings(a)
	if !msg.Result.Success {
		a.refusal = reason(msg.Result)
		m.note(Note{Level: Warn, Text: "agent refused to join", Instance: a.name, Err: a.refusal})
		m.failedAttempt(a)
		return
	}
	a.standing = ready
	a.forgive()
	m.note(Note{Level: Info, Text: "instance ready", Instance: a.name})
}

func (m *Machine) stoodDown(a *agent, msg mgmt.AgentStandbyResponse) {
	if c := m.answered(a, callStandby, msg.ReqID); c == nil {
		return
	}
	m.forgetGreetings(a)
	if !msg.Result.Success {
		why := reason(msg.Result)
		m.note(Note{Level: Warn, Text: "agent refused to stand by", Instance: a.name, Err: why})
		m.failedAttempt(a)
		if d := m.deploying; d != nil && slices.Contains(d.leaving, a) {
			d.left(a, why)
		}
		return
	}
	a.standing, a.has = dismissed, nil
	a.forgive()
	m.note(Note{Level: Info, Text: "instance stands by", Instance: a.name})
}
