package cli

import (
	"cmp"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// LocalNode is a node of this host, as the files of its agent have it.
type LocalNode struct {
	Node  string    `json:"node"`
	State string    `json:"state,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// PID is the living process of the node. Zero is none.
	PID     int       `json:"pid,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Cause   string    `json:"cause,omitempty"`
	// Remark says what does not fit together.
	Remark string `json:"remark,omitempty"`
}

// WriteLocalNodes prints the nodes of this host.
func WriteLocalNodes(out show.Settings, nodes []LocalNode) error {
	for i, n := range nodes {
		switch runs := n.State == "RUNNING" || n.State == "PENDING"; {
		case runs && n.PID == 0:
			nodes[i].Remark = "its process is gone, and no agent has seen it end"
		case !runs && n.PID != 0 && n.State != "":
			nodes[i].Remark = "it has a process all the same"
		}
	}
	return show.PrintPage(out, nodes, func() show.Page { return localNodesPage(nodes) })
}

func localNodesPage(nodes []LocalNode) show.Page {
	table := show.Table{Empty: "no node has run on this host", Columns: []show.Column{
		{Head: "NODE", Least: 12}, {Head: "STATE"}, {Head: "PID", Right: true}, {Head: "SINCE (UTC)"}, {Head: "WHY", Least: 20, Wraps: true},
	}}
	for _, n := range nodes {
		pid, since, why := "-", "-", cmp.Or(n.Cause, "-")
		if n.PID != 0 {
			pid = fmt.Sprint(n.PID)
		}
		if !n.Since.IsZero() {
			since = inUTC(n.Since, toTheSecond)
		}
		tone := toneOf(n.State)
		if n.Remark != "" {
			why, tone = why+"; "+n.Remark, show.Bad
		}
		row := show.Row(n.Node, cmp.Or(n.State, "-"), pid, since, why)
		row[1].Tone = tone
		table.Rows = append(table.Rows, row)
	}
	return show.Page{table}
}
