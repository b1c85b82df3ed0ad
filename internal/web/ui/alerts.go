package ui

import (
	"fmt"
	"strconv"
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Alerts is what the page of the alerts shows.
type Alerts struct {
	Now time.Time
	// List has those first that need a person.
	List      []api.Alert
	Silences  []api.Silence
	Receivers []api.AlertReceiver
	// CanAct says that the user may acknowledge and silence alerts, and test receivers.
	CanAct bool
}

// The paths of what can be done with alerts.
const (
	PathAlertsStream = PathAlerts + "/stream"
	PathAcknowledge  = PathAlerts + "/acknowledge"
	PathSilence      = PathAlerts + "/silence"
)

// SilencePath returns the path of the page that asks whether a silence shall end.
func SilencePath(id uint64) string {
	return below(PathAlerts, "silences", strconv.FormatUint(id, 10), "end")
}

// ReceiverPath returns the path of the page that asks whether a receiver shall be tested.
func ReceiverPath(name string) string { return below(PathAlerts, "receivers", name, "test") }

// AlertsPage is the page of the alerts.
func AlertsPage(a Alerts) Content {
	return Content{Title: "Alerts", Live: true, Body: g.Group{
		Head("Alerts", g.If(a.CanAct, ButtonLink(PathSilence, "Silence alerts…"))),
		live(PathAlertsStream, g.Map(AlertPieces(a), Piece.show)),
	}}
}

// AlertPieces are the parts of the page of the alerts.
func AlertPieces(a Alerts) []Piece {
	var firing, others []api.Alert
	for _, one := range a.List {
		if one.State == api.AlertFiring {
			firing = append(firing, one)
		} else {
			others = append(others, one)
		}
	}
	now := h.Section(h.ID("alerts-firing"), h.Class("panel"), h.H2(h.Text("Firing")), alertsTable(a, firing, "Firing alerts"))
	if len(firing) == 0 {
		now = h.Section(h.ID("alerts-firing"), h.Class("summary"), h.Aria("label", "Firing"), Note("good", h.Strong(h.Text("No alert fires."))))
	}
	return []Piece{
		pieceOf("alerts-firing", now),
		pieceOf("alerts-others", h.Section(h.ID("alerts-others"), h.Class("panel"), h.H2(h.Text("May fire soon, or ended in the last day")), alertsTable(a, others, "Other alerts"))),
		pieceOf("alerts-more", h.Div(h.ID("alerts-more"), h.Class("columns"), Panel("Silences", silencesTable(a)), Panel("Receivers", receiversTable(a)))),
	}
}

func alertsTable(a Alerts, list []api.Alert, label string) g.Node {
	if len(list) == 0 {
		return none("There is none.")
	}
	return stacked(tableOf(label, []string{"State", "What", "Alert", "Since", "Known", ""}, h.TBody(g.Map(list, func(one api.Alert) g.Node { return alertRow(a, one) }))))
}

func alertRow(a Alerts, one api.Alert) g.Node {
	since := one.Since
	if one.State == api.AlertResolved {
		since = one.Resolved
	}
	severity := g.Node(h.Span(h.Class("mark"), h.Text(one.Severity)))
	if one.Severity == api.AlertCritical {
		severity = h.Span(h.Class("mark bad-text"), h.Text(one.Severity))
	}
	var does g.Group
	if a.CanAct && one.State == api.AlertFiring {
		does = append(does, g.If(one.Acknowledged == nil, ButtonLink(withQuery(PathAcknowledge, "id", one.ID), "Acknowledge…", "small")))
	}
	if a.CanAct && one.State != api.AlertResolved && one.Silenced == nil {
		does = append(does, ButtonLink(withQuery(PathSilence, "rule", one.Rule, "instance", one.Instance, "node", one.Node, "subject", one.Subject), "Silence…", "small"))
	}
	return h.Tr(cell(State(one.State), severity), words(alertSubject(one)),
		words(h.Text(one.Text), h.Span(h.Class("muted"), h.Text(measured(one))), g.If(one.Hint != "", h.P(h.Class("muted"), h.Text(one.Hint)))),
		when("Since", Age(a.Now, since)), words(known(one)), cell(g.If(len(does) > 0, h.Div(h.Class("actions"), does))))
}

// measured says what was measured, if the rule compares numbers.
func measured(one api.Alert) string {
	if one.Value == nil || one.Limit == nil {
		return ""
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
	return fmt.Sprintf(" (%s %s, the limit is %s)", number(*one.Value), one.Unit, number(*one.Limit))
}

// alertSubject says what an alert is about.
func alertSubject(one api.Alert) g.Node {
	instance := h.A(h.Href(InstancePath(one.Instance)), h.Text(one.Instance))
	subject := g.If(one.Subject != "", h.Text(one.Subject+" "))
	switch {
	case one.Node != "":
		return g.Group{subject, h.A(h.Href(NodePath(one.Instance, one.Node)), h.Text(one.Node)), h.Text(" on "), instance, h.Div(h.Class("muted"), h.Text(one.Rule))}
	case one.Instance != "":
		return g.Group{subject, g.If(one.Subject != "", h.Text("on ")), instance, h.Div(h.Class("muted"), h.Text(one.Rule))}
	}
	return g.Group{subject, h.Div(h.Class("muted"), h.Text(one.Rule))}
}

// known says who knows of an alert, and who has silenced it.
func known(one api.Alert) g.Node {
	var parts g.Group
	if m := one.Acknowledged; m != nil {
		parts = append(parts, h.Div(h.Text("acknowledged by "+m.Who), g.If(m.Note != "", h.Span(h.Class("muted"), h.Text(": "+m.Note)))))
	}
	if s := one.Silenced; s != nil {
		parts = append(parts, h.Div(h.Text("silenced by "+s.Who+" until "), Moment(s.Until), g.If(s.Note != "", h.Span(h.Class("muted"), h.Text(": "+s.Note)))))
	}
	return parts
}

func silencesTable(a Alerts) g.Node {
	if len(a.Silences) == 0 {
		return none("No alert is silenced.")
	}
	return stacked(tableOf("Silences", []string{"Alerts", "Until", "By", ""}, h.TBody(g.Map(a.Silences, func(s api.Silence) g.Node {
		return h.Tr(h.Th(h.Scope("row"), h.Text(silenced(s.Rule, s.Instance, s.Node, s.Subject))), when("Until", Moment(s.Until)),
			words(h.Text(s.Who), g.If(s.Note != "", h.Span(h.Class("muted"), h.Text(": "+s.Note)))), cell(g.If(a.CanAct, ButtonLink(SilencePath(s.ID), "End…", "small"))))
	}))))
}

// silenced says in words which alerts are meant.
func silenced(rule, instance, node, subject string) string {
	text := "all alerts"
	if rule != "" {
		text = rule
	}
	for _, part := range [][2]string{{" about ", subject}, {" of node ", node}, {" on ", instance}} {
		if part[1] != "" {
			text += part[0] + part[1]
		}
	}
	return text
}

func receiversTable(a Alerts) g.Node {
	if len(a.Receivers) == 0 {
		return none("The settings of the controller name no receiver: nobody is told.")
	}
	return stacked(tableOf("Receivers", []string{"Receiver", "State", "#Got", "#Waiting", "#Lost", ""}, h.TBody(g.Map(a.Receivers, func(r api.AlertReceiver) g.Node {
		state := g.Node(h.Span(h.Class("state good"), h.Text("well")))
		if r.Failing {
			state = g.Group{h.Span(h.Class("state bad"), h.Text("fails")), h.Text(" "), Age(a.Now, r.Since), h.P(h.Class("muted"), h.Text(r.Error)), g.If(!r.Next.IsZero(), h.P(h.Class("muted"), h.Text("tries again at "), Moment(r.Next)))}
		}
		return h.Tr(h.Th(h.Scope("row"), h.Text(r.Name), h.Span(h.Class("muted"), h.Text(" "+r.Kind+" "+r.Target))), words(state), labelled("Got", strconv.FormatUint(r.Delivered, 10)), labelled("Waiting", strconv.Itoa(r.Waiting)),
			labelled("Lost", strconv.FormatUint(r.Lost, 10)), cell(g.If(a.CanAct, ButtonLink(ReceiverPath(r.Name), "Test…", "small"))))
	}))))
}

// AskAcknowledge asks whether an alert shall be acknowledged.
func AskAcknowledge(wrong string, one api.Alert) Content {
	return Ask(Question{Title: "Acknowledge this alert?", Action: PathAcknowledge, Do: "Acknowledge it", Back: PathAlerts, Body: g.Group{
		wrongForm(wrong),
		h.P(h.Strong(h.Text(one.ID)), h.Text(" "+one.Text)),
		h.P(h.Text("It says that you know of it. Receivers are not reminded any more; the alert fires until the trouble ends.")),
		h.Input(h.Type("hidden"), h.Name("id"), h.Value(one.ID)),
		Input("Note for the others (may be empty)", "note", "text", h.MaxLength("1000"), h.AutoComplete("off")),
	}})
}

// NewSilence is what the page shows that asks for a silence.
type NewSilence struct{ Wrong, Rule, Instance, Node, Subject, Life string }

var silenceLives = []Option{{"1800", "30 minutes"}, {"3600", "1 hour"}, {"14400", "4 hours"}, {"86400", "1 day"}, {"604800", "7 days"}, {"2592000", "30 days"}}

// AskSilence asks for a silence.
func AskSilence(n NewSilence) Content {
	if n.Life == "" {
		n.Life = "3600"
	}
	field := func(label, name, value string) g.Node {
		return Input(label, name, "text", h.Value(value), h.MaxLength("255"), h.AutoComplete("off"))
	}
	return Ask(Question{Title: "Silence alerts?", Action: PathSilence, Do: "Silence them", Back: PathAlerts, Body: g.Group{
		wrongForm(n.Wrong),
		h.P(h.Text("Receivers are not told of these alerts until the silence ends. The page shows them all the same. A field that is empty takes everything; one at least is not empty.")),
		field("Rule", "rule", n.Rule), field("Instance", "instance", n.Instance), field("Node", "node", n.Node), field("Interface, disk or certificate", "subject", n.Subject),
		Select("For", "life", n.Life, silenceLives),
		Input("Note for the others (may be empty)", "note", "text", h.MaxLength("1000"), h.AutoComplete("off")),
	}})
}

// AskEndSilence asks whether a silence shall end.
func AskEndSilence(s api.Silence) Content {
	return Ask(Question{Title: "End this silence?", Action: SilencePath(s.ID), Do: "End it", Back: PathAlerts, Body: g.Group{
		h.P(h.Text("It is of " + silenced(s.Rule, s.Instance, s.Node, s.Subject) + ", by " + s.Who + ". Receivers are told at once of those that fire.")),
	}})
}

// AskTest asks whether a receiver shall be tested.
func AskTest(name string) Content {
	return Ask(Question{Title: "Send a test to " + name + "?", Action: ReceiverPath(name), Do: "Send it", Back: PathAlerts, Body: g.Group{
		h.P(h.Text("The receiver gets one message, which says that it is a test.")),
	}})
}
