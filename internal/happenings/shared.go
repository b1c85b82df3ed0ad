package happenings

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/zeekfleet/zeekfleet/internal/journal"
)

// share shares records and writes them, as many at once as may be shared.
func (l *Log) share(list []written) error {
	for len(list) > 0 {
		var text []byte
		n := 0
		for n < len(list) && (n == 0 || len(text)+len(list[n].line.Text) <= l.cfg.ShareBytes) {
			text = append(text, list[n].line.Text...)
			n++
		}
		if err := l.cfg.Share(list[0].Seq, list[n-1].Seq, text); err != nil {
			return fmt.Errorf("share the log of happenings: %w", err)
		}
		l.unwritten = append(l.unwritten, list[:n]...)
		list = list[n:]
		if err := l.writeShared(); err == nil {
			continue
		} else if len(list) > 0 {
			return err
		} else {
			// The other controllers have them, and nobody must record them a second time.
			l.cfg.Logger.Error("records of the log of happenings were shared and are not written here yet", "seq", l.unwritten[0].Seq, "err", err)
		}
	}
	l.savePositions(l.Newest())
	return nil
}

// writeShared writes the records that were shared and not written here yet. After an error
// they stay.
func (l *Log) writeShared() error {
	if len(l.unwritten) == 0 {
		return nil
	}
	done, err := l.write(l.unwritten)
	l.unwritten = l.unwritten[done:]
	return err
}

// Take writes what another controller has shared: the lines of the records from first to last.
// It leaves out what the log has. When it returns nil, the others outlive a power cut, and the
// log knows how far agents were heard. After an error the log may have the first ones, and
// Take can be called again. A line that cannot be read is left out.
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
	taking := journal.Taking[written]{
		What: "log of happenings", Head: headOf, Read: readWritten, Logger: l.cfg.Logger,
	}
	list, gap, err := taking.Records(first, last, lines, newest)
	if err != nil {
		return err
	}
	if gap {
		l.loadPositions()
	}
	if _, err := l.write(list); err != nil {
		return err
	}
	l.skip(last)
	return nil
}

// readWritten returns the record of a line with the line.
func readWritten(line journal.Line) (written, error) {
	h, object, err := readHead(line.Text[:len(line.Text)-1])
	if err != nil {
		return written{}, err
	}
	rec, err := decode(h, object)
	return written{rec, line}, err
}

// skip leaves out the numbers up to last.
func (l *Log) skip(last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.newest < last {
		l.newest = last
		close(l.grown)
		l.grown = make(chan struct{})
	}
}

// loadPositions takes how far agents were heard, according to the controllers that have heard
// them. Without it agents would tell again what the records have that are missing here.
func (l *Log) loadPositions() {
	if l.cfg.Positions == nil {
		return
	}
	text, err := l.cfg.Positions.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var list copies1
	if err == nil {
		list, err = decodeCopies(text)
	}
	if err != nil {
		l.cfg.Logger.Warn("how far agents were heard while this controller was away is not known: some may tell again what they have told", "err", err)
		return
	}
	for _, one := range list.Logs {
		l.copies.note(one.record())
	}
}

// savePositions saves how far agents were heard, when enough was shared since.
func (l *Log) savePositions(newest uint64) {
	if l.cfg.Positions == nil || l.cfg.Share == nil || newest-l.positions < uint64(l.cfg.PositionsEvery) {
		return
	}
	l.positions = newest
	if err := l.cfg.Positions.Save(l.copies.text(newest)); err != nil {
		l.cfg.Logger.Warn("how far agents were heard is not shared", "err", err)
	}
}

// Each calls each with all lines after a number, in batches of at most so many bytes. Another
// process may append meanwhile. It returns how many lines are damaged, which it leaves out.
func (l *Log) Each(after uint64, most int, each func(first, last uint64, lines []byte) error) (damaged int, err error) {
	damaged, err = journal.Parts([]*journal.Journal{l.journal}, after, most, each)
	if err != nil {
		return damaged, fmt.Errorf("read the log of happenings: %w", err)
	}
	return damaged, nil
}

// Positions returns how far agents were heard, in the form of Config.Positions.
func (l *Log) Positions() []byte {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	return l.copies.text(l.Newest())
}
