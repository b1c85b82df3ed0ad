package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Status prints whether the cluster is well, and what is not. The exit status is StatusDone
// only if it is well, so that a script need not read the output.
func (c *Commands) Status(ctx context.Context) int {
	well := false
	status := Admin{c}.ask(ctx, func(client *api.Client) error {
		s, err := client.Status(ctx)
		if err != nil {
			return err
		}
		well, c.told = s.Well, s.Controllers
		return show.PrintPage(c.output(), s, func() show.Page { return statusPage(s, client.Address(), c.Output.Screen.Height) })
	})
	if status == StatusDone && !well {
		return StatusFailed
	}
	return status
}

// shownWrong returns how many causes a page lists: as many as a screen with this many
// lines has room for, if each takes up to three lines. Zero lines mean that nobody knows.
func shownWrong(height int) int {
	const frame = 12 // the lines above and below
	if height == 0 {
		return 15
	}
	return max((height-frame)/3, 3)
}

// allStopped reports whether somebody has stopped every node there is. Then nothing is wrong,
// but it would be wrong to say no more than that.
func allStopped(s api.Status) bool { return s.Nodes.Total > 0 && s.Nodes.Stopped == s.Nodes.Total }

// statusPage returns what a person sees of a status: first what is wrong.
func statusPage(s api.Status, address string, height int) show.Page {
	page := show.Page{show.Text{Text: "The cluster is well.", Tone: show.Good}, show.Blank()}
	switch {
	case len(s.Wrong) > 0:
		table, hidden := wrongTable(s, shownWrong(height))
		text := "The cluster is not well: 1 thing is wrong."
		if n := len(s.Wrong); n > 1 {
			text = fmt.Sprintf("The cluster is not well: %d things are wrong.", n)
		}
		page = show.Page{show.Text{Text: text, Tone: show.Bad}, show.Blank(), table}
		if hidden > 0 {
			page = append(page, show.Text{Text: fmt.Sprintf("… and %d more: zeekfleet nodes lists all nodes", hidden)})
		}
		page = append(page, show.Blank())
	case s.Deployed == nil:
		page[0] = show.Text{Text: "Nothing is deployed: zeekfleet deploy FILE deploys a cluster.", Tone: show.Warning}
	case allStopped(s):
		page[0] = show.Text{Text: "Nothing is wrong, and nothing runs: all nodes are stopped.", Tone: show.Warning}
	}
	place := " at " + address
	if s.Controllers != nil {
		place = ", asked at " + address // that may be another one, which passes the request on
	}
	facts := show.Facts{
		fact("controller", fmt.Sprintf("%s%s, version %s", s.Controller, place, s.Version)),
		fact("deployed", deployedText(s.Deployed, s.Time)),
	}
	if s.Controllers != nil {
		facts = slices.Insert(facts, 1, fact("controllers", controllersText(s.Controllers)))
	}
	if s.Staged != nil {
		facts = append(facts, fact("staged", deployedText(s.Staged, s.Time)+"; zeekfleet deploy deploys it"))
	}
	facts = append(facts, fact("instances", instanceCounts(s.Instances)), fact("nodes", nodeCounts(s.Nodes)))
	if len(s.Versions) > 1 || len(s.Versions) == 1 && s.Versions[0].Version != "" { // else nobody has told
		facts = append(facts, fact("versions", versionsText(s.Versions)))
	}
	if len(s.Commands) > 0 {
		facts = append(facts, fact("no Zeek", few(s.Commands)+": a command runs in place of Zeek"))
	}
	if len(s.Crashed) > 0 {
		facts = append(facts, fact("crashed", crashedText(s.Crashed, s.Time)))
	}
	for _, a := range s.Alerts[:min(len(s.Alerts), shownAlerts)] {
		facts = append(facts, fact("alert", alertLine(a, s.Time)))
	}
	if n := len(s.Alerts) - shownAlerts; n > 0 {
		facts = append(facts, fact("alert", fmt.Sprintf("and %d more: zeekfleet alerts lists them", n)))
	}
	if len(s.Stopped) > 0 {
		facts = append(facts, fact("stopped", markedText(s.Stopped, s.Time)))
	}
	if len(s.Paused) > 0 {
		facts = append(facts, fact("paused", "not restarted by themselves: "+markedText(s.Paused, s.Time)))
	}
	for _, o := range s.Operations {
		facts = append(facts, fact("running", runningText(o, s.Time)))
	}
	return append(page, facts)
}

