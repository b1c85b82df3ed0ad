package proc_test

import (
	"errors"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

func TestStopSendsSIGTERM(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	f.start(f.spec("worker-1", "sleeper"))
	next[proc.Started](f)
	f.hear("ready")
	if err := f.Stop("worker-1", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	got := next[proc.Exited](f)
	if want := (proc.Status{Known: true, Signal: unix.SIGTERM}); got.Status != want || got.Killed {
		t.Errorf("got %v (killed: %t), want %v", got.Status, got.Killed, want)
	}
	f.forget("worker-1", 1)
	if left := f.settle(); len(left) > 0 {
		t.Errorf("records left: %v", left)
	}
}

func TestStopKillsWhenTheGraceIsOver(t *testing.T) {
	const grace = 300 * time.Millisecond
	f := newFleet(t, t.TempDir(), proc.Config{})
	f.start(f.spec("worker-1", "deaf"))
	next[proc.Started](f)
	f.hear("ready")
	if err := f.Stop("worker-1", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	f.hear("heard SIGTERM") // before a grace begins that could be over first
	start := time.Now()
	if err := f.Stop("worker-1", 1, grace); err != nil {
		t.Fatal(err)
	}
	got := next[proc.Exited](f)
	if want := (proc.Status{Known: true, Signal: unix.SIGKILL}); got.Status != want || !got.Killed {
		t.Errorf("got %v (killed: %t), want %v", got.Status, got.Killed, want)
	}
	if took := time.Since(start); took < grace {
		t.Errorf("killed after %v, want %v at least", took, grace)
	}
}

func TestEarliestGraceCounts(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	f.start(f.spec("worker-1", "deaf"))
	next[proc.Started](f)
	f.hear("ready")
	for _, grace := range []time.Duration{time.Hour, time.Millisecond, time.Hour} {
		if err := f.Stop("worker-1", 1, grace); err != nil {
			t.Fatal(err)
		}
	}
	if got := next[proc.Exited](f); !got.Killed {
		t.Errorf("got %+v, want it killed", got)
	}
}

func TestStopWithoutGraceKillsTheWholeSession(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	f.start(f.spec("worker-1", "forker", "stay"))
	next[proc.Started](f)
	child, err := strconv.Atoi(f.hearAny())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Stop("worker-1", 1, 0); err != nil {
		t.Fatal(err)
	}
	if got := next[proc.Exited](f); !got.Killed {
		t.Errorf("got %+v, want it killed", got)
	}
	if !endsWithin(child, patience) {
		t.Errorf("process %d of the session still runs", child)
	}
}

func TestProcessesThatOutliveTheirLeaderAreReported(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	f.start(f.spec("worker-1", "forker", "exit"))
	next[proc.Started](f)
	child, err := strconv.Atoi(f.hearAny())
	if err != nil {
		t.Fatal(err)
	}
	got := next[proc.Exited](f)
	if !slices.Equal(got.Left, []int{child}) {
		t.Errorf("left: got %v, want %d", got.Left, child)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Errorf("process %d has ended: %v", child, err)
	}
	endsWithin(child, patience)
}

func TestStopBeforeTheProgramIsExecuted(t *testing.T) {
	f := openFleet(t, t.TempDir(), proc.Config{})
	f.start(f.spec("worker-1", "sleeper"))
	if err := f.Stop("worker-1", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	f.run()
	got := next[proc.StartFailed](f)
	if want := "start worker-1: stopped before its program was executed"; got.Err.Error() != want {
		t.Errorf("got %q, want %q", got.Err, want)
	}
	if left := f.settle(); len(left) > 0 {
		t.Errorf("records left: %v", left)
	}
}

func TestStopAtAnyMomentOfALaunch(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	for launch := range uint64(20) {
		spec := f.spec("worker-1", "")
		spec.Launch = launch
		spec.Argv = []string{"sleep", "3600"}
		f.start(spec)
		timer := time.AfterFunc(time.Duration(launch)*200*time.Microsecond, func() {
			if err := f.Stop("worker-1", launch, time.Hour); err != nil {
				t.Error(err)
			}
		})
		select {
		case ev := <-f.Events():
			if _, ok := ev.(proc.Started); ok {
				next[proc.Exited](f)
				f.forget("worker-1", launch)
			}
		case <-time.After(patience):
			t.Fatal("no event came")
		}
		timer.Stop()
	}
	if left := f.settle(); len(left) > 0 {
		t.Errorf("records left: %v", left)
	}
}

func TestOnlyTheNamedLaunchIsStopped(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	f.start(f.spec("worker-1", "sleeper"))
	next[proc.Started](f)
	for name, err := range map[string]error{
		"older launch": f.Stop("worker-1", 0, time.Second),
		"other node":   f.Stop("worker-2", 1, 0),
	} {
		if !errors.Is(err, proc.ErrNoSuchLaunch) {
			t.Errorf("%s: got %v, want ErrNoSuchLaunch", name, err)
		}
	}
	f.hear("ready")
	f.kill("worker-1", 1)
}

// kill ends a launch at once, and receives its Exited.
func (f *fleet) kill(name string, launch uint64) proc.Exited {
	f.t.Helper()
	if err := f.Stop(name, launch, 0); err != nil {
		f.t.Fatal(err)
	}
	exited := next[proc.Exited](f)
	f.forget(name, launch)
	return exited
}
