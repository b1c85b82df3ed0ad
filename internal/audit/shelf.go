package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// kind is the kind of the records in a segment. The names of files begin with it.
type kind string

const (
	changes  kind = "changes"
	refusals kind = "refused"
)

func kindOf(rec mgmt.AuditRecord) kind {
	if rec.Outcome == mgmt.AuditRefused {
		return refusals
	}
	return changes
}

// A shelf has at least this many segments when it is full, so that removing one
// removes few records.
const segmentsWhenFull = 40

// maxSegment bounds a segment, in bytes.
const maxSegment = 1 << 20

// segment says what is in a file.
type segment struct {
	path     string
	count    int   // lines, damaged ones as well
	size     int64 // of its whole lines
	last     uint64
	from, to time.Time // the earliest and the latest time of a record
	damaged  bool      // damage was reported
}

func (g *segment) add(h head) {
	g.last = max(g.last, h.seq)
	if g.from.IsZero() || h.time.Before(g.from) {
		g.from = h.time
	}
	if h.time.After(g.to) {
		g.to = h.time
	}
}

// shelf holds the segments of one kind. Only the goroutine whose turn it is calls its
// methods.
type shelf struct {
	kind       kind
	cfg        Config
	maxRecords int
	maxBytes   int64

	file *os.File // the last segment; nil before the first record
	torn bool     // the file may be longer than the segment's size

	mu       *sync.Mutex // of the Log; guards segments
	segments []segment   // from the oldest
}

// open reads what the segments have, and returns the number of the newest record.
func (s *shelf) open(now time.Time) (uint64, error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return 0, err
	}
	var newest uint64
	for _, entry := range entries { // sorted by name, and so by number
		first, ok := s.firstOf(entry.Name())
		if !ok {
			continue
		}
		g, err := s.index(filepath.Join(s.cfg.Dir, entry.Name()))
		if newer, ok := errors.AsType[*form.NewerError](err); ok {
			return 0, fmt.Errorf("%s: %w", entry.Name(), newer)
		}
		if err != nil {
			s.cfg.Logger.Error("a file of the audit log cannot be read: it is left alone", "path", filepath.Join(s.cfg.Dir, entry.Name()), "err", err)
			newest = max(newest, first)
			continue
		}
		newest = max(newest, first-1, g.last)
		s.segments = append(s.segments, g)
	}
	if len(s.segments) > 0 {
		s.torn = true // perhaps: the last line need not be whole
	}
	s.drop(now)
	return newest, nil
}

// nameOf returns the name of the segment whose first record has this number.
func (s *shelf) nameOf(first uint64) string { return fmt.Sprintf("%s-%020d.jsonl", s.kind, first) }

func (s *shelf) firstOf(name string) (uint64, bool) {
	number, ok := strings.CutPrefix(strings.TrimSuffix(name, ".jsonl"), string(s.kind)+"-")
	first, err := strconv.ParseUint(number, 10, 64)
	return first, ok && err == nil && first > 0 && s.nameOf(first) == name
}

// index reads a segment.
func (s *shelf) index(path string) (segment, error) {
	text, err := durable.ReadRegular(path, maxSegment+maxLine)
	if err != nil {
		return segment{}, err
	}
	g, damaged, err := survey(text)
	if err != nil {
		return segment{}, err
	}
	g.path = path
	if damaged > 0 {
		g.damaged = true
		s.cfg.Logger.Error("the audit log is damaged: lines are skipped", "path", path, "count", damaged)
	}
	if rest := len(text) - int(g.size); rest > 0 {
		s.cfg.Logger.Warn("the last line of the audit log was not written whole: nobody was answered, and it is cut off", "path", path, "bytes", rest)
	}
	return g, nil
}

