package ui

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Deployments is what the page of the deployments shows.
type Deployments struct {
	Now time.Time
	// Deployed and Staged are nil if there is none.
	Deployed, Staged *api.Revision
	// Revisions are what was deployed, and Operations what has changed nodes: newest first.
	Revisions  []api.Revision
	Operations []api.Operation
	// CanDeploy says that the user may deploy.
	CanDeploy bool
}

// DeploymentsPage is the page of the deployments.
func DeploymentsPage(d Deployments) Content {
	return Content{Title: "Deployments", Live: true, Body: g.Group{
		Head("Deployments", ButtonLink(PathBundles, "Bundles"), g.If(d.CanDeploy, ButtonLink(PathDeploy, "Deploy a configuration…", "primary"))),
		live(PathDeployments+"/stream", DeploymentsNow(d).show()),
	}}
}

// DeploymentsNow is all that the page of the deployments shows.
func DeploymentsNow(d Deployments) Piece {
	return pieceOf("deployments", h.Div(h.ID("deployments"),
		h.Div(h.Class("columns"), deployedPanel(d), stagedPanel(d)),
		Panel("Operations", operationsTable(d.Operations)),
		Panel("History", revisionsTable(d))))
}

func deployedPanel(d Deployments) g.Node {
	if d.Deployed == nil {
		return Panel("Deployed", none("Nothing is deployed yet."))
	}
	return Panel("Deployed", revisionFacts(*d.Deployed), h.Div(h.Class("actions"), fileButton(d.Deployed.Revision, "Download as a cluster file")))
}

func stagedPanel(d Deployments) g.Node {
	if d.Staged == nil {
		return Panel("Staged", none("Nothing is staged that is not deployed."))
	}
	return Panel("Staged", revisionFacts(*d.Staged), g.If(d.CanDeploy, h.Div(h.Class("actions"), ButtonLink(withQuery(PathDeploy, "staged", "yes"), "Plan and deploy…", "primary"))))
}

func revisionFacts(r api.Revision) g.Node {
	number := g.Node(h.Text(strconv.FormatUint(r.Revision, 10)))
	if r.State != api.Staged {
		number = revisionLink(r.Revision)
	}
	return Facts(Fact{"Revision", number}, Fact{"When", Moment(r.When)}, Fact{"By", h.Text(r.Who)}, Fact{"Note", textOr(r.Note, nil)},
		Fact{"Instances", h.Text(strconv.Itoa(r.Instances))}, Fact{"Nodes", h.Text(strconv.Itoa(r.Nodes))}, Fact{"Operation", orOperation(r.Operation)})
}

func operationsTable(list []api.Operation) g.Node {
	if len(list) == 0 {
		return none("There was no operation yet.")
	}
	return tableOf("Operations", []string{"Operation", "What", "State", "Begun", "By", "Steps", "Note"}, h.TBody(g.Map(list, func(o api.Operation) g.Node {
		c := o.Counts
		steps := fmt.Sprintf("%d of %d", c.Done+c.Skipped, c.Waiting+c.Running+c.Done+c.Failed+c.Skipped)
		if c.Failed > 0 {
			steps += fmt.Sprintf(", %d failed", c.Failed)
		}
		what := o.Kind
		if len(o.Selectors) > 0 {
			what += " " + strings.Join(o.Selectors[:min(len(o.Selectors), 3)], " ")
		}
		return h.Tr(h.Th(h.Scope("row"), h.A(h.Href(OperationPath(o.ID)), h.Text(strconv.FormatUint(o.ID, 10)))), cell(h.Text(what)), cell(State(o.State)),
			h.Td(h.Class("time"), Moment(o.Begun)), cell(h.Text(o.Who)), cell(h.Text(steps)), words(h.Text(o.Note)))
	})))
}

func revisionsTable(d Deployments) g.Node {
	if len(d.Revisions) == 0 {
		return none("There is no history yet.")
	}
	headings := []string{"Revision", "When", "By", "What", "#Nodes", "Note", ""}
	return tableOf("Revisions", headings, h.TBody(g.Map(d.Revisions, func(r api.Revision) g.Node {
		what := r.Kind
		if r.Of > 0 {
			what += fmt.Sprintf(" of %d", r.Of)
		}
		return h.Tr(h.Th(h.Scope("row"), revisionLink(r.Revision)), h.Td(h.Class("time"), Moment(r.When)), cell(h.Text(r.Who)),
			cell(h.Text(what), g.If(r.State == api.Deployed, h.Span(h.Class("mark"), h.Text("deployed now")))), num(strconv.Itoa(r.Nodes)), words(h.Text(r.Note)),
			cell(h.Div(h.Class("actions"), g.If(r.Kept, fileButton(r.Revision, "File", "small")),
				g.If(d.CanDeploy && r.Kept && r.State == api.Past, ButtonLink(withQuery(PathDeploy, "revision", strconv.FormatUint(r.Revision, 10)), "Roll back…", "small")))))
	})))
}

