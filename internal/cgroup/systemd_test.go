package cgroup_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/cgroup"
	"github.com/zeekfleet/zeekfleet/internal/hosttest"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// onHost is the first argument of this test's binary when it runs on a host.
const onHost = "on-host"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == onHost {
		if err := bound(os.Args[2:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// bound gives a process limits: "enter|limit NODE PID MEMORY WEIGHT".
func bound(args []string) error {
	groups, why, err := cgroup.Open(context.Background(), cgroup.Config{Unit: "agent.service"})
	if err != nil {
		return err
	}
	if groups.Way() != cgroup.Systemd {
		return fmt.Errorf("by %s: %s", groups.Way(), why)
	}
	pid, _ := strconv.Atoi(args[2])
	memory, _ := strconv.ParseUint(args[3], 10, 64)
	weight, _ := strconv.ParseUint(args[4], 10, 64)
	do := groups.Enter
	if args[0] == "limit" {
		do = groups.Limit
	}
	err = do(context.Background(), args[1], pid, proc.Limits{MemoryBytes: memory, CPUWeight: weight})
	has, none := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	for controller, demanded := range map[string]bool{"memory": memory != 0, "cpu": weight != 0} {
		lacks := none == nil && !strings.Contains(" "+strings.TrimSpace(string(has))+" ", " "+controller+" ")
		if demanded && lacks {
			// systemd takes the limit, and the kernel does not know it.
			if err == nil || !strings.Contains(err.Error(), "of this kernel") || !strings.Contains(groups.Unbounded(), controller) {
				return fmt.Errorf("nobody says that the kernel has no controller for %s: %v", controller, err)
			}
			return nil
		}
	}
	return err
}

// A real systemd makes scopes with the limits of nodes, and changes them.
func TestScopesOfSystemd(t *testing.T) {
	roottest.Need(t, "makes namespaces")
	host := hosttest.Boot(t, "sensor")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host.Copy(self, "/usr/local/bin/bound", 0o755)
	shows := func(unit, want string) {
		t.Helper()
		got := host.Run("systemctl show --property=ActiveState,Slice,MemoryMax,MemorySwapMax,CPUWeight,Before '" + unit + "' | sort")
		if !strings.Contains(got, want) {
			t.Errorf("%s:\n%swant\n%s", unit, got, want)
		}
	}
	pid := strings.TrimSpace(host.Run("sleep 1000 >/dev/null 2>&1 & echo $!"))
	host.Run("bound on-host enter worker-1 " + pid + " 1073741824 200")
	shows("zeekfleet-node-worker-1.scope", "ActiveState=active\nBefore=")
	shows("zeekfleet-node-worker-1.scope", "CPUWeight=200\nMemoryMax=1073741824\nMemorySwapMax=0\nSlice=zeekfleet.slice\n")
	if got := host.Run("cat /proc/" + pid + "/cgroup"); !strings.Contains(got, "/zeekfleet.slice/zeekfleet-node-worker-1.scope\n") {
		t.Errorf("the process is in\n%s", got)
	}
	host.Run("bound on-host limit worker-1 " + pid + " 2147483648 0")
	shows("zeekfleet-node-worker-1.scope", "CPUWeight=[not set]\nMemoryMax=2147483648\n")
	host.Run("bound on-host limit worker-1 " + pid + " 0 0")
	shows("zeekfleet-node-worker-1.scope", "MemoryMax=infinity\nMemorySwapMax=infinity\n")

	// A process that an earlier zeekfleet has started gets a scope, too. The next process of a
	// node does, even if the scope of the one before lives on.
	next := strings.TrimSpace(host.Run("sleep 1000 >/dev/null 2>&1 & echo $!"))
	host.Run("bound on-host limit worker-1 " + next + " 1073741824 0")
	shows("zeekfleet-node-worker-1-"+next+".scope", "MemoryMax=1073741824\n")
	odd := strings.TrimSpace(host.Run("sleep 1000 >/dev/null 2>&1 & echo $!"))
	host.Run("bound on-host enter 'wörker@1' " + odd + " 0 300")
	shows(`zeekfleet-node-w\xc3\xb6rker\x401.scope`, "CPUWeight=300\n")

	// The scope goes with its last process.
	host.Run("kill " + pid + " && timeout 30 bash -c 'while systemctl is-active -q zeekfleet-node-worker-1.scope; do sleep 0.05; done'")
	if out, err := host.Try("bound on-host enter gone " + pid + " 0 0"); err == nil || !strings.Contains(out, "zeekfleet-node-gone.scope") {
		t.Errorf("a process that has ended got a scope: %s", out)
	}
}
