package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Node is what the page of a node shows.
type Node struct {
	Now time.Time
	api.Node
	// Sample is nil if nothing was measured.
	Sample *api.NodeSample
	// Stopped and Paused say who has done that. Nil: nobody.
	Stopped, Paused *api.StatusMark
	// Deployed says that the node is in the deployed configuration, on this instance.
	Deployed bool
	// Events are the changes of its state, the newest first.
	Events  []api.Event
	History []api.SampleHistory
	// CanOperate, CanRead and CanAsk say what the user may do.
	CanOperate, CanRead, CanAsk bool
}

func (n Node) path(more ...string) string { return NodePath(n.Instance, n.Name, more...) }

// NodePage is the page of a node.
func NodePage(n Node) Content {
	return Content{Title: n.Name, Live: true, Charts: true, Body: g.Group{
		Head(n.Name, nodeActions(n)),
		live(n.path("stream"), NodeNow(n).show()),
		Panel("The last hour", charts(n), historyTable(n.History)),
		h.Div(h.Class("columns"),
			Panel("Changes of its state", nodeEvents(n)),
			later("Crashes", n.path("crashes"))),
		g.If(n.CanRead, g.Group{
			later("Output", n.path("output")),
			Panel("More", h.Div(h.Class("actions"), ButtonLink(n.path("output")+"?lines=1000", "All output"), ButtonLink(n.path("diag"), "Launch plan and report"))),
		}),
		g.If(n.CanAsk, Panel("Identifiers", identifierForm(n.Instance, n.Name, ""))),
	}}
}

func nodeActions(n Node) g.Node {
	if !n.CanOperate || !n.Deployed {
		return nil
	}
	act := func(kind, text string, classes ...string) g.Node {
		return ButtonLink(OperatePath(kind, n.path(), n.Name), text, classes...)
	}
	if n.Stopped != nil {
		return act(api.KindStart, "Start…", "primary")
	}
	pause := act(api.KindPause, "Pause…")
	if n.Paused != nil {
		pause = act(api.KindResume, "Resume…")
	}
	return g.Group{act(api.KindRestart, "Restart…"), act(api.KindStop, "Stop…"), pause}
}

// NodeNow is what the page of a node shows of the present.
func NodeNow(n Node) Piece {
	facts := []Fact{
		{"Instance", h.A(h.Href(InstancePath(n.Instance)), h.Text(n.Instance))}, {"Role", h.Text(roleName(n.Role))},
		{"State", g.Group{State(n.State), h.Text(" "), Age(n.Now, n.Since)}},
		{"PID", orNil(n.PID)}, {"Version", textOr(n.Version, nil)}, {"Port", orNil(int64(n.Port))}, {"Metrics port", orNil(int64(n.MetricsPort))},
		{"Stopped by", mark(n.Stopped)}, {"Paused by", mark(n.Paused)},
	}
	if s := n.Sample; s != nil && s.PID != 0 {
		facts = append(facts, Fact{"Up for", Age(n.Now, s.Started)}, Fact{"Restarts", h.Text(strconv.FormatUint(s.Restarts, 10))},
			Fact{"CPU", h.Text(percent(s.CPU))}, Fact{"Memory", h.Text(bytesText(s.Memory))},
			Fact{"Threads, files", h.Text(fmt.Sprintf("%d, %d", s.Threads, s.Files))}, Fact{"Interface", textOr(s.Interface, nil)})
		facts = append(facts, zeekFacts(s.Zeek)...)
	}
	return pieceOf("node-now", h.Section(h.ID("node-now"), h.Class("panel"), h.Aria("label", "Now"), Facts(facts...)))
}

func zeekFacts(z *api.ZeekSample) []Fact {
	if z == nil {
		return nil
	}
	facts := []Fact{{"Events queued", h.Text(rate(float64(z.Waiting)))}}
	if z.Lag != nil {
		facts = append(facts, Fact{"Lag", h.Text(fmt.Sprintf("%.1f s", max(*z.Lag, 0)))})
	}
	if r := z.Rates; r != nil {
		facts = append(facts, Fact{"Packets", h.Text(rate(r.Packets) + "/s, " + bitRate(8*r.Bytes))},
			Fact{"Dropped", h.Text(percent(r.DropShare))}, Fact{"Events", h.Text(rate(r.Events) + "/s")})
	}
	return facts
}