// versionsText says what the hosts run.
func versionsText(all []api.HostVersions) string {
	const most = 3
	var parts []string
	for _, v := range all[:min(len(all), most)] {
		on := few(v.Instances)
		if len(all) == 1 && len(v.Instances) > 1 {
			on = fmt.Sprintf("all %d instances", len(v.Instances))
		}
		var programs []string
		if v.Version != "" {
			programs = append(programs, "zeekfleet "+v.Version)
		}
		if v.Zeek != "" {
			programs = append(programs, "Zeek "+v.Zeek)
		}
		if v.LimitsBy != "" {
			programs = append(programs, "limits by "+v.LimitsBy)
		}
		parts = append(parts, cmp.Or(strings.Join(programs, ", "), "not told")+" on "+on)
	}
	if len(all) > most {
		parts = append(parts, fmt.Sprintf("and %d other combinations: zeekfleet hosts lists all", len(all)-most))
	}
	return strings.Join(parts, "; ")
}

// severity sorts what is wrong.
var severity = map[string]int{"controller": 0, "instance": 1, "alert": 1, string(mgmt.Failed): 2, string(mgmt.Crashed): 3}

func rankOf(d api.StatusDetail) int {
	if d.Kind != "node" {
		return severity[d.Kind]
	}
	if n, ok := severity[d.State]; ok {
		return n
	}
	return len(severity)
}

// wrongTable lists what is wrong: nodes of which the same is known are one row. It returns
// how many things it leaves out if it has at most this many rows.
func wrongTable(s api.Status, most int) (table show.Table, hidden int) {
	table.Columns = []show.Column{
		{Head: "WHAT", Least: 24, Wraps: true}, {Head: "STATE"}, {Head: "FOR", Right: true, Drop: 1}, {Head: "WHY", Least: 24, Wraps: true},
	}
	wrong := slices.Clone(s.Wrong)
	sort.SliceStable(wrong, func(i, j int) bool { return rankOf(wrong[i]) < rankOf(wrong[j]) })
	var rows []api.StatusDetail
	same := map[[3]string][]string{}
	for _, d := range wrong {
		key := [3]string{d.Kind, d.State, d.Text}
		if same[key] == nil {
			rows = append(rows, d)
		}
		same[key] = append(same[key], whatOf(d))
	}
	for i, d := range rows {
		what := same[[3]string{d.Kind, d.State, d.Text}]
		if i >= most {
			hidden += len(what)
			continue
		}
		tone := show.Bad
		if d.Kind == "node" {
			tone = toneOf(d.State)
		}
		table.Rows = append(table.Rows, []show.Cell{
			{Text: few(what)}, {Text: cmp.Or(d.State, "-"), Tone: tone}, {Text: ago(s.Time, d.Since)}, {Text: d.Text},
		})
	}
	return table, hidden
}

// whatOf names what is not well.
func whatOf(d api.StatusDetail) string {
	switch d.Kind {
	case "node":
		return d.Node + " on " + d.Instance
	case "instance":
		return "instance " + d.Instance
	case "alert":
		return cmp.Or(d.Node, d.Instance, "alert")
	}
	return d.Kind
}

// deployedText describes a revision in a line.
func deployedText(r *api.Revision, now time.Time) string {
	if r == nil {
		return "nothing"
	}
	text := fmt.Sprintf("revision %d", r.Revision)
	if r.Of > 0 {
		text += fmt.Sprintf(" (%s to %d)", cmp.Or(r.Kind, "rollback"), r.Of)
	}
	text += fmt.Sprintf(", %s ago", ago(now, r.When))
	if r.Who != "" {
		text += " by " + r.Who
	}
	if r.Note != "" {
		text += ": " + quote(r.Note)
	}
	return text
}

// crashedText names the nodes that have ended by themselves within the last hour.
func crashedText(list []api.StatusCrash, now time.Time) string {
	var texts []string
	for _, c := range list {
		text := fmt.Sprintf("%s %s ago", c.Node, ago(now, c.Last))
		if c.Times > 1 {
			text = fmt.Sprintf("%s %d times, last %s ago", c.Node, c.Times, ago(now, c.Last))
		}
		texts = append(texts, text)
	}
	return "within an hour: " + mgmt.FewTexts(texts, maxMarks, ", ") + "; zeekfleet crashes says more"
}

// maxMarks bounds the nodes that a line of the status names.
const maxMarks = 4

// markedText names nodes that users have stopped or paused, with who has done so.
func markedText(list []api.StatusMark, now time.Time) string {
	var texts []string
	nodes := map[string][]string{}
	for _, m := range list {
		by := "by a user"
		if m.Who != "" {
			by = fmt.Sprintf("by %s %s ago", m.Who, ago(now, m.Since))
		}
		if m.Note != "" {
			by += ": " + quote(m.Note)
		}
		if nodes[by] == nil {
			texts = append(texts, by)
		}
		nodes[by] = append(nodes[by], m.Node)
	}
	for i, by := range texts {
		texts[i] = few(nodes[by]) + " " + by
	}
	return mgmt.FewTexts(texts, maxMarks, "; ")
}

