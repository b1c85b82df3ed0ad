package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// OperatePath returns the path of the page that asks whether nodes shall be started, stopped
// and so on. back is where the user goes who changes nothing.
func OperatePath(kind, back, nodes string) string {
	return withQuery(PathOperate, "kind", kind, "nodes", nodes, "back", back)
}

// OperationPath returns the path of the page of an operation.
func OperationPath(id uint64) string { return below(PathOperations, strconv.FormatUint(id, 10)) }

// Operate is what the page shows that asks for an operation with nodes.
type Operate struct {
	Kind string
	// Selectors are as the user wrote them. Empty: all nodes.
	Selectors, Back string
	// Nodes are those that are meant.
	Nodes []api.Node
	// Wrong says why there are none.
	Wrong string
}

// verbs say what an operation does, and effects what that means for a node.
var (
	verbs   = map[string]string{api.KindStart: "Start", api.KindStop: "Stop", api.KindRestart: "Restart", api.KindPause: "Pause", api.KindResume: "Resume"}
	effects = map[string]string{
		api.KindStart:   "Nodes that users have stopped are started.",
		api.KindStop:    "These nodes stop capturing and logging. They stay stopped until a user starts them again.",
		api.KindRestart: "These nodes stop, and are started again. What passes by meanwhile is not seen.",
		api.KindPause:   "These nodes are left as they are. If one ends by itself, it is not started again until a user resumes it.",
		api.KindResume:  "These nodes are started again by themselves when they end.",
	}
)

// OperatePage is the page that asks for an operation with nodes.
func OperatePage(o Operate) Content {
	what := count(len(o.Nodes), "node", "nodes")
	if len(o.Nodes) == 1 {
		what = o.Nodes[0].Name
	}
	if o.Wrong != "" {
		return Content{Title: verbs[o.Kind], Body: g.Group{Head(verbs[o.Kind] + " nodes"), Note("bad", h.Role("alert"), h.Text(o.Wrong)), h.P(ButtonLink(o.Back, "Back"))}}
	}
	running := 0
	for _, n := range o.Nodes {
		if n.State == "RUNNING" {
			running++
		}
	}
	return Ask(Question{
		Title: verbs[o.Kind] + " " + what + "?", Action: PathOperate, Do: verbs[o.Kind] + " " + what, Back: o.Back,
		Danger: o.Kind == api.KindStop || o.Kind == api.KindRestart,
		Body: g.Group{
			h.P(h.Text(effects[o.Kind]), h.Text(fmt.Sprintf(" %d of %s now.", running, runs(len(o.Nodes))))),
			tableOf("Nodes", []string{"Node", "Instance", "Role", "State"}, h.TBody(g.Map(o.Nodes[:min(len(o.Nodes), maxListed)], func(n api.Node) g.Node {
				return h.Tr(h.Th(h.Scope("row"), h.Text(n.Name)), cell(h.Text(n.Instance)), cell(h.Text(roleName(n.Role))), cell(State(n.State)))
			}))),
			g.If(len(o.Nodes) > maxListed, h.P(h.Text(fmt.Sprintf("And %d more.", len(o.Nodes)-maxListed)))),
			h.Input(h.Type("hidden"), h.Name("kind"), h.Value(o.Kind)), h.Input(h.Type("hidden"), h.Name("nodes"), h.Value(o.Selectors)),
			h.Input(h.Type("hidden"), h.Name("back"), h.Value(o.Back)),
			g.If(o.Kind == api.KindRestart && len(o.Nodes) > 1, Input("How many at a time (empty: all at once)", "batch", "number", h.Min("1"), h.Max("20000"), h.Class("short"))),
			Input("Note for the others (may be empty)", "note", "text", h.MaxLength("1000"), h.AutoComplete("off")),
		},
	})
}

// maxListed bounds the nodes that a question names.
const maxListed = 50

func runs(n int) string {
	if n == 1 {
		return "1 node runs"
	}
	return fmt.Sprintf("%d nodes run", n)
}

// Operation is what the page of an operation shows.
type Operation struct {
	Now time.Time
	api.Operation
	// CanOperate says that the user may change something.
	CanOperate bool
}