// Revision is what the page of a revision shows.
type Revision struct {
	api.Configuration
	// Changes is the difference from the revision before, line by line: each begins with
	// " ", "+" or "-". Against says which that is. Zero: there is none.
	Changes []string
	Against uint64
	// Lacks says what its cluster file leaves out.
	Lacks []string
	// CanDeploy says that the user may deploy it again.
	CanDeploy bool
}

// RevisionPage is the page of a revision.
func RevisionPage(r Revision) Content {
	title := fmt.Sprintf("Revision %d", r.Revision)
	return Content{Title: title, Body: g.Group{
		Head(title, g.If(r.CanDeploy && r.State == api.Past, ButtonLink(withQuery(PathDeploy, "revision", strconv.FormatUint(r.Revision, 10)), "Roll back to it…")),
			fileButton(r.Revision, "Download as a cluster file"), ButtonLink(PathDeployments, "All deployments")),
		h.Section(h.Class("panel"), h.Aria("label", "Origin"), Facts(Fact{"State", h.Text(r.State)}, Fact{"When", Moment(r.When)}, Fact{"By", h.Text(r.Who)}, Fact{"Note", textOr(r.Note, nil)},
			Fact{"Made by", textOr(r.Kind, nil)}, Fact{"Before it", revisionLink(r.From)}, Fact{"Content of", revisionLink(r.Of)}, Fact{"Operation", orOperation(r.Operation)}, Fact{"ID", h.Text(r.ID)})),
		g.Group(g.Map(r.Lacks, func(text string) g.Node {
			return h.Div(h.Class("summary"), Note("warn", h.Text("Of the cluster file: "+text+".")))
		})),
		g.If(r.Against > 0, Panel(fmt.Sprintf("Changes since revision %d", r.Against), difference(r.Changes))),
		Panel(count(len(r.Nodes), "node", "nodes"), tableOf("Nodes", []string{"Node", "Instance", "Role", "Interface", "#Port", "More"}, h.TBody(g.Map(r.Nodes, configuredRow)))),
	}}
}

// RevisionFile is the last part of the path of a revision as a cluster file.
const RevisionFile = "cluster.ini"

// fileButton downloads a revision as a cluster file.
func fileButton(revision uint64, text string, classes ...string) g.Node {
	return ButtonLink(RevisionPath(revision, RevisionFile), text, classes...)
}

// difference shows the lines of a difference.
func difference(lines []string) g.Node {
	if len(lines) == 0 {
		return none("They have the same content.")
	}
	return h.Pre(h.Class("diff"), h.TabIndex("0"), h.Aria("label", "Difference"), g.Map(lines, func(line string) g.Node {
		class := map[byte]string{'+': "add", '-': "del"}[(line + " ")[0]]
		return h.Span(g.If(class != "", h.Class(class)), h.Text(line))
	}))
}

func configuredRow(n api.ConfiguredNode) g.Node {
	var more []string
	add := func(name string, values ...string) {
		if len(values) > 0 {
			more = append(more, name+" "+strings.Join(values, " "))
		}
	}
	add("scripts", n.Scripts...)
	add("command", n.Command...)
	if n.CPUAffinity != nil {
		add("cpu_affinity", strconv.FormatInt(*n.CPUAffinity, 10))
	}
	add("env", slices.Sorted(maps.Keys(n.Env))...)
	for _, b := range n.Bundles {
		add("bundle", b.Name)
	}
	add("options", slices.Sorted(maps.Keys(n.RunOptions))...)
	if l := n.Limits; l != nil {
		add("memory_limit", numbers(l.Memory)...)
		add("cpu_weight", numbers(int64(l.CPUWeight))...)
		add("nice", numbers(int64(l.Nice))...)
	}
	port := ""
	if n.Port > 0 {
		port = strconv.Itoa(n.Port)
	}
	return h.Tr(h.Th(h.Scope("row"), h.Text(n.Name)), cell(h.Text(n.Instance)), cell(h.Text(roleName(n.Role))), cell(h.Text(n.Interface)), num(port), words(h.Text(strings.Join(more, "; "))))
}

