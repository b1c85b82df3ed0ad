package archive_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/archive"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// noContext is the context of the roles. They are processes of their own.
func noContext() context.Context { return context.Background() }

// command is a role: an external archiver that empties the queue and writes its
// arguments to a file.
func command(args []string) error {
	queue := args[len(args)-2]
	note := strings.Join(args, "|")
	found, err := filepath.Glob(filepath.Join(queue, "*.log"))
	if err != nil {
		return err
	}
	for _, path := range found {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(args[len(args)-1], "arguments"), []byte(note), 0o644)
}

// failing is a role: an external archiver that prints many lines and fails.
func failing([]string) error {
	for n := range 100 {
		fmt.Println("line", n)
	}
	return fmt.Errorf("no license")
}

// endless is a role: an external archiver that does not end.
func endless([]string) error {
	time.Sleep(time.Hour)
	return nil
}

func external(t *testing.T, role string, args ...string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(roleEnv, role)
	return append([]string{self}, args...)
}

func TestExternalCommand(t *testing.T) {
	p := newPlace(t)
	a := p.open(t, archive.Config{Command: external(t, "command", "$HOME; exit 1", "--fast")})
	sweep(t, a)
	wantFiles(t, p.logs, none) // the queue was empty, so the command did not run
	write(t, p.queue, map[string]string{connLog: "c"})
	sweep(t, a)
	wantFiles(t, p.queue, none)
	wantFiles(t, p.logs, map[string]string{
		"arguments": strings.Join([]string{"$HOME; exit 1", "--fast", "-1", p.queue, p.logs}, "|"),
	})
}

func TestExternalCommandThatFails(t *testing.T) {
	p := newPlace(t)
	write(t, p.queue, map[string]string{connLog: "c"})
	a := p.open(t, archive.Config{Command: external(t, "failing")})
	_, err := a.Sweep(t.Context())
	if err == nil {
		t.Fatal("Sweep: no error")
	}
	got := err.Error()
	if !strings.Contains(got, "exit status 1") || !strings.HasSuffix(got, "line 98\nline 99\nno license") ||
		strings.Contains(got, "line 90\n") {
		t.Errorf("Sweep: %s", got)
	}
	wantFiles(t, p.queue, map[string]string{connLog: "c"})
}

func TestExternalCommandThatDoesNotExist(t *testing.T) {
	p := newPlace(t)
	write(t, p.queue, map[string]string{connLog: "c"})
	a := p.open(t, archive.Config{Command: []string{"/nonexistent/zeek-archiver"}})
	if _, err := a.Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "/nonexistent/zeek-archiver") {
		t.Errorf("Sweep: %v", err)
	}
}

func TestExternalCommandThatTakesTooLong(t *testing.T) {
	p := newPlace(t)
	write(t, p.queue, map[string]string{connLog: "c"})
	a := p.open(t, archive.Config{Command: external(t, "endless"), CommandTimeout: 20 * time.Millisecond})
	if _, err := a.Sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "it took more than 20ms") {
		t.Errorf("Sweep: %v", err)
	}
}

// Whoever the logs come from can put a link into the queue. The command must not follow it as root. It
// gets the archive and the directories of days, and nothing else that may be there.
func TestExternalCommandRunsAsTheUserOfTheLogs(t *testing.T) {
	roottest.Need(t, "runs a program as another user")
	p := newPlace(t)
	write(t, p.queue, map[string]string{connLog: "c"})
	write(t, p.logs, map[string]string{"2026-11-22/conn.log.gz": "c", "other/file": "o"})
	a := p.open(t, archive.Config{Command: []string{"/bin/sh", "-c", "id -u >&2; exit 1"}, As: &syscall.Credential{Uid: 54321, Gid: 54321}})
	if _, err := a.Sweep(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "it said: 54321") {
		t.Errorf("Sweep: %v", err)
	}
	for name, want := range map[string]uint32{".": 54321, "2026-11-22": 54321, "2026-11-22/conn.log.gz": 0, "other": 0, "other/file": 0} {
		var st syscall.Stat_t
		if err := syscall.Stat(filepath.Join(p.logs, name), &st); err != nil || st.Uid != want {
			t.Errorf("%s belongs to %d, %v, want %d", name, st.Uid, err, want)
		}
	}
}
