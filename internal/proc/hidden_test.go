package proc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// The users of the tests in this file. They differ, and neither is root.
const (
	agentUser = 65534
	nodeUser  = 65533
)

// sighting is what a Host saw that does not run as root.
type sighting struct {
	Adoption proc.Adoption
	Stop     string // the error of Stop
	Refused  bool   // the error is fs.ErrPermission
}

// seeker is a role: it adopts as the user agentUser and prints a sighting. If args[1]
// is "hidden", its /proc hides processes of other users. It runs in a mount namespace
// of its own.
func seeker(args []string) {
	if args[1] == "hidden" {
		if err := errors.Join(
			unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("proc", "/proc", "proc", 0, "hidepid=2"),
		); err != nil {
			panic(err)
		}
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(agentUser), syscall.Setuid(agentUser)); err != nil {
		panic(err)
	}
	h, err := proc.New(proc.Config{RecordDir: filepath.Join(args[0], "records"), NodesDir: args[0]})
	if err != nil {
		panic(err)
	}
	var saw sighting
	if saw.Adoption, err = h.Adopt(context.Background()); err != nil {
		panic(err)
	}
	if err := h.Stop("worker-1", 3, time.Minute); err != nil {
		saw.Stop, saw.Refused = err.Error(), errors.Is(err, fs.ErrPermission)
	}
	json.NewEncoder(os.Stdout).Encode(saw)
}

// anotherUsersNode starts a process of the user nodeUser and writes its record. It
// returns the directory of the records and the PID.
func anotherUsersNode(t *testing.T) (string, int) {
	t.Helper()
	roottest.Need(t, "starts processes of several users")
	node := exec.Command("sleep", "86400")
	node.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: nodeUser, Gid: nodeUser}}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		node.Process.Kill()
		node.Wait()
	})
	pid := node.Process.Pid
	text := string(must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))))
	ticks := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])[22-3]
	record := durable.Seal(fmt.Appendf(nil,
		`{"name":"worker-1","launch":3,"pid":%d,"start_ticks":%s,"boot_id":%q,"started":"2026-01-01T00:00:00Z"}`,
		pid, ticks, strings.TrimSpace(string(must(os.ReadFile("/proc/sys/kernel/random/boot_id"))))))
	base := t.TempDir()
	records := filepath.Join(base, "records")
	if err := errors.Join(
		os.Chmod(filepath.Dir(base), 0o711), // other users must be able to reach base
		os.Mkdir(records, 0o700),
		os.WriteFile(filepath.Join(records, "worker-1.3.json"), record, 0o600),
		os.Chown(records, agentUser, agentUser),
		os.Chown(filepath.Join(records, "worker-1.3.json"), agentUser, agentUser),
	); err != nil {
		t.Fatal(err)
	}
	return base, pid
}

func seek(t *testing.T, base, how string) sighting {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", base, how)
	cmd.Env = append(os.Environ(), roleEnv+"=seeker")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	cmd.Stderr = t.Output()
	said, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var saw sighting
	if err := json.Unmarshal(said, &saw); err != nil {
		t.Fatalf("seeker printed %q: %v", said, err)
	}
	return saw
}

func TestProcessHiddenByHidepidIsUnseen(t *testing.T) {
	base, pid := anotherUsersNode(t)
	saw := seek(t, base, "hidden")
	a := saw.Adoption
	if len(a.Running)+len(a.Ended) > 0 || len(a.Unseen) != 1 || a.Unseen[0].PID != pid || a.Unseen[0].Launch != 3 {
		t.Fatalf("Adopt: got %+v, want process %d unseen", a, pid)
	}
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the process: %v", err)
	}
}

func TestStopOfAnotherUsersProcessIsAPermissionError(t *testing.T) {
	base, pid := anotherUsersNode(t)
	saw := seek(t, base, "visible")
	if a := saw.Adoption; len(a.Running) != 1 || a.Running[0].PID != pid {
		t.Fatalf("Adopt: got %+v, want process %d running", a, pid)
	}
	if !saw.Refused || !strings.Contains(saw.Stop, "operation not permitted") {
		t.Errorf("Stop: got %q, refused: %t", saw.Stop, saw.Refused)
	}
}

// Another user starts a process in a node's directory, with an environment that
// claims to be the node. The process must not prevent the start of the node.
func TestAnotherUsersProcessInANodesDirectoryIsNoNode(t *testing.T) {
	roottest.Need(t, "starts processes of several users")
	base := t.TempDir()
	home := filepath.Join(base, "worker-1")
	if err := errors.Join(os.Chmod(filepath.Dir(base), 0o711), os.Chmod(base, 0o755), os.Mkdir(home, 0o755)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		owner int // the owner of the directory
		want  int // how many processes may be the node
	}{
		"in a directory of the agent's": {0, 0},
		"in a directory of its own":     {nodeUser, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.Chown(home, tt.owner, tt.owner); err != nil {
				t.Fatal(err)
			}
			stranger := exec.Command("sleep", "86400")
			stranger.Dir, stranger.Env = home, []string{"CLUSTER_NODE=worker-1"}
			stranger.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: nodeUser, Gid: nodeUser}}
			if err := stranger.Start(); err != nil {
				t.Fatal(err)
			}
			defer stranger.Wait()
			defer stranger.Process.Kill()
			a, err := newFleet(t, base, quick(base)).Adopt(t.Context())
			if err != nil || len(a.Running)+len(a.Ended) > 0 || len(a.Unseen) != tt.want {
				t.Errorf("got %+v, %v, want %d unseen", a, err, tt.want)
			}
		})
	}
}