// survey returns what is in the text of a segment, and how many lines are damaged. The
// error is a *form.NewerError.
func survey(text []byte) (g segment, damaged int, err error) {
	for line := range wholeLines(text) {
		g.count++
		g.size += int64(len(line)) + 1
		h, _, err := readHead(line)
		if newer, ok := errors.AsType[*form.NewerError](err); ok {
			return segment{}, 0, newer
		}
		if err != nil {
			damaged++
			g.last++ // it had a number, too
			continue
		}
		g.add(h)
	}
	return g, damaged, nil
}

// wholeLines returns the lines of a text that end with a newline, without it.
func wholeLines(text []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for {
			line, rest, ok := bytes.Cut(text, []byte("\n"))
			if !ok || !yield(line) {
				return
			}
			text = rest
		}
	}
}

// append writes and syncs a line. After an error the segment is as before.
func (s *shelf) append(h head, line []byte) error {
	if err := s.ready(h, int64(len(line))); err != nil {
		return err
	}
	// The offset is ours. A file system that was full may have a size of its own in mind.
	_, err := s.file.WriteAt(line, s.segments[len(s.segments)-1].size)
	if err == nil {
		err = unix.Fdatasync(int(s.file.Fd()))
	}
	if err != nil {
		s.torn = true
		return errors.Join(err, s.rewind())
	}
	s.mu.Lock()
	g := &s.segments[len(s.segments)-1]
	g.count++
	g.size += int64(len(line))
	g.add(h)
	s.mu.Unlock()
	s.drop(h.time)
	return nil
}

// ready makes the last segment ready for a line of this many bytes.
func (s *shelf) ready(h head, bytes int64) error {
	if len(s.segments) > 0 && s.file == nil {
		f, err := os.OpenFile(s.segments[len(s.segments)-1].path, os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		s.file = f
	}
	if err := s.rewind(); err != nil {
		return err
	}
	if s.file == nil || s.full(h.time, bytes) {
		return s.roll(h)
	}
	return nil
}

// rewind cuts off what a failed write has left.
func (s *shelf) rewind() error {
	if !s.torn || s.file == nil {
		return nil
	}
	if err := s.file.Truncate(s.segments[len(s.segments)-1].size); err != nil {
		return err
	}
	s.torn = false
	return nil
}

// full reports whether a record needs a new segment.
func (s *shelf) full(now time.Time, bytes int64) bool {
	g := s.segments[len(s.segments)-1]
	return g.count >= max(s.maxRecords/segmentsWhenFull, 1) ||
		g.size+bytes > min(maxSegment, max(s.maxBytes/segmentsWhenFull, maxLine)) ||
		g.count > 0 && now.Sub(g.from) > s.cfg.MaxAge/segmentsWhenFull
}

// roll begins a new segment.
func (s *shelf) roll(h head) error {
	path := filepath.Join(s.cfg.Dir, s.nameOf(h.seq))
	f, err := durable.Create(path, 0o600)
	if err != nil {
		return err
	}
	if err := durable.SyncDir(s.cfg.Dir); err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	err = s.close()
	s.file, s.torn = f, false
	s.mu.Lock()
	s.segments = append(s.segments, segment{path: path})
	s.mu.Unlock()
	return err
}

// drop removes the oldest segments while there are too many records, or too old ones.
// The last segment stays.
func (s *shelf) drop(now time.Time) {
	for len(s.segments) > 1 {
		records, bytes := 0, int64(0)
		for _, g := range s.segments {
			records, bytes = records+g.count, bytes+g.size
		}
		oldest := s.segments[0]
		if records <= s.maxRecords && bytes <= s.maxBytes && now.Sub(oldest.to) <= s.cfg.MaxAge {
			return
		}
		if err := os.Remove(oldest.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.cfg.Logger.Warn("an old file of the audit log cannot be removed", "path", oldest.path, "err", err)
			return
		}
		s.mu.Lock()
		s.segments = slices.Clone(s.segments[1:])
		s.mu.Unlock()
	}
}

func (s *shelf) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}
