package show

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Stream prints results that come one after the other, such as records that are followed:
// rows of a table under one head, JSON with one value a line, or YAML documents.
type Stream struct {
	settings Settings
	columns  []Column
	// widths are those of the columns so far: a column never becomes narrower again.
	widths []int
	headed bool
}

// NewStream returns a Stream. columns are those of the table.
func NewStream(s Settings, columns []Column) *Stream {
	s.Compact = true
	return &Stream{settings: s, columns: columns, widths: make([]int, len(columns))}
}

// Print prints one more batch of values. row makes the row of the i-th value.
func (s *Stream) Print(values []any, row func(i int) []Cell) error {
	var text strings.Builder // a batch may have thousands of values
	switch s.settings.Chosen() {
	case AsTable:
		text.WriteString(s.rows(len(values), row))
	case AsYAML:
		for _, v := range values {
			one, err := renderYAML(v)
			if err != nil {
				return err
			}
			text.WriteString("---\n" + one)
		}
	default:
		for _, v := range values {
			one, err := renderJSON(v, false)
			if err != nil {
				return err
			}
			text.WriteString(one)
		}
	}
	if _, err := io.WriteString(s.settings.Out, text.String()); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// StreamOf prints one more batch of values of one type.
func StreamOf[T any](s *Stream, values []T, row func(T) []Cell) error {
	list := make([]any, len(values))
	for i, v := range values {
		list[i] = v
	}
	return s.Print(list, func(i int) []Cell { return row(values[i]) })
}

// rows returns the lines of a batch, below the head if it is the first one.
func (s *Stream) rows(n int, row func(i int) []Cell) string {
	t := Table{Columns: slices.Clone(s.columns)}
	for i := range n {
		t.Rows = append(t.Rows, row(i))
	}
	wide := Screen{}
	for i, w := range t.layout(wide).widths {
		s.widths[i] = max(s.widths[i], w)
	}
	l := layout{t.Columns, s.settings.Screen, slices.Clone(s.widths)}
	l.fit()
	var page Page
	if !s.headed {
		s.headed = true
		page = append(page, lines(l.heads()))
	}
	for _, cells := range t.Rows {
		page = append(page, lines(l.row(cells)))
	}
	return page.Text(s.settings.Screen)
}

// lines are lines that are laid out already.
type lines []string

// Lines implements Part.
func (l lines) Lines(Screen) []string { return l }
