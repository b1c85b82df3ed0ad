package journal

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/zeekfleet/zeekfleet/internal/form"
)

// Parts calls each with all lines of journals after a number, in the order of their numbers and
// in batches of at most so many bytes. A longer line is a batch of its own. Another process may
// append meanwhile. It returns how many lines are damaged, which it leaves out.
func Parts(journals []*Journal, after uint64, most int, each func(first, last uint64, lines []byte) error) (damaged int, err error) {
	b := batches{most: most, each: each}
	damaged, err = lines(journals, after, b.add)
	if err == nil {
		err = b.flush()
	}
	return damaged, err
}

// batches gathers lines into batches of at most so many bytes.
type batches struct {
	most int
	each func(first, last uint64, lines []byte) error

	first, last uint64
	text        []byte
}

func (b *batches) add(line Line) error {
	if len(b.text) > 0 && len(b.text)+len(line.Text) > b.most {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if len(b.text) == 0 {
		b.first = line.Seq
	}
	b.last, b.text = line.Seq, append(b.text, line.Text...)
	return nil
}

// flush ends the batch that has begun.
func (b *batches) flush() error {
	if len(b.text) == 0 {
		return nil
	}
	text := b.text
	b.text = nil
	return b.each(b.first, b.last, text)
}

// Taking reads what another process has shared of its log, for a copy of that log.
type Taking[T any] struct {
	// What names the log for people, such as "audit log".
	What string
	// Head returns the head of a line without its newline, and Read the record of a line. A
	// *form.NewerError ends the taking. Any other error means that the line is damaged.
	Head func(line []byte) (Head, error)
	Read func(Line) (T, error)
	// Logger gets reports of damage, and of records that are missing.
	Logger *slog.Logger
}

// Records returns the records from first to last, without those up to newest, which the copy
// has. It leaves out damaged lines. gap says that records between newest and first are missing.
func (t Taking[T]) Records(first, last uint64, lines []byte, newest uint64) (list []T, gap bool, err error) {
	found, damaged, err := cut(lines, newest, t.Head)
	if err != nil {
		return nil, false, fmt.Errorf("take a part of the %s: %w", t.What, err)
	}
	for _, line := range found {
		rec, err := t.Read(line)
		if newer, ok := errors.AsType[*form.NewerError](err); ok {
			return nil, false, fmt.Errorf("take a part of the %s: %w", t.What, newer)
		}
		if err != nil || line.Seq > last {
			damaged++
			continue
		}
		list = append(list, rec)
	}
	if gap = first > newest+1; gap {
		t.Logger.Warn("records of the "+t.What+" are missing here: the controllers no longer shared them when this one asked", "from", newest+1, "to", first-1)
	}
	if damaged > 0 {
		t.Logger.Error("a part of the "+t.What+" that another controller has shared is damaged: lines are left out", "first", first, "last", last, "count", damaged)
	}
	return list, gap, nil
}
