package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/resources"
)

// PlanRequest says what to plan.
type PlanRequest struct {
	// Path is the cluster file. The path "-" is standard input.
	Path string
	// Revision, if not zero, is the revision to plan in place of a file.
	Revision uint64
	// ExitCode makes the exit status StatusChanges if something would change.
	ExitCode bool
}

// Plan says what a deployment would do.
func (f Fleet) Plan(ctx context.Context, req PlanRequest) int {
	in := api.PlanRequest{Revision: req.Revision}
	var file givenFile
	if req.Revision == 0 {
		var err error
		if file, err = f.cluster(ctx, req.Path); err != nil {
			f.Log.Error("%v", err)
			return StatusFailed
		}
		defer closeAll(file.bundles)
		in.Configuration = file.config
	}
	return f.ask(ctx, func(c *api.Client) error {
		if err := f.pushAll(ctx, c, file.bundles); err != nil {
			return err
		}
		plan, err := f.plan(ctx, c, in)
		if err != nil {
			return err
		}
		plan.Templates = file.templates
		if err := f.printPage(plan, func() show.Page { return planPage(plan) }); err != nil {
			return err
		}
		switch {
		case len(plan.Problems) > 0:
			return f.refusedPlan(plan)
		case plan.Changes && req.ExitCode:
			return exitStatus(StatusChanges)
		}
		return nil
	})
}

// givenFile is a cluster file that was read.
type givenFile struct {
	config    *api.Cluster
	bundles   []packedBundle
	templates []api.PlannedTemplate
}

// cluster reads and checks the cluster file at path. It packs the directories of bundles. If
// templates leave something to the hardware of hosts, it asks the controller for that.
func (f Fleet) cluster(ctx context.Context, path string) (givenFile, error) {
	pack, list := packs()
	cluster, err := clusterfile.Read(path, f.Stdin, clusterfile.Options{Hostname: f.Hostname, Pack: pack, Hardware: Machines{f}.hardware(ctx)})
	if err != nil {
		closeAll(*list)
		return givenFile{}, err
	}
	for _, text := range slices.Concat(cluster.Warnings, cluster.Doubts) {
		f.Log.Warning("%s", text)
	}
	return givenFile{new(resources.Cluster(cluster.Config)), *list, resources.Templates(cluster.Templates)}, nil
}

// plan asks for a plan. While hosts fetch bundles, they have not checked anything yet: it
// asks again.
func (f Fleet) plan(ctx context.Context, c *api.Client, in api.PlanRequest) (api.Plan, error) {
	f.Log.Info("asking all hosts what a deployment would do")
	in.Timeout = min(timeLeft(ctx), 600)
	looks := in // how far the hosts are
	looks.Timeout = lookSeconds
	plan, err := c.Plan(ctx, in)
	var arrived int64
	for tries := 0; err == nil && len(plan.Fetching) > 0; {
		now := int64(0)
		for _, one := range plan.Fetching {
			now += one.Done
			f.Log.Notice("%s fetches %s: %s", one.Instance, one.Bundle, fetchedText(one))
		}
		if tries++; now > arrived {
			arrived, tries = now, 0
		}
		if tries >= maxFetchTries {
			break // its doubts say what is missing
		}
		if plan, err = c.Plan(ctx, looks); err == nil && len(plan.Fetching) == 0 {
			plan, err = c.Plan(ctx, in) // with time for the preflight
		}
	}
	return withAbsent(plan, f.Partial), err
}

// lookSeconds is how often the command looks how far hosts are that fetch bundles, and
// maxFetchTries how often while no more bytes arrive.
const (
	lookSeconds   = 5
	maxFetchTries = 12
)

func fetchedText(one api.PlannedFetch) string {
	if one.Total == 0 {
		return "nothing has arrived yet"
	}
	return fmt.Sprintf("%.1f of %.1f MB", float64(one.Done)/1e6, float64(one.Total)/1e6)
}

// withAbsent says what a deployment does about instances that are not connected: with
// --partial they get their nodes later, and without it the deployment waits for those of
// which it changes nodes.
func withAbsent(plan api.Plan, partial bool) api.Plan {
	absent := map[string]bool{}
	for _, one := range plan.Unknown {
		if one.Absent {
			absent[one.Instance] = true
		}
	}
	if len(absent) == 0 {
		return plan
	}
	changes := map[string]bool{}
	plan.Nodes = slices.Clone(plan.Nodes)
	for i, n := range plan.Nodes {
		if n.Action != api.ActionNone && absent[n.Instance] {
			changes[n.Instance] = true
			if partial {
				plan.Nodes[i].Because = append(slices.Clip(n.Because), "when its instance connects")
			}
		}
	}
	plan.Unknown = slices.Clone(plan.Unknown)
	for i, one := range plan.Unknown {
		switch {
		case !one.Absent:
		case !changes[one.Instance]:
			plan.Unknown[i].Text = "it is not connected; nothing changes for it"
		case partial:
			plan.Unknown[i].Text = "it is not connected; it gets its nodes when it connects" + meant(one)
		default:
			plan.Unknown[i].Text = "it is not connected, and nothing was checked there; a deployment waits for it, and is refused if it does not connect; with --partial it gets its nodes later" + meant(one)
		}
	}
	return plan
}