func orNil(n int64) g.Node {
	if n == 0 {
		return nil
	}
	return h.Text(strconv.FormatInt(n, 10))
}

func mark(m *api.StatusMark) g.Node {
	if m == nil {
		return nil
	}
	text := m.Who
	if text == "" {
		text = "a user"
	}
	if m.Note != "" {
		text += ": " + m.Note
	}
	return g.Group{h.Text(text), g.If(m.Operation > 0, g.Group{h.Text(" ("), operationLink(m.Operation), h.Text(")")})}
}

func operationLink(id uint64) g.Node {
	return h.A(h.Href(OperationPath(id)), h.Text(fmt.Sprintf("operation %d", id)))
}

func nodeEvents(n Node) g.Node {
	if len(n.Events) == 0 {
		return none("No change of its state is kept.")
	}
	return tableOf("Changes of the state", []string{"Time", "State", "Cause"}, h.TBody(g.Map(n.Events, func(e api.Event) g.Node {
		return h.Tr(h.Td(h.Class("time"), Moment(e.Time)), cell(State(e.To)), words(h.Text(e.Cause), g.If(e.Who != "", h.Span(h.Class("muted"), h.Text(" by "+e.Who)))))
	})))
}

// Output is what the page with the output of a node shows.
type Output struct {
	Instance, Node, Stream, Text string
	Lines                        int
	// More says that the node has printed more.
	Truncated bool
}

// OutputPage is the page with what a node has printed last.
func OutputPage(o Output) Content {
	here := NodePath(o.Instance, o.Node, "output")
	link := func(stream string) g.Node {
		return h.A(h.Href(withQuery(here, "stream", stream, "lines", strconv.Itoa(o.Lines))), g.If(stream == o.Stream, h.Aria("current", "true")), h.Text(stream))
	}
	text := g.Node(h.Pre(h.TabIndex("0"), h.Aria("label", "Output"), h.Text(o.Text)))
	if o.Text == "" {
		text = none("It has printed nothing there.")
	}
	return Content{Title: "Output of " + o.Node, Body: g.Group{
		Head("Output of "+o.Node, ButtonLink(NodePath(o.Instance, o.Node), "Back to the node")),
		part(h.P(h.Class("tabs"), link("stdout"), h.Text(" "), link("stderr"),
			h.Span(h.Class("muted"), h.Text(fmt.Sprintf(" The last %d lines at most.", o.Lines)))),
			g.If(o.Truncated, Note("warn", h.Text("It is more than is shown: the beginning is left out."))), text),
	}}
}

// Crashes is what the page with the crashes of a node shows.
type Crashes struct {
	Now            time.Time
	Instance, Node string
	List           []api.Crash
	Missing        []api.Missing
	// CanRead says that the user may read a crash.
	CanRead bool
}

// CrashesPage is the page with the crashes of a node.
func CrashesPage(c Crashes) Content {
	list := none("No crash is kept.")
	if len(c.List) > 0 {
		list = tableOf("Crashes", []string{"When", "How it ended", "#Ran for"}, h.TBody(g.Map(c.List, func(one api.Crash) g.Node { return crashRow(c, one) })))
	}
	return Content{Title: "Crashes of " + c.Node, Body: g.Group{
		Head("Crashes of "+c.Node, ButtonLink(NodePath(c.Instance, c.Node), "Back to the node")),
		part(g.Map(c.Missing, func(m api.Missing) g.Node { return Note("warn", h.Text(m.Instance+": "+m.Why)) }), list),
	}}
}

func crashRow(c Crashes, one api.Crash) g.Node {
	why := one.Why
	if why == "" {
		why = one.End
	}
	text := g.Node(h.Text(why))
	if c.CanRead && one.ID != "" {
		text = h.A(h.Href(CrashPath(one.Instance, one.ID)), h.Text(why))
	}
	return h.Tr(h.Td(h.Class("time"), Moment(one.When)), words(text, g.If(one.Backtrace, h.Span(h.Class("mark"), h.Text("backtrace")))),
		num(age(time.Duration(one.Seconds*float64(time.Second)))))
}