// OperationPage is the page of an operation.
func OperationPage(o Operation) Content {
	pieces := OperationPieces(o)
	var rows g.Group
	for _, p := range pieces[1:] {
		rows = append(rows, p.show())
	}
	body := g.Group{pieces[0].show(), Panel("Steps", scroll("Steps", h.Table(h.Aria("label", "Steps"),
		h.THead(h.Tr(g.Map([]string{"Node", "Instance", "Action", "State", "Because"}, func(text string) g.Node { return h.Th(h.Scope("col"), h.Text(text)) }))),
		h.TBody(h.ID("steps"), rows))))}
	title := fmt.Sprintf("Operation %d: %s", o.ID, o.Kind)
	if o.Ends() {
		return Content{Title: title, Body: g.Group{Head(title), body}}
	}
	return Content{Title: title, Live: true, Body: g.Group{Head(title), live(OperationPath(o.ID)+"/stream", body)}}
}

// OperationPieces are the parts of the page of an operation: its head, and a row for each step.
func OperationPieces(o Operation) []Piece {
	c := o.Counts
	total := c.Waiting + c.Running + c.Done + c.Failed + c.Skipped
	kind := map[string]string{api.OperationDone: "good", api.OperationFailed: "bad", api.OperationInterrupted: "warn"}[o.State]
	said := map[string]string{api.OperationRunning: "It runs", api.OperationDone: "It is done", api.OperationFailed: "It has failed", api.OperationInterrupted: "It was interrupted"}[o.State]
	head := h.Section(h.ID("operation"), h.Aria("label", "State"), h.Attr("aria-live", "polite"),
		h.Div(h.Class("note "+kind), h.Strong(h.Text(said)), h.Text(fmt.Sprintf(": %d of %s done", c.Done+c.Skipped, count(total, "step", "steps"))),
			g.If(c.Failed > 0, h.Text(fmt.Sprintf(", %d failed", c.Failed))), h.Text("."), g.If(o.Doing != "" && !o.Ends(), h.P(h.Text("Now: "+o.Doing))),
			g.If(o.Error != "", h.P(h.Text(o.Error))),
			h.Progress(h.Max(strconv.Itoa(max(total, 1))), h.Value(strconv.Itoa(c.Done+c.Skipped)), h.Aria("label", "Steps done"))),
		h.Div(h.Class("panel"), Facts(
			Fact{"Begun", g.Group{Moment(o.Begun), h.Text(" by " + o.Who)}}, Fact{"Ended", orMoment(o.Ended)}, Fact{"Note", textOr(o.Note, nil)},
			Fact{"Nodes", textOr(strings.Join(o.Selectors, " "), nil)}, Fact{"At a time", orNil(int64(o.Batch))}, Fact{"Revision", revisionLink(o.Revision)},
			Fact{"Content of revision", revisionLink(o.Of)}, Fact{"Before", revisionLink(o.From)}, Fact{"Goes on with", orOperation(o.Resumes)},
			Fact{"Takes back", orOperation(o.Reverts)}, Fact{"Taken back by", orOperation(o.RevertedBy)}, Fact{"Taken back unless up by", orMoment(o.RevertAt)})))
	pieces := []Piece{pieceOf("operation", head)}
	for i, s := range o.Steps {
		pieces = append(pieces, stepPiece(fmt.Sprintf("step-%d", i+1), s))
	}
	return pieces
}

func stepPiece(id string, s api.OperationStep) Piece {
	name := g.Node(h.Text("(the instance)"))
	if s.Node != "" {
		name = h.A(h.Href(NodePath(s.Instance, s.Node)), h.Text(s.Node))
	}
	output := s.Stderr
	if output == "" {
		output = s.Stdout
	}
	p := pieceOf(id, h.Tr(h.ID(id), h.Data("into", "steps"),
		h.Th(h.Scope("row"), name), cell(h.Text(s.Instance)), cell(h.Text(s.Action)), cell(State(s.State)),
		words(h.Text(s.Because), g.If(s.Error != "", h.P(h.Class("bad-text"), h.Text(s.Error))),
			g.If(output != "", h.Details(h.Summary(h.Text("What it printed")), h.Pre(h.Text(output)))))))
	p.Row = true
	return p
}

func orMoment(at time.Time) g.Node {
	if at.IsZero() {
		return nil
	}
	return Moment(at)
}

func orOperation(id uint64) g.Node {
	if id == 0 {
		return nil
	}
	return operationLink(id)
}

func revisionLink(number uint64) g.Node {
	if number == 0 {
		return nil
	}
	return h.A(h.Href(RevisionPath(number)), h.Text(strconv.FormatUint(number, 10)))
}

// RevisionPath returns the path of the page of a revision.
func RevisionPath(number uint64, more ...string) string {
	return below(below(PathRevisions, strconv.FormatUint(number, 10)), more...)
}

// CrashPath returns the path of the page of a crash.
func CrashPath(instance, id string) string { return below(PathInstances, instance, "crashes", id) }