// meant asks whether another instance was meant.
func meant(f api.Finding) string {
	if f.Meant == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean '%s'?)", f.Meant)
}

// refusedPlan says that a deployment would be refused. A page has the problems already.
func (f Fleet) refusedPlan(plan api.Plan) error {
	if !f.forPerson() {
		for _, p := range plan.Problems {
			f.Log.Error("%s", findingText(p))
		}
	}
	f.Log.Error("a deployment would be refused: %s", counted(len(plan.Problems), "problem"))
	return exitStatus(StatusFailed)
}

func findingText(f api.Finding) string {
	if f.Instance == "" && f.Node == "" {
		return f.Text
	}
	return at(f.Instance, f.Node) + ": " + f.Text
}

// planCounts counts what a plan does.
type planCounts struct{ start, restart, stop, options, limits, none int }

func countPlan(plan api.Plan) (n planCounts) {
	for _, node := range plan.Nodes {
		switch node.Action {
		case api.ActionStart:
			n.start++
		case api.ActionRestart:
			n.restart++
		case api.ActionStop:
			n.stop++
		case api.ActionOptions:
			n.options++
		case api.ActionLimits:
			n.limits++
		default:
			n.none++
		}
	}
	return n
}

// planSummary says in a line what a plan does.
func planSummary(plan api.Plan) string {
	n := countPlan(plan)
	before := "nothing is deployed yet"
	if plan.Deployed > 0 {
		before = fmt.Sprintf("revision %d is deployed now", plan.Deployed)
	}
	var parts []string
	for _, part := range []struct {
		n    int
		text string
	}{{n.start, "to start"}, {n.restart, "to restart"}, {n.stop, "to stop"}, {n.options, "to get other options"}, {n.limits, "to get other limits"}, {n.none, "unchanged"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.text))
		}
	}
	if !plan.Changes {
		parts = slices.Insert(parts, 0, "nothing would change")
	}
	return strings.Join(parts, ", ") + "; " + before
}

// planPage shows a plan: what happens to which node, and why.
func planPage(plan api.Plan) show.Page {
	var page show.Page
	table := show.Table{Columns: []show.Column{
		{Head: "ACTION"}, {Head: "NODE", Least: 12}, {Head: "INSTANCE", Least: 8}, {Head: "ROLE", Drop: 1}, {Head: "BECAUSE", Least: 20, Wraps: true, Optional: true},
	}}
	for _, n := range plan.Nodes {
		if n.Action == api.ActionNone {
			continue
		}
		because := strings.Join(n.Because, "; ")
		if n.Stopped {
			because = strings.TrimPrefix(because+"; a user has stopped it, and it stays stopped", "; ")
		}
		table.Rows = append(table.Rows, append([]show.Cell{{Text: n.Action, Tone: actionTones[n.Action]}}, show.Row(n.Node, n.Instance, strings.ToLower(n.Role), because)...))
	}
	if len(table.Rows) > 0 {
		page = append(page, table, show.Blank())
	}
	page = append(page, templatesPart(plan.Templates)...)
	page = append(page, bundlesPart(plan.Bundles)...)
	page = append(page, optionsPart(plan.Options)...)
	for _, list := range []struct {
		head     string
		tone     show.Tone
		findings []api.Finding
	}{
		{"Problems", show.Bad, plan.Problems}, {"Doubts", show.Warning, plan.Doubts}, {"Not known", show.Warning, plan.Unknown},
	} {
		page = append(page, findingsPart(list.head, list.tone, list.findings)...)
	}
	return append(page, show.Text{Text: planSummary(plan), Tone: show.Strong})
}

var actionTones = map[string]show.Tone{api.ActionStart: show.Good, api.ActionStop: show.Bad, api.ActionRestart: show.Warning}

func findingsPart(head string, tone show.Tone, findings []api.Finding) show.Page {
	if len(findings) == 0 {
		return nil
	}
	page := show.Page{show.Text{Text: head, Tone: show.Strong}}
	for _, one := range findings {
		page = append(page, show.Text{Text: findingText(one), Tone: tone, Indent: 2})
		if lines := lastLines(one.Stdout, one.Stderr, shownLines); len(lines) > 0 {
			page = append(page, show.Block{Text: strings.Join(lines, "\n"), Tone: show.Faint, Indent: 4})
		}
	}
	return append(page, show.Blank())
}

// shownLines is how many of the last lines of a process a page shows.
const shownLines = 5

// Change says what to deploy.
type Change struct {
	// Path is the cluster file, for DeployFile. Revision is the revision to deploy again,
	// for Rollback. Zero means the one before the deployed one.
	Path     string
	Revision uint64
	// Note is what the history shall say.
	Note string
	// RevertAfter is as in api.DeployRequest, in seconds.
	RevertAfter int64

	templates []api.PlannedTemplate
}

