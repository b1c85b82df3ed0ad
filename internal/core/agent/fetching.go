package agent

import (
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fetching is a Fetch that was not answered yet.
type fetching struct {
	id     uint64
	change change
	// until is when a plan is answered without the bundles. Zero means never.
	until time.Time
	// bundle, done and total are as in the last Fetching that brought progress.
	bundle      string
	done, total int64
	toldAt      time.Time // when the askers were told last; zero: not yet
}

// fetchTimes are the times of a request that waits for bundles.
type fetchTimes struct {
	left   time.Duration // how much of its time is left, as long as the Fetch makes progress
	latest time.Time     // from then on, its time runs in any case
}

// fetchTold is how often the asker of a request is told, at most, what the agent fetches.
const fetchTold = time.Second

// fetch has the content of c's bundles fetched. Everything else that c needs comes after
// that. It supersedes the change that waits at present. It returns false if c's nodes here
// have no bundles.
func (ps *proposals) fetch(c change) bool {
	bundles := c.config.BundlesOf(ps.cfg.Name)
	if len(bundles) == 0 {
		return false
	}
	c = ps.superseding(c)
	ps.fetches++
	ps.fetching = &fetching{id: ps.fetches, change: c}
	for _, r := range c.requests() {
		r.Detail.fetch.left = r.Deadline.Sub(ps.now)
		if r.Detail.fetch.latest.IsZero() {
			r.Detail.fetch.latest = ps.now.Add(ps.cfg.FetchTimeout)
		}
	}
	ps.fetching.setUntil()
	ps.emit(Fetch{ID: ps.fetches, Peer: c.request.Asker, Bundles: bundles})
	return true
}

// setUntil sets when a plan goes on without the bundles: before its request is late.
func (f *fetching) setUntil() {
	if f.change.purpose == plans {
		f.until = f.change.request.Deadline.Add(-preflightMargin)
	}
}

// far says how far a Fetch is.
func (f *fetching) far(agent mgmt.InstanceName) *mgmt.InstancePlanFetch {
	is := &mgmt.InstancePlanFetch{Bundle: f.bundle, Done: f.done, Total: f.total}
	if is.Bundle == "" {
		is.Bundle = f.change.config.BundlesOf(agent)[0].Name
	}
	return is
}

// progress lets the requests have the time back that the Fetch takes, and tells their
// askers.
func (ps *proposals) progress(ev Fetching) {
	f := ps.fetching
	if f == nil || f.id != ev.ID {
		ps.emit(Note{Level: Debug, Text: "bundles arrive that nobody waits for"})
		return
	}
	if ev.Done <= f.done {
		return
	}
	f.bundle, f.done, f.total = ev.Bundle, ev.Done, ev.Total
	if f.change.purpose == plans {
		return // its answer says how far the Fetch is, and whoever wants to know more asks again
	}
	for _, r := range f.change.requests() {
		before := r.Deadline
		r.Deadline = earlier(ps.now, r.Detail.fetch.latest).Add(r.Detail.fetch.left)
		if !r.Detail.answer.IsZero() {
			r.Detail.answer = r.Detail.answer.Add(r.Deadline.Sub(before))
		}
	}
	if !f.toldAt.IsZero() && ps.now.Sub(f.toldAt) < fetchTold {
		return
	}
	f.toldAt = ps.now
	for _, r := range f.change.requests() {
		if r.Detail.fleet {
			ps.emit(ToController{Peer: r.Asker, Msg: mgmt.NotifyFetching{
				ReqID: r.ID, Instance: ps.cfg.Name, Bundle: ev.Bundle, Done: ev.Done, Total: ev.Total,
			}})
		}
	}
}

// fetched goes on with the change whose bundles are here, or fails it.
func (m weighing) fetched(ev Fetched) {
	ps, f := m.proposals, m.proposals.fetching
	if f == nil || f.id != ev.ID {
		m.emit(Note{Level: Debug, Text: "bundles arrived that nobody waits for"})
		return
	}
	ps.fetching = nil
	c := f.change
	if c.plan != nil { // what runs may have changed meanwhile
		c.plan = m.planFor(c.config)
		c.plan.Miss(ev.Missing)
	}
	switch {
	case len(ev.Findings) == 0:
		m.weigh(c)
	case c.purpose == plans:
		ps.answerPlanned(c, ev.Findings, nil)
	default:
		ps.failFetch(c, problems(ev.Findings))
	}
}

func problems(findings []mgmt.Finding) string {
	var texts []string
	for _, f := range findings {
		texts = append(texts, f.String())
	}
	return mgmt.FewTexts(texts, maxSummary, "; ")
}

// failFetch answers the requests for c, whose bundles are not here.
func (ps *proposals) failFetch(c change, why string) {
	why = mgmt.FetchFailed + ": " + why
	ps.emit(Note{Level: Warn, Text: "bundles could not be fetched", ReqID: c.request.ID, Err: why})
	ps.failAll(c, why)
}

// awaitsFetch reports whether r waits for bundles.
func (ps *proposals) awaitsFetch(r *request) bool {
	return ps.fetching != nil && ps.fetching.change.has(r)
}

// expireFetch forgets a Fetch whose requests were answered, and answers a plan whose bundles
// do not come in time.
func (ps *proposals) expireFetch() {
	f := ps.fetching
	switch {
	case f == nil:
	case !ps.requests.inFlight.Holds(f.change.request):
		ps.fetching = nil
	case !f.until.IsZero() && !ps.now.Before(f.until):
		ps.fetching = nil
		f.change.plan.Fetching = f.far(ps.cfg.Name)
		ps.answerPlan(f.change, "nothing was checked: "+f.late())
	}
}

// late says how far a Fetch is that takes too long.
func (f *fetching) late() string {
	if f.total == 0 {
		return "no bundle has arrived in time"
	}
	return fmt.Sprintf("bundle %s has not arrived in time: the host has %s of %s", f.bundle, megabytes(f.done), megabytes(f.total))
}

// megabytes returns a number of bytes as text.
func megabytes(n int64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e6), ".0") + " MB"
}
