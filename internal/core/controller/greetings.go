package controller

import (
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// greetings tells agents whether they are part of the cluster.
type greetings struct {
	parts
	deployments *deployments
	due         soonest // when an agent needs one
}

// greetingKind is the kind of a greeting.
type greetingKind int

const (
	nothing greetingKind = iota
	welcome
	standby
)

func (s greetingKind) String() string { return [...]string{"nothing", "welcome", "standby"}[s] }

// greeting is a welcome or a standby that an agent has not answered.
type greeting struct {
	leg      *leg
	kind     greetingKind
	deadline time.Time
}

// wanted returns the greeting that a has not agreed to yet. It is a welcome if a's
// instance is part of the cluster. It is a standby if there is a cluster and the
// instance is no part of it. An agent that connects as a stranger gets a standby
// too: a deployment may have left it out while it was away (spec management-api
// 7.3, G-C13).
func (g *greetings) wanted(a *agent) greetingKind {
	d, deployed := g.deployments.running(), g.memory.deployed
	switch {
	case !a.compatible():
		return nothing
	case deployed.has(a.name) || d != nil && d.target.has(a.name):
		if a.standing != ready {
			return welcome
		}
	case deployed != nil && a.standing != dismissed:
		return standby
	}
	return nothing
}

// next returns when the greeting of a is sent, or given up, if nothing happens
// before.
func (g *greetings) next(a *agent) (time.Time, bool) {
	wanted := g.wanted(a)
	switch {
	case a.greeting != nil && a.greeting.kind == wanted:
		return a.greeting.deadline, true
	case a.greeting != nil || a.outdated(wanted):
		return g.now, true
	case wanted != nothing:
		return a.retryAt, true
	}
	return time.Time{}, false
}

// renewAll sends the greetings that are due, and gives up those that took too long.
func (g *greetings) renewAll(concerned whom) {
	list := g.due.those(concerned, g.roster, g.now)
	var due []*agent
	for _, a := range list {
		if at, ok := g.next(a); ok && !g.now.Before(at) {
			due = append(due, a)
		}
	}
	slices.SortFunc(due, func(a, b *agent) int { return strings.Compare(string(a.name), string(b.name)) })
	for _, a := range due {
		g.renew(a)
	}
	for _, a := range list {
		g.due.offer(g.next(a))
	}
}

// renew replaces a's greeting in flight by the one that a needs. At most one
// greeting is in flight (spec management-api 7.3, G-C14). A greeting that is not
// answered in time is sent again. A late answer to the previous one still counts, unless it is
// outdated.
func (g *greetings) renew(a *agent) {
	wanted := g.wanted(a)
	if c := a.greeting; c != nil && c.kind == wanted {
		g.note(Note{Level: Warn, Text: "agent did not answer " + c.kind.String(), Instance: a.name, ReqID: c.leg.id})
		g.forget(a.overdue)
		a.greeting, a.overdue = nil, c
		g.roster.failedAttempt(a)
	} else if c != nil {
		g.forgetAll(a)
	}
	if a.outdated(wanted) {
		g.forgetAll(a)
	}
	if wanted == nothing || g.now.Before(a.retryAt) {
		return
	}
	l := g.legs.begin(a, g)
	a.greeting = &greeting{leg: l, kind: wanted, deadline: g.now.Add(g.cfg.RequestTimeout)}
	if wanted == welcome {
		g.legs.send(l, mgmt.AgentWelcomeRequest{ReqID: l.id})
	} else {
		g.legs.send(l, mgmt.AgentStandbyRequest{ReqID: l.id})
	}
}

// outdated reports whether a late answer must not count any more, because another greeting is
// wanted now. A standby is outdated also if a needs no greeting: a is part of the cluster, and
// is sent what to run.
func (a *agent) outdated(wanted greetingKind) bool {
	return a.overdue != nil && a.overdue.kind != wanted && (wanted != nothing || a.overdue.kind == standby)
}

func (g *greetings) forget(old *greeting) {
	if old != nil {
		g.legs.close(old.leg)
	}
}

func (g *greetings) forgetAll(a *agent) {
	g.forget(a.greeting)
	g.forget(a.overdue)
	a.greeting, a.overdue = nil, nil
}

// answered takes an agent's answer to a greeting.
func (g *greetings) answered(l *leg, results []mgmt.Result) {
	g.forgetAll(l.agent)
	if _, ok := l.asked.(mgmt.AgentWelcomeRequest); ok {
		g.welcomed(l.agent, results[0])
	} else {
		g.stoodDown(l.agent, results[0])
	}
}

// failed does nothing: the agent is gone.
func (g *greetings) failed(*leg, string) {}

func (g *greetings) welcomed(a *agent, result mgmt.Result) {
	if !result.Success {
		if why := g.cfg.Limits.reason(result); why != a.refusal {
			a.refusal = why
			g.stands(a.name, standingOf(a), standingOf(a), "its agent has refused to join: "+why)
		}
		g.note(Note{Level: Warn, Text: "agent refused to join", Instance: a.name, Err: a.refusal})
		g.roster.failedAttempt(a)
		return
	}
	before := standingOf(a)
	a.standing = ready
	g.stands(a.name, before, standingOf(a), "its agent takes part in the cluster")
	a.resetAttempts()
	g.note(Note{Level: Info, Text: "instance ready", Instance: a.name})
}

func (g *greetings) stoodDown(a *agent, result mgmt.Result) {
	if !result.Success {
		why := g.cfg.Limits.reason(result)
		g.note(Note{Level: Warn, Text: "agent refused to stand by", Instance: a.name, Err: why})
		g.roster.failedAttempt(a)
		if d := g.deployments.running(); d != nil {
			d.left(a, why)
		}
		return
	}
	before := standingOf(a)
	a.standing, a.has = dismissed, nil
	g.stands(a.name, before, standingOf(a), "its agent runs no nodes, as it was told")
	a.resetAttempts()
	g.note(Note{Level: Info, Text: "instance stands by", Instance: a.name})
}

// reason returns the error text of a failure, as far as it is kept. An agent may send a text of
// any size.
func (l Limits) reason(r mgmt.Result) string {
	if r.Error == "" {
		return "no reason given"
	}
	return mgmt.CutText(r.Error, l.StepText)
}
