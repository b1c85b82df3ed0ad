package show

import (
	"slices"
	"strings"
)

// gap stands between two columns.
const gap = "  "

// Table is a table.
type Table struct {
	Columns []Column
	Rows    [][]Cell
	// Empty is printed in place of a table without rows, if it is not empty.
	Empty string
}

// Column describes a column of a Table.
type Column struct {
	// Head is the title.
	Head string
	// Right aligns the column to the right, as for numbers.
	Right bool
	// Least is the width to which the column may shrink if the screen is too narrow. Its
	// texts are then cut. Zero means that they are never cut.
	Least int
	// Wraps breaks texts between words where they would be cut.
	Wraps bool
	// Drop says that the column is left out if the screen is too narrow even for the
	// shrunken columns. The column with the highest number goes first. Zero means never.
	Drop int
	// Optional leaves the column out if it has no text in any row.
	Optional bool
}

// Cell is a field of a Table. Its zero value is empty.
type Cell struct {
	Text string
	Tone Tone
}

// Row returns cells without colour.
func Row(texts ...string) []Cell {
	cells := make([]Cell, len(texts))
	for i, text := range texts {
		cells[i].Text = text
	}
	return cells
}

// Heads returns columns that are never cut.
func Heads(heads ...string) []Column {
	columns := make([]Column, len(heads))
	for i, head := range heads {
		columns[i].Head = head
	}
	return columns
}

// Lines implements Part.
func (t Table) Lines(s Screen) []string {
	if len(t.Rows) == 0 && t.Empty != "" {
		return Text{Text: t.Empty}.Lines(s)
	}
	l := t.layout(s)
	lines := l.heads()
	for _, row := range t.Rows {
		lines = append(lines, l.row(row)...)
	}
	return lines
}

// layout is a Table on a screen.
type layout struct {
	columns []Column
	screen  Screen
	// widths are those of the columns. A column with the width -1 is left out.
	widths []int
}

// layout returns the grid with the widths of its columns.
func (t Table) layout(s Screen) layout {
	natural := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		width := 0
		for _, row := range t.Rows {
			if i < len(row) {
				width = max(width, WidthOf(Printable(row[i].Text)))
			}
		}
		natural[i] = max(width, WidthOf(Printable(c.Head)))
		if width == 0 && c.Optional {
			natural[i] = -1
		}
	}
	l := layout{t.Columns, s, natural}
	l.fit()
	return l
}

// fit makes a row fit the screen: columns shrink, the widest first, and then are left out.
func (l *layout) fit() {
	natural := slices.Clone(l.widths)
	for l.screen.Width > 0 && !l.shrink(l.screen.Width) {
		gone := l.next()
		if gone < 0 {
			return // the terminal breaks the lines
		}
		natural[gone] = -1
		copy(l.widths, natural)
	}
}

// shrink makes columns narrower until a row has the width. It reports whether it has.
func (l *layout) shrink(width int) bool {
	for excess := l.total() - width; excess > 0; {
		widest, second := -1, 0
		for i, c := range l.columns {
			switch {
			case c.Least == 0 || l.widths[i] <= c.Least: // those that are left out, too
			case widest < 0 || l.widths[i] > l.widths[widest]:
				if widest >= 0 {
					second = max(second, l.widths[widest])
				}
				widest = i
			default:
				second = max(second, l.widths[i])
			}
		}
		if widest < 0 {
			return false
		}
		// The widest shrinks to the second, and from there on by single columns.
		least := max(l.columns[widest].Least, min(second, l.widths[widest]-1))
		by := min(excess, l.widths[widest]-least)
		l.widths[widest] -= by
		excess -= by
	}
	return true
}

// next returns the column to leave out, or -1.
func (l *layout) next() int {
	found := -1
	for i, c := range l.columns {
		if c.Drop > 0 && l.widths[i] >= 0 && (found < 0 || c.Drop > l.columns[found].Drop) {
			found = i
		}
	}
	return found
}

func (l *layout) total() int {
	sum, shown := 0, 0
	for _, w := range l.widths {
		if w >= 0 {
			sum += w
			shown++
		}
	}
	return sum + len(gap)*max(shown-1, 0)
}

func (l *layout) heads() []string {
	cells := make([]Cell, len(l.columns))
	for i, c := range l.columns {
		cells[i] = Cell{c.Head, Strong}
	}
	return l.row(cells)
}

// row returns the lines of a row: one, or more if a column wraps.
func (l *layout) row(cells []Cell) []string {
	texts := make([][]string, len(l.columns))
	height := 1
	for i, c := range l.columns {
		if i >= len(cells) || l.widths[i] < 0 {
			continue
		}
		text := Printable(cells[i].Text)
		switch {
		case WidthOf(text) <= l.widths[i]:
			texts[i] = []string{text}
		case c.Wraps && l.widths[i] >= leastWrap:
			texts[i] = wrapped(text, l.widths[i])
		default:
			texts[i] = []string{cut(text, l.widths[i])}
		}
		height = max(height, len(texts[i]))
	}
	lines := make([]string, height)
	for n := range lines {
		lines[n] = l.line(cells, texts, n)
	}
	return lines
}

// line returns the n-th line of a row.
func (l *layout) line(cells []Cell, texts [][]string, n int) string {
	var b strings.Builder
	blanks := 0 // written only before more text
	for i, c := range l.columns {
		if l.widths[i] < 0 {
			continue
		}
		text := ""
		if n < len(texts[i]) {
			text = texts[i][n]
		}
		fill := l.widths[i] - WidthOf(text)
		before, after := 0, fill
		if c.Right {
			before, after = fill, 0
		}
		if text != "" {
			b.WriteString(strings.Repeat(" ", blanks+before))
			b.WriteString(l.screen.In(cells[i].Tone, text))
			blanks = 0
		} else {
			blanks += before
		}
		blanks += after + len(gap)
	}
	return b.String()
}
