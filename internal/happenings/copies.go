package happenings

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sort"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// copies says how far the logs of agents were copied. The lines of the log say so, too: the
// file of copies only spares reading them all.
type copies struct {
	path string
	most int
	logs map[source]copied
	// upTo is the number of the newest record that the file knows.
	upTo uint64
}

// source is a log that was copied. An agent can name any log, but no other instance.
type source struct {
	instance mgmt.InstanceName
	log      string
}

// copied says how far a log was copied, and which record of ours that was.
type copied struct{ seq, at uint64 }

// copies1 is form 1 of the file of copies. It is sealed by package durable.
type copies1 struct {
	Version int     `json:"version"`
	UpTo    uint64  `json:"up_to"`
	Logs    []copy1 `json:"logs"`
}

type copy1 struct {
	Instance string `json:"instance"`
	Log      string `json:"log"`
	Seq      uint64 `json:"seq"`
	At       uint64 `json:"at"`
}

// copiesEvery is after how many records the copies are saved. Open reads at most as many, and
// a segment more.
const copiesEvery = 4096

// maxCopies bounds the file, in bytes.
const maxCopies = 64 << 20

// readCopies reads the file. If it cannot be read, the whole log is read instead.
func readCopies(cfg Config) *copies {
	c := &copies{path: filepath.Join(cfg.Dir, "copies.json"), most: cfg.Copies, logs: map[source]copied{}}
	text, err := durable.ReadRegular(c.path, maxCopies)
	if errors.Is(err, fs.ErrNotExist) {
		return c
	}
	var list copies1
	if err == nil {
		list, err = decodeCopies(text)
	}
	if err != nil {
		cfg.Logger.Warn("the file that says how far agents were heard cannot be read: the log is read instead", "path", c.path, "err", err)
		return c
	}
	c.upTo = list.UpTo
	for _, one := range list.Logs {
		c.logs[source{mgmt.InstanceName(one.Instance), one.Log}] = copied{one.Seq, one.At}
	}
	return c
}

func decodeCopies(text []byte) (list copies1, err error) {
	object, sealed, err := durable.Unseal(text)
	if err == nil && !sealed {
		err = durable.ErrDamaged
	}
	if err != nil {
		return copies1{}, err
	}
	if _, err := form.Version(object, 1); err != nil {
		return copies1{}, err
	}
	return list, form.Decode(object, &list)
}

// record returns a record from which a log learns how far another was copied.
func (c copy1) record() Record {
	return Record{Happening: mgmt.Happening{Seq: c.At, Instance: mgmt.InstanceName(c.Instance)}, Log: c.Log, LogSeq: c.Seq}
}

func (c *copies) save(upTo uint64) error {
	c.upTo = upTo // if this fails, there is another try after as many records
	return durable.Replace(c.path, c.path+".new", c.text(upTo))
}

// text returns the text of the file.
func (c *copies) text(upTo uint64) []byte {
	list := copies1{Version: 1, UpTo: upTo, Logs: []copy1{}}
	for _, s := range c.latest() {
		list.Logs = append(list.Logs, copy1{Instance: string(s.instance), Log: s.log, Seq: c.logs[s].seq, At: c.logs[s].at})
	}
	return durable.Seal(form.Encode(list))
}

// latest returns the logs, beginning with the one that was copied last.
func (c *copies) latest() []source {
	list := slices.Collect(maps.Keys(c.logs))
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		return cmp.Or(cmp.Compare(c.logs[b].at, c.logs[a].at), cmp.Compare(a.instance, b.instance), cmp.Compare(a.log, b.log)) < 0
	})
	return list
}

func (c *copies) of(instance mgmt.InstanceName, log string) uint64 {
	return c.logs[source{instance, log}].seq
}

func (c *copies) last(instance mgmt.InstanceName) (log string, seq uint64) {
	var at uint64
	for s, is := range c.logs {
		if s.instance == instance && (log == "" || is.at > at) {
			log, seq, at = s.log, is.seq, is.at
		}
	}
	return log, seq
}

// note takes note of a record that the log has.
func (c *copies) note(r Record) {
	if r.Log == "" {
		return
	}
	s := source{r.Instance, r.Log}
	is, known := c.logs[s]
	if r.LogSeq > is.seq {
		c.logs[s] = copied{r.LogSeq, r.Seq}
	}
	if !known {
		c.forgetOld(r.Instance)
	}
}

// logsOfOne bounds the logs of one instance. Each new agent for an instance has another log.
const logsOfOne = 4

// forgetOld forgets the logs that were copied least lately: of an instance, and of all.
func (c *copies) forgetOld(instance mgmt.InstanceName) {
	all, ofOne := 0, 0
	for _, s := range c.latest() {
		if s.instance == instance {
			ofOne++
		}
		if all++; all > c.most || s.instance == instance && ofOne > logsOfOne {
			delete(c.logs, s)
		}
	}
}

// fresh returns the records that the log does not have. Where copies are missing it adds a
// record that says so.
func (c *copies) fresh(list []Record) []Record {
	var fresh []Record
	next := map[source]uint64{}
	for _, r := range list {
		if r.Log == "" {
			fresh = append(fresh, r)
			continue
		}
		s := source{r.Instance, r.Log}
		have := max(next[s], c.logs[s].seq)
		if r.LogSeq <= have {
			continue
		}
		if missing := r.LogSeq - have - 1; missing > 0 {
			fresh = append(fresh, Record{Log: r.Log, LogSeq: r.LogSeq - 1, Happening: mgmt.Happening{
				Time: r.Time, Heard: r.Heard, Kind: mgmt.HappenedLost, Instance: r.Instance,
				Cause: fmt.Sprintf("%d happenings of this instance are missing: its agent has them no more", missing),
			}})
		}
		fresh = append(fresh, r)
		next[s] = r.LogSeq
	}
	return fresh
}