// markOf returns the mark of a node, or nil.
func markOf(list []api.StatusMark, node string) *api.StatusMark {
	i := slices.IndexFunc(list, func(m api.StatusMark) bool { return m.Node == node })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// instanceCounts says how many instances there are, and in which standings those are that
// are not ready.
func instanceCounts(c api.InstanceCount) string {
	text := fmt.Sprintf("%d of %d ready", c.Ready, c.Total)
	return text + others([]countOf{
		{c.Absent, "absent"}, {c.Incompatible, "incompatible"}, {c.Newcomer, "not ready yet"}, {c.StandsBy, "without nodes"},
	})
}

func nodeCounts(c api.NodeCount) string {
	text := fmt.Sprintf("%d of %d running", c.Running, c.Total)
	return text + others([]countOf{
		{c.Failed, "failed"}, {c.Crashed, "crashed"}, {c.Pending, "starting"}, {c.Stopped, "stopped"}, {c.Unknown, "unknown"},
	})
}

// countOf is a number of things in one state.
type countOf struct {
	n     int
	state string
}

func others(list []countOf) string {
	var text strings.Builder
	for _, one := range list {
		if one.n > 0 {
			fmt.Fprintf(&text, ", %d %s", one.n, one.state)
		}
	}
	return text.String()
}

// runningText describes an operation that runs in a line.
func runningText(o api.Operation, now time.Time) string {
	all := o.Counts.Waiting + o.Counts.Running + o.Counts.Done + o.Counts.Failed + o.Counts.Skipped
	text := fmt.Sprintf("operation %d, %s by %s for %s, %d of %d steps done", o.ID, o.Kind, cmp.Or(o.Who, "-"), ago(now, o.Begun), o.Counts.Done, all)
	if o.Doing != "" {
		text += ": " + o.Doing
	}
	return text
}

// ShownNode is a node with everything that is known of it.
type ShownNode struct {
	api.Node
	Interface string `json:"interface,omitempty"`
	// Command is the program that runs in place of Zeek, with its arguments.
	Command []string `json:"command,omitempty"`
	// Stopped is set if a user has stopped it, and Paused if it is not restarted when it
	// ends.
	Stopped *api.StatusMark `json:"stopped,omitempty"`
	Paused  *api.StatusMark `json:"paused,omitempty"`
	// Why says what is wrong with it. It is empty if nothing is.
	Why string `json:"why,omitempty"`
}

// Nodes prints the nodes that are selected, or all nodes: those first with which something
// is wrong.
func (c *Commands) Nodes(ctx context.Context, selectors []string) int {
	chosen, err := mgmt.ParseSelectors(selectors)
	if err != nil {
		c.Log.Error("%v", err)
		return StatusMisuse
	}
	return Admin{c}.ask(ctx, func(client *api.Client) error {
		s, err := client.Status(ctx)
		if err != nil {
			return err
		}
		list, err := client.Nodes(ctx)
		if err != nil {
			return err
		}
		nodes := shownNodes(list, s)
		if s.Deployed != nil {
			deployed, err := client.Configuration(ctx, api.Deployed)
			if err != nil {
				return err
			}
			addConfigured(nodes, deployed)
		}
		if nodes, err = selected(nodes, chosen); err != nil {
			return err
		}
		return show.PrintPage(c.output(), nodes, func() show.Page { return shownPage(nodes, s) })
	})
}

// shownNodes returns the nodes of the Zeek cluster, in the order of a page.
func shownNodes(list []api.Node, s api.Status) []ShownNode {
	why, instances := map[string]string{}, map[string]string{}
	for _, d := range s.Wrong {
		switch d.Kind {
		case "node":
			why[d.Instance+"/"+d.Node] = d.Text
		case "instance":
			instances[d.Instance] = fmt.Sprintf("instance %s is %s", d.Instance, d.State)
		}
	}
	nodes := []ShownNode{}
	for _, n := range list {
		if n.Role == string(mgmt.RoleAgent) || n.Role == string(mgmt.RoleController) {
			continue
		}
		one := ShownNode{Node: n, Stopped: markOf(s.Stopped, n.Name), Paused: markOf(s.Paused, n.Name)}
		one.Why = cmp.Or(why[n.Instance+"/"+n.Name], instances[n.Instance])
		nodes = append(nodes, one)
	}
	sort.SliceStable(nodes, func(i, j int) bool {
		return cmp.Or(
			wrongFirst(nodes[i])-wrongFirst(nodes[j]), cmp.Compare(mgmt.RoleRank(mgmt.ClusterRole(nodes[i].Role)), mgmt.RoleRank(mgmt.ClusterRole(nodes[j].Role))),
			cmp.Compare(nodes[i].Name, nodes[j].Name), cmp.Compare(nodes[i].Instance, nodes[j].Instance),
		) < 0
	})
	return nodes
}

// wrongFirst sorts nodes by what is wrong with them.
func wrongFirst(n ShownNode) int {
	switch {
	case n.Why == "" && n.Paused != nil:
		return len(severity) + 1
	case n.Why == "" && n.Stopped != nil:
		return len(severity) + 2
	case n.Why == "":
		return len(severity) + 3
	}
	if rank, ok := severity[n.State]; ok {
		return rank
	}
	return len(severity)
}

// addConfigured adds what the deployed configuration says of nodes.
func addConfigured(nodes []ShownNode, deployed api.Configuration) {
	of := map[string]api.ConfiguredNode{}
	for _, n := range deployed.Nodes {
		of[n.Instance+"/"+n.Name] = n
	}
	for i, n := range nodes {
		configured := of[n.Instance+"/"+n.Name]
		nodes[i].Interface, nodes[i].Command = configured.Interface, configured.Command
	}
}

// selected returns the nodes that are chosen, in their order. Without selectors these are
// all nodes.
func selected(nodes []ShownNode, chosen mgmt.Selectors) ([]ShownNode, error) {
	if chosen.None() {
		return nodes, nil
	}
	var all []mgmt.Node
	for _, n := range nodes {
		all = append(all, mgmt.Node{Name: mgmt.NodeName(n.Name), Instance: mgmt.InstanceName(n.Instance), Role: mgmt.ClusterRole(n.Role)})
	}
	names, err := chosen.Select(all)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(nodes, func(n ShownNode) bool {
		_, found := slices.BinarySearch(names, mgmt.NodeName(n.Name))
		return !found
	}), nil
}

// nodeTable lists nodes as they are at a time, by the controller's clock.
func nodeTable(nodes []ShownNode, now time.Time) show.Table {
	table := show.Table{
		Columns: []show.Column{
			{Head: "NODE", Least: 12}, {Head: "INSTANCE", Least: 10}, {Head: "ROLE", Drop: 2}, {Head: "INTERFACE", Drop: 3},
			{Head: "STATE"}, {Head: "FOR", Right: true}, {Head: "PID", Right: true, Drop: 5}, {Head: "VERSION", Drop: 4, Optional: true},
			{Head: "NOTE", Least: 32, Optional: true},
		},
		Empty: "There are no nodes.",
	}
	for _, n := range nodes {
		row := show.Row(n.Name, n.Instance, strings.ToLower(n.Role), cmp.Or(n.Interface, "-"), n.State, ago(now, n.Since), pidText(n.PID), n.Version, noteOf(n))
		row[4].Tone = toneOf(n.State)
		table.Rows = append(table.Rows, row)
	}
	return table
}

func shownPage(nodes []ShownNode, s api.Status) show.Page {
	page := show.Page{nodeTable(nodes, s.Time)}
	var wrong []string
	counts := map[string]int{}
	for _, n := range nodes {
		counts[n.State]++
		if n.Why != "" {
			wrong = append(wrong, n.Name)
		}
	}
	if len(wrong) > 0 {
		text := fmt.Sprintf("%d of %s not well: %s", len(wrong), counted(len(nodes), "node"), few(wrong)+"; zeekfleet status says why")
		page = append(page, show.Blank(), show.Text{Text: text, Tone: show.Bad})
	} else if len(nodes) > 0 {
		page = append(page, show.Blank(), show.Text{Text: wellText(len(nodes), counts[string(mgmt.Running)]), Tone: show.Good})
	}
	return page
}

// wellText says how many nodes run, where nothing is wrong.
func wellText(nodes, running int) string {
	if running == nodes {
		return counted(nodes, "node") + ", all running"
	}
	return fmt.Sprintf("%s, %d running", counted(nodes, "node"), running)
}

// noteOf says what is special about a node.
func noteOf(n ShownNode) string {
	var notes []string
	if n.Stopped != nil {
		notes = append(notes, "stopped by "+cmp.Or(n.Stopped.Who, "a user"))
	}
	if n.Paused != nil {
		notes = append(notes, "paused: not restarted when it ends")
	}
	if n.Why != "" {
		notes = append(notes, n.Why)
	}
	if len(n.Command) > 0 {
		notes = append(notes, "no Zeek: it runs "+n.Command[0])
	}
	return strings.Join(notes, "; ")
}

func pidText(pid int64) string {
	if pid == 0 {
		return "-"
	}
	return strconv.FormatInt(pid, 10)
}
