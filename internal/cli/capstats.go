package cli

import (
	"cmp"
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// CapStatsInterface is an interface with what was measured of it.
type CapStatsInterface struct {
	Instance string `json:"instance"`
	api.InterfaceSample
	// Nodes are those that capture on it.
	Nodes []string `json:"nodes"`
}

// CapStatsInstance are the rates of the interfaces of an instance together.
type CapStatsInstance struct {
	Instance   string `json:"instance"`
	Interfaces int    `json:"interfaces"`
	api.InterfaceRates
}

// CapStatsResult is what CapStats prints as data.
type CapStatsResult struct {
	Time       time.Time           `json:"time"`
	Interfaces []CapStatsInterface `json:"interfaces"`
	Instances  []CapStatsInstance  `json:"instances"`
	Total      api.InterfaceRates  `json:"total"`
	Missing    []api.Missing       `json:"missing"`
}

// CapStats prints what comes to the interfaces on which nodes capture, as kernels and network
// cards count it. With all, it prints the other interfaces of the hosts as well.
func (m Measured) CapStats(ctx context.Context, all bool) int {
	return m.measure(ctx, func(f figures) error {
		result := capStats(f, all)
		return show.PrintPage(m.output(), result, func() show.Page {
			return append(show.Page{capStatsTable(f, result)}, missingPage(result.Missing)...)
		})
	})
}

// capStats returns the interfaces that are wanted: if nodes are named, those on which they
// capture.
func capStats(f figures, all bool) CapStatsResult {
	result := CapStatsResult{Time: f.time, Interfaces: []CapStatsInterface{}, Instances: []CapStatsInstance{}, Missing: f.missing()}
	for _, h := range f.hosts {
		sum := CapStatsInstance{Instance: h.Instance}
		for _, i := range h.Interfaces {
			one := CapStatsInterface{h.Instance, i, []string{}}
			for _, n := range h.Nodes {
				if n.Interface == i.Name {
					one.Nodes = append(one.Nodes, n.Node)
				}
			}
			if len(one.Nodes) == 0 && !all && (f.named || !i.Capture) {
				continue
			}
			result.Interfaces = append(result.Interfaces, one)
			if i.Rates != nil {
				sum.Interfaces++
				addRates(&sum.InterfaceRates, *i.Rates)
				addRates(&result.Total, *i.Rates)
			}
		}
		if sum.Interfaces > 0 {
			result.Instances = append(result.Instances, sum)
		}
	}
	sort.SliceStable(result.Interfaces, func(i, j int) bool {
		return cmp.Or(strings.Compare(result.Interfaces[i].Instance, result.Interfaces[j].Instance), strings.Compare(result.Interfaces[i].Name, result.Interfaces[j].Name)) < 0
	})
	return result
}

func addRates(sum *api.InterfaceRates, r api.InterfaceRates) {
	sum.Packets += r.Packets
	sum.Bytes += r.Bytes
	sum.Errors += r.Errors
	sum.Dropped += r.Dropped
	sum.DropShare = shareOf(sum.Dropped, sum.Packets)
}

func capStatsTable(f figures, r CapStatsResult) show.Table {
	table := show.Table{
		Columns: []show.Column{
			{Head: "INTERFACE", Least: 10}, {Head: "INSTANCE", Least: 8}, {Head: "LINK"}, {Head: "SPEED", Right: true, Drop: 3},
			{Head: "PACKETS/S", Right: true}, {Head: "MBIT/S", Right: true}, {Head: "DROPPED/S", Right: true, Drop: 2}, {Head: "DROP %", Right: true},
			{Head: "ERRORS/S", Right: true}, {Head: "DROPPED", Right: true, Drop: 5}, {Head: "ERRORS", Right: true, Drop: 6}, {Head: "NODES", Right: true, Drop: 4},
		},
		Empty: f.noFigures("No node captures on an interface of these hosts."),
	}
	for _, i := range r.Interfaces {
		row := append([]show.Cell{{Text: i.Name}, {Text: i.Instance}, linkCell(i.InterfaceSample), {Text: speedText(i.Speed)}}, rateCells(i.Rates)...)
		row = append(row, show.Row(grouped(i.Dropped), grouped(i.Errors), fmt.Sprint(len(i.Nodes)))...)
		table.Rows = append(table.Rows, row)
	}
	if len(r.Instances) > 1 {
		for _, one := range r.Instances {
			row := append(show.Row(counted(one.Interfaces, "interface"), one.Instance, "", ""), rateCells(&one.InterfaceRates)...)
			table.Rows = append(table.Rows, strong(row))
		}
	}
	if len(r.Interfaces) > 1 && len(r.Instances) > 0 {
		table.Rows = append(table.Rows, strong(append(show.Row("all", "", "", ""), rateCells(&r.Total)...)))
	}
	return table
}

// rateCells shows packets, bits, drops and errors.
func rateCells(r *api.InterfaceRates) []show.Cell {
	if r == nil {
		return show.Row("-", "-", "-", "-", "-")
	}
	const megabit = 1e6 / 8
	cells := append(show.Row(amount(r.Packets), mbit(r.Bytes/megabit), amount(r.Dropped)), dropCell(r.DropShare), show.Cell{Text: amount(r.Errors)})
	if r.Errors > 0 {
		cells[4].Tone = show.Warning
	}
	return cells
}

func mbit(v float64) string {
	if v >= 100 || v == 0 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// linkCell says whether packets can come to an interface.
func linkCell(i api.InterfaceSample) show.Cell {
	switch {
	case !i.Up:
		return show.Cell{Text: "off", Tone: show.Bad}
	case !i.Link:
		return show.Cell{Text: "no link", Tone: show.Bad}
	}
	return show.Cell{Text: "up", Tone: show.Good}
}

// speedText returns a speed in bits per second for a person.
func speedText(bits uint64) string {
	switch {
	case bits == 0:
		return "-"
	case bits >= 1e9:
		return fmt.Sprintf("%g Gbit", float64(bits)/1e9)
	}
	return fmt.Sprintf("%g Mbit", float64(bits)/1e6)
}
