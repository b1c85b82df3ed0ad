package sockownertest

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// The first goroutine runs on the first thread of the process.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if os.Getenv("SOCKOWNERTEST_FIRST") == "" {
		os.Exit(m.Run())
	}
	// The first thread has this goroutine; by itself it gets another, and
	// when called on the first one it moves.
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

func TestAnotherUserIsNeverTheFirstThread(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SOCKOWNERTEST_FIRST=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
