package packagetest

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/hosttest"
)

// A host with a real systemd is upgraded under running nodes.
func TestUpgradeUnderSystemdLeavesNodesAlone(t *testing.T) {
	h := hosttest.Boot(t, "sensor")
	h.Copy(one(t, made.older, "zeekfleet_1*.deb"), "/root/older.deb", 0o644)
	h.Copy(one(t, made.newer, "zeekfleet_1*.deb"), "/root/newer.deb", 0o644)
	h.Run("dpkg --install /root/older.deb")
	if got := h.Run("systemctl is-active zeekfleet-controller zeekfleet-agent || true"); got != "inactive\ninactive\n" {
		t.Errorf("after the installation: got %q, want that nothing was started", got)
	}
	h.Run("systemctl enable --now zeekfleet-controller zeekfleet-agent")
	h.Write("/root/cluster.ini", 0o644, []byte("[manager]\nrole = manager\n\n[worker]\nrole = worker\ninterface = lo\n"))
	h.Run(`for i in $(seq 300); do zeekfleet get-instances | grep -q '"host"' && break; sleep 0.2; done; zeekfleet deploy-config /root/cluster.ini`)
	running := `for i in $(seq 300); do [ "$(zeekfleet get-nodes 2>/dev/null | grep -c RUNNING)" = 4 ] && break; sleep 0.2; done; zeekfleet get-nodes 2>/dev/null | grep -c RUNNING`
	pids := `for n in manager worker; do sed -n 's/.*"pid":\([0-9]*\).*/\1/p' /var/lib/zeekfleet/nodes/*/processes/$n.*.json; done`
	agent := "systemctl show --property=MainPID zeekfleet-agent"
	if got := h.Run(running); got != "4\n" {
		t.Fatalf("%s run, want 4, with controller and agent\n%s", got, h.Run("zeekfleet get-nodes; journalctl -u zeekfleet-agent"))
	}
	nodes, before := h.Run(pids), h.Run(agent)
	for _, version := range []string{"newer", "older"} { // a downgrade is an upgrade, too
		h.Run("dpkg --install /root/" + version + ".deb")
		if got := h.Run(running); got != "4\n" {
			t.Fatalf("%s: %s run, want 4", version, got)
		}
		if now := h.Run(agent); now == before {
			t.Errorf("%s: the agent was not restarted: %s", version, now)
		} else {
			before = now
		}
		if now := h.Run(pids); now != nodes {
			t.Errorf("%s: the nodes are %q, were %q", version, now, nodes)
		}
	}
	// A node that was taken over can put anything into its directory. Nobody waits for a pipe, and
	// nobody is told to end a process that is not the node's own.
	h.Run(`cd /var/lib/zeekfleet/nodes/worker && mkdir processes && mkfifo processes/a.json && truncate -s 1T processes/b.json && ln -s /dev/zero processes/c.json
		echo "{\"name\":\"\033[31mforged\",\"pid\":1,\"start_ticks\":$(sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20),\"boot_id\":\"$(cat /proc/sys/kernel/random/boot_id)\"}" >processes/d.json
		chown -R zeek: processes`)
	if out := h.Run("timeout 60 dpkg --remove zeekfleet 2>&1"); strings.Contains(out, "forged") {
		t.Errorf("somebody is told to end the first process: %s", out)
	}
	kill := "kill -0 " + strings.Join(strings.Fields(nodes), " ")
	h.Run(kill)
	if out, err := h.Try("dpkg --purge zeekfleet"); err == nil || !strings.Contains(out, "Nothing was removed") {
		t.Errorf("purged under nodes: %v: %s", err, out)
	}
	h.Run(strings.Replace(kill, "-0", "-KILL", 1) + "; while " + kill + " 2>/dev/null; do sleep 0.1; done; dpkg --purge zeekfleet; test ! -e /var/lib/zeekfleet")
}
