package ui

import (
	"fmt"
	"math"
	"strconv"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Events is what the page of the events shows.
type Events struct {
	Filter EventFilter
	// List has the newest event first.
	List []api.Event
	// Older is the number before which older events are. Zero: there are none.
	Older uint64
	// Live says that the page shows the newest events, and new ones as they happen, after Seen.
	Live bool
	Seen uint64
	// Wrong says what is wrong with the filter.
	Wrong string
}

// EventFilter says which events are shown. Empty fields take all.
type EventFilter struct{ Kind, Instance, Node, Since string }

func (f EventFilter) path(path string, more ...string) string {
	return withQuery(path, append([]string{"kind", f.Kind, "instance", f.Instance, "node", f.Node, "since", f.Since}, more...)...)
}

// PathEventsStream is where the page of the events hears of new ones.
const PathEventsStream = PathEvents + "/stream"

// MaxEventRows bounds the events that a page shows. A page that is live drops the oldest ones.
const MaxEventRows = 200

var eventKinds = []Option{
	{"", "All kinds"}, {api.EventNode, "Nodes"}, {api.EventInstance, "Instances"}, {api.EventOperation, "Operations"}, {api.EventStep, "Steps"},
	{api.EventRevision, "Revisions"}, {api.EventAlert, "Alerts"}, {api.EventController, "Controller"}, {api.EventLost, "Lost events"},
}

var times = []Option{{"", "Any time"}, {"1h", "The last hour"}, {"24h", "The last day"}, {"168h", "The last week"}, {"720h", "The last 30 days"}}

// EventsPage is the page of the events.
func EventsPage(e Events) Content {
	var rows g.Group
	for _, one := range e.List {
		rows = append(rows, EventRow(one).show())
	}
	table := h.Section(h.Class("panel"), h.Aria("label", "Events"),
		g.If(len(e.List) == 0, h.P(h.ID("nothing"), h.Class("muted"), h.Text("No event is kept that matches."))),
		stacked(tableOf("Events", []string{"Time", "What", "State", "Cause", "By"}, h.TBody(h.ID("events"), h.Data("most", strconv.Itoa(MaxEventRows)), rows))))
	if e.Live {
		table = live(e.Filter.path(PathEventsStream, "seen", strconv.FormatUint(e.Seen, 10)), table)
	}
	return Content{Title: "Events", Live: e.Live, Body: g.Group{
		Head("Events", g.If(!e.Live, ButtonLink(e.Filter.path(PathEvents), "The newest events"))),
		wrongForm(e.Wrong), eventFilter(e.Filter), table,
		g.If(e.Older > 0, h.P(ButtonLink(e.Filter.path(PathEvents, "before", strconv.FormatUint(e.Older, 10)), "Older events"))),
	}}
}

func eventFilter(f EventFilter) g.Node {
	since := times
	if f.Since != "" && !isOption(times, f.Since) {
		since = append(times[:len(times):len(times)], Option{f.Since, "Since " + f.Since})
	}
	return h.Form(h.Class("filter"), h.Method("get"), h.Action(PathEvents), h.Role("search"), h.Aria("label", "Filter of events"),
		Input("Instance", "instance", "search", h.Value(f.Instance), h.MaxLength("300"), h.AutoComplete("off")), Input("Node", "node", "search", h.Value(f.Node), h.MaxLength("300"), h.AutoComplete("off")),
		Select("Kind", "kind", f.Kind, eventKinds), Select("Time", "since", f.Since, since), h.Button(h.Type("submit"), h.Text("Filter")))
}

func isOption(options []Option, value string) bool {
	for _, o := range options {
		if o.Value == value {
			return true
		}
	}
	return false
}

// KnownEventKind reports whether a filter can have this kind.
func KnownEventKind(kind string) bool { return isOption(eventKinds, kind) }

// EventRow is the row of an event. New ones come first.
func EventRow(e api.Event) Piece {
	id := "e/" + strconv.FormatUint(e.Seq, 10)
	if e.Seq == 0 {
		id = "" // it tells of lost ones
	}
	p := pieceOf(id, h.Tr(g.If(id != "", h.ID(id)), h.Data("into", "events"), h.Data("order", fmt.Sprintf("%020d", math.MaxUint64-e.Seq)),
		h.Td(h.Class("time"), Moment(e.Time)), words(eventSubject(e)),
		cell(g.If(e.From != "" && e.From != e.To, g.Group{h.Span(h.Class("muted"), h.Text(e.From)), h.Text(" → ")}), g.If(e.To != "", State(e.To))),
		words(h.Text(e.Cause)), cell(h.Text(e.Who))))
	p.Row = true
	return p
}

// eventSubject says of what an event tells.
func eventSubject(e api.Event) g.Node {
	instance := h.A(h.Href(InstancePath(e.Instance)), h.Text(e.Instance))
	var parts g.Group
	add := func(n ...g.Node) {
		if len(parts) > 0 {
			parts = append(parts, h.Text(", "))
		}
		parts = append(parts, n...)
	}
	switch {
	case e.Node != "":
		add(h.A(h.Href(NodePath(e.Instance, e.Node)), h.Text(e.Node)), h.Text(" on "), instance)
	case e.Instance != "":
		add(instance)
	}
	if e.Operation > 0 {
		add(operationLink(e.Operation))
	}
	if e.Revision > 0 {
		add(h.Text("revision "), revisionLink(e.Revision))
	}
	if e.Alert != "" {
		add(h.A(h.Href(PathAlerts), h.Text(e.Alert)))
	}
	if len(parts) == 0 {
		add(h.Text(e.Kind))
	}
	return parts
}

// Audit is what the page of the audit shows.
type Audit struct {
	User, Since string
	// List has the newest record first, and Older is the number before which older ones are.
	List   []api.AuditRecord
	Older  uint64
	Newest bool // the page begins with the newest record
	// Wrong says what is wrong with the filter.
	Wrong string
}

func (a Audit) path(more ...string) string {
	return withQuery(PathAudit, append([]string{"user", a.User, "since", a.Since}, more...)...)
}

// AuditPage is the page of the audit.
func AuditPage(a Audit) Content {
	since := times
	if a.Since != "" && !isOption(times, a.Since) {
		since = append(times[:len(times):len(times)], Option{a.Since, "Since " + a.Since})
	}
	body := none("There is no record here that matches.")
	if len(a.List) > 0 {
		body = stacked(tableOf("Audit", []string{"Time", "Who", "From", "Request", "Outcome", "More"}, h.TBody(g.Map(a.List, auditRow))))
	}
	return Content{Title: "Audit", Body: g.Group{
		Head("Audit", g.If(!a.Newest, ButtonLink(a.path(), "The newest records"))),
		wrongForm(a.Wrong),
		h.Form(h.Class("filter"), h.Method("get"), h.Action(PathAudit), h.Role("search"), h.Aria("label", "Filter of the audit"),
			Input("User", "user", "search", h.Value(a.User), h.MaxLength("300"), h.AutoComplete("off")), Select("Time", "since", a.Since, since), h.Button(h.Type("submit"), h.Text("Filter"))),
		h.Section(h.Class("panel"), h.Aria("label", "Records"), body),
		g.If(a.Older > 1, h.P(ButtonLink(a.path("before", strconv.FormatUint(a.Older, 10)), "Older records"))),
	}}
}

func auditRow(r api.AuditRecord) g.Node {
	return h.Tr(h.Td(h.Class("time"), Moment(r.Time)), h.Th(h.Scope("row"), h.Text(r.Who), h.Span(h.Class("muted"), h.Text(" "+r.Role))), cell(h.Text(r.Source)),
		words(h.Text(r.Request), g.If(r.Subject != "", h.Span(h.Class("muted"), h.Text(" "+r.Subject)))),
		cell(State(r.Outcome), g.If(r.Times > 1, h.Span(h.Class("mark"), h.Text(fmt.Sprintf("%d times", r.Times))))),
		words(h.Text(r.Reason), g.If(r.Operation > 0, g.Group{h.Text(" "), operationLink(r.Operation)}), g.If(r.Revision != "", h.Span(h.Class("muted"), h.Text(" configuration "+r.Revision)))))
}