// numbers returns n as text, and nothing for zero.
func numbers(n int64) []string {
	if n == 0 {
		return nil
	}
	return []string{strconv.FormatInt(n, 10)}
}

// Plan is what the page shows that asks whether to deploy.
type Plan struct {
	api.Plan
	// What says what would be deployed, and Fields are the hidden fields that name it.
	What   string
	Fields map[string]string
	// Changes is the difference from what is deployed, as in a Revision.
	Changes []string
	// Warnings are those about a cluster file.
	Warnings []string
}

// PlanPage shows what a deployment would do, and asks whether to go on.
func PlanPage(p Plan) Content {
	title := "Deploy " + p.What + "?"
	var start, stop, restart, options, limits, keep []api.PlannedNode
	for _, n := range p.Nodes {
		switch n.Action {
		case api.ActionStart:
			start = append(start, n)
		case api.ActionStop:
			stop = append(stop, n)
		case api.ActionRestart:
			restart = append(restart, n)
		case api.ActionOptions:
			options = append(options, n)
		case api.ActionLimits:
			limits = append(limits, n)
		default:
			keep = append(keep, n)
		}
	}
	body := g.Group{
		findings("bad", "It would be refused", p.Problems), findings("warn", "What may be wrong", p.Doubts), warnings(p.Warnings), findings("warn", "Instances that did not say what they would do", p.Unknown),
		h.P(h.Strong(h.Text(planSummary(len(start), len(stop), len(restart), len(options), len(limits), len(keep))))),
		planned("Start", start), planned("Stop", stop), planned("Restart", restart), planned("Set options, without a restart", options), planned("Change limits, without a restart", limits), plannedBundles(p.Bundles), plannedTemplates(p.Templates),
		h.Details(h.Summary(h.Text("Difference from what is deployed")), difference(p.Changes)),
	}
	if len(p.Problems) > 0 {
		return Content{Title: title, Body: g.Group{Head(title), h.Div(h.Class("panel stack"), body, h.Div(h.Class("actions"), ButtonLink(PathDeployments, "Back")))}}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		body = append(body, h.Input(h.Type("hidden"), h.Name(name), h.Value(p.Fields[name])))
	}
	body = append(body, h.Input(h.Type("hidden"), h.Name("seen"), h.Value(strconv.FormatUint(p.Deployed, 10))),
		Input("Note for the history (may be empty)", "note", "text", h.MaxLength("1000"), h.AutoComplete("off")),
		Input("Take it back unless its nodes are up after so many seconds (empty: never)", "revert", "number", h.Min("1"), h.Max("86400"), h.Class("short")),
		g.If(len(p.Unknown) > 0, h.Label(h.Class("check"), h.Input(h.Type("checkbox"), h.Name("partial"), h.Value("yes")), h.Span(h.Text("Deploy to the instances that are connected; the others follow when they connect")))))
	return Ask(Question{Title: title, Action: PathDeploy, Do: "Deploy", Danger: len(stop)+len(restart) > 0, Back: PathDeployments, Body: body})
}

func planSummary(start, stop, restart, options, limits, keep int) string {
	if start+stop+restart+options+limits == 0 {
		return "No node changes."
	}
	var parts []string
	for _, one := range []struct {
		n    int
		text string
	}{{start, "start"}, {stop, "stop"}, {restart, "restart"}, {options, "get other options"}, {limits, "get other limits"}, {keep, "stay as they are"}} {
		if one.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", one.n, one.text))
		}
	}
	return "Nodes: " + strings.Join(parts, ", ") + "."
}

// plannedTemplates shows what the templates of a cluster file have become.
func plannedTemplates(list []api.PlannedTemplate) g.Node {
	if len(list) == 0 {
		return nil
	}
	var rows g.Group
	for _, t := range list {
		rows = append(rows, g.Map(t.Groups, func(w api.PlannedWorkers) g.Node {
			fanout := ""
			if w.FanoutID > 0 {
				fanout = strconv.Itoa(w.FanoutID)
			}
			return h.Tr(h.Th(h.Scope("row"), h.Text(fmt.Sprintf("[%s], line %d", t.Name, t.Line))), cell(h.Text(w.Instance)), cell(h.Text(w.Interface)),
				num(strconv.Itoa(len(w.Nodes))), words(h.Text(w.Names())), words(h.Text(w.ProcessorList())), num(fanout))
		}))
	}
	return g.Group{h.H3(h.Text("Templates of workers")), tableOf("Templates of workers", []string{"Template", "Instance", "Interface", "#Workers", "Nodes", "Processors", "#Fan-out ID"}, h.TBody(rows))}
}

