package fakezeek_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
)

func TestMain(m *testing.M) {
	fakezeek.MainIfCalled()
	goleak.VerifyTestMain(m)
}

// scriptPath returns a ZEEKPATH of dirs and the directories of fakezeek's
// installation.
func scriptPath(dirs ...string) string {
	const s = "/usr/local/zeek/share/zeek"
	return strings.Join(append(dirs, s, s+"/policy", s+"/site", s+"/builtin-plugins"), ":")
}

// process is a fakezeek that a test runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string // its working directory
	lines  *bufio.Scanner
	stderr bytes.Buffer // the part that was read so far
}

// start starts a fakezeek in dir with only this environment. It is killed at the end
// of the test.
func start(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	program, err := fakezeek.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, dir: dir, cmd: exec.CommandContext(t.Context(), program, args...)}
	// Without this setting the race detector delays each exit by a second.
	p.cmd.Dir, p.cmd.Env = dir, append(env, "GORACE=atexit_sleep_ms=0")
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(io.TeeReader(pipe, &p.stderr))
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The process is killed after patience.Limit, so a test that awaits a line that
	// never comes fails and does not hang.
	over := time.AfterFunc(patience.Limit, func() { p.cmd.Process.Kill() })
	t.Cleanup(func() {
		over.Stop()
		p.cmd.Process.Kill()
		p.cmd.Wait()
	})
	return p
}

// await reads stderr up to a line that contains text.
func (p *process) await(text string) {
	p.t.Helper()
	for p.lines.Scan() {
		if strings.Contains(p.lines.Text(), text) {
			return
		}
	}
	p.t.Fatalf("zeek ended before it printed %q; it printed:\n%s", text, &p.stderr)
}

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// wait waits for the end of the process and returns its state and its stderr.
func (p *process) wait() (state, stderr string) {
	for p.lines.Scan() {
	}
	p.cmd.Wait() // an exit code is no error here
	return p.cmd.ProcessState.String(), p.stderr.String()
}

// status returns the content of the status file.
func (p *process) status() string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, ".status"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
