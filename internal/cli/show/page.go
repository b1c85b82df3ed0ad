package show

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Page is what a person sees of a result: its parts, one below the other.
type Page []Part

// Part is a part of a page: a Table, Facts, or a Text.
type Part interface {
	// Lines returns the lines as the screen shows them.
	Lines(Screen) []string
}

// Text returns the page as the screen shows it. A newline ends each line.
func (p Page) Text(s Screen) string {
	var b strings.Builder
	for _, part := range p {
		for _, line := range part.Lines(s) {
			b.WriteString(strings.TrimRight(line, " "))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Text is a paragraph. It is broken between words if it is wider than the screen.
type Text struct {
	Text string
	Tone Tone
	// Indent is the number of blanks before each line.
	Indent int
}

// Blank is an empty line.
func Blank() Part { return Text{} }

// Lines implements Part.
func (t Text) Lines(s Screen) []string {
	indent := strings.Repeat(" ", t.Indent)
	var lines []string
	for _, line := range wrapped(Printable(t.Text), s.Width-t.Indent) {
		lines = append(lines, indent+s.In(t.Tone, line))
	}
	return lines
}

// Block is text of several lines, such as the output of a process. Each line is cut where
// the screen ends.
type Block struct {
	Text string
	Tone Tone
	// Indent is the number of blanks before each line.
	Indent int
}

// Lines implements Part.
func (b Block) Lines(s Screen) []string {
	indent := strings.Repeat(" ", b.Indent)
	var lines []string
	for line := range strings.Lines(b.Text) {
		line = Printable(strings.TrimRight(line, "\r\n"))
		if s.Width > 0 {
			line = cut(line, max(s.Width-b.Indent, 1))
		}
		lines = append(lines, indent+s.In(b.Tone, line))
	}
	return lines
}

// Facts are names with their values, one a line. A value that is wider than the screen
// goes on below its beginning.
type Facts []Fact

// Fact is a name with its value.
type Fact struct {
	Name string
	Cell
}

// Lines implements Part.
func (f Facts) Lines(s Screen) []string {
	names := 0
	for _, fact := range f {
		names = max(names, WidthOf(Printable(fact.Name)))
	}
	indent := names + len(gap)
	var lines []string
	for _, fact := range f {
		name := Printable(fact.Name)
		for i, line := range wrapped(Printable(fact.Text), s.Width-indent) {
			if i > 0 {
				name = ""
			}
			lines = append(lines, pad(s.In(Faint, name), names)+gap+s.In(fact.Tone, line))
		}
	}
	return lines
}

// leastWrap is the least width to which a text is broken. On a narrower screen the
// terminal breaks the lines.
const leastWrap = 10

// wrapped breaks a printable text at its blanks, so that names and paths stay whole. Only a
// word that is wider than the width is broken itself. There is at least one line.
func wrapped(text string, width int) []string {
	if width < leastWrap || WidthOf(text) <= width {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	for word := range strings.SplitSeq(text, " ") {
		w := WidthOf(word)
		switch {
		case line != "" && used+1+w <= width:
			line, used = line+" "+word, used+1+w
			continue
		case line != "":
			lines = append(lines, strings.TrimRight(line, " "))
		}
		parts := strings.Split(ansi.Hardwrap(word, width, true), "\n")
		lines = append(lines, parts[:len(parts)-1]...)
		line = parts[len(parts)-1]
		used = WidthOf(line)
	}
	return append(lines, strings.TrimRight(line, " "))
}

// cut shortens a printable text to a width, with a sign that there is more.
func cut(text string, width int) string { return ansi.Truncate(text, width, "…") }

// pad fills a text up to a width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-WidthOf(text), 0))
}

// Cut makes a text printable, and shortens it to a width, with a sign that there is more.
func Cut(text string, width int) string { return cut(Printable(text), width) }