// CrashPage is the page of a crash.
func CrashPage(c api.CrashRecord) Content {
	text := func(title, text string) g.Node {
		return g.If(text != "", Panel(title, h.Pre(h.TabIndex("0"), h.Aria("label", title), h.Text(text))))
	}
	return Content{Title: "Crash of " + c.Node, Body: g.Group{
		Head("Crash of "+c.Node, ButtonLink(NodePath(c.Instance, c.Node), "To the node")),
		Note("bad", h.Strong(h.Text(c.End)), g.If(c.Why != "", h.P(h.Text(c.Why)))),
		Panel("What ran", Facts(
			Fact{"Instance", h.A(h.Href(InstancePath(c.Instance)), h.Text(c.Instance))}, Fact{"When", Moment(c.When)},
			Fact{"Ran for", h.Text(age(time.Duration(c.Seconds * float64(time.Second))))}, Fact{"PID", orNil(int64(c.PID))},
			Fact{"Program", textOr(c.Program, nil)}, Fact{"Version", textOr(c.Version, nil)}, Fact{"Directory", textOr(c.Dir, nil)}, Fact{"Core file", textOr(c.Core, nil)})),
		g.If(c.Pending, Note("", h.Text("The core file has not been looked at yet: load the page again in a while."))),
		g.If(c.Note != "", Note("", h.Text(c.Note))),
		text("Backtrace", c.Trace), text("Errors (stderr)", c.Stderr), text("Output (stdout)", c.Stdout), text("Launch plan", pretty(c.Plan)),
	}}
}

// DiagPage is the page with the report about a node.
func DiagPage(d api.NodeDiag) Content {
	text := func(title, text string) g.Node {
		return g.If(text != "", Panel(title, h.Pre(h.TabIndex("0"), h.Aria("label", title), h.Text(text))))
	}
	return Content{Title: "Report about " + d.Node, Body: g.Group{
		Head("Report about "+d.Node, ButtonLink(NodePath(d.Instance, d.Node), "To the node")),
		g.If(len(d.Removed) > 0, Note("", h.Text("What looks like a secret was taken out:"), h.Ul(g.Map(d.Removed, func(s string) g.Node { return h.Li(h.Text(s)) })))),
		Panel("What runs", Facts(Fact{"State", State(d.State)}, Fact{"PID", orNil(int64(d.PID))}, Fact{"Program", textOr(d.Program, nil)},
			Fact{"Version", textOr(d.Version, nil)}, Fact{"Directory", textOr(d.Dir, nil)}, Fact{"Fingerprint", textOr(d.Fingerprint, nil)}, Fact{"Remark", textOr(d.Remark, nil)})),
		text("Launch plan", pretty(d.Plan)), text("Errors (stderr)", d.Stderr), text("Output (stdout)", d.Stdout),
	}}
}

// pretty returns JSON with a line for each value.
func pretty(text json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// Identifier is what the page for asking nodes for the value of an identifier shows.
type Identifier struct {
	Instance, Node, ID string
	// Asked says that the nodes were asked.
	Asked   bool
	Results []api.DispatchResult
}

// IdentifierPage is the page for asking a node for the value of an identifier.
func IdentifierPage(i Identifier) Content {
	return Content{Title: "Identifiers of " + i.Node, Body: g.Group{
		Head("Identifiers of "+i.Node, ButtonLink(NodePath(i.Instance, i.Node), "To the node")),
		h.Section(h.Class("panel stack"), identifierForm(i.Instance, i.Node, i.ID),
			g.If(i.Asked, g.Group(g.Map(i.Results, func(r api.DispatchResult) g.Node {
				if !r.Success {
					return Note("bad", h.Text(r.Error))
				}
				return h.Pre(h.TabIndex("0"), h.Aria("label", "Value of "+i.ID), h.Text(pretty(r.Value)))
			})))),
	}}
}

func identifierForm(instance, node, id string) g.Node {
	return h.Form(h.Class("filter"), h.Method("post"), h.Action(NodePath(instance, node, "identifier")),
		Input("Name of a global identifier of Zeek", "id", "text", h.Value(id), h.Required(), h.Placeholder("Log::default_rotation_interval"), h.AutoComplete("off"), h.MaxLength("300")),
		h.Button(h.Type("submit"), h.Text("Ask for its value")))
}
