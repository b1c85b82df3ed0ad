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

// patience is how long a script waits for what must come, on a machine that has
// much else to do.
const patience = 90 * time.Second

// script is what belongs to one script. It is used by its goroutine alone.
type script struct {
	dir     string // the script's working directory, by which its processes are known
	started map[string]*scriptProcess
	ports   *porttest.Ports // what the script's daemons listen on
}

type scriptKey struct{}

func setUpScript(env *testscript.Env) error {
	s := &script{dir: env.WorkDir, started: map[string]*scriptProcess{}}
	env.Values[scriptKey{}] = s
	if err := writeCertificatesScript(filepath.Join(env.WorkDir, "certificates.sh")); err != nil {
		return err
	}
	env.Setenv("GORACE", "atexit_sleep_ms=0") // with the race detector every process lasts a second longer
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

// writeCertificatesScript writes the commands by which docs/operations.md makes
// certificates.
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

// end ends what the script has started, and returns the processes that were
// left nevertheless.
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

// processes lists the processes of this script that live.
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

// owns tells whether a living process belongs to this script. Those that have
// ended, reaped or not, have no environment any more.
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
}
