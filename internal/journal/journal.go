package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// Config says where a journal is, what its lines are, and how much it keeps.
type Config struct {
	// Dir is the directory of the journal. It exists. Only one process may append.
	Dir string
	// Name begins the names of the segments: NAME-00000000000000000001.jsonl. What names
	// the journal for people, such as "audit log".
	Name, What string
	// MaxLines, MaxBytes and MaxAge bound what is kept. If there is more, the oldest
	// segment is removed. The last segment stays.
	MaxLines int
	MaxBytes int64
	MaxAge   time.Duration
	// LineBytes bounds a line.
	LineBytes int
	// SegmentBytes bounds a segment. Zero means 1 MiB.
	SegmentBytes int64
	// Indexed says that the journal has an index.
	Indexed bool
	// Read returns the head of a line without its newline. A *form.NewerError keeps the
	// journal from being opened. Any other error means that the line is damaged.
	Read func(line []byte) (Head, error)
	// Logger gets reports of damage. Nil discards them.
	Logger *slog.Logger
}

// Head is the part of a line that the journal needs.
type Head struct {
	// Seq is the number of the line. Each line has a greater one than the line before.
	Seq uint64
	// Time is the time of what the line tells.
	Time time.Time
	// Written is when the line was written. Zero means Time.
	Written time.Time
}

func (h Head) written() time.Time {
	if h.Written.IsZero() {
		return h.Time
	}
	return h.Written
}

// Line is a line to append, with its newline.
type Line struct {
	Head
	Text []byte
}

// A journal has at least this many segments when it is full, so that removing one
// removes few lines.
const segmentsWhenFull = 40

// Segment says what is in a file.
type Segment struct {
	Path string
	// Count is the number of lines, damaged ones as well. Size is that of the whole lines.
	Count int
	Size  int64
	// First is the number after which the file is named. Last is the number of its last line.
	First, Last uint64
	// From and To are the earliest and the latest Time of a line.
	From, To time.Time
	// Begun and Ended are the earliest and the latest time at which a line was written.
	Begun, Ended time.Time
	// Damaged says that damage was reported.
	Damaged bool
}

func (g *Segment) add(h Head) {
	g.Last = max(g.Last, h.Seq)
	stretch(&g.From, &g.To, h.Time)
	stretch(&g.Begun, &g.Ended, h.written())
}

// stretch makes t lie between from and to.
func stretch(from, to *time.Time, t time.Time) {
	if from.IsZero() || t.Before(*from) {
		*from = t
	}
	if t.After(*to) {
		*to = t
	}
}

// Journal is an open journal. One goroutine at a time may call Append, Append's error
// included, and Close. Any goroutine may call the other methods.
type Journal struct {
	cfg  Config
	file *os.File // the last segment; nil before the first line
	torn bool     // the file may be longer than the segment's Size

	mu       sync.Mutex // guards segments
	segments []Segment  // from the oldest
}

// Open reads what a journal has. It returns the number of the newest line, which is 0 if
// there was none.
func Open(cfg Config, now time.Time) (*Journal, uint64, error) {
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	cfg.SegmentBytes = cmp.Or(cfg.SegmentBytes, 1<<20)
	j := &Journal{cfg: cfg}
	newest, err := j.open(now)
	return j, newest, err
}

func (j *Journal) open(now time.Time) (uint64, error) {
	entries, err := os.ReadDir(j.cfg.Dir)
	if err != nil {
		return 0, err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { _, ok := j.firstOf(e.Name()); return !ok })
	index := j.readIndex()
	var newest uint64
	for i, entry := range entries { // sorted by name, and so by number
		path := filepath.Join(j.cfg.Dir, entry.Name())
		first, _ := j.firstOf(entry.Name())
		g, ok := j.known(index, first, entry)
		if !ok || i == len(entries)-1 {
			g, err = j.survey(path)
		}
		if newer, ok := errors.AsType[*form.NewerError](err); ok {
			return 0, fmt.Errorf("%s: %w", entry.Name(), newer)
		}
		if err != nil {
			j.cfg.Logger.Error("a file of the "+j.cfg.What+" cannot be read: it is left alone", "path", path, "err", err)
			newest, err = max(newest, first), nil
			continue
		}
		g.Path, g.First = path, first
		newest = max(newest, first-1, g.Last)
		j.segments = append(j.segments, g)
	}
	j.torn = len(j.segments) > 0 // perhaps: the last line need not be whole
	j.drop(now)
	return newest, nil
}

// nameOf returns the name of the segment whose first line has this number.
func (j *Journal) nameOf(first uint64) string {
	return fmt.Sprintf("%s-%020d.jsonl", j.cfg.Name, first)
}

func (j *Journal) firstOf(name string) (uint64, bool) {
	number, ok := strings.CutPrefix(strings.TrimSuffix(name, ".jsonl"), j.cfg.Name+"-")
	first, err := strconv.ParseUint(number, 10, 64)
	return first, ok && err == nil && first > 0 && j.nameOf(first) == name
}

// survey reads a segment.
func (j *Journal) survey(path string) (Segment, error) {
	text, err := durable.ReadRegular(path, int(j.cfg.SegmentBytes)+j.cfg.LineBytes)
	if err != nil {
		return Segment{}, err
	}
	g, damaged, err := Survey(text, j.cfg.Read)
	if err != nil {
		return Segment{}, err
	}
	if damaged > 0 {
		g.Damaged = true
		j.cfg.Logger.Error("the "+j.cfg.What+" is damaged: lines are skipped", "path", path, "count", damaged)
	}
	if rest := len(text) - int(g.Size); rest > 0 {
		j.cfg.Logger.Warn("the last line of the "+j.cfg.What+" was not written whole: nobody was answered, and it is cut off", "path", path, "bytes", rest)
	}
	return g, nil
}

// Survey returns what is in the text of a segment, and how many lines are damaged. The
// error is a *form.NewerError.
func Survey(text []byte, read func(line []byte) (Head, error)) (g Segment, damaged int, err error) {
	for line := range WholeLines(text) {
		g.Count++
		g.Size += int64(len(line)) + 1
		h, err := read(line)
		if newer, ok := errors.AsType[*form.NewerError](err); ok {
			return Segment{}, 0, newer
		}
		if err != nil {
			damaged++
			g.Last++ // it had a number, too
			continue
		}
		g.add(h)
	}
	return g, damaged, nil
}

// WholeLines returns the lines of a text that end with a newline, without it.
func WholeLines(text []byte) func(yield func([]byte) bool) {
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

// Segments returns what the segments have, from the oldest. It does not tell of lines
// that are being written.
func (j *Journal) Segments() []Segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.segments)
}

// Text returns the whole lines of a segment. A segment that was removed has none.
func (j *Journal) Text(g Segment) ([]byte, error) {
	f, err := durable.OpenRegular(g.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text := make([]byte, g.Size) // what follows may be written just now
	n, err := io.ReadFull(f, text)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if text = text[:n]; err == nil && (int64(n) < g.Size || n > 0 && text[n-1] != '\n') {
		j.ReportDamage(g)
	}
	return text, err
}

// ReportDamage logs once that a segment is damaged.
func (j *Journal) ReportDamage(g Segment) {
	j.mu.Lock()
	i := slices.IndexFunc(j.segments, func(have Segment) bool { return have.Path == g.Path })
	known := i < 0 || j.segments[i].Damaged
	if !known {
		j.segments[i].Damaged = true
	}
	j.mu.Unlock()
	if !known {
		j.cfg.Logger.Error("the "+j.cfg.What+" is damaged: lines are skipped", "path", g.Path)
	}
}
