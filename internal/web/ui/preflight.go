package ui

import (
	"fmt"
	"strings"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Preflight is what the page of the preflight of an instance shows.
type Preflight struct {
	Instance string
	// Staged says that the staged configuration was checked, and not the deployed one.
	// HasStaged says that there is one.
	Staged, HasStaged bool
	api.Plan
}

// PreflightPath returns the path of the preflight of an instance.
func PreflightPath(instance string) string { return below(InstancePath(instance), "preflight") }

// PreflightButton lets an instance run its preflight. It changes nothing, so that no page asks
// first.
func PreflightButton(instance, text string, staged bool) g.Node {
	return h.Form(h.Method("post"), h.Action(PreflightPath(instance)), g.If(staged, h.Input(h.Type("hidden"), h.Name("staged"), h.Value("yes"))),
		h.Button(h.Type("submit"), h.Text(text)))
}

// PreflightPage is the page of what the preflight of an instance has found.
func PreflightPage(p Preflight) Content {
	title, what := "Preflight of "+p.Instance, "deployed"
	if p.Staged {
		what = "staged"
	}
	var checked []api.PlannedNode
	var left []string
	for _, n := range p.Nodes {
		if n.Stopped {
			left = append(left, n.Node)
		} else if n.Action != api.ActionStop {
			checked = append(checked, n)
		}
	}
	kind, said := "good", fmt.Sprintf("The host can run %s of the %s configuration.", count(len(checked), "node", "nodes"), what)
	switch {
	case len(p.Unknown) > 0:
		kind, said = "warn", "The instance has checked nothing."
	case len(p.Problems) > 0:
		kind, said = "bad", fmt.Sprintf("The host cannot run the %s configuration as it is: %s.", what, count(len(p.Problems), "problem", "problems"))
	case len(p.Doubts) > 0:
		kind, said = "warn", fmt.Sprintf("Nothing is known that keeps the host from running %s of the %s configuration.", count(len(checked), "node", "nodes"), what)
	case len(checked) == 0:
		kind, said = "", fmt.Sprintf("The %s configuration has no node there that would run.", what)
	}
	return Content{Title: title, Body: g.Group{
		Head(title, PreflightButton(p.Instance, "Check again", p.Staged),
			g.If(p.HasStaged && !p.Staged, PreflightButton(p.Instance, "Check what is staged", true)),
			g.If(p.Staged, PreflightButton(p.Instance, "Check what is deployed", false)),
			ButtonLink(InstancePath(p.Instance), "To the instance")),
		h.Div(h.Class("summary stack"), Note(kind, h.Role("status"), h.Strong(h.Text(said))),
			findings("bad", "Problems", p.Problems), findings("warn", "What may be wrong", p.Doubts), findings("warn", "Why it has checked nothing", p.Unknown),
			g.If(len(left) > 0, Note("", h.Text("Stopped by a user, and not checked: "+strings.Join(left, ", ")+".")))),
		g.If(len(checked) > 0 && len(p.Unknown) == 0, Panel("Checked", checkedNodes(checked))),
	}}
}

func checkedNodes(list []api.PlannedNode) g.Node {
	return tableOf("Checked", []string{"Node", "Role", "A deployment would", "Because"}, h.TBody(g.Map(list, func(n api.PlannedNode) g.Node {
		does := map[string]string{api.ActionNone: "leave it as it is", api.ActionStart: "start it", api.ActionRestart: "restart it"}[n.Action]
		return h.Tr(h.Th(h.Scope("row"), h.A(h.Href(NodePath(n.Instance, n.Node)), h.Text(n.Node))), cell(h.Text(roleName(n.Role))), cell(h.Text(does)),
			words(h.Text(strings.Join(n.Because, "; "))))
	})))
}
