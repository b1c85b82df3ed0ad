package cli

import (
	"cmp"
	"context"
	"sort"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// PacketCounts are packets since the processes of nodes began.
type PacketCounts struct {
	Received uint64 `json:"packets_received"`
	Dropped  uint64 `json:"packets_dropped"`
	Link     uint64 `json:"packets_on_link"`
	// DropShare is the share of Received and Dropped together that was dropped.
	DropShare float64 `json:"drop_share"`
}

func (c *PacketCounts) add(z *api.ZeekSample) {
	c.Received += z.Received
	c.Dropped += z.Dropped
	c.Link += z.Link
	c.DropShare = shareOf(float64(c.Dropped), float64(c.Received))
}

// NetStatsNode are the packets of a node. Without a note, they are known.
type NetStatsNode struct {
	Instance  string `json:"instance"`
	Node      string `json:"node"`
	Interface string `json:"interface,omitempty"`
	Note      string `json:"note,omitempty"`
	PacketCounts
	Rates *api.NodeRates `json:"rates,omitempty"`
}

// NetStatsInstance are the packets of the nodes of an instance together.
type NetStatsInstance struct {
	Instance string `json:"instance"`
	Nodes    int    `json:"nodes"`
	PacketCounts
}

// NetStatsResult is what NetStats prints as data.
type NetStatsResult struct {
	Time      time.Time          `json:"time"`
	Nodes     []NetStatsNode     `json:"nodes"`
	Instances []NetStatsInstance `json:"instances"`
	Total     PacketCounts       `json:"total"`
	Missing   []api.Missing      `json:"missing"`
}

// NetStats prints the packets that workers have received and lost, as they count themselves.
func (m Measured) NetStats(ctx context.Context) int {
	return m.measure(ctx, func(f figures) error {
		result := netStats(f)
		return show.PrintPage(m.output(), result, func() show.Page {
			return append(show.Page{netStatsTable(f, result)}, missingPage(result.Missing)...)
		})
	})
}

// netStats returns the packets of workers, and of others if they are named.
func netStats(f figures) NetStatsResult {
	result := NetStatsResult{Time: f.time, Nodes: []NetStatsNode{}, Instances: []NetStatsInstance{}, Missing: f.missing()}
	nodes := f.nodes()
	sort.Slice(nodes, func(i, j int) bool { return byPlace(nodes[i], nodes[j]) < 0 })
	for _, n := range nodes {
		if n.Role != string(mgmt.Worker) && !f.named {
			continue
		}
		one := NetStatsNode{Instance: n.Instance, Node: n.Node, Interface: n.Interface, Rates: n.rates()}
		if n.Zeek == nil {
			one.Note = cmp.Or(n.note(), "no packet counts")
			result.Nodes = append(result.Nodes, one)
			continue
		}
		one.add(n.Zeek)
		result.Nodes = append(result.Nodes, one)
		result.Total.add(n.Zeek)
		last := len(result.Instances) - 1
		if last < 0 || result.Instances[last].Instance != n.Instance {
			result.Instances = append(result.Instances, NetStatsInstance{Instance: n.Instance})
			last++
		}
		result.Instances[last].Nodes++
		result.Instances[last].add(n.Zeek)
	}
	return result
}

func netStatsTable(f figures, r NetStatsResult) show.Table {
	table := show.Table{
		Columns: []show.Column{
			{Head: "NODE", Least: 12}, {Head: "INSTANCE", Least: 8}, {Head: "INTERFACE", Drop: 2}, {Head: "RECEIVED", Right: true},
			{Head: "DROPPED", Right: true}, {Head: "LINK", Right: true, Drop: 1}, {Head: "DROP %", Right: true},
			{Head: "PACKETS/S", Right: true, Drop: 3}, {Head: "DROP % NOW", Right: true, Drop: 4}, {Head: "NOTE", Least: 12, Wraps: true, Optional: true},
		},
		Empty: f.noFigures("There are no workers."),
	}
	var packets, dropped float64
	known := true
	for _, n := range r.Nodes {
		row := append(show.Row(n.Node, n.Instance, cmp.Or(n.Interface, "-")), countCells(n.PacketCounts)...)
		row = append(row, show.Row("-", "-", n.Note)...)
		if n.Note != "" {
			for i := 3; i < 7; i++ {
				row[i] = show.Cell{Text: "-"}
			}
		}
		if n.Rates != nil {
			row[7].Text, row[8] = amount(n.Rates.Packets), dropCell(n.Rates.DropShare)
			packets += n.Rates.Packets
			dropped += n.Rates.Dropped
		} else if n.Note == "" {
			known = false
		}
		table.Rows = append(table.Rows, row)
	}
	if len(r.Instances) > 1 {
		for _, one := range r.Instances {
			table.Rows = append(table.Rows, strong(append(show.Row(counted(one.Nodes, "node"), one.Instance, ""), countCells(one.PacketCounts)...)))
		}
	}
	if len(r.Nodes) > 1 && len(r.Instances) > 0 {
		row := append(show.Row("all", "", ""), countCells(r.Total)...)
		if known {
			row = append(row, show.Cell{Text: amount(packets)}, dropCell(shareOf(dropped, packets)))
		}
		table.Rows = append(table.Rows, strong(row))
	}
	return table
}

func countCells(c PacketCounts) []show.Cell {
	return append(show.Row(grouped(c.Received), grouped(c.Dropped), grouped(c.Link)), dropCell(c.DropShare))
}

// strong makes a row a sum of others.
func strong(row []show.Cell) []show.Cell {
	for i := range row {
		if row[i].Tone == show.Plain {
			row[i].Tone = show.Strong
		}
	}
	return row
}

// grouped returns a number with its digits in groups of three.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
