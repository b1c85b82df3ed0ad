package controller

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fetching is what an agent has told of the bundles that it fetches for a leg. While bundles
// arrive, the time of the leg does not run at the agent. So it must not run here.
type fetching struct {
	since  time.Time // when the leg was sent
	before times     // of its deployment, then
	bundle string
	// done and total count bytes. Total is zero before the agent tells something.
	done, total int64
}

// fetchGrace is how much more time an agent gets: it tells what it fetches once in a second.
const fetchGrace = 2 * time.Second

// waiter is an asker that waits longer while an agent fetches bundles. It puts off its ends
// by that time at most.
type waiter interface {
	waits(l *leg, off time.Duration)
}

// fetches takes what an agent tells of the bundles that it fetches. It ignores what brings
// no progress.
func (ls *legs) fetches(a *agent, msg mgmt.NotifyFetching) {
	l, ok := ls.open.Find(msg.ReqID)
	if !ok || l.agent != a || mgmt.CheckBundleName(msg.Bundle) != nil || msg.Done <= l.fetching.done || msg.Total < msg.Done {
		ls.note(Note{Level: Debug, Text: "news of bundles ignored", Instance: a.name, ReqID: msg.ReqID})
		return
	}
	w, ok := l.asker.(waiter)
	if !ok {
		return
	}
	l.fetching.bundle, l.fetching.done, l.fetching.total = msg.Bundle, msg.Done, msg.Total
	w.waits(l, min(ls.now.Sub(l.fetching.since), ls.cfg.FetchTimeout)+fetchGrace)
}

// fetches says what the agent of l fetches, or nothing.
func (l *leg) fetches() string {
	f := l.fetching
	if f.done >= f.total {
		return ""
	}
	return fmt.Sprintf("fetching %s: %s of %s MB", f.bundle, megabytes(f.done), megabytes(f.total))
}

// stillFetches is fetches as the end of an error.
func (l *leg) stillFetches() string {
	if fetches := l.fetches(); fetches != "" {
		return ", which is still " + fetches
	}
	return ""
}

func megabytes(n int64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e6), ".0")
}

// whileFetching is a deployment with what it does while agents fetch bundles.
type whileFetching struct{ *deployment }

// putOff puts the ends of d off by that time, from where they were when l was sent.
func (d whileFetching) putOff(l *leg, off time.Duration) {
	before := l.fetching.before
	deadline := before.deadline.Add(off)
	if d.steps.op != nil && !d.steps.op.is.RevertAt.IsZero() {
		deadline = earlierOf(deadline, d.steps.op.is.RevertAt)
	}
	d.times.preflight = later(d.times.preflight, before.preflight.Add(off))
	d.times.deadline = later(d.times.deadline, deadline)
	d.times.fetched = true
	if d.times.telling.IsZero() {
		d.times.telling = d.now.Add(tellAgain)
	}
}

// tellAgain is how often a deployment tells its client for whom it waits while bundles
// arrive.
const tellAgain = 5 * time.Second

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// fetchStep sets the step about the instance of l. otherwise says what the agent does when
// all bundles have arrived.
func (d whileFetching) fetchStep(l *leg, otherwise string) {
	because := l.fetches()
	if because == "" {
		because = otherwise
	}
	d.steps.instance(l.agent.name, mgmt.StepRunning, because, "")
}

func (d preflights) waits(l *leg, off time.Duration) {
	whileFetching(d).putOff(l, off)
	whileFetching(d).fetchStep(l, "preflight")
}

func (d deliveries) waits(l *leg, off time.Duration) {
	whileFetching(d).putOff(l, off)
	whileFetching(d).fetchStep(l, "it changes its nodes")
}

// sendMeanwhile sends the configuration of an internal deployment, which waits for bundles,
// to agents that have connected meanwhile. An agent whose bundles arrive slowly must not keep
// others from what is deployed. An instance whose host was not known gets it from the next
// deployment, which saves the host.
func (d whileFetching) sendMeanwhile() {
	if !d.internal() || !d.times.fetched {
		return
	}
	for _, a := range d.roster.sorted() {
		if !d.lags(a) || d.now.Before(a.retryAt) {
			continue
		}
		d.times.deadline = later(d.times.deadline, d.now.Add(d.cfg.DeployTimeout))
		d.sendTo(a, false)
	}
}

// meanwhile returns when sendMeanwhile sends something, if nothing happens before.
func (d whileFetching) meanwhile() (time.Time, bool) {
	var next time.Time
	if !d.internal() || !d.times.fetched || d.phase != sending {
		return next, false
	}
	for _, a := range d.roster.agents {
		if d.lags(a) && (next.IsZero() || a.retryAt.Before(next)) {
			next = a.retryAt
		}
	}
	return next, !next.IsZero()
}

// lags reports whether a is to be sent the configuration, and was not.
func (d whileFetching) lags(a *agent) bool {
	return d.outdated(a) && mgmt.KnownHost(d.target.instances[a.name].Host) &&
		!slices.ContainsFunc(d.open, func(l *leg) bool { return l.agent == a })
}
