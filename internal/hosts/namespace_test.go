package hosts

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
)

// namespacePrefix begins the name of every namespace:
// zeekfleet-test-<PID of the test>-<name>. With the PID, several tests can run at
// once, and the namespaces of a killed test are recognised.
const namespacePrefix = "zeekfleet-test-"

// namespaceDir is the directory with a file for each named namespace; the ip
// command maintains it.
const namespaceDir = "/run/netns"

// namespace is a network namespace, which stands for a host.
type namespace string

// newNamespace makes a namespace with a working loopback interface. It is
// removed at the end of the test, together with all processes in it.
func newNamespace(t *testing.T, name string) namespace {
	t.Helper()
	ns := namespace(fmt.Sprintf("%s%d-%s", namespacePrefix, os.Getpid(), name))
	ip(t, "netns", "add", string(ns))
	t.Cleanup(func() {
		if err := ns.remove(); err != nil {
			t.Error(err)
		}
	})
	ip(t, "-n", string(ns), "link", "set", "lo", "up")
	return ns
}

// remove kills the processes in the namespace, and removes the namespace.
func (ns namespace) remove() error {
	pids, err := exec.Command("ip", "netns", "pids", string(ns)).Output()
	if err != nil {
		return fmt.Errorf("list the processes of namespace %s: %w", ns, err)
	}
	for pid := range strings.FieldsSeq(string(pids)) {
		if n, err := strconv.Atoi(pid); err == nil && n != os.Getpid() {
			unix.Kill(n, unix.SIGKILL)
		}
	}
	if out, err := exec.Command("ip", "netns", "delete", string(ns)).CombinedOutput(); err != nil {
		return fmt.Errorf("remove namespace %s: %w: %s", ns, err, out)
	}
	return nil
}

// removeLeftovers removes the namespaces of tests whose process has ended.
func removeLeftovers() error {
	paths, err := filepath.Glob(filepath.Join(namespaceDir, namespacePrefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range paths {
		ns := filepath.Base(path)
		pid, _, _ := strings.Cut(strings.TrimPrefix(ns, namespacePrefix), "-")
		if _, err := os.Stat(filepath.Join("/proc", pid)); errors.Is(err, os.ErrNotExist) {
			errs = append(errs, namespace(ns).remove(), unmountDisks(ns))
		}
	}
	return errors.Join(errs...)
}

// unmountDisks unmounts the disks of the host in a namespace. They have its name.
func unmountDisks(ns string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == ns && fields[2] == "tmpfs" {
			errs = append(errs, unix.Unmount(fields[1], unix.MNT_DETACH))
		}
	}
	return errors.Join(errs...)
}

// in calls do on a thread in the namespace. Sockets that do opens and processes
// that do starts belong to the namespace; those of other goroutines do not.
func (ns namespace) in(do func() error) (err error) {
	done := make(chan struct{})
	go sockownertest.OnAnotherThread(func() { // no other goroutine may run on a thread in the namespace
		defer close(done)
		var f *os.File
		if f, err = os.Open(filepath.Join(namespaceDir, string(ns))); err == nil {
			err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
			f.Close()
		}
		if err != nil {
			err = fmt.Errorf("enter namespace %s: %w", ns, err)
			return
		}
		err = do()
	})
	<-done
	return err
}

// ip runs the ip command.
func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}