// plannedBundles shows the bundles whose content a plan changes, with the files that differ.
func plannedBundles(list []api.PlannedBundle) g.Node {
	if len(list) == 0 {
		return nil
	}
	return g.Group{h.H3(h.Text("Bundles")), tableOf("Bundles", []string{"Bundle", "Kind", "Content", "Nodes"}, h.TBody(g.Map(list, func(b api.PlannedBundle) g.Node {
		content := g.Node(h.Text("other content"))
		switch {
		case b.Was == "":
			content = h.Text("new")
		case b.Hash == "":
			content = h.Text("no node uses it any more")
		case b.Files > 0:
			content = h.Details(h.Summary(h.Text(fmt.Sprintf("%d files differ", b.Files))), h.Pre(h.Text(bundleFiles(b))))
		}
		if len(b.Missing) > 0 {
			content = g.Group{content, h.Text("; not there yet: " + strings.Join(b.Missing, " "))}
		}
		return h.Tr(h.Th(h.Scope("row"), h.Text(b.Name)), cell(h.Text(b.Kind)), words(content), num(strconv.Itoa(len(b.Nodes))))
	})))}
}

// bundleFiles names the files of a bundle that differ, one in a line.
func bundleFiles(b api.PlannedBundle) string {
	var lines []string
	for _, part := range []struct {
		mark  string
		paths []string
	}{{"~ ", b.Changed}, {"+ ", b.Added}, {"- ", b.Removed}} {
		for _, path := range part.paths {
			lines = append(lines, part.mark+path)
		}
	}
	if more := b.Files - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

func planned(title string, list []api.PlannedNode) g.Node {
	if len(list) == 0 {
		return nil
	}
	return g.Group{h.H3(h.Text(title)), tableOf(title, []string{"Node", "Instance", "Role", "Because"}, h.TBody(g.Map(list, func(n api.PlannedNode) g.Node {
		return h.Tr(h.Th(h.Scope("row"), h.Text(n.Node)), cell(h.Text(n.Instance)), cell(h.Text(roleName(n.Role))),
			words(h.Text(strings.Join(n.Because, "; ")), g.If(n.Stopped, h.Span(h.Class("mark"), h.Text("stays stopped by a user")))))
	})))}
}

func warnings(list []string) g.Node {
	if len(list) == 0 {
		return nil
	}
	return Note("warn", h.Strong(h.Text("About the cluster file")), h.Ul(g.Map(list, func(text string) g.Node { return h.Li(h.Text(text)) })))
}

func findings(kind, title string, list []api.Finding) g.Node {
	if len(list) == 0 {
		return nil
	}
	return Note(kind, h.Strong(h.Text(title)), h.Ul(g.Map(list, func(f api.Finding) g.Node {
		where := f.Instance
		if f.Node != "" {
			where = f.Node + " on " + f.Instance
		}
		if where != "" {
			where += ": "
		}
		return h.Li(h.Text(where+f.Text), g.If(f.Stderr != "", h.Pre(h.Text(f.Stderr))))
	})))
}

// DeployPage asks for the configuration that shall be deployed.
func DeployPage(wrong, text string) Content {
	return Content{Title: "Deploy a configuration", Body: g.Group{
		Head("Deploy a configuration"),
		g.If(wrong != "", h.Div(h.Class("note bad"), h.Role("alert"), h.Text(wrong))),
		h.Form(h.Class("panel stack"), h.Method("post"), h.Action(PathPlan), h.Attr("enctype", "multipart/form-data"),
			h.P(h.Class("muted"), h.Text("A configuration is a cluster file, or the JSON that the API shows. The next page says what would change, and asks.")),
			h.Label(h.Span(h.Text("File")), h.Input(h.Type("file"), h.Name("file"))),
			h.Label(h.Span(h.Text("Or its text")), h.Textarea(h.Name("text"), h.Attr("spellcheck", "false"), h.Text(text))),
			h.Div(h.Class("actions"), h.Button(h.Class("primary"), h.Type("submit"), h.Text("Plan")), ButtonLink(PathDeployments, "Cancel"))),
	}}
}
