package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// Append writes lines and syncs them, as many as fit into a segment at once. It returns
// how many lines outlive a power cut now. After an error, the others are not in the journal.
func (j *Journal) Append(lines []Line) (done int, err error) {
	for done < len(lines) {
		if err := j.ready(lines[done]); err != nil {
			return done, err
		}
		n, err := j.write(lines[done:])
		if done += n; err != nil {
			return done, err
		}
		j.drop(lines[done-1].written())
	}
	return done, nil
}

// write writes the first lines, as many as the last segment takes. It takes at least one.
func (j *Journal) write(lines []Line) (int, error) {
	g := j.segments[len(j.segments)-1]
	var text []byte
	n := 0
	for n < len(lines) && (n == 0 || !j.full(g, lines[n])) {
		text = append(text, lines[n].Text...)
		g.Count++
		g.Size += int64(len(lines[n].Text))
		g.add(lines[n].Head)
		n++
	}
	// The offset is ours. A file system that was full may have a size of its own in mind.
	_, err := j.file.WriteAt(text, j.segments[len(j.segments)-1].Size)
	if err == nil {
		err = unix.Fdatasync(int(j.file.Fd()))
	}
	if err != nil {
		j.torn = true
		return 0, errors.Join(err, j.rewind())
	}
	j.mu.Lock()
	g.Damaged = g.Damaged || j.segments[len(j.segments)-1].Damaged
	j.segments[len(j.segments)-1] = g
	j.mu.Unlock()
	return n, nil
}

// ready makes the last segment ready for a line.
func (j *Journal) ready(l Line) error {
	if len(j.segments) > 0 && j.file == nil {
		f, err := os.OpenFile(j.segments[len(j.segments)-1].Path, os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		j.file = f
	}
	if err := j.rewind(); err != nil {
		return err
	}
	if j.file == nil || j.full(j.segments[len(j.segments)-1], l) {
		return j.roll(l.Seq)
	}
	return nil
}

// rewind cuts off what a failed write has left.
func (j *Journal) rewind() error {
	if !j.torn || j.file == nil {
		return nil
	}
	if err := j.file.Truncate(j.segments[len(j.segments)-1].Size); err != nil {
		return err
	}
	j.torn = false
	return nil
}

// full reports whether a line needs another segment than g.
func (j *Journal) full(g Segment, l Line) bool {
	return g.Count >= max(j.cfg.MaxLines/segmentsWhenFull, 1) ||
		g.Size+int64(len(l.Text)) > min(j.cfg.SegmentBytes, max(j.cfg.MaxBytes/segmentsWhenFull, int64(j.cfg.LineBytes))) ||
		g.Count > 0 && l.written().Sub(g.Begun) > j.cfg.MaxAge/segmentsWhenFull
}

// roll begins a new segment.
func (j *Journal) roll(first uint64) error {
	path := filepath.Join(j.cfg.Dir, j.nameOf(first))
	f, err := durable.Create(path, 0o600)
	if err != nil {
		return err
	}
	if err := durable.SyncDir(j.cfg.Dir); err != nil {
		return errors.Join(err, f.Close(), os.Remove(path))
	}
	err = j.Close()
	j.file, j.torn = f, false
	j.mu.Lock()
	j.segments = append(j.segments, Segment{Path: path, First: first})
	j.mu.Unlock()
	j.writeIndex()
	return err
}

// drop removes the oldest segments while there are too many lines, or too old ones.
// The last segment stays.
func (j *Journal) drop(now time.Time) {
	for len(j.segments) > 1 {
		lines, bytes := 0, int64(0)
		for _, g := range j.segments {
			lines, bytes = lines+g.Count, bytes+g.Size
		}
		oldest := j.segments[0]
		if lines <= j.cfg.MaxLines && bytes <= j.cfg.MaxBytes && now.Sub(oldest.Ended) <= j.cfg.MaxAge {
			return
		}
		if err := os.Remove(oldest.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			j.cfg.Logger.Warn("an old file of the "+j.cfg.What+" cannot be removed", "path", oldest.Path, "err", err)
			return
		}
		j.mu.Lock()
		j.segments = slices.Clone(j.segments[1:])
		j.mu.Unlock()
	}
}

// Close closes the journal. It can still be read.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
