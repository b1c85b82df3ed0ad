package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/archive"
)

// sweepToStdout sweeps once and prints the report as JSON, with errors as texts.
func sweepToStdout(a *archive.Archiver) error {
	r, err := archive.Report{}, error(nil)
	if r, err = a.Sweep(noContext()); err != nil {
		return err
	}
	var left []string
	for _, l := range r.Left {
		left = append(left, l.Name+": "+l.Err.Error())
	}
	r.Left = nil
	return json.NewEncoder(os.Stdout).Encode(struct {
		archive.Report
		Why []string
	}{r, left})
}

// scene is a queue with one log for each kind of work: queue and there are the files
// of the queue and the archive before, logs those of the archive after.
var scene = struct{ queue, there, logs map[string]string }{
	queue: map[string]string{
		"conn__2026-11-23-10-00-00__2026-11-23-11-00-00__.log":                   "connections",
		"dns__2026-11-22-10-00-00__2026-11-22-11-00-00__log_suffix=logger__.log": "names",
		"ssl__2026-11-23-10-00-00__2026-11-23-11-00-00__.log.gz":                 gzipped("handshakes"),
	},
	there: map[string]string{
		"2026-11-22/dns.10:00:00-11:00:00-logger.log.gz": gzipped("other names"),
	},
	logs: map[string]string{
		"2026-11-22/dns.10:00:00-11:00:00-logger.log.gz":   "other names",
		"2026-11-22/dns.10:00:00-11:00:00-logger.2.log.gz": "names",
		"2026-11-23/conn.10:00:00-11:00:00.log.gz":         "connections",
		"2026-11-23/ssl.10:00:00-11:00:00.log.gz":          "handshakes",
	},
}

// newScene returns a place with the files of the scene, and the files that the
// archive must have after a sweep with or without compression.
func newScene(t *testing.T, compressed bool) (place, map[string]string) {
	p := newPlace(t)
	write(t, p.queue, scene.queue)
	write(t, p.logs, scene.there)
	if compressed {
		return p, scene.logs
	}
	logs := maps.Clone(scene.logs)
	for _, name := range []string{"2026-11-22/dns.10:00:00-11:00:00-logger.2.log", "2026-11-23/conn.10:00:00-11:00:00.log"} {
		logs[name] = logs[name+".gz"]
		delete(logs, name+".gz")
	}
	return p, logs
}

// nothingLost checks that each log is complete in the queue or in the archive.
func nothingLost(t *testing.T, p place, when string) {
	t.Helper()
	there := slices.Collect(maps.Values(contents(t, p.queue)))
	for name, text := range contentsButTemporary(t, p.logs) {
		there = append(there, text)
		if strings.Contains(name, "/.") {
			t.Errorf("%s: %s", when, name)
		}
	}
	for _, text := range []string{"connections", "names", "handshakes", "other names"} {
		if !slices.Contains(there, text) {
			t.Errorf("%s: the log of %s is lost", when, text)
		}
	}
}

// contentsButTemporary returns the files of the archive without temporary files.
func contentsButTemporary(t *testing.T, dir string) map[string]string {
	files := contents(t, dir)
	maps.DeleteFunc(files, func(name, _ string) bool {
		return strings.Contains(name, "/.zeekfleet-") && strings.HasSuffix(name, ".tmp")
	})
	return files
}

func TestKilledBeforeEachChangeToTheDisk(t *testing.T) {
	deaths := 0
	for n := 1; ; n++ {
		p, want := newScene(t, true)
		killed := runMortal(t, p, n)
		when := fmt.Sprintf("killed before change %d", n)
		nothingLost(t, p, when)
		if killed {
			deaths++
		}
		if n%4 == 0 {
			runMortal(t, p, n/2+1) // killed once more, at another point
			nothingLost(t, p, when+" and again")
		}
		sweep(t, p.open(t, archive.Config{}))
		if diff := cmp.Diff(want, contents(t, p.logs)); diff != "" {
			t.Errorf("%s and resumed, archive (-want +got):\n%s", when, diff)
		}
		wantFiles(t, p.queue, none)
		if t.Failed() || !killed {
			break
		}
	}
	if deaths < 20 {
		t.Errorf("only %d deaths", deaths)
	}
}

