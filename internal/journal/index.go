package journal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// index1 is form 1 of the index of a journal. It is sealed by package durable.
type index1 struct {
	Version  int        `json:"version"`
	Segments []segment1 `json:"segments"`
}

// segment1 is what the index says about a segment. The last segment is not in the index.
type segment1 struct {
	First   uint64    `json:"first"`
	Count   int       `json:"count"`
	Size    int64     `json:"size"`
	Last    uint64    `json:"last"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Begun   time.Time `json:"begun"`
	Ended   time.Time `json:"ended"`
	Damaged bool      `json:"damaged,omitempty"`
}

// maxIndex bounds the index, in bytes. A segment takes some 250.
const maxIndex = 4 << 20

func (j *Journal) indexPath() string { return filepath.Join(j.cfg.Dir, j.cfg.Name+"-index.json") }

// index holds the segments that the index knows, by First.
type index map[uint64]segment1

// known returns what the index says about a file. It returns false if it says nothing, if the
// file has another size than the index says, or if it is larger than a segment can be.
func (j *Journal) known(x index, first uint64, file fs.DirEntry) (Segment, bool) {
	s, ok := x[first]
	most := j.cfg.SegmentBytes + int64(j.cfg.LineBytes)
	if !ok {
		return Segment{}, false
	}
	info, err := file.Info()
	if err != nil || !info.Mode().IsRegular() || s.Size > most {
		return Segment{}, false
	}
	if info.Size() != s.Size {
		j.cfg.Logger.Error("the "+j.cfg.What+" is damaged: a file has another size than it had", "path", filepath.Join(j.cfg.Dir, file.Name()),
			"bytes", info.Size(), "had", s.Size)
		return Segment{}, false
	}
	return Segment{
		Count: s.Count, Size: s.Size, Last: s.Last, From: s.From, To: s.To, Begun: s.Begun, Ended: s.Ended, Damaged: s.Damaged,
	}, true
}

// readIndex reads the index. If it cannot be read, all segments are read instead.
func (j *Journal) readIndex() index {
	if !j.cfg.Indexed {
		return nil
	}
	text, err := durable.ReadRegular(j.indexPath(), maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list index1
	if err == nil {
		list, err = decodeIndex(text)
	}
	if err != nil {
		j.cfg.Logger.Warn("the index of the "+j.cfg.What+" cannot be read: the log is read instead", "path", j.indexPath(), "err", err)
		return nil
	}
	known := index{}
	for _, s := range list.Segments {
		known[s.First] = s
	}
	return known
}

func decodeIndex(text []byte) (list index1, err error) {
	object, sealed, err := durable.Unseal(text)
	if err == nil && !sealed {
		err = durable.ErrDamaged
	}
	if err != nil {
		return index1{}, err
	}
	if _, err := form.Version(object, 1); err != nil {
		return index1{}, err
	}
	return list, form.Decode(object, &list)
}

// writeIndex writes the index of all segments but the last. A journal without an index
// takes longer to open, and that is all.
func (j *Journal) writeIndex() {
	if !j.cfg.Indexed {
		return
	}
	list := index1{Version: 1, Segments: []segment1{}}
	for _, g := range j.segments[:len(j.segments)-1] {
		list.Segments = append(list.Segments, segment1{
			First: g.First, Count: g.Count, Size: g.Size, Last: g.Last, From: g.From, To: g.To, Begun: g.Begun, Ended: g.Ended, Damaged: g.Damaged,
		})
	}
	if err := durable.Replace(j.indexPath(), j.indexPath()+".new", durable.Seal(form.Encode(list))); err != nil {
		j.cfg.Logger.Warn("the index of the "+j.cfg.What+" is not written", "path", j.indexPath(), "err", err)
	}
}
