package up

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// view shows the nodes of the cluster. On a terminal it draws a table again and
// again in the same place. Elsewhere it prints a line for each change.
type view struct {
	out io.Writer
	// size returns the size of the terminal. It returns zeros if out is no
	// terminal.
	size   func() (columns, lines int)
	drawn  string // the text on the terminal that the next drawing replaces
	footer string // the texts of say
	// summary says how many nodes run. It is empty before announce. summed has the
	// numbers in it.
	summary string
	summed  nodeCount
	shown   map[client.NodeName]client.NodeStatus
}

// nodeCount is the number of nodes, and the number of those that run.
type nodeCount struct{ nodes, running int }

func (c nodeCount) String() string {
	switch {
	case c.running < c.nodes:
		return fmt.Sprintf("%d of %d nodes running", c.running, c.nodes)
	case c.nodes == 1:
		return "1 node running"
	}
	return fmt.Sprintf("%d nodes running", c.nodes)
}

func newView(out io.Writer) *view {
	return &view{out: out, size: func() (columns, lines int) { return terminalSize(out) }}
}

// terminalSize returns the size of the terminal w, or zeros if w is no terminal.
func terminalSize(w io.Writer) (columns, lines int) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}

// show shows the nodes in the results of get-nodes. It returns how many nodes
// there are and how many of them run.
func (v *view) show(results []client.Result) (nodes, running int) {
	list := clusterNodes(results)
	count := nodeCount{len(list), countRunning(list)}
	recounted := v.summary != "" && v.summed != count
	if recounted {
		v.summed, v.summary = count, count.String()+".\n"
	}
	if columns, lines := v.size(); columns > 0 && lines > 0 {
		v.draw(list, columns, lines)
	} else {
		v.printChanges(list)
		if recounted {
			io.WriteString(v.out, v.summary)
		}
	}
	v.shown = make(map[client.NodeName]client.NodeStatus, len(list))
	for _, n := range list {
		v.shown[n.Node] = n
	}
	return count.nodes, count.running
}

// announce shows that all nodes run, and how long that took. When the numbers
// change, show shows the new numbers instead.
func (v *view) announce(nodes int, took time.Duration) {
	v.summed = nodeCount{nodes, nodes}
	v.summary = fmt.Sprintf("%v after %.2f s.\n", v.summed, took.Seconds())
	io.WriteString(v.out, v.summary)
	v.drawn += v.summary
}

// say shows a text that stays. On a terminal the text stands below the table.
func (v *view) say(text string) {
	v.footer += text
	io.WriteString(v.out, text)
	v.drawn += text
}

// clear removes the table from a terminal, so that other text can be printed. The
// next drawing stands below that text.
func (v *view) clear() {
	if columns, _ := v.size(); columns > 0 && v.drawn != "" {
		fmt.Fprintf(v.out, "\x1b[%dA\x1b[J", height(v.drawn, columns)) // moves up and clears everything below
	}
	v.drawn = ""
}

// height returns how many lines of a terminal the text needs. Each of its
// characters needs one column.
func height(text string, columns int) int {
	n := 0
	for line := range strings.Lines(text) {
		n += 1 + max(0, utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))-1)/columns
	}
	return n
}

// clusterNodes returns the cluster nodes in the results, in the order of their
// roles.
func clusterNodes(results []client.Result) []client.NodeStatus {
	var nodes []client.NodeStatus
	for _, r := range results {
		list, _ := r.Data.(client.NodeStatuses)
		for _, n := range list {
			if n.ClusterRole != client.ClusterNone {
				nodes = append(nodes, n)
			}
		}
	}
	sort.Slice(nodes, func(i, j int) bool {
		return cmp.Or(cmp.Compare(mgmt.RoleRank(mgmt.ClusterRole(nodes[i].ClusterRole)), mgmt.RoleRank(mgmt.ClusterRole(nodes[j].ClusterRole))), cmp.Compare(nodes[i].Node, nodes[j].Node)) < 0
	})
	return nodes
}

func countRunning(nodes []client.NodeStatus) int {
	running := 0
	for _, n := range nodes {
		if n.State == client.Running {
			running++
		}
	}
	return running
}

// draw replaces the table and the text below it. If the cluster does not fit on the
// terminal, draw shows only the nodes that do not run, and as many as fit.
func (v *view) draw(nodes []client.NodeStatus, columns, lines int) {
	below := v.summary + v.footer
	room := max(lines-height(below, columns)-3, 1)
	rows, summary := nodes, ""
	if len(rows) > room {
		rows = slices.DeleteFunc(slices.Clone(nodes), func(n client.NodeStatus) bool { return n.State == client.Running })
		rows = rows[:min(len(rows), room)]
		if v.summary == "" {
			summary = nodeCount{len(nodes), countRunning(nodes)}.String() + "\n"
		}
	}
	var whole, text strings.Builder
	table := tabwriter.NewWriter(&whole, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tROLE\tSTATE\tPID\tPORT")
	for _, n := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", n.Node, strings.ToLower(string(n.ClusterRole)), n.State, pidText(n), portText(n))
	}
	table.Flush() // a strings.Builder takes everything
	for line := range strings.Lines(whole.String()) {
		row := []rune(strings.TrimSuffix(line, "\n"))
		text.WriteString(string(row[:min(len(row), columns)]) + "\n")
	}
	text.WriteString(summary)
	text.WriteString(below)
	v.clear()
	io.WriteString(v.out, text.String())
	v.drawn = text.String()
}

func (v *view) printChanges(nodes []client.NodeStatus) {
	for _, n := range nodes {
		before, known := v.shown[n.Node]
		if known && before.State == n.State && pidText(before) == pidText(n) {
			continue
		}
		line := fmt.Sprintf("%s %s %s", n.Node, strings.ToLower(string(n.ClusterRole)), n.State)
		if n.PID != nil {
			line += " pid " + pidText(n)
		}
		fmt.Fprintln(v.out, line)
	}
}

func pidText(n client.NodeStatus) string {
	if n.PID == nil {
		return "-"
	}
	return fmt.Sprint(*n.PID)
}

func portText(n client.NodeStatus) string {
	if n.Port == nil {
		return "-"
	}
	return n.Port.String()
}
