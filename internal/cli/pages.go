package cli

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// toneOf returns the colour of a node's state.
func toneOf(state string) show.Tone {
	switch mgmt.State(state) {
	case mgmt.Running:
		return show.Good
	case mgmt.Stopped:
		return show.Faint
	case mgmt.Crashed, mgmt.Failed:
		return show.Bad
	}
	return show.Warning
}

// problems returns the part of a page with what went wrong, below everything else: there a
// person looks first. documents are the entries of a document's errors.
func problems(documents []any) show.Page {
	var page show.Page
	for _, one := range documents {
		text := fmt.Sprint(one)
		if d, ok := one.(document); ok {
			text = fmt.Sprint(d["error"])
			if source, _ := d["source"].(string); source != "" {
				text = source + ": " + text
			}
		}
		page = append(page, show.Text{Text: text, Tone: show.Bad})
	}
	return page
}

// below returns page with rest below it, and an empty line between them.
func below(page, rest show.Page) show.Page {
	if len(page) > 0 && len(rest) > 0 {
		page = append(page, show.Blank())
	}
	return append(page, rest...)
}

// counted returns a number with what it counts.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func stagePage(id string, errors []any) show.Page {
	var page show.Page
	if id != "" {
		page = show.Page{
			show.Text{Text: "Staged configuration " + id + "."},
			show.Text{Text: "zeekfleet deploy deploys it."},
		}
	}
	return below(page, problems(errors))
}

// deployPage says which nodes are deployed, and shows what those have printed that failed.
func deployPage(results []client.Result, errors []any) show.Page {
	var done int
	instances := map[client.InstanceName]bool{}
	id, deployed := client.ConfigurationID(results)
	var page show.Page
	for _, r := range results {
		if r.Node == "" || r.Instance == "" {
			continue
		}
		instances[r.Instance] = true
		if r.Success {
			done++
		}
		out, _ := r.Data.(client.NodeOutputs)
		page = append(page, outputsOf(r, out)...)
	}
	switch {
	case done > 0 && len(errors) > 0:
		page = append(page, show.Text{Text: fmt.Sprintf("%s deployed, of configuration %s.", counted(done, "node"), id)})
	case done > 0:
		page = append(page, show.Text{
			Text: fmt.Sprintf("Deployed configuration %s: %s on %s.", id, counted(done, "node"), counted(len(instances), "instance")), Tone: show.Good,
		})
	case deployed && len(errors) == 0:
		page = append(page, show.Text{Text: "Deployed configuration " + id + ".", Tone: show.Good})
	}
	return below(page, problems(errors))
}

// outputsOf shows what a node printed.
func outputsOf(r client.Result, out client.NodeOutputs) show.Page {
	var page show.Page
	for _, stream := range []struct{ name, text string }{{"stderr", out.Stderr}, {"stdout", out.Stdout}} {
		if strings.TrimSpace(stream.text) != "" {
			page = append(page,
				show.Text{Text: fmt.Sprintf("%s of node %s on instance %s:", stream.name, r.Node, r.Instance), Tone: show.Strong},
				show.Block{Text: stream.text, Indent: 2})
		}
	}
	return page
}

func restartPage(results []client.Result, errors []any) show.Page {
	var names []string
	for _, r := range results {
		if r.Success && r.Node != "" && r.Error == "" {
			names = append(names, string(r.Node))
		}
	}
	var page show.Page
	if len(names) > 0 {
		page = show.Page{show.Text{Text: fmt.Sprintf("Restarted %s: %s.", counted(len(names), "node"), few(names)), Tone: show.Good}}
	}
	return below(page, problems(errors))
}

func instancesPage(list client.Instances) show.Page {
	table := show.Table{Columns: show.Heads("INSTANCE", "HOST", "PORT"), Empty: "No instance is connected."}
	list = slices.Clone(list)
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	for _, in := range list {
		host, port := "-", "-"
		if in.Host.IsValid() && in.Host != client.UnknownHost {
			host = in.Host.String()
		}
		if in.ListenPort != nil {
			port = strconv.Itoa(int(in.ListenPort.Number))
		}
		table.Rows = append(table.Rows, show.Row(string(in.Name), host, port))
	}
	return show.Page{table}
}

