package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/proc/launching"
)

// launchHelper is a launch helper whose orders end before they begin.
func launchHelper() *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{launching.Name, "worker-1"}
	return cmd
}

// It costs less than a third of the start of the program.
func TestLaunchHelperInitializesFewPackages(t *testing.T) {
	cmd := launchHelper()
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	said, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1; it said:\n%s", code, said)
	}
	if !strings.Contains(string(said), "init runtime ") {
		t.Fatalf("the runtime has told nothing: %s", said)
	}
	for line := range strings.Lines(string(said)) {
		for _, late := range []string{"zeekfleet/internal/mgmt ", "prometheus/client_golang/prometheus ", "etcd/server/v3/etcdserver "} {
			if strings.Contains(line, late) {
				t.Errorf("initialized before the helper: %s", line)
			}
		}
	}
}

func BenchmarkLaunchHelper(b *testing.B) {
	for b.Loop() {
		_ = launchHelper().Run() // exit code 1: it has no orders
	}
}
