package sockownertest

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// The first goroutine is the one that runs init and TestMain. It stays on the first
// thread of the process.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if os.Getenv("SOCKOWNERTEST_FIRST") == "" {
		os.Exit(m.Run())
	}
	// This goroutine holds the first thread. Another goroutine runs on another thread,
	// and OnAnotherThread leaves the first thread when it is called here.
	first := make(chan int)
	go OnAnotherThread(func() { first <- unix.Gettid() })
	if unix.Gettid() != unix.Getpid() || <-first == unix.Getpid() {
		os.Exit(1)
	}
	OnAnotherThread(func() {
		if unix.Gettid() == unix.Getpid() {
			os.Exit(2)
		}
	})
	os.Exit(0)
}

func TestOnAnotherThreadLeavesTheFirstThread(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SOCKOWNERTEST_FIRST=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
