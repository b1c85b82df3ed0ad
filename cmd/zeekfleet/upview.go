package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"zeekfleet/internal/mgmt"
)

// upView shows the cluster's nodes: on a terminal as a table that is drawn anew
// in its place, elsewhere as a line for each change.
type upView struct {
	out      io.Writer
	terminal bool
	lines    int // of the table on the terminal
	shown    map[mgmt.NodeName]mgmt.NodeStatus

	// complete says that the nodes to come are all known.
	complete  bool
	running   int
	announced bool
}

func newUpView(out io.Writer) *upView {
	return &upView{out: out, terminal: isTerminal(out), shown: map[mgmt.NodeName]mgmt.NodeStatus{}}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// update shows the nodes in the results of get-nodes. It reports true once: when
// all nodes run for the first time.
func (v *upView) update(results []mgmt.Result) (allUp bool) {
	nodes := clusterNodes(results)
	if v.terminal {
		v.redraw(nodes)
	} else {
		v.printChanges(nodes)
	}
	v.shown = map[mgmt.NodeName]mgmt.NodeStatus{}
	v.running = 0
	for _, n := range nodes {
		v.shown[n.Node] = n
		if n.State == mgmt.Running {
			v.running++
		}
	}
	if v.announced || !v.complete || v.running == 0 || v.running < len(nodes) {
		return false
	}
	v.announced = true
	v.lines = 0 // what follows the table stays below it
	return true
}

// clusterNodes returns the cluster nodes among the processes, in the order of
// their roles.
func clusterNodes(results []mgmt.Result) []mgmt.NodeStatus {
	var nodes []mgmt.NodeStatus
	for _, r := range results {
		list, _ := r.Data.(mgmt.NodeStatuses)
		for _, n := range list {
			if n.ClusterRole != mgmt.ClusterNone {
				nodes = append(nodes, n)
			}
		}
	}
	slices.SortFunc(nodes, func(a, b mgmt.NodeStatus) int {
		return cmp.Or(cmp.Compare(mgmt.RoleRank(a.ClusterRole), mgmt.RoleRank(b.ClusterRole)), cmp.Compare(a.Node, b.Node))
	})
	return nodes
}

func (v *upView) redraw(nodes []mgmt.NodeStatus) {
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tROLE\tSTATE\tPID\tPORT")
	for _, n := range nodes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", n.Node, strings.ToLower(string(n.ClusterRole)), n.State, pidText(n), portText(n))
	}
	t.Flush() // a strings.Builder takes everything
	if v.lines > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA\x1b[J", v.lines) // up, and clear what is below
	}
	io.WriteString(v.out, table.String())
	v.lines = strings.Count(table.String(), "\n")
}

func (v *upView) printChanges(nodes []mgmt.NodeStatus) {
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

func pidText(n mgmt.NodeStatus) string {
	if n.PID == nil {
		return "-"
	}
	return fmt.Sprint(*n.PID)
}

func portText(n mgmt.NodeStatus) string {
	if n.Port == nil {
		return "-"
	}
	return n.Port.String()
}
