package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

// patience is how long a command of a script waits at most. It is long because
// the machine may be busy with other tests.
const patience = 90 * time.Second

// script is the state of one script. Only the script's goroutine uses it.
type script struct {
	dir     string // the script's working directory; the environment of its processes names it
	started map[string]*scriptProcess
	ports   *porttest.Ports // the ports for the script's daemons
	pids    map[string]int  // of nodes, at the last "restarts"
}

type scriptKey struct{}

func setUpScript(env *testscript.Env) error {
	s := &script{dir: env.WorkDir, started: map[string]*scriptProcess{}}
	env.Values[scriptKey{}] = s
	if err := writeCertificatesScript(filepath.Join(env.WorkDir, "certificates.sh")); err != nil {
		return err
	}
	if err := writeAPIScript(filepath.Join(env.WorkDir, "api.sh")); err != nil {
		return err
	}
	env.Setenv("GORACE", "atexit_sleep_ms=0") // by default the race detector delays the end of every process by a second
	t := env.T()
	env.Defer(func() {
		left := s.end()
		if len(left) > 0 {
			t.Log("processes were left behind: ", left)
			t.FailNow()
		}
	})
	return nil
}

// writeCertificatesScript writes a file with the commands of docs/operations.md
// that make certificates.
func writeCertificatesScript(path string) error {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		return err
	}
	_, section, _ := strings.Cut(string(text), "\n## Certificates\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var commands strings.Builder
	for i, part := range strings.Split(section, "```") {
		if block, ok := strings.CutPrefix(part, "sh\n"); ok && i%2 == 1 && strings.Contains(block, "openssl") {
			commands.WriteString(block)
		}
	}
	return os.WriteFile(path, []byte(commands.String()), 0o600)
}

func scriptOf(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// end ends the processes that the script has started. It returns the PIDs of the
// script's other processes, and kills them.
func (s *script) end() []int {
	for _, b := range s.started {
		b.interrupt()
	}
	for _, b := range s.started {
		select {
		case <-b.done:
		case <-time.After(patience):
			b.cmd.Process.Kill()
			<-b.done
		}
	}
	left := s.processes()
	for _, pid := range left {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if s.ports != nil {
		s.ports.Close()
	}
	return left
}

// processes returns the PIDs of the living processes of this script.
func (s *script) processes() []int {
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		panic(err) // the pattern is constant
	}
	var found []int
	for _, f := range files {
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil && s.owns(pid) {
			found = append(found, pid)
		}
	}
	return found
}

// owns reports whether the process lives and belongs to this script. A process
// that has ended has no environment any more, even before it is reaped.
func (s *script) owns(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err == nil && bytes.Contains(append([]byte{0}, text...), []byte("\x00WORK="+s.dir+"\x00"))
}

func cmdIsolate(ts *testscript.TestScript, neg bool, args []string) {
	s := scriptOf(ts)
	if neg || len(args) > 0 || s.ports != nil {
		ts.Fatalf("usage: isolate, once")
	}
	ports, err := porttest.Reserve()
	ts.Check(err)
	s.ports = ports
	for name, offset := range map[string]int{
		"ZEEK_CONTROLLER_PORT":                     1,
		"ZEEK_CONTROLLER_WEBSOCKET_PORT":           2,
		"ZEEK_AGENT_PORT":                          3,
		"ZEEKFLEET_ZEEK_ZEROMQ_XPUB_PORT":          4,
		"ZEEKFLEET_ZEEK_ZEROMQ_XSUB_PORT":          5,
		"FREE_PORT":                                6,
		"ZEEKFLEET_AUTO_ASSIGN_BROKER_START_PORT":  10,
		"ZEEKFLEET_AUTO_ASSIGN_METRICS_START_PORT": 20,
	} {
		ts.Setenv(name, strconv.Itoa(int(ports.At(offset))))
	}
	ts.Setenv("ZEEK_CLIENT_CONFIG_SETTINGS", fmt.Sprintf("controller.port=%d", ports.At(2)))
	ts.Setenv("ZEEK_MANAGEMENT_STATE_DIR", filepath.Join(s.dir, "state"))
	ts.Setenv("ZEEK_CONTROLLER_NAME", "controller")
	ts.Setenv("ZEEK_AGENT_NAME", "host")
	ts.Setenv("ZEEKFLEET_NODE_KIND", "embedded")
	ts.Setenv("ZEEKFLEET_AGENT_LIMITS_BY", "rlimit") // the same on hosts with systemd
}
