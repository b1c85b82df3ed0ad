package journal

import (
	"errors"

	"github.com/zeekfleet/zeekfleet/internal/form"
)

// Cut returns the lines of a text whose numbers are greater than after, and how many lines are
// damaged. A line counts as damaged, too, if its number is not greater than that of the line
// before. The error is a *form.NewerError.
func Cut(text []byte, after uint64, read func(line []byte) (Head, error)) (lines []Line, damaged int, err error) {
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
