package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/hosttest"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

const deployed = "../../deploy"

// units are the services that the packages install.
var units = []string{"zeekfleet-controller.service", "zeekfleet-agent.service"}

// serviceHost is a host on which the services are installed, and have not started.
func serviceHost(t *testing.T) *hosttest.Host {
	host := hosttest.Boot(t, "sensor")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host.Copy(self, "/usr/bin/zeekfleet", 0o755) // this test's binary is zeekfleet under this name
	for _, unit := range units {
		host.Copy(filepath.Join(deployed, "systemd", unit), "/usr/lib/systemd/system/"+unit, 0o644)
	}
	for _, dir := range []string{"sysusers.d", "tmpfiles.d"} {
		host.Copy(filepath.Join(deployed, dir, "zeekfleet.conf"), "/usr/lib/"+dir+"/zeekfleet.conf", 0o644)
	}
	host.Write("/etc/zeekfleet/controller.yaml", 0o644, []byte("state_dir: /var/lib/zeekfleet\n"))
	host.Write("/etc/zeekfleet/agent.yaml", 0o644, []byte("state_dir: /var/lib/zeekfleet\nlocal_users: zeekfleet=operator\nagent:\n  name: sensor\n  controller_address: 127.0.0.1\nzeek:\n  kind: embedded\n"))
	host.Run("systemd-sysusers zeekfleet.conf && systemd-tmpfiles --create zeekfleet.conf && systemctl daemon-reload")
	return host
}

// The units are right, and their scores are those that docs/operations.md has.
func TestUnitsAreVerified(t *testing.T) {
	roottest.Need(t, "makes namespaces")
	host := serviceHost(t)
	for _, unit := range units {
		if out, err := host.Try("systemd-analyze verify --man=no " + unit); err != nil || strings.TrimSpace(out) != "" {
			t.Errorf("%s: systemd-analyze verify: %v\n%s", unit, err, out)
		}
	}
	doc, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+) `)
	for _, unit := range units {
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager", filepath.Join(deployed, "systemd", unit)).CombinedOutput()
		found := level.FindSubmatch(out)
		if err != nil || found == nil {
			t.Fatalf("systemd-analyze security %s: %v\n%s", unit, err, out)
		}
		if row := fmt.Sprintf("| `%s` | %s |", unit, found[1]); !strings.Contains(string(doc), row) {
			t.Errorf("docs/operations.md lacks the row %q", row)
		}
	}
}

// await runs a line on the host until it succeeds.
func await(t *testing.T, host *hosttest.Host, line string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		out, err := host.Try(line)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			journal, _ := host.Try("journalctl --no-pager --output=cat --lines=30; systemctl --no-pager status 'zeekfleet*'")
			t.Fatalf("%s: %v\n%s\n%s", line, err, out, journal)
		}
	}
}

// The services serve, say so, and are ended when they hang. Nodes have scopes of their own, and
// go on when their agent ends in any way.
func TestServicesOfSystemd(t *testing.T) {
	roottest.Need(t, "makes namespaces")
	host := serviceHost(t)
	host.Write("/root/cluster.ini", 0o644, []byte("[worker]\ninstance = sensor\nrole = worker\nmemory_limit = 1GiB\ncpu_weight = 200\nnice = 3\n"))
	for _, unit := range units {
		host.Write("/etc/systemd/system/"+unit+".d/test.conf", 0o644, []byte("[Service]\nWatchdogSec=6s\nTimeoutAbortSec=1s\nRestartSec=0\n"))
	}
	host.Run("systemctl daemon-reload && systemctl start " + strings.Join(units, " ")) // they are started when they serve
	if got := host.Run("ps -o user= -p $(systemctl show -P MainPID zeekfleet-controller)"); got != "zeekfle+\n" && got != "zeekfleet\n" {
		t.Errorf("the controller runs as %q", got)
	}
	await(t, host, "zeekfleet deploy /root/cluster.ini --yes")
	await(t, host, "systemctl show -P StatusText zeekfleet-controller | grep -qx 'instances that are ready: 1 of 1' || { systemctl show -P StatusText zeekfleet-controller; false; }")

	scope := "zeekfleet-node-worker.scope"
	pid := host.Run("zeekfleet agent nodes --output json --name sensor --state-dir /var/lib/zeekfleet | jq -r '.. | .pid? // empty' | head -1")
	pid = strings.TrimSpace(pid)
	if got := host.Run("cat /proc/" + pid + "/cgroup"); !strings.Contains(got, "/zeekfleet.slice/"+scope) {
		t.Errorf("the node is in\n%s", got)
	}
	want := "CPUWeight=200\nMemoryMax=1073741824\nMemorySwapMax=0\n"
	if got := host.Run("systemctl show --property=MemoryMax,MemorySwapMax,CPUWeight " + scope + " | sort"); got != want {
		t.Errorf("%s has\n%swant\n%s", scope, got, want)
	}

	// Other limits reach the running process.
	host.Run("sed -i 's/1GiB/2GiB/; /cpu_weight/d' /root/cluster.ini && zeekfleet deploy /root/cluster.ini --yes")
	await(t, host, "systemctl show -P MemoryMax "+scope+" | grep -qx 2147483648")
	await(t, host, `test "$(systemctl show -P CPUWeight `+scope+`)" = '[not set]'`)

	lives := func(when string) {
		t.Helper()
		if out, err := host.Try("kill -0 " + pid + " && systemctl is-active " + scope); err != nil {
			t.Fatalf("%s, the node does not go on: %s", when, out)
		}
	}
	host.Run("systemctl restart zeekfleet-agent")
	lives("when the agent was restarted")
	host.Run("systemctl stop zeekfleet-agent")
	lives("when the agent was stopped")

	// An agent that hangs is ended by the watchdog, and started again.
	host.Run("systemctl start zeekfleet-agent && kill -STOP $(systemctl show -P MainPID zeekfleet-agent)")
	await(t, host, "test $(systemctl show -P NRestarts zeekfleet-agent) -ge 1 && systemctl is-active zeekfleet-agent")
	lives("when the agent hung")
	await(t, host, "ZEEKFLEET_CONTROLLER_USER=zeekfleet zeekfleet nodes --output json | grep -q RUNNING")
}
