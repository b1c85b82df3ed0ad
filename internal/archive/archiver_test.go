package archive_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/archive"
)

const (
	connLog = "conn__2026-11-23-10-00-00__2026-11-23-11-00-00__.log"
	dnsLog  = "dns__2026-11-22-23-30-00__2026-11-23-00-30-00__log_suffix=logger-1__.log"
)

// sweeps are the files before and after a sweep, and its report.
var sweeps = map[string]struct {
	level        *int
	queue, there map[string]string // before
	logs, left   map[string]string // after
	report       archive.Report
}{
	"logs are compressed into the directory of their opening day": {
		queue:  map[string]string{connLog: "c", dnsLog: "dd"},
		logs:   map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": "c", "2026-11-22/dns.23:30:00-00:30:00-logger-1.log.gz": "dd"},
		report: archive.Report{Archived: 2, Bytes: 3},
	},
	"level 0 does not compress": {
		level:  new(0),
		queue:  map[string]string{connLog: "c"},
		logs:   map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log": "c"},
		report: archive.Report{Archived: 1, Bytes: 1},
	},
	"a log that Zeek compressed is not compressed again": {
		queue:  map[string]string{connLog + ".gz": gzipped("c")},
		logs:   map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": "c"},
		report: archive.Report{Archived: 1, Bytes: int64(len(gzipped("c")))},
	},
	"an empty log is archived": {
		queue:  map[string]string{connLog: ""},
		logs:   map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": ""},
		report: archive.Report{Archived: 1},
	},
	"a name that is taken gets a number": {
		queue: map[string]string{connLog: "new"},
		there: map[string]string{
			"2026-11-23/conn.10:00:00-11:00:00.log.gz": gzipped("old"),
			"2026-11-23/conn.10:00:00-11:00:00.2.log":  "older",
		},
		logs: map[string]string{
			"2026-11-23/conn.10:00:00-11:00:00.log.gz":   "old",
			"2026-11-23/conn.10:00:00-11:00:00.2.log":    "older",
			"2026-11-23/conn.10:00:00-11:00:00.3.log.gz": "new",
		},
		report: archive.Report{Archived: 1, Bytes: 3},
	},
	"files with the same beginning are other logs": {
		queue: map[string]string{connLog: "new"},
		there: map[string]string{
			"2026-11-23/conn.10:00:00-11:00:00.log.gz":   gzipped("newer"),
			"2026-11-23/conn.10:00:00-11:00:00.2.log.gz": gzipped("ne"),
		},
		logs: map[string]string{
			"2026-11-23/conn.10:00:00-11:00:00.log.gz":   "newer",
			"2026-11-23/conn.10:00:00-11:00:00.2.log.gz": "ne",
			"2026-11-23/conn.10:00:00-11:00:00.3.log.gz": "new",
		},
		report: archive.Report{Archived: 1, Bytes: 3},
	},
	"a log that an interrupted sweep stored is only removed from the queue": {
		queue:  map[string]string{connLog: "c"},
		there:  map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": gzipped("c")},
		logs:   map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": "c"},
		report: archive.Report{Resumed: 1},
	},
	"the same if the interrupted sweep had another level": {
		level:  new(0),
		queue:  map[string]string{connLog: "c"},
		there:  map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": gzipped("c")},
		logs:   map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": "c"},
		report: archive.Report{Resumed: 1},
	},
	"files with other names are left alone": {
		queue: map[string]string{"conn.log": "open", ".conn.log": "hidden", "notes/x": "y", connLog: "c"},
		left:  map[string]string{"conn.log": "open", ".conn.log": "hidden", "notes/x": "y"},
		logs:  map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": "c"},
		report: archive.Report{Archived: 1, Bytes: 1, Left: []archive.Left{
			{Name: "conn.log", Err: archive.ErrNotRotated}, {Name: "notes", Err: archive.ErrNotRotated},
		}},
	},
}

func TestSweep(t *testing.T) {
	for name, tt := range sweeps {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			write(t, p.queue, tt.queue)
			write(t, p.logs, tt.there)
			a := p.open(t, archive.Config{Level: tt.level})
			got := sweep(t, a)
			if diff := cmp.Diff(tt.report, got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			wantFiles(t, p.logs, tt.logs)
			if tt.left == nil {
				tt.left = none
			}
			wantFiles(t, p.queue, tt.left)
			if again := sweep(t, a); again.Archived+again.Resumed > 0 {
				t.Errorf("a second sweep archived logs: %+v", again)
			}
		})
	}
}

