package hosttest

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/patience"
)

//go:embed boot.sh
var bootScript string

// A Host is a host that runs.
type Host struct {
	Name string

	t   testing.TB
	pid int // of its systemd, as this machine counts
	log *os.File
}

// Boot starts a host, and waits until its systemd has started everything. The host goes at the
// end of the test, with all its processes.
func Boot(t testing.TB, name string) *Host {
	t.Helper()
	skipWhereImpossible(t)
	h := &Host{Name: name, t: t}
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(t.TempDir(), "console"))
	if err != nil {
		t.Fatal(err)
	}
	h.log = log
	group := controlGroup(t)
	unshare := exec.Command("sh", "-c", `echo $$ >"$0" && exec unshare "$@"`, filepath.Join(group, "cgroup.procs"),
		"--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child", "bash", "-c", bootScript, "boot", dir, name)
	unshare.Stdout, unshare.Stderr = log, log
	unshare.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := unshare.Start(); err != nil {
		t.Fatalf("start host %s: %v", name, err)
	}
	t.Cleanup(func() {
		unshare.Process.Kill() // its child, the host's first process, goes with it, and all others with that one
		unshare.Wait()
		h.awaitEnd()
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("console of %s:\n%s", name, text)
		}
	})
	h.awaitBoot(unshare.Process.Pid)
	return h
}

// awaitBoot waits for the host's systemd. parent is the process of unshare.
func (h *Host) awaitBoot(parent int) {
	h.t.Helper()
	for deadline := time.Now().Add(patience.Limit); ; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(h.log.Name())
			h.t.Fatalf("host %s has not started:\n%s", h.Name, text)
		}
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
		if err != nil {
			continue
		}
		if h.pid, err = strconv.Atoi(strings.TrimSpace(string(children))); err != nil {
			continue
		}
		if comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", h.pid)); strings.TrimSpace(string(comm)) != "systemd" {
			continue
		}
		if out, err := h.Command(h.t.Context(), "systemctl", "is-system-running").Output(); err == nil || string(out) == "degraded\n" {
			return
		}
	}
}

// awaitEnd waits until the kernel has ended the host's processes.
func (h *Host) awaitEnd() {
	for deadline := time.Now().Add(patience.Limit); h.pid != 0; time.Sleep(10 * time.Millisecond) {
		if err := syscall.Kill(h.pid, 0); err == syscall.ESRCH {
			return
		}
		if time.Now().After(deadline) {
			h.t.Errorf("host %s has not ended", h.Name)
			return
		}
	}
}

// Command returns a command that root of the host runs. It has an environment of its own. Its
// program is sought on the host.
func (h *Host) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	words := []string{"--target", strconv.Itoa(h.pid), "--all", "env", "-i", "-C", "/root", "HOME=/root", "USER=root", "LOGNAME=root", "LANG=C.UTF-8",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "GORACE=atexit_sleep_ms=0", program}
	return exec.CommandContext(ctx, "nsenter", append(words, args...)...)
}

// Run runs a line of the shell as root of the host, and returns everything that it prints. The
// line must succeed.
func (h *Host) Run(line string) string {
	h.t.Helper()
	out, err := h.Try(line)
	if err != nil {
		h.t.Fatalf("%s: %s: %v\n%s", h.Name, line, err, out)
	}
	return out
}

// Try is Run for a line that can fail.
func (h *Host) Try(line string) (string, error) {
	out, err := h.Command(h.t.Context(), "bash", "-c", line).CombinedOutput()
	return string(out), err
}

// Path returns the path, on this machine, of a file of the host.
func (h *Host) Path(path string) string {
	return filepath.Join("/proc", strconv.Itoa(h.pid), "root", path)
}

// Write writes a file of the host, and the directories above it.
func (h *Host) Write(path string, mode os.FileMode, content []byte) {
	h.t.Helper()
	h.write(path, mode, bytes.NewReader(content))
}

// Copy copies a file of this machine to the host.
func (h *Host) Copy(from, to string, mode os.FileMode) {
	h.t.Helper()
	f, err := os.Open(from)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	h.write(to, mode, f)
}

func (h *Host) write(path string, mode os.FileMode, content io.Reader) {
	h.t.Helper()
	// The shell of the host writes, so that links lead to where they lead there.
	cmd := h.Command(h.t.Context(), "bash", "-c", `mkdir -p "$(dirname "$1")" && cat >"$1.new" && chmod "$2" "$1.new" && mv "$1.new" "$1"`,
		"write", path, fmt.Sprintf("%o", mode))
	cmd.Stdin = content
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%s: write %s: %v: %s", h.Name, path, err, out)
	}
}
