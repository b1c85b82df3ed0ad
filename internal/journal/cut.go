package journal

import (
	"errors"

	"github.com/zeekfleet/zeekfleet/internal/form"
)

// cut returns the lines of a text whose numbers are greater than after, and how many lines are
// damaged. A line counts as damaged, too, if its number is not greater than that of the line
// before. The error is a *form.NewerError.
func cut(text []byte, after uint64, read func(line []byte) (Head, error)) (lines []Line, damaged int, err error) {
	var last uint64
	for line := range WholeLines(text) {
		h, err := read(line)
		if newer, ok := errors.AsType[*form.NewerError](err); ok {
			return nil, 0, newer
		}
		if err != nil || h.Seq <= last {
			damaged++
			continue
		}
		if last = h.Seq; h.Seq > after {
			lines = append(lines, Line{h, line[:len(line)+1]})
		}
	}
	return lines, damaged, nil
}

// lines calls each with the lines of journals whose numbers are greater than after, in the
// order of their numbers. It reads a segment at a time, also while another process appends. It
// returns how many lines are damaged, which it leaves out.
func lines(journals []*Journal, after uint64, each func(Line) error) (damaged int, err error) {
	heads := make([]*cursor, len(journals))
	for i, j := range journals {
		heads[i] = &cursor{journal: j, segments: j.Segments(), after: after}
	}
	for {
		first := -1
		for i, c := range heads {
			if err := c.fill(); err != nil {
				return 0, err
			}
			if len(c.lines) > 0 && (first < 0 || c.lines[0].Seq < heads[first].lines[0].Seq) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		c := heads[first]
		line := c.lines[0]
		c.lines = c.lines[1:]
		if err := each(line); err != nil {
			return 0, err
		}
	}
	for _, c := range heads {
		damaged += c.damaged
	}
	return damaged, nil
}

// cursor is how far a journal was read.
type cursor struct {
	journal  *Journal
	segments []Segment // that were not read yet
	lines    []Line    // of the segment that was read last
	after    uint64
	damaged  int
}

// fill reads the next segment if there is no line left.
func (c *cursor) fill() error {
	for len(c.lines) == 0 && len(c.segments) > 0 {
		g := c.segments[0]
		c.segments = c.segments[1:]
		if g.Last <= c.after {
			continue
		}
		text, err := c.journal.Text(g)
		if err != nil {
			return err
		}
		lines, damaged, err := cut(text, c.after, c.journal.cfg.Read)
		if err != nil {
			return err
		}
		c.lines, c.damaged = lines, c.damaged+damaged
	}
	return nil
}
