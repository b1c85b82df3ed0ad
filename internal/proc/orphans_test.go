package proc_test

import (
	"context"
	"errors"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

func TestOrphansAreReapedAtTheSecondCall(t *testing.T) {
	adoptOrphans := func(yes uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, yes, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	adoptOrphans(1) // orphans become children of this process, as in a container
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
	reap := func() {
		t.Helper()
		if err := dead.Reap(); err != nil {
			t.Fatal(err)
		}
	}
	reap()
	reap()
	if err := syscall.Kill(orphan, syscall.SIGKILL); err != nil {
		t.Fatalf("the orphan was reaped alive: %v", err)
	}
	if !endsWithin(orphan, patience) {
		t.Fatal("the orphan did not end")
	}
	reap()
	if err := syscall.Kill(orphan, 0); err != nil {
		t.Errorf("after the first call: %v; its parent may still be about to wait for it", err)
	}
	reap()
	if err := syscall.Kill(orphan, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("after the second call: got %v, want it reaped", err)
	}
	reap()
}

func TestOrphansAreReapedWhenTheyEnd(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- proc.ReapOrphans(ctx, nil) }()
	f := newFleet(t, t.TempDir(), proc.Config{})
	f.start(f.spec("worker-1", "forker", "exit"))
	next[proc.Started](f)
	orphan, err := strconv.Atoi(f.hearAny())
	if err != nil {
		t.Fatal(err)
	}
	next[proc.Exited](f)
	if err := syscall.Kill(orphan, syscall.SIGKILL); err != nil {
		t.Fatalf("the orphan was reaped alive: %v", err)
	}
	for deadline := time.Now().Add(patience); !errors.Is(syscall.Kill(orphan, 0), syscall.ESRCH); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the orphan was not reaped")
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
