package cli

import (
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// recordsTable is a table of records with the same simple fields, such as the figures of
// nodes: a row for each node. On a screen that is too narrow for it, instead is shown.
type recordsTable struct {
	table   show.Table
	instead show.Page
}

// Lines implements show.Part.
func (t recordsTable) Lines(s show.Screen) []string {
	whole := s
	whole.Width = 0
	lines := t.table.Lines(whole)
	if s.Width == 0 || !slices.ContainsFunc(lines, func(line string) bool { return show.WidthOf(line) > s.Width }) {
		return lines
	}
	lines = nil
	for _, part := range t.instead {
		lines = append(lines, part.Lines(s)...)
	}
	return lines
}

// maxFields bounds the columns of a table of records: a node may answer with any number.
const maxFields = 20

// tableOfRecords returns the table of the values of nodes. ok is false if they are no records
// with the same simple fields.
func tableOfRecords(nodes []string, values document) (t show.Table, ok bool) {
	t.Columns = []show.Column{{Head: "NODE"}}
	var fields []string
	for _, node := range nodes {
		record, isRecord := values[node].(map[string]any)
		if !isRecord || len(record) == 0 || len(record) > maxFields {
			return t, false
		}
		if has := slices.Sorted(maps.Keys(record)); fields == nil {
			fields = has
		} else if !slices.Equal(has, fields) {
			return t, false
		}
		row := show.Row(node)
		for _, name := range fields {
			if isContainer(record[name]) {
				return t, false
			}
			row = append(row, show.Cell{Text: simpleText(record[name])})
		}
		t.Rows = append(t.Rows, row)
	}
	for _, name := range fields {
		t.Columns = append(t.Columns, show.Column{Head: name, Right: true})
	}
	return t, true
}
