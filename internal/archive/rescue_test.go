package archive_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/archive"
)

const header = "#separator \\x09\n#set_separator\t,\n#path\tconn\n#open\t2020-11-23-10-00-00\n#fields\tts\n1.0\n"

// deadNode makes the working directory of a node that died at the time closed.
func deadNode(t *testing.T, closed time.Time, files map[string]string) string {
	dir := filepath.Join(t.TempDir(), "logger-1")
	write(t, dir, files)
	for name := range files {
		if err := os.Chtimes(filepath.Join(dir, name), closed, closed); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLeftOverLogs(t *testing.T) {
	closed := time.Date(2020, 11, 23, 10, 30, 0, 0, time.Local)
	for name, tt := range map[string]struct {
		files  map[string]string
		suffix string
		queue  []string
		dir    []string
	}{
		"the opening time is that of the #open line": {
			files: map[string]string{"conn.log": header},
			queue: []string{"conn__2020-11-23-10-00-00__2020-11-23-10-30-00__.log"},
		},
		"shadow files are removed with their logs": {
			files:  map[string]string{"conn.log": header, ".shadow.conn.log": ".log\n\n"},
			suffix: "logger-1",
			queue:  []string{"conn__2020-11-23-10-00-00__2020-11-23-10-30-00__log_suffix=logger-1__.log"},
		},
		"other files of the directory are left alone": {
			files: map[string]string{"conn.log": header, "stderr": "e", ".status": "RUNNING", "core": "c", ".log": "", "x.log.tmp": ""},
			queue: []string{"conn__2020-11-23-10-00-00__2020-11-23-10-30-00__.log"},
			dir:   []string{".log", ".status", "core", "stderr", "x.log.tmp"},
		},
		"without the line it is the time of the shadow file": {
			files: map[string]string{"conn.log": `{"ts":1}`, ".shadow.conn.log": ".log\n\n", "dns.log.gz": gzipped("d"), ".shadow.dns.log.gz": ".log.gz\n\n"},
			queue: []string{
				"conn__2020-11-23-10-30-00__2020-11-23-10-30-00__.log",
				"dns__2020-11-23-10-30-00__2020-11-23-10-30-00__.log.gz",
			},
		},
		"the opening time is not after the closing time": {
			files: map[string]string{"conn.log": "#open\tonce upon a time\n"},
			queue: []string{"conn__2020-11-23-10-30-00__2020-11-23-10-30-00__.log"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			a := p.open(t, archive.Config{})
			dir := deadNode(t, closed, tt.files)
			n, err := a.Rescue(t.Context(), dir, tt.suffix, time.Local)
			if err != nil || n != len(tt.queue) {
				t.Errorf("Rescue: %d, %v, want %d", n, err, len(tt.queue))
			}
			if diff := cmp.Diff(tt.queue, slices.Sorted(maps.Keys(contents(t, p.queue)))); diff != "" {
				t.Errorf("queue (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.dir, slices.Sorted(maps.Keys(contents(t, dir)))); diff != "" {
				t.Errorf("directory (-want +got):\n%s", diff)
			}
			if r := sweep(t, a); r.Archived != n || len(r.Left) > 0 {
				t.Errorf("then %+v, want all archived", r)
			}
		})
	}
}

func TestLeftOverLogWithoutAHeaderWasOpenedWhenCreated(t *testing.T) {
	p := newPlace(t)
	a := p.open(t, archive.Config{})
	made := time.Now()
	dir := deadNode(t, time.Now().Add(48*time.Hour), map[string]string{"conn.log": "no header"})
	if _, err := a.Rescue(t.Context(), dir, "", time.Local); err != nil {
		t.Fatal(err)
	}
	for file := range contents(t, p.queue) {
		n, err := archive.ParseName(file)
		if err != nil {
			t.Fatal(err)
		}
		opened := time.Date(n.Open.Year(), n.Open.Month(), n.Open.Day(), n.Open.Hour(), n.Open.Minute(), n.Open.Second(), 0, time.Local)
		// If the file system does not record it, the time of the last write is used.
		if opened.Before(made.Add(-5*time.Second)) || opened.After(made.Add(49*time.Hour)) {
			t.Errorf("opened %v, made %v", opened, made)
		}
	}
}

func TestRescueLeavesALogThatIsBeingWritten(t *testing.T) {
	p := newPlace(t)
	a := p.open(t, archive.Config{})
	dir := deadNode(t, time.Now(), map[string]string{"conn.log": header, "dns.log": header})
	f, err := os.OpenFile(filepath.Join(dir, "conn.log"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := a.Rescue(t.Context(), dir, "", time.Local)
	if n != 1 || !errors.Is(err, archive.ErrInUse) {
		t.Errorf("Rescue: %d, %v, want 1, ErrInUse", n, err)
	}
	wantFiles(t, dir, map[string]string{"conn.log": header})
	f.Close()
	if n, err := a.Rescue(t.Context(), dir, "", time.Local); n != 1 || err != nil {
		t.Errorf("Rescue once it is closed: %d, %v", n, err)
	}
}

func TestLeftOverLogsWithOneNameAreAllArchived(t *testing.T) {
	p := newPlace(t)
	a := p.open(t, archive.Config{})
	closed := time.Date(2020, 11, 23, 10, 30, 0, 0, time.Local)
	for _, text := range []string{"1", "2", "3"} {
		dir := deadNode(t, closed, map[string]string{"conn.log": header + text})
		if n, err := a.Rescue(t.Context(), dir, "", time.Local); n != 1 || err != nil {
			t.Errorf("Rescue: %d, %v", n, err)
		}
	}
	sweep(t, a)
	got := contents(t, p.logs)
	if diff := cmp.Diff([]string{header + "1", header + "2", header + "3"}, slices.Sorted(maps.Values(got))); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

func TestNoLeftOverLogs(t *testing.T) {
	a := newPlace(t).open(t, archive.Config{})
	if n, err := a.Rescue(t.Context(), filepath.Join(t.TempDir(), "never-started"), "", time.Local); n != 0 || err != nil {
		t.Errorf("Rescue: %d, %v", n, err)
	}
}

func TestRescueRefusesABadSuffix(t *testing.T) {
	p := newPlace(t)
	a := p.open(t, archive.Config{})
	dir := deadNode(t, time.Now(), map[string]string{"conn.log": header})
	if n, err := a.Rescue(t.Context(), dir, "a=b", time.Local); n != 0 || err == nil {
		t.Errorf("Rescue: %d, %v, want an error", n, err)
	}
	wantFiles(t, dir, map[string]string{"conn.log": header})
	wantFiles(t, p.queue, none)
}

func TestRescueIsCompletedAfterADiskFailure(t *testing.T) {
	closed := time.Date(2020, 11, 23, 10, 30, 0, 0, time.Local)
	for name, refuse := range map[string]func(change, path string) error{
		"on one disk": nothing, "to another disk": otherDisk, "by links": refuseRename,
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				p := newPlace(t)
				a := p.open(t, archive.Config{Level: new(0)})
				dir := deadNode(t, closed, map[string]string{"conn.log": header, ".shadow.conn.log": "", "dns.log": "d"})
				changes := 0
				a.Before(func(change, path string) error {
					if changes++; changes >= n {
						return errors.New("the disk is dead")
					}
					return refuse(change, path)
				})
				_, err := a.Rescue(t.Context(), dir, "", time.Local)
				died := changes >= n
				a.Before(refuse)
				if n%2 == 0 {
					sweep(t, a) // a sweep may come before the second rescue
				}
				if _, err := a.Rescue(t.Context(), dir, "", time.Local); err != nil {
					t.Errorf("second rescue: %v", err)
				}
				sweep(t, a)
				if diff := cmp.Diff([]string{header, "d"}, slices.Sorted(maps.Values(contents(t, p.logs)))); diff != "" {
					t.Errorf("dead before change %d (%v), archive (-want +got):\n%s", n, err, diff)
				}
				wantFiles(t, p.queue, none)
				if t.Failed() || !died {
					return
				}
			}
		})
	}
}

func TestLeftOverLogsAreNamedInTheNodesTimeZone(t *testing.T) {
	zone, err := archive.Zone("XXX-5:30") // no host that runs this test has this zone
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t)
	a := p.open(t, archive.Config{})
	dir := deadNode(t, time.Date(2020, 11, 23, 20, 30, 0, 0, time.UTC), map[string]string{"conn.log": "#open\t2020-11-24-01-00-00\n"})
	if n, err := a.Rescue(t.Context(), dir, "", zone); n != 1 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	want := []string{"conn__2020-11-24-01-00-00__2020-11-24-02-00-00__.log"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(contents(t, p.queue)))); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
}
