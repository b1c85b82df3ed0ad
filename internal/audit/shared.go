package audit

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/journal"
)

// shelved is a line with the kind of its record.
type shelved struct {
	kind kind
	journal.Line
}

// share shares a line and writes it.
func (l *Log) share(line shelved) error {
	if err := l.cfg.Share(line.Seq, line.Seq, line.Text); err != nil {
		return fmt.Errorf("share the audit log: %w", err)
	}
	l.unwritten = append(l.unwritten, line)
	if err := l.writeShared(); err != nil {
		// The other controllers have it, and nobody must record it a second time.
		l.cfg.Logger.Error("a record of the audit log was shared and is not written here yet", "seq", line.Seq, "err", err)
	}
	return nil
}

// writeShared writes the lines that were shared and not written here yet. After an error they
// stay.
func (l *Log) writeShared() error {
	for len(l.unwritten) > 0 {
		n := l.unwritten.sameKind()
		lines := make([]journal.Line, n)
		for i, line := range l.unwritten[:n] {
			lines[i] = line.Line
		}
		done, err := l.shelf[l.unwritten[0].kind].Append(lines)
		if done > 0 {
			l.announce(lines[done-1].Seq)
		}
		for _, line := range l.unwritten[:done] {
			l.copyShared(line)
		}
		if l.unwritten = l.unwritten[done:]; err != nil {
			return fmt.Errorf("write the audit log: %w", err)
		}
	}
	return nil
}

// copyShared writes a line to Config.File. The log has the record in any case.
func (l *Log) copyShared(line shelved) {
	if l.copied == nil {
		return
	}
	if err := l.copy(line); err != nil {
		l.cfg.Logger.Error("the audit file lacks a record", "seq", line.Seq, "err", err)
	}
}

// shelvedLines are lines in the order of their numbers.
type shelvedLines []shelved

// sameKind returns how many of the first lines are on the same shelf.
func (s shelvedLines) sameKind() int {
	for n, line := range s {
		if line.kind != s[0].kind {
			return n
		}
	}
	return len(s)
}

// Each calls each with all lines after a number, in batches of at most so many bytes. Another
// process may append meanwhile. It returns how many lines are damaged, which it leaves out.
func (l *Log) Each(after uint64, most int, each func(first, last uint64, lines []byte) error) (damaged int, err error) {
	damaged, err = journal.Parts([]*journal.Journal{l.shelf[changes], l.shelf[refusals]}, after, most, each)
	if err != nil {
		return damaged, fmt.Errorf("read the audit log: %w", err)
	}
	return damaged, nil
}

// Take writes what another controller has shared: the lines of the records from first to last.
// It leaves out what the log has. When it returns nil, the others outlive a power cut. After an
// error the log has the first ones, and Take can be called again. A line that cannot be read
// is left out.
func (l *Log) Take(first, last uint64, lines []byte) error {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	if l.closed {
		return ErrClosed
	}
	if err := l.writeShared(); err != nil {
		return err
	}
	newest := l.Newest()
	if last <= newest {
		return nil
	}
	taking := journal.Taking[shelved]{
		What: "audit log", Head: headOf, Read: shelf, Logger: l.cfg.Logger,
	}
	taken, _, err := taking.Records(first, last, lines, newest)
	if err != nil {
		return err
	}
	l.unwritten = append(l.unwritten, taken...)
	if err := l.writeShared(); err != nil {
		l.unwritten = nil // they come again
		return err
	}
	if l.Newest() < last {
		l.announce(last)
	}
	return nil
}

// shelf returns a line with the kind of its record.
func shelf(line journal.Line) (shelved, error) {
	h, object, err := readHead(line.Text[:len(line.Text)-1])
	if err != nil {
		return shelved{}, err
	}
	rec, err := decode(h, object)
	if err != nil {
		return shelved{}, err
	}
	return shelved{kindOf(rec), line}, nil
}