func TestTruncatedGzipFileIsAnotherLog(t *testing.T) {
	p := newPlace(t)
	whole := gzipped("content")
	write(t, p.queue, map[string]string{connLog: "content"})
	write(t, p.logs, map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": whole[:len(whole)-4]})
	sweep(t, p.open(t, archive.Config{}))
	got, err := os.ReadFile(filepath.Join(p.logs, "2026-11-23/conn.10:00:00-11:00:00.2.log.gz"))
	if err != nil || string(gunzip(t, got)) != "content" {
		t.Errorf("second file: %q, %v", got, err)
	}
}

func TestDirectoryOrLinkWithTheNameIsAnotherLog(t *testing.T) {
	p := newPlace(t)
	write(t, p.queue, map[string]string{connLog: "c"})
	write(t, p.logs, map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz/x": "x"})
	if err := os.Symlink("nowhere", filepath.Join(p.logs, "2026-11-23/conn.10:00:00-11:00:00.2.log.gz")); err != nil {
		t.Fatal(err)
	}
	sweep(t, p.open(t, archive.Config{}))
	got, err := os.ReadFile(filepath.Join(p.logs, "2026-11-23/conn.10:00:00-11:00:00.3.log.gz"))
	if err != nil || string(gunzip(t, got)) != "c" {
		t.Errorf("third name: %q, %v", got, err)
	}
}

func TestManyLogsAtATime(t *testing.T) {
	p := newPlace(t)
	big := strings.Repeat("a line of a log that is a little longer than a buffer\n", 10_000)
	queue, logs := map[string]string{}, map[string]string{}
	for path := range strings.FieldsSeq("conn dns http ssl x509 files weird notice dhcp ntp") {
		queue[path+"__2026-11-23-10-00-00__2026-11-23-11-00-00__.log"] = path + big
		logs["2026-11-23/"+path+".10:00:00-11:00:00.log.gz"] = path + big
	}
	write(t, p.queue, queue)
	if r := sweep(t, p.open(t, archive.Config{Parallel: 8, Level: new(1)})); r.Archived != len(logs) {
		t.Errorf("report %+v, want %d archived", r, len(logs))
	}
	wantFiles(t, p.logs, logs)
	wantFiles(t, p.queue, none)
}

func TestTwoLogsWithOneNameAreBothArchived(t *testing.T) {
	for range 20 { // the two workers meet at different points
		p := newPlace(t)
		write(t, p.queue, map[string]string{
			"conn__2026-11-23-10-00-00__2026-11-23-11-00-00__.log":         "one",
			"conn__2026-11-23-10-00-00__2026-11-23-11-00-00__copy=2__.log": "two",
		})
		sweep(t, p.open(t, archive.Config{Parallel: 2}))
		got := contents(t, p.logs)
		first := got["2026-11-23/conn.10:00:00-11:00:00.log.gz"]
		second := got["2026-11-23/conn.10:00:00-11:00:00.2.log.gz"]
		if len(got) != 2 || first+second != "onetwo" && first+second != "twoone" {
			t.Fatalf("archive %q", got)
		}
	}
}

func TestArchivedLogKeepsItsModeAndTime(t *testing.T) {
	for name, level := range map[string]*int{"compressed": nil, "as it is": new(0)} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			write(t, p.queue, map[string]string{connLog: "c"})
			path, at := filepath.Join(p.queue, connLog), time.Unix(1_700_000_000, 0)
			if err := errors.Join(os.Chmod(path, 0o640), os.Chtimes(path, at, at)); err != nil {
				t.Fatal(err)
			}
			sweep(t, p.open(t, archive.Config{Level: level}))
			found, _ := filepath.Glob(filepath.Join(p.logs, "2026-11-23", "*"))
			if len(found) != 1 {
				t.Fatalf("archive %q", found)
			}
			info, err := os.Stat(found[0])
			if err != nil || info.Mode() != 0o640 || !info.ModTime().Equal(at) {
				t.Errorf("mode %v, time %v, %v", info.Mode(), info.ModTime(), err)
			}
		})
	}
}

func TestOnlyRegularFilesAreArchived(t *testing.T) {
	p := newPlace(t)
	write(t, filepath.Dir(p.queue), map[string]string{"secret": "s"})
	write(t, p.queue, nil)
	a := p.open(t, archive.Config{})
	if err := os.Symlink("../secret", filepath.Join(p.queue, connLog)); err != nil {
		t.Fatal(err)
	}
	if r := sweep(t, a); len(r.Left) != 1 || r.Left[0].Name != connLog || r.Archived != 0 {
		t.Errorf("report %+v, want the link left", r)
	}
	wantFiles(t, p.logs, none)
}

