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

// DiskRow is a disk of an instance.
type DiskRow struct {
	Instance string `json:"instance"`
	api.Disk
	// UsedShare is the part of it that is not free, from 0 to 1.
	UsedShare float64 `json:"used_share"`
}

// DFResult is what DF prints as data.
type DFResult struct {
	Time    time.Time     `json:"time"`
	Disks   []DiskRow     `json:"disks"`
	Missing []api.Missing `json:"missing"`
}

// DF prints how full the disks are that agents use, the fullest first.
func (m Measured) DF(ctx context.Context) int {
	return m.measure(ctx, func(f figures) error {
		result := disksOf(f)
		return show.PrintPage(m.output(), result, func() show.Page {
			return append(show.Page{disksTable(f, result)}, missingPage(result.Missing)...)
		})
	})
}

func disksOf(f figures) DFResult {
	result := DFResult{Time: f.time, Disks: []DiskRow{}, Missing: f.missing()}
	for _, h := range f.hosts {
		for _, d := range h.Disks {
			row := DiskRow{Instance: h.Instance, Disk: d}
			if d.Total > 0 {
				row.UsedShare = 1 - float64(min(d.Free, d.Total))/float64(d.Total)
			}
			result.Disks = append(result.Disks, row)
		}
	}
	sort.SliceStable(result.Disks, func(i, j int) bool {
		a, b := result.Disks[i], result.Disks[j]
		unknown := func(d DiskRow) int { return map[bool]int{true: 0, false: 1}[d.Err != ""] } // it may be full
		return cmp.Or(unknown(a)-unknown(b), cmp.Compare(b.UsedShare, a.UsedShare), strings.Compare(a.Instance, b.Instance)) < 0
	})
	return result
}

// The shares from which a disk is marked.
const (
	fillingDisk = 0.8
	fullDisk    = 0.9
)

func disksTable(f figures, r DFResult) show.Table {
	table := show.Table{
		Columns: []show.Column{
			{Head: "INSTANCE", Least: 8}, {Head: "USE"}, {Head: "USED %", Right: true}, {Head: "USED", Right: true, Drop: 1}, {Head: "TOTAL", Right: true},
			{Head: "FREE", Right: true}, {Head: "PATH", Least: 22, Wraps: true}, {Head: "NOTE", Least: 12, Wraps: true, Optional: true},
		},
		Empty: f.noFigures("No disks are told."),
	}
	for _, d := range r.Disks {
		row := show.Row(d.Instance, d.Use, "-", "-", "-", "-", d.Path, d.Err)
		if d.Err == "" {
			row[2].Text = fmt.Sprintf("%.0f", d.UsedShare*100)
			row[3].Text, row[4].Text, row[5].Text = bytesText(d.Total-min(d.Free, d.Total)), bytesText(d.Total), bytesText(d.Free)
		}
		switch {
		case d.Err != "", d.UsedShare >= fullDisk:
			row[2].Tone, row[7].Tone = show.Bad, show.Bad
		case d.UsedShare >= fillingDisk:
			row[2].Tone = show.Warning
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}
