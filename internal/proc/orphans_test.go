package proc_test

import (
	"errors"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

func TestOrphansAreReapedAtTheSecondLook(t *testing.T) {
	adoptOrphans := func(yes uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, yes, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	adoptOrphans(1) // as the first process of a container does
	defer adoptOrphans(0)
	f := newFleet(t, t.TempDir(), proc.Config{})
	f.start(f.spec("worker-1", "forker", "exit"))
	next[proc.Started](f)
	orphan, err := strconv.Atoi(f.hearAny())
	if err != nil {
		t.Fatal(err)
	}
	next[proc.Exited](f)
	var dead proc.Orphans
	look := func() {
		t.Helper()
		if err := dead.Look(); err != nil {
			t.Fatal(err)
		}
	}
	look()
	look()
	if err := syscall.Kill(orphan, syscall.SIGKILL); err != nil {
		t.Fatalf("it was alive: %v", err)
	}
	if !endsWithin(orphan, patience) {
		t.Fatal("it lives on")
	}
	look()
	if err := syscall.Kill(orphan, 0); err != nil {
		t.Errorf("after one look: %v; somebody may still be about to wait for it", err)
	}
	look()
	if err := syscall.Kill(orphan, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after the second look: got %v, want it gone", err)
	}
	look()
}
