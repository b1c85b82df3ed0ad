package web

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// eventPages are the pages of what has happened, and of who has asked for it.
type eventPages struct{ pages }

// registerEventPages adds the pages of what has happened, and of who has asked for it.
func (a *routes) registerEventPages() {
	s, look := eventPages{pages{a.s}}, rowOf(mgmt.GetNodesRequest{})
	a.page(page{pattern: "GET " + ui.PathEvents, may: look, section: ui.PathEvents}, s.events)
	a.page(page{pattern: "GET " + ui.PathEventsStream, may: look}, s.eventsStream)
	a.page(page{pattern: "GET " + ui.PathAudit, may: access.ReadAudit, section: ui.PathAudit}, s.audit)
}

// eventFilter returns the filter in the address of a page. What it cannot be is left out.
func (v *visit) eventFilter() (shown ui.EventFilter, filter EventFilter) {
	q := v.URL.Query()
	shown = ui.EventFilter{Kind: q.Get("kind"), Instance: clip(q.Get("instance"), 300), Node: clip(q.Get("node"), 300), Since: clip(q.Get("since"), 60)}
	if !ui.KnownEventKind(shown.Kind) {
		shown.Kind = ""
	}
	return shown, EventFilter{Kind: shown.Kind, Instance: shown.Instance, Node: shown.Node, Since: shown.Since}
}

// numberIn returns a number in the address of a page, or zero.
func (v *visit) numberIn(name string) uint64 {
	n, err := strconv.ParseUint(v.URL.Query().Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// maxEventSearches bounds how often a page goes on to search for events that a filter takes.
const maxEventSearches = 5

func (s eventPages) events(v *visit) (shown, error) {
	if s.cfg.Happenings == nil {
		return shown{}, errNoEvents
	}
	filter, in := v.eventFilter()
	e := ui.Events{Filter: filter, Live: v.numberIn("before") == 0, Seen: s.cfg.Happenings.Newest()}
	if _, err := in.query(time.Now()); err != nil {
		e.Filter.Since, in.Since, e.Wrong = "", "", err.Error()
	}
	before := v.numberIn("before")
	for range maxEventSearches {
		found, err := s.listEvents(v.Context(), &eventsInput{EventFilter: in, Before: before, Limit: ui.MaxEventRows - len(e.List)})
		if err != nil {
			return shown{}, err
		}
		list := found.Body.Items
		slices.Reverse(list)
		e.List = append(e.List, list...)
		e.Older, _ = strconv.ParseUint(found.Body.Older, 10, 64) // empty: all were searched
		if before = e.Older; before == 0 || len(e.List) >= ui.MaxEventRows {
			break
		}
	}
	if len(e.List) >= ui.MaxEventRows {
		if e.Older = e.List[len(e.List)-1].Seq; e.Older <= s.cfg.Happenings.Oldest() {
			e.Older = 0
		}
	}
	return show(ui.EventsPage(e))
}

// eventsStream tells a page of the events of new ones.
func (s eventPages) eventsStream(v *visit) (shown, error) {
	if s.cfg.Happenings == nil {
		return shown{}, errNoEvents
	}
	_, in := v.eventFilter()
	in.Since = "" // what is new is new
	seen := v.numberIn("seen")
	if n, err := strconv.ParseUint(v.Header.Get("Last-Event-ID"), 10, 64); err == nil {
		seen = n
	}
	newest := s.cfg.Happenings.Newest()
	if seen == 0 || seen > newest { // of a log that is gone
		seen = newest
	}
	var heard atomic.Uint64
	heard.Store(seen)
	return shown{}, s.feed(v, func(ctx context.Context) ([]byte, error) {
		n, err := s.newEvents(ctx, in, heard.Load())
		if err != nil {
			return nil, err
		}
		if last, err := strconv.ParseUint(n.seen, 10, 64); err == nil {
			heard.Store(last)
		}
		return n.events(), nil
	}, s.happened(&heard))
}

// newEvents returns the rows of the events after one. If there are too many, it leaves out the
// oldest ones.
func (s eventPages) newEvents(ctx context.Context, in EventFilter, after uint64) (boardNews, error) {
	newest := s.cfg.Happenings.Newest()
	var n boardNews
	if newest <= after {
		return n, nil
	}
	in.After = max(after, newest-min(newest, ui.MaxEventRows))
	n.seen = strconv.FormatUint(newest, 10)
	found, err := s.listEvents(ctx, &eventsInput{EventFilter: in, Limit: ui.MaxEventRows})
	if err != nil {
		return n, err
	}
	for _, e := range found.Body.Items {
		n.rows = append(n.rows, ui.EventRow(e).Text)
		n.seen = strconv.FormatUint(max(newest, e.Seq), 10)
	}
	return n, nil
}

// happened returns the function for feed whose channel is closed when there is an event after the
// one that was heard.
func (s eventPages) happened(heard *atomic.Uint64) func(context.Context) <-chan struct{} {
	var waiting chan struct{}
	return func(ctx context.Context) <-chan struct{} {
		if waiting != nil {
			select {
			case <-waiting:
			default:
				return waiting
			}
		}
		waiting = make(chan struct{})
		go func(after uint64, done chan struct{}) {
			if s.cfg.Happenings.Wait(ctx, after) == nil {
				close(done)
			}
		}(heard.Load(), waiting)
		return waiting
	}
}

// A page of the audit has so many records. With a filter, it searches among so many.
const (
	auditRows   = 200
	auditSearch = audit.MaxLimit
)

func (s eventPages) audit(v *visit) (shown, error) {
	q := v.URL.Query()
	a := ui.Audit{User: clip(q.Get("user"), 300), Since: clip(q.Get("since"), 60)}
	since, err := timeOf("since", a.Since, time.Now())
	if err != nil {
		a.Since, a.Wrong = "", err.Error()
	}
	before := v.numberIn("before")
	if a.Newest = before == 0; a.Newest && s.cfg.Audit != nil {
		before = s.cfg.Audit.Newest() + 1
	}
	window := uint64(auditRows)
	if a.User != "" || !since.IsZero() {
		window = auditSearch
	}
	// Records have numbers without gaps, so that those before one are found by theirs.
	from := max(before, 1) - 1
	from -= min(from, window)
	found, err := s.readAudit(v.Context(), &auditInput{Since: since, User: a.User, After: from, Limit: int(window)})
	if err != nil {
		return shown{}, err
	}
	a.List = slices.DeleteFunc(found.Body.Items, func(r api.AuditRecord) bool { return r.Seq >= before })
	slices.Reverse(a.List)
	a.Older = from + 1
	if len(a.List) > auditRows {
		a.List = a.List[:auditRows]
		a.Older = a.List[auditRows-1].Seq
	}
	if !since.IsZero() && len(a.List) == 0 {
		a.Older = 0 // older ones are not wanted
	}
	return show(ui.AuditPage(a))
}
