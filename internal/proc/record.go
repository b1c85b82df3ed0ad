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

// Record describes one process on disk. PID, StartTicks and BootID together identify
// the process. Each of them alone can be the same for another process.
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

// Output is the place in a file where the output of one launch begins.
type Output struct {
	Path   string // empty if the output goes to /dev/null
	Offset int64  // bytes
}

const (
	recordSuffix = ".json"
	maxRecord    = 64 << 10 // bytes of a record's file; a longer file is not a record
)

// records is the directory with the records of processes. A record is written before
// its process starts, and removed when the end of the process is handled. Each launch
// has a file of its own, so that a late removal of an old record cannot remove a new
// one.
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

// save writes r durably. After a crash its file is complete or does not exist.
func (d records) save(r Record) error {
	path := d.path(r)
	return durable.Replace(path, path+".new", encodeRecord(r))
}

// remove deletes the file of r. It does not sync the directory: a record that
// reappears after a power cut belongs to an earlier boot.
func (d records) remove(r Record) error {
	if err := os.Remove(d.path(r)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// A lostRecord is a record's file that cannot be read.
type lostRecord struct {
	path   string
	name   string // the node's name; name and launch come from the file's name
	launch uint64
	err    error
}

func (l lostRecord) Error() string { return fmt.Sprintf("process record %s: %v", l.path, l.err) }

// load reads all records. lost are the records that cannot be read, problems those
// whose file name does not even say which launch they are about. load removes files
// that an interrupted save has left. If a newer zeekfleet has written a record, load
// returns an error and removes nothing.
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

// parseRecordName returns the node and the launch whose record has this file name.
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

// parseRecord reads the record in text, which is the content of a file called base.
// It accepts only a record for which save uses this file name.
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