func nodesPage(results []client.Result, errors []any) show.Page {
	table := show.Table{Columns: []show.Column{
		{Head: "INSTANCE", Least: 12}, {Head: "NODE", Least: 12}, {Head: "ROLE"}, {Head: "STATE"},
		{Head: "PID", Right: true}, {Head: "PORT", Right: true, Drop: 1}, {Head: "METRICS", Right: true, Drop: 2},
	}}
	if len(errors) == 0 {
		table.Empty = "There are no nodes."
	}
	for _, r := range ordered(results) {
		list, _ := r.Data.(client.NodeStatuses)
		list = slices.Clone(list)
		sort.Slice(list, func(i, j int) bool {
			return cmp.Or(cmp.Compare(rank(list[i]), rank(list[j])), cmp.Compare(list[i].Node, list[j].Node)) < 0
		})
		for _, n := range list {
			table.Rows = append(table.Rows, nodeRow(r.Instance, n))
		}
	}
	if len(table.Rows) == 0 && table.Empty == "" {
		return problems(errors)
	}
	return below(show.Page{table}, problems(errors))
}

// rank sorts nodes by their roles: first controller and agent, then the order in which
// nodes are started.
func rank(n client.NodeStatus) int {
	if n.ClusterRole == client.ClusterNone {
		return -1
	}
	return mgmt.RoleRank(mgmt.ClusterRole(n.ClusterRole))
}

func nodeRow(instance client.InstanceName, n client.NodeStatus) []show.Cell {
	role := strings.ToLower(string(n.ClusterRole))
	if n.ClusterRole == client.ClusterNone {
		role = strings.ToLower(string(n.MgmtRole))
	}
	row := show.Row(string(instance), string(n.Node), role, string(n.State), number(n.PID), portNumber(n.Port), portNumber(n.MetricsPort))
	row[3].Tone = toneOf(string(n.State))
	return row
}

func number(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}

func portNumber(p *client.Port) string {
	if p == nil {
		return "-"
	}
	return strconv.Itoa(int(p.Number))
}

func historyPage(history []client.DeployedRevision) show.Page {
	table := show.Table{Empty: "No configuration was deployed.", Columns: []show.Column{
		{Head: "REVISION", Right: true}, {Head: "DEPLOYED (UTC)"}, {Head: "BY", Least: 8},
		{Head: "INSTANCES", Right: true, Drop: 1}, {Head: "NODES", Right: true, Drop: 1}, {Head: "ID", Least: 8},
	}}
	for _, d := range history {
		table.Rows = append(table.Rows, show.Row(
			strconv.FormatUint(d.Revision, 10), inUTC(d.When, toTheSecond), cmp.Or(d.Who, "-"),
			strconv.Itoa(d.Instances), strconv.Itoa(d.Nodes), d.ID,
		))
	}
	return show.Page{table}
}

// valuesPage shows the values of an identifier, which are values of renderJSON. Simple
// values make a table, and records with the same simple fields as well if it fits on the
// screen. Other values are shown as YAML, once for all nodes that have the same.
func valuesPage(nodes []string, values document, errors []any) show.Page {
	if len(nodes) == 0 {
		return problems(errors)
	}
	simple := !slices.ContainsFunc(nodes, func(node string) bool { return isContainer(values[node]) })
	if simple {
		table := show.Table{Columns: []show.Column{{Head: "NODE"}, {Head: "VALUE", Least: 20, Wraps: true}}}
		for _, node := range nodes {
			table.Rows = append(table.Rows, show.Row(node, simpleText(values[node])))
		}
		return below(show.Page{table}, problems(errors))
	}
	var page show.Page
	same := map[string][]string{}
	var texts []string
	for _, node := range nodes {
		text := renderJSON(values[node], false)
		if same[text] == nil {
			texts = append(texts, text)
		}
		same[text] = append(same[text], node)
	}
	for _, text := range texts {
		nodes := same[text]
		head := nodes[0]
		if len(nodes) > 1 {
			head = fmt.Sprintf("%s (the same in %d nodes)", few(nodes), len(nodes))
		}
		page = below(page, show.Page{show.Text{Text: head, Tone: show.Strong}, show.Block{Text: show.YAML(plain(values[nodes[0]])), Indent: 2}})
	}
	if table, ok := tableOfRecords(nodes, values); ok && len(nodes) > 1 {
		page = show.Page{recordsTable{table, page}}
	}
	return below(page, problems(errors))
}

func isContainer(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// simpleText returns a value without quotes.
func simpleText(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	return strings.TrimSpace(renderJSON(v, false))
}

// ago returns how long ago something was, in the two largest units.
func ago(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return span(now.Sub(then))
}

// span returns a time in at most two units, such as 3d 4h. It is short enough for a column.
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd %02dh", int(d.Hours())/24, int(d.Hours())%24)
}