// DeployFile deploys a cluster file: it shows the plan, asks whether to go on, and follows
// the deployment.
func (f Fleet) DeployFile(ctx context.Context, ch Change) int {
	file, err := f.cluster(ctx, ch.Path)
	if err != nil {
		f.Log.Error("%v", err)
		return StatusFailed
	}
	defer closeAll(file.bundles)
	ch.templates = file.templates
	return f.ask(ctx, func(c *api.Client) error {
		if err := f.pushAll(ctx, c, file.bundles); err != nil {
			return err
		}
		return f.change(ctx, c, ch, api.DeployRequest{Configuration: file.config})
	})
}

// Rollback deploys an earlier revision again.
func (f Fleet) Rollback(ctx context.Context, ch Change) int {
	return f.ask(ctx, func(c *api.Client) error {
		revision := ch.Revision
		if revision == 0 {
			var err error
			if revision, err = revisionBefore(ctx, c); err != nil {
				return err
			}
		}
		return f.change(ctx, c, ch, api.DeployRequest{Revision: revision})
	})
}

// revisionBefore returns the revision that was deployed before the deployed one. If that one
// is a rollback, it returns the revision before the one that was rolled back to: going back
// twice must not lead to the configuration that was left.
func revisionBefore(ctx context.Context, c *api.Client) (uint64, error) {
	list, err := c.Revisions(ctx, api.RevisionQuery{Limit: 2})
	if err != nil {
		return 0, err
	}
	switch {
	case len(list) == 0:
		return 0, errors.New("nothing was deployed yet, so there is nothing to go back to")
	case len(list) == 1:
		return 0, fmt.Errorf("revision %d is the only one, so there is nothing to go back to", list[0].Revision)
	}
	deployed := list[0]
	if deployed.Of == 0 {
		return list[1].Revision, nil
	}
	if list, err = c.Revisions(ctx, api.RevisionQuery{Before: deployed.Of, Limit: 1}); err != nil {
		return 0, err
	}
	if len(list) == 0 {
		return 0, fmt.Errorf("revision %d has the configuration of revision %d, and none is known from before that: name the revision to go back to (zeekfleet history)",
			deployed.Revision, deployed.Of)
	}
	return list[0].Revision, nil
}

// change shows the plan of a deployment, asks whether to go on, deploys and follows the
// deployment.
func (f Fleet) change(ctx context.Context, c *api.Client, ch Change, in api.DeployRequest) error {
	plan, err := f.plan(ctx, c, api.PlanRequest{Configuration: in.Configuration, Revision: in.Revision, Options: in.Options})
	if err != nil {
		return err
	}
	plan.Templates = ch.templates
	n := countPlan(plan)
	setsOptions, interrupts := len(in.Options) > 0, n.start+n.restart+n.stop > 0
	if setsOptions && !plan.Changes && len(plan.Options) == 0 {
		f.Log.Notice("the options have these values already: nothing was deployed")
		return nil
	}
	if f.forPerson() && (!setsOptions || interrupts || len(plan.Problems)+len(plan.Doubts) > 0) {
		if err := f.printPage(nil, func() show.Page { return append(planPage(plan), show.Blank()) }); err != nil {
			return err
		}
	} else if !f.forPerson() {
		f.Log.Notice("plan: %s", planSummary(plan))
	}
	if len(plan.Problems) > 0 {
		return f.refusedPlan(plan)
	}
	question, asks := "Deploy this?", plan.Changes || len(plan.Unknown) > 0
	switch {
	case setsOptions:
		question, asks = "More than the options would change. Deploy this?", interrupts
	case in.Revision > 0:
		question = fmt.Sprintf("Deploy revision %d again?", in.Revision)
	}
	if asks {
		if err := f.confirmed(ctx, question); err != nil {
			return err
		}
	}
	if in.Seen == nil {
		in.Seen = &plan.Deployed
	}
	in.Note, in.Partial, in.RevertAfter, in.Timeout = ch.Note, f.Partial, ch.RevertAfter, timeLeft(ctx)
	return deployed(ctx, f, c, in)
}

// deployed deploys, and follows the deployment. If the controller that leads has ended before anything
// was deployed, it deploys with the next one: what was seen is still what is deployed, or that one
// refuses.
func deployed(ctx context.Context, f Fleet, c *api.Client, in api.DeployRequest) error {
	for attempt := 1; ; attempt++ {
		begun, err := c.Deploy(ctx, in)
		if err != nil {
			return f.notBegun(ctx, *in.Seen, err)
		}
		o, err := f.shown(ctx, c, begun)
		if err != nil {
			return err
		}
		if o.State != api.OperationInterrupted || o.Revision > 0 || attempt == deployAttempts {
			return ended(ctx, f, c, o)
		}
		f.Log.Notice("the controller that led has ended, and nothing was deployed: asking the next one")
		in.Timeout = timeLeft(ctx)
	}
}

// deployAttempts is how often a deployment is begun that controllers interrupt.
const deployAttempts = 3
