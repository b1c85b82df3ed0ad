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
	host.Copy(filepath.Join(deployed, "packages/etc/controller.yaml"), "/etc/zeekfleet/controller.yaml", 0o644)
	installed, err := os.ReadFile(filepath.Join(deployed, "packages/etc/agent.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	agent := strings.NewReplacer("# name: sensor-1", "name: sensor", "# controller_address: 192.0.2.1", "controller_address: 127.0.0.1").Replace(string(installed))
	host.Write("/etc/zeekfleet/agent.yaml", 0o644, []byte(agent+"zeek:\n  kind: embedded\n"))
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
	if got := host.Run("stat -c %U /proc/" + pid); got != "zeek\n" {
		t.Errorf("the node runs as %q", got)
	}
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
	await(t, host, "zeekfleet nodes --output json | grep -q RUNNING")
}

// Nodes of root's agent run as another user, with the capability to capture and nothing else, if
// they capture. What the user finds of an earlier time, when nodes ran as root, becomes the
// user's.
func TestNodesRunAsAUserOfTheirOwn(t *testing.T) {
	roottest.Need(t, "makes namespaces")
	host := serviceHost(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host.Copy(self, "/opt/zeek/bin/zeek", 0o755) // a fake Zeek under this name
	settings := "state_dir: /var/lib/zeekfleet\nlocal_users: zeekfleet=operator\nagent:\n  name: sensor\n  controller_address: 127.0.0.1\nzeek:\n  path: /opt/zeek/bin/zeek\n"
	host.Write("/etc/zeekfleet/agent.yaml", 0o644, []byte(settings))
	host.Write("/root/cluster.ini", 0o644, []byte("[manager]\ninstance = sensor\nrole = manager\n[logger]\ninstance = sensor\nrole = logger\n[worker]\ninstance = sensor\nrole = worker\ninterface = lo\n"))
	host.Run("systemctl start " + strings.Join(units, " "))
	await(t, host, "zeekfleet deploy /root/cluster.ini --yes")
	owner := func(want string) {
		t.Helper()
		for _, path := range []string{"nodes/worker", "nodes/worker/.status", "nodes/manager", "spool/log-queue"} {
			if got := host.Run("stat -c %U /var/lib/zeekfleet/" + path); got != want+"\n" {
				t.Errorf("%s is %q's, want %s's", path, got, want)
			}
		}
	}
	owner("root")

	host.Write("/etc/zeekfleet/agent.yaml", 0o644, []byte(strings.Replace(settings, "  name: sensor\n", "  name: sensor\n  node_user: zeek\n", 1)))
	host.Run("systemctl restart zeekfleet-agent")
	await(t, host, "zeekfleet restart")
	owner("zeek")
	status := func(node string) string {
		return host.Run(`grep -E '^(Uid|Gid|CapEff|CapPrm|CapAmb):' /proc/$(zeekfleet agent nodes --output json --name sensor --state-dir /var/lib/zeekfleet | jq -r '.. | objects | select(.node? == "` + node + `" or .name? == "` + node + `") | .pid')/status; id -u zeek`)
	}
	for node, capability := range map[string]string{"worker": "0000000000002000", "manager": "0000000000000000"} {
		got := status(node)
		uid := got[strings.LastIndex(strings.TrimSpace(got), "\n")+1 : len(got)-1]
		if strings.Count(got, uid+"\t"+uid+"\t"+uid+"\t"+uid) == 0 || strings.Count(got, ":\t"+capability+"\n") != 3 {
			t.Errorf("%s runs with\n%swant user %s and capability %s", node, got, uid, capability)
		}
	}
	// A user who owns a directory cannot make the agent touch what is elsewhere.
	host.Run("zeekfleet stop worker && echo mine >/root/mine && su -s /bin/sh zeek -c 'ln -sf /root/mine /var/lib/zeekfleet/nodes/worker/.status; true' && zeekfleet start worker")
	if got := host.Run("cat /root/mine; stat -c %U /root/mine"); got != "mine\nroot\n" {
		t.Errorf("the file of root is now %q", got)
	}
}
