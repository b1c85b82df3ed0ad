package ui

import (
	"fmt"
	"strings"
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Fleet is what the page of the fleet shows.
type Fleet struct {
	// Summary and Instances are parts that were written before: those of FleetSummary and
	// FleetInstance.
	Summary   string
	Instances []string
	Filter    FleetFilter
	// CanJoin says that the user may make joining tokens.
	CanJoin bool
	// Seen names the state of the parts, for the stream that goes on from there.
	Seen string
}

// FleetFilter says which nodes are shown. Empty fields take all.
type FleetFilter struct{ Role, State, Text string }

// NotRunning is the state in a FleetFilter that takes every state but RUNNING.
const NotRunning = "not-running"

// Takes reports whether a node is shown.
func (f FleetFilter) Takes(n FleetNode) bool {
	text := strings.ToLower(f.Text)
	return (f.Role == "" || f.Role == n.Role) &&
		(f.State == "" || f.State == n.State || f.State == NotRunning && n.State != "RUNNING") &&
		(text == "" || strings.Contains(strings.ToLower(n.Name), text) || strings.Contains(strings.ToLower(n.Instance), text))
}

// The parts of the page of the fleet that a stream renews are found by their ID.

// FleetInstanceID returns the ID of the part of an instance.
func FleetInstanceID(instance string) string { return below("i", instance) }

// FleetNodeID returns the ID of the row of a node.
func FleetNodeID(instance, node string) string { return below("n", instance, node) }

// FleetSummaryID is the ID of the summary.
const FleetSummaryID = "summary"

// FleetNode is a row of the fleet. Two that are equal look the same.
type FleetNode struct {
	Instance, Name, Role, State string
	Since                       time.Time
	// Mark says what a user has done: "stopped" or "paused".
	Mark string
	// The figures, as they are shown. Empty: not known.
	Packets, Dropped, CPU, Memory, Lag, Waiting string
	// Worrying says that the drops are many.
	Worrying bool
}

// FleetHost is the head of an instance in the fleet. Two that are equal look the same.
type FleetHost struct {
	Instance, Standing string
	Since              time.Time
	// Figures are those of the host, as they are shown. Empty: not known.
	Busy, Memory, Traffic string
}

// Figures of a node, as the fleet shows them.
func (n *FleetNode) Measured(cpu float64, memory uint64) {
	n.CPU, n.Memory = percent(cpu), bytesText(memory)
}

// Captured sets the figures of a node's capture.
func (n *FleetNode) Captured(packets, dropShare float64) {
	n.Packets, n.Dropped, n.Worrying = rate(packets), percent(dropShare), dropShare >= worryingDrops
}

// worryingDrops is the share of dropped packets from which on it is marked.
const worryingDrops = 0.01

// Lags sets how far a node is behind, in seconds.
func (n *FleetNode) Lags(seconds float64) {
	n.Lag = fmt.Sprintf("%.1f s", max(seconds, 0))
}

// Waits sets how many events wait in a node.
func (n *FleetNode) Waits(events uint64) {
	if events > 0 {
		n.Waiting = rate(float64(events))
	}
}

// Measured sets the figures of a host.
func (n *FleetHost) Measured(busy float64, cpus int, m api.Memory) {
	n.Busy = fmt.Sprintf("%.1f of %s", busy, count(cpus, "processor", "processors"))
	if m.Total > 0 {
		n.Memory = percent(1 - float64(m.Available)/float64(m.Total))
	}
}

// Captured sets the figures of the interfaces on which nodes of a host capture.
func (n *FleetHost) Captured(packets, bits float64) {
	n.Traffic = rate(packets) + " packets/s, " + bitRate(bits)
}

// FleetPage is the page of the fleet.
func FleetPage(f Fleet) Content {
	return Content{Title: "Fleet", Live: true, Body: g.Group{
		Head("Fleet"),
		h.Div(h.ID("board"), h.Attr("hx-sse:connect", withQuery(PathFleetStream, "seen", f.Seen)), h.Attr("hx-swap", "none"),
			g.Raw(f.Summary),
			fleetFilter(f.Filter),
			g.If(len(f.Instances) > 0, h.Table(h.Class("nodes columns-of-nodes"), h.Aria("hidden", "true"), fleetColumns())),
			h.Div(h.ID("instances"), g.Map(f.Instances, g.Raw)),
			h.P(h.ID("none"), h.Class("muted"), h.Attr("hidden"), h.Text("No node matches the filter.")),
			g.If(len(f.Instances) == 0, nothingYet(f.CanJoin)),
		),
	}}
}

func nothingYet(canJoin bool) g.Node {
	return h.Section(h.ID("nothing"), h.Class("panel"), h.H2(h.Text("No instances yet")),
		h.P(h.Text("An instance is a host with an agent. A joining token brings it into the cluster: on this controller, "),
			h.Code(h.Text("zeekfleet token create sensor-1")), h.Text(" prints the line to paste on the host.")),
		g.If(canJoin, h.Div(h.Class("actions"), ButtonLink(TokenPath("join"), "Let an instance join…", "primary"))))
}

var (
	fleetRoles = []Option{{"", "All roles"}, {"MANAGER", "Manager"}, {"LOGGER", "Logger"}, {"PROXY", "Proxy"}, {"WORKER", "Worker"}, {"NONE", "Command"}}
	nodeStates = []Option{
		{"", "All states"}, {NotRunning, "Not running"}, {"RUNNING", "RUNNING"}, {"PENDING", "PENDING"}, {"STOPPED", "STOPPED"},
		{"CRASHED", "CRASHED"}, {"FAILED", "FAILED"}, {"UNKNOWN", "UNKNOWN"},
	}
)

func fleetFilter(f FleetFilter) g.Node {
	return h.Form(h.ID("filter"), h.Class("filter"), h.Method("get"), h.Action(PathFleet), h.Role("search"), h.Aria("label", "Filter of nodes"),
		Input("Name", "text", "search", h.Value(f.Text), h.Placeholder("Node or instance"), h.AutoComplete("off"), h.MaxLength("200")),
		Select("Role", "role", f.Role, fleetRoles),
		Select("State", "state", f.State, nodeStates),
		h.Button(h.Type("submit"), h.Text("Filter")),
		h.Span(h.ID("shown"), h.Class("muted"), h.Attr("aria-live", "polite")))
}

func fleetColumns() g.Node {
	column := func(class, text string) g.Node { return h.Th(h.Scope("col"), h.Class(class), h.Text(text)) }
	return h.THead(h.Tr(
		column("c-name", "Node"), column("c-role", "Role"), column("c-state", "State"), column("c-packets num", "Packets/s"), column("c-drop num", "Dropped"),
		column("c-cpu num", "CPU"), column("c-memory num", "Memory"), column("c-lag num", "Lag"), column("c-wait num", "Events queued")))
}

// FleetInstance is the part of an instance: its head, and a row for each node.
func FleetInstance(host FleetHost, rows []string) string {
	return write(h.Section(h.ID(FleetInstanceID(host.Instance)), h.Class("instance"), h.Data("instance", host.Instance), h.Data("into", "instances"), h.Data("order", host.Instance),
		g.Raw(FleetInstanceHead(host)),
		h.Table(h.Class("nodes"), h.Aria("label", "Nodes of "+host.Instance), fleetColumns(), h.TBody(g.Map(rows, g.Raw)))))
}

// FleetHeadID returns the ID of the head of an instance.
func FleetHeadID(instance string) string { return below("h", instance) }

// FleetInstanceHead is the head of an instance.
func FleetInstanceHead(host FleetHost) string {
	figure := func(name, value string) g.Node {
		return g.If(value != "", h.Span(h.Class("figure"), h.Span(h.Class("muted"), h.Text(name+" ")), h.Text(value)))
	}
	return write(h.Div(h.ID(FleetHeadID(host.Instance)), h.Class("instance-head"),
		h.H2(h.A(h.Href(InstancePath(host.Instance)), h.Text(host.Instance))), State(host.Standing), g.If(!host.Since.IsZero(), h.Span(h.Class("muted"), Age(time.Now(), host.Since))),
		figure("CPU", host.Busy), figure("Memory", host.Memory), figure("Capture", host.Traffic)))
}

// FleetRow is the row of a node. hidden rows are there, so that a script can show them.
func FleetRow(n FleetNode, hidden bool) string {
	return write(h.Tr(h.ID(FleetNodeID(n.Instance, n.Name)), h.Data("name", strings.ToLower(n.Name)), h.Data("role", n.Role), h.Data("state", n.State),
		g.If(hidden, h.Attr("hidden")),
		h.Th(h.Scope("row"), h.Class("c-name"), h.A(h.Href(NodePath(n.Instance, n.Name)), h.Text(n.Name))),
		h.Td(h.Class("c-role"), h.Text(roleName(n.Role))),
		h.Td(h.Class("c-state"), State(n.State), g.If(!n.Since.IsZero(), g.Group{h.Text(" "), h.Span(h.Class("muted"), Age(time.Now(), n.Since))}),
			g.If(n.Mark != "", h.Span(h.Class("mark"), h.Text(n.Mark)))),
		h.Td(h.Class("c-packets num"), h.Text(n.Packets)),
		h.Td(h.Class("c-drop num"), g.If(n.Worrying, h.Strong(h.Class("bad-text"), h.Text(n.Dropped))), g.If(!n.Worrying, h.Text(n.Dropped))),
		h.Td(h.Class("c-cpu num"), h.Text(n.CPU)),
		h.Td(h.Class("c-memory num"), h.Text(n.Memory)),
		h.Td(h.Class("c-lag num"), h.Text(n.Lag)),
		h.Td(h.Class("c-wait num"), h.Text(n.Waiting))))
}

func roleName(role string) string {
	if role == "NONE" {
		return "command"
	}
	return strings.ToLower(role)
}

// write returns the HTML of a node on one line, as server-sent events need it.
func write(n g.Node) string {
	var text strings.Builder
	if err := n.Render(&text); err != nil {
		panic("ui: " + err.Error()) // a builder takes everything
	}
	return strings.NewReplacer("\n", "&#10;", "\r", "&#13;").Replace(text.String())
}

// FleetSummary says whether the cluster is well, and what is not.
func FleetSummary(s api.Status) string {
	kind, first := "good", "Everything is well"
	switch {
	case len(s.Wrong) > 0:
		kind, first = "bad", count(len(s.Wrong), "thing is not well", "things are not well")
	case s.Deployed == nil:
		kind, first = "", "Nothing is deployed yet"
	}
	shown := s.Wrong[:min(len(s.Wrong), maxWrong)]
	return write(h.Section(h.ID(FleetSummaryID), h.Class("summary"), h.Aria("label", "Summary"),
		Note(kind, h.Strong(h.Text(first)), h.Text(": "+counts(s)+"."),
			g.If(len(shown) > 0, h.Ul(g.Map(shown, func(d api.StatusDetail) g.Node { return h.Li(wrong(d)) }))),
			g.If(len(shown) < len(s.Wrong), h.P(h.Text(fmt.Sprintf("And %d more.", len(s.Wrong)-len(shown))))))))
}

// maxWrong bounds what the summary names.
const maxWrong = 8

func counts(s api.Status) string {
	parts := []string{
		fmt.Sprintf("%d of %s run", s.Nodes.Running, count(s.Nodes.Total, "node", "nodes")),
		fmt.Sprintf("%d of %s ready", s.Instances.Ready, count(s.Instances.Total, "instance", "instances")),
	}
	if n := len(s.Stopped); n > 0 {
		parts = append(parts, count(n, "node is stopped", "nodes are stopped"))
	}
	if n := len(s.Paused); n > 0 {
		parts = append(parts, count(n, "node is paused", "nodes are paused"))
	}
	if s.Deployed != nil {
		parts = append(parts, fmt.Sprintf("revision %d is deployed", s.Deployed.Revision))
	}
	if s.Staged != nil {
		parts = append(parts, fmt.Sprintf("revision %d is staged", s.Staged.Revision))
	}
	for _, o := range s.Operations {
		parts = append(parts, fmt.Sprintf("operation %d (%s) runs", o.ID, o.Kind))
	}
	return strings.Join(parts, ", ")
}

func wrong(d api.StatusDetail) g.Node {
	what := d.Kind
	switch {
	case d.Node != "":
		what = d.Node + " on " + d.Instance
	case d.Instance != "":
		what = d.Instance
	}
	return g.Group{h.Strong(h.Text(what)), h.Text(" "), g.If(d.State != "", State(d.State)), h.Text(" " + d.Text)}
}