// runMortal runs an archiver that kills itself before its n-th change. It returns
// false if the archiver ended earlier.
func runMortal(t *testing.T, p place, n int) bool {
	t.Helper()
	_, err := runRole(t, "mortal", p.queue, p.logs, strconv.Itoa(n))
	if err == nil {
		return false
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("archiver to be killed before change %d: %v", n, err)
	}
	return true
}

func runRole(t *testing.T, role string, args ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if errs.Len() > 0 {
		t.Logf("%s: %s", role, errs.String())
	}
	return out.String(), err
}

// After a disk failure, in which all further changes fail, the disk looks as after
// the death of the process. The failure is simulated on several kinds of disk.
func TestDiskFailsBeforeEachChange(t *testing.T) {
	dead := errors.New("the disk is dead")
	for name, tt := range map[string]struct {
		level int
		// refuse returns an error for changes that the file system cannot make.
		refuse func(change, path string) error
	}{
		"compressing":                     {6, nothing},
		"renaming":                        {0, nothing},
		"to another disk":                 {0, otherDisk},
		"compressing where links must do": {6, refuseRename},
		"without compression, by links":   {0, refuseRename},
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				p, want := newScene(t, tt.level > 0)
				a := p.open(t, archive.Config{Level: &tt.level, Parallel: 1})
				changes := 0
				a.Before(func(change, path string) error {
					if changes++; changes >= n {
						return dead
					}
					return tt.refuse(change, path)
				})
				sweep(t, a)
				died := changes >= n
				when := fmt.Sprintf("dead before change %d", n)
				nothingLost(t, p, when)
				a.Before(tt.refuse)
				if r := sweep(t, a); len(r.Left) > 0 {
					t.Errorf("%s and resumed, left: %v", when, r.Left)
				}
				if diff := cmp.Diff(want, contents(t, p.logs)); diff != "" {
					t.Errorf("%s and resumed, archive (-want +got):\n%s", when, diff)
				}
				wantFiles(t, p.queue, none)
				if t.Failed() || !died {
					return
				}
			}
		})
	}
}

func nothing(string, string) error { return nil }

// otherDisk behaves as if queue and archive were on different file systems.
func otherDisk(change, path string) error {
	if change == "place" && !strings.HasSuffix(path, ".tmp") {
		return unix.EXDEV
	}
	return nil
}

// refuseRename behaves as a file system that cannot rename without replacing.
func refuseRename(change, _ string) error {
	if change == "place" {
		return unix.EINVAL
	}
	return nil
}

func TestFullDisk(t *testing.T) {
	p := newPlace(t)
	large := make([]byte, 1<<20)
	for i, x := 0, uint32(1); i < len(large); i++ { // hard to compress
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		large[i] = byte(x)
	}
	write(t, p.queue, map[string]string{connLog: string(large), dnsLog: "names"})
	out, err := runRole(t, "cramped", p.queue, p.logs, strconv.Itoa(512<<10))
	if err != nil {
		t.Fatalf("archiver on a full disk: %v", err)
	}
	if !strings.Contains(out, `"Archived":1`) || !strings.Contains(out, "file too large") {
		t.Errorf("it reports %s, want one archived and one left", out)
	}
	small := map[string]string{"2026-11-22/dns.23:30:00-00:30:00-logger-1.log.gz": "names"}
	wantFiles(t, p.logs, small)
	wantFiles(t, p.queue, map[string]string{connLog: string(large)})

	sweep(t, p.open(t, archive.Config{}))
	small["2026-11-23/conn.10:00:00-11:00:00.log.gz"] = string(large)
	wantFiles(t, p.logs, small)
}
