package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// Record is what is known on disk of one process. PID, StartTicks and BootID
// together name one process and never another; each alone can come again.
type Record struct {
	Name        string
	Launch      uint64
	PID         int
	StartTicks  uint64 // kernel start time, /proc/<pid>/stat field 22
	BootID      string
	Executable  string
	Fingerprint string
	Started     time.Time
	Stdout      Output
	Stderr      Output
}

// Output is where the output of one launch begins.
type Output struct {
	Path   string // empty: it goes nowhere
	Offset int64  // bytes
}

const (
	recordSuffix = ".json"
	maxRecord    = 64 << 10 // bytes of a record file; a longer one is none of ours
)

// records is the directory with the records of processes. The record of a process
// stands there from before its start until its end is known. Each launch has a file
// of its own, so that the late removal of an old record cannot hit a new one.
type records struct{ dir string }

func openRecords(dir string) (records, error) {
	if dir == "" {
		return records{}, errors.New("no directory for process records")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return records{}, fmt.Errorf("directory for process records: %w", err)
	}
	return records{dir}, nil
}

func (d records) path(r Record) string {
	// An escaped name contains no slash; the suffix makes ".." harmless.
	return filepath.Join(d.dir, fmt.Sprintf("%s.%d%s", url.PathEscape(r.Name), r.Launch, recordSuffix))
}

// save writes r durably: its file is the old one or the new one, never a part.
func (d records) save(r Record) error {
	path := d.path(r)
	return durable.Replace(path, path+".new", encodeRecord(r))
}

// remove deletes the file of r. It is not synced: a record that comes back
// after a power cut belongs to another boot.
func (d records) remove(r Record) error {
	if err := os.Remove(d.path(r)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// A lostRecord is the file of a launch that cannot be read.
type lostRecord struct {
	path   string
	name   string // of the node, and the launch: the file's name says both
	launch uint64
	err    error
}

func (l lostRecord) Error() string { return fmt.Sprintf("process record %s: %v", l.path, l.err) }

// load reads all records. It reports records that cannot be read, and files that are
// no records, and removes files that an interrupted save has left. If a newer
// zeekfleet has written a record, load returns an error and removes nothing.
func (d records) load() (found []Record, lost []lostRecord, problems []error, err error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, nil, nil, err
	}
	var fresh []string
	for _, e := range entries {
		path := filepath.Join(d.dir, e.Name())
		switch {
		case strings.HasSuffix(path, recordSuffix):
			r, err := d.read(path)
			if err == nil {
				found = append(found, r)
				continue
			}
			if isShortage(err) {
				return nil, nil, nil, err
			}
			if isNewer(err) {
				return nil, nil, nil, fmt.Errorf("%s was %w", path, err)
			}
			l := lostRecord{path: path, err: err}
			var ok bool
			if l.name, l.launch, ok = parseRecordName(e.Name()); ok {
				lost = append(lost, l)
			} else {
				problems = append(problems, l)
			}
		case strings.HasSuffix(path, recordSuffix+".new"):
			fresh = append(fresh, path)
		}
	}
	for _, path := range fresh {
		if err := os.Remove(path); err != nil {
			problems = append(problems, err)
		}
	}
	return found, lost, problems, nil
}

// parseRecordName returns whose record a file of that name is.
func parseRecordName(base string) (name string, launch uint64, ok bool) {
	rest := strings.TrimSuffix(base, recordSuffix)
	i := strings.LastIndexByte(rest, '.')
	if i <= 0 {
		return "", 0, false
	}
	launch, err := strconv.ParseUint(rest[i+1:], 10, 64)
	if err != nil {
		return "", 0, false
	}
	name, err = url.PathUnescape(rest[:i])
	return name, launch, err == nil
}

func (d records) read(path string) (Record, error) {
	text, err := durable.ReadRegular(path, maxRecord)
	if err != nil {
		return Record{}, err
	}
	return parseRecord(text, filepath.Base(path), d)
}

// parseRecord accepts only what save could have written to a file called base.
func parseRecord(text []byte, base string, d records) (Record, error) {
	if len(text) == 0 {
		return Record{}, errors.New("it is empty")
	}
	r, err := decodeRecord(text)
	if err != nil {
		return Record{}, err
	}
	if r.PID <= 1 || r.Name == "" || r.BootID == "" || r.StartTicks == 0 {
		return Record{}, errors.New("it names no process")
	}
	if filepath.Base(d.path(r)) != base {
		return Record{}, fmt.Errorf("it is that of node %q, launch %d", r.Name, r.Launch)
	}
	return r, nil
}
