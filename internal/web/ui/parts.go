package ui

import (
	"strings"
	"time"

	g "maragu.dev/gomponents"

	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Head is the heading of a page, with what can be done there.
func Head(title string, actions ...g.Node) g.Node {
	return h.Div(h.Class("head"), h.H1(h.Text(title)), h.Div(append([]g.Node{h.Class("actions")}, actions...)...))
}

// Panel is a part of a page with a heading.
func Panel(title string, body ...g.Node) g.Node {
	return h.Section(append([]g.Node{h.Class("panel"), h.H2(h.Text(title))}, body...)...)
}

// ButtonLink is a link that looks like a button. It leads to a page that asks first.
func ButtonLink(path, text string, classes ...string) g.Node {
	return h.A(h.Class(strings.Join(append([]string{"button"}, classes...), " ")), h.Href(path), h.Text(text))
}

// Note is a remark in a box. kind is "good", "warn", "bad" or "".
func Note(kind string, body ...g.Node) g.Node {
	return h.Div(append([]g.Node{h.Class(strings.TrimSpace("note " + kind))}, body...)...)
}

// stateKinds say how serious a state is.
var stateKinds = map[string]string{
	"RUNNING": "good", "READY": "good", "done": "good", "resolved": "good",
	"PENDING": "busy", "NEWCOMER": "busy", "running": "busy", "pending": "busy", "begun": "busy",
	"STOPPED": "idle", "STANDS_BY": "idle", "skipped": "idle", "waiting": "idle",
	"CRASHED": "bad", "FAILED": "bad", "ABSENT": "bad", "INCOMPATIBLE": "bad", "failed": "bad", "firing": "bad", "refused": "bad",
	"UNKNOWN": "warn", "interrupted": "warn",
}

// State shows a state as a mark and a word, so that colour is not all that tells it.
func State(state string) g.Node {
	kind, ok := stateKinds[state]
	if !ok {
		kind = "idle"
	}
	return h.Span(h.Class("state "+kind), h.Text(state))
}

// Age shows how long ago something was. A script keeps it right.
func Age(now, at time.Time) g.Node {
	if at.IsZero() {
		return h.Text("–")
	}
	return h.Time(h.Data("age", ""), h.DateTime(at.UTC().Format(time.RFC3339)), h.Title(moment(at)), h.Text(age(now.Sub(at))))
}

// Moment shows a time.
func Moment(at time.Time) g.Node {
	if at.IsZero() {
		return h.Text("–")
	}
	return h.Time(h.DateTime(at.UTC().Format(time.RFC3339)), h.Text(moment(at)))
}

func moment(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05") }

// Facts are names with what they stand for. Entries without a value are left out.
func Facts(entries ...Fact) g.Node {
	var list g.Group
	for _, e := range entries {
		if e.Value != nil {
			list = append(list, h.Div(h.Dt(h.Text(e.Name)), h.Dd(e.Value)))
		}
	}
	return h.Dl(h.Class("facts"), list)
}

// Fact is a name with what it stands for.
type Fact struct {
	Name  string
	Value g.Node
}

// textOr returns a text, or a node for an empty one.
func textOr(text string, none g.Node) g.Node {
	if text == "" {
		return none
	}
	return h.Text(text)
}

// Input is a field of a form, with its name for people.
func Input(label, name, kind string, more ...g.Node) g.Node {
	return h.Label(h.Span(h.Text(label)), h.Input(append([]g.Node{h.Name(name), h.Type(kind)}, more...)...))
}

// Select is a field of a form with a choice.
func Select(label, name, chosen string, options []Option) g.Node {
	return h.Label(h.Span(h.Text(label)), h.Select(h.Name(name),
		g.Map(options, func(o Option) g.Node {
			return h.Option(h.Value(o.Value), g.If(o.Value == chosen, h.Selected()), h.Text(o.Text))
		})))
}

// Option is one of the choices of a Select.
type Option struct{ Value, Text string }

// Question is what a page asks before something is changed.
type Question struct {
	// Title asks. Action is the path to which the form goes, and Do what the button says.
	Title, Action, Do string
	// Danger says that something stops.
	Danger bool
	// Body says what will happen. It may have fields.
	Body g.Group
	// Back is where the user goes who changes nothing.
	Back string
}

// Ask is the page of a question.
func Ask(q Question) Content {
	class := "primary"
	if q.Danger {
		class = "danger"
	}
	return Content{Title: q.Title, Body: g.Group{
		Head(q.Title),
		h.Form(h.Class("ask panel"), h.Method("post"), h.Action(q.Action), q.Body,
			h.Div(h.Class("actions"),
				h.Button(h.Class(class), h.Type("submit"), h.Text(q.Do)),
				h.A(h.Class("button"), h.Href(q.Back), h.Text("Cancel")))),
	}}
}