func TestGrowingLogStaysInTheQueue(t *testing.T) {
	p := newPlace(t)
	write(t, p.queue, map[string]string{connLog: "one line\n"})
	a := p.open(t, archive.Config{})
	grown := false
	a.Before(func(change, _ string) error {
		if change != "write" || grown {
			return nil
		}
		grown = true
		return os.WriteFile(filepath.Join(p.queue, connLog), []byte("one line\nand another\n"), 0o644)
	})
	if r := sweep(t, a); len(r.Left) != 1 || !strings.Contains(r.Left[0].Err.Error(), "still being written") {
		t.Errorf("report %+v, want it left", r)
	}
	wantFiles(t, p.logs, none)
	sweep(t, a)
	wantFiles(t, p.logs, map[string]string{"2026-11-23/conn.10:00:00-11:00:00.log.gz": "one line\nand another\n"})
}

func TestSweepEndsWithItsContext(t *testing.T) {
	p := newPlace(t)
	write(t, p.queue, map[string]string{connLog: strings.Repeat("c", 4<<20), dnsLog: "d"})
	a := p.open(t, archive.Config{Parallel: 1})
	stop := errors.New("that is enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	a.Before(func(change, _ string) error {
		if change == "create" {
			cancel(stop)
		}
		return nil
	})
	if _, err := a.Sweep(ctx); !errors.Is(err, stop) {
		t.Errorf("Sweep: %v, want the context's cause", err)
	}
	wantFiles(t, p.logs, none)
	if left := contents(t, p.queue); len(left) != 2 {
		t.Errorf("the queue has %d logs, want both", len(left))
	}
	if _, err := a.Sweep(ctx); !errors.Is(err, stop) {
		t.Errorf("another Sweep: %v, want the context's cause", err)
	}
}

func TestTwoArchiversDoNotShareAQueue(t *testing.T) {
	p := newPlace(t)
	first := p.open(t, archive.Config{})
	if _, err := archive.New(archive.Config{Queue: p.queue, Logs: p.logs}); !errors.Is(err, archive.ErrBusy) {
		t.Errorf("a second archiver: %v, want ErrBusy", err)
	}
	copied := copyOf(t, filepath.Join(p.queue, ".zeekfleet.lock")) // a child between fork and exec has such a copy
	defer copied.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	p.open(t, archive.Config{})
}

// copyOf duplicates this process's descriptor of a file.
func copyOf(t *testing.T, path string) *os.File {
	t.Helper()
	const dir = "/proc/self/fd"
	open, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range open {
		if name, _ := os.Readlink(filepath.Join(dir, entry.Name())); name != path {
			continue
		}
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		twin, err := unix.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(twin), path)
	}
	t.Fatalf("%s is not open", path)
	return nil
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]archive.Config{
		"a relative queue":         {Queue: "queue", Logs: "/logs"},
		"no archive":               {Queue: "/queue"},
		"queue and archive in one": {Queue: "/logs/", Logs: "/logs"},
		"a level beyond gzip's":    {Queue: "/queue", Logs: "/logs", Level: new(10)},
		"a negative level":         {Queue: "/queue", Logs: "/logs", Level: new(-1)},
		"too much at a time":       {Queue: "/queue", Logs: "/logs", Parallel: 65},
		"a negative interval":      {Queue: "/queue", Logs: "/logs", Interval: -1},
		"a negative timeout":       {Queue: "/queue", Logs: "/logs", CommandTimeout: -1},
		"a command without a name": {Queue: "/queue", Logs: "/logs", Command: []string{""}},
		"negative days":            {Queue: "/queue", Logs: "/logs", KeepDays: -1},
		"all of the disk":          {Queue: "/queue", Logs: "/logs", DiskPercent: 100},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := archive.New(cfg); err == nil {
				t.Error("New accepted it")
			}
		})
	}
}

func TestSweepMakesARemovedArchiveAgain(t *testing.T) {
	p := newPlace(t)
	a := p.open(t, archive.Config{KeepDays: 7})
	if err := os.RemoveAll(p.logs); err != nil {
		t.Fatal(err)
	}
	write(t, p.queue, map[string]string{connLog: "c"})
	if r := sweep(t, a); r.Archived != 1 {
		t.Errorf("Sweep: %+v, want one archived", r)
	}
}

// A node can make a file of some exabytes that takes no space.
func TestFileOfHolesStaysInTheQueue(t *testing.T) {
	p := newPlace(t)
	write(t, p.queue, map[string]string{connLog: "c"})
	if err := os.Truncate(filepath.Join(p.queue, connLog), 1<<40); err != nil {
		t.Fatal(err)
	}
	a := p.open(t, archive.Config{})
	got := sweep(t, a)
	if len(got.Left) != 1 || !strings.Contains(got.Left[0].Err.Error(), "holes") {
		t.Errorf("got %+v", got)
	}
	if err := os.Truncate(filepath.Join(p.queue, connLog), 1<<16); err != nil {
		t.Fatal(err)
	}
	if got := sweep(t, a); got.Archived != 1 {
		t.Errorf("a small file with holes: got %+v", got)
	}
}
