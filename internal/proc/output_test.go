package proc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

func TestExitedHasTheOutput(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	spec := f.spec("worker-1", "")
	spec.Argv = []string{"sh", "-c", `echo out; echo err >&2; echo ready >"$` + reportEnv + `"; exec sleep 3600`}
	f.start(spec)
	next[proc.Started](f)
	f.hear("ready")
	if got := f.kill("worker-1", 1); got.Stdout != "out" || got.Stderr != "err" {
		t.Errorf("got %q and %q", got.Stdout, got.Stderr)
	}
}

func TestOutputIsFromThisLaunchOnly(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	for launch := range uint64(2) {
		spec := f.spec("worker-1", "crasher", "exit", "0", fmt.Sprintf("launch %d\n", launch), "")
		spec.Launch = launch
		f.start(spec)
		next[proc.Started](f)
		if got, want := next[proc.Exited](f).Stdout, fmt.Sprintf("launch %d", launch); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	content, err := os.ReadFile(filepath.Join(f.dir, "worker-1", "stdout"))
	if want := "launch 0\nlaunch 1\n"; err != nil || string(content) != want {
		t.Errorf("file: got %q, %v, want %q", content, err, want)
	}
}

func TestLargeOutputIsRotatedBeforeALaunch(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{OutputBytes: 10, OutputFiles: 2})
	for launch := range uint64(5) {
		spec := f.spec("worker-1", "crasher", "exit", "0", fmt.Sprintf("a launch %d\n", launch), "")
		spec.Launch = launch
		f.start(spec)
		next[proc.Started](f)
		next[proc.Exited](f)
	}
	got := map[string]string{}
	for _, name := range must(filepath.Glob(filepath.Join(f.dir, "worker-1", "stdout*"))) {
		got[filepath.Base(name)] = string(must(os.ReadFile(name)))
	}
	want := map[string]string{"stdout": "a launch 4\n", "stdout.1": "a launch 3\n", "stdout.2": "a launch 2\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestLargeOutputIsRotatedWhileTheProcessRuns(t *testing.T) {
	const limit = 10_000
	f := newFleet(t, t.TempDir(), proc.Config{OutputBytes: limit, Housekeeping: time.Millisecond})
	f.start(f.spec("worker-1", "flood"))
	next[proc.Started](f)
	f.hear("truncated")
	if lines := strings.Split(f.kill("worker-1", 1).Stdout, "\n"); len(lines) > 100 {
		t.Errorf("got %d lines of output, want at most 100", len(lines))
	}
	info, err := os.Stat(filepath.Join(f.dir, "worker-1", "stdout.1"))
	if err != nil || info.Size() < limit || info.Size() > 2*limit {
		t.Errorf("rotated file: got %v, %v, want %d to %d bytes", info, err, limit, 2*limit)
	}
}

// The test puts links where housekeeping truncates and writes files. A node can put
// such links into its directory.
func TestTrimDoesNotFollowLinksOfANode(t *testing.T) {
	const secret, flood = "another user's file", "0123456789abcdef"
	for name, plant := range map[string]func(dir, victim string) error{
		"the output itself": func(dir, victim string) error {
			return errors.Join(os.Truncate(victim, 1<<10), os.Symlink(victim, filepath.Join(dir, "stdout")))
		},
		"the copy": func(dir, victim string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "stdout"), []byte(flood), 0o600),
				os.Symlink(victim, filepath.Join(dir, "stdout.new")))
		},
		"the copy, which is a pipe": func(dir, _ string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "stdout"), []byte(flood), 0o600),
				unix.Mkfifo(filepath.Join(dir, "stdout.new"), 0o600))
		},
		"the rotated file": func(dir, victim string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "stdout"), []byte(flood), 0o600),
				os.Symlink(victim, filepath.Join(dir, "stdout.1")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
			if err := errors.Join(os.WriteFile(victim, []byte(secret), 0o600), plant(dir, victim)); err != nil {
				t.Fatal(err)
			}
			before := must(os.Stat(victim)).Size()
			if _, err := proc.Trim(filepath.Join(dir, "stdout"), 10, 2); err != nil {
				t.Error(err)
			}
			text := must(os.ReadFile(victim))
			if int64(len(text)) != before || !strings.HasPrefix(string(text), secret) {
				t.Errorf("the file of another user has %d bytes, want %d", len(text), before)
			}
		})
	}
}

// An operator may configure an absolute path that is a link. The output goes to the
// target of the link, and is read there.
func TestAbsoluteOutputPathMayBeALink(t *testing.T) {
	for _, there := range []bool{true, false} {
		t.Run(fmt.Sprintf("target there: %t", there), func(t *testing.T) {
			dir := t.TempDir()
			target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			if there {
				if err := os.WriteFile(target, []byte("of before\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f := newFleet(t, dir, proc.Config{})
			spec := f.spec("worker-1", "crasher", "exit", "1", "last words\n", "")
			spec.Stdout = link
			f.start(spec)
			next[proc.Started](f)
			if got := next[proc.Exited](f).Stdout; got != "last words" {
				t.Errorf("got %q", got)
			}
		})
	}
}
