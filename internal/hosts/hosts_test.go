package hosts

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// recovery bounds the time until a repaired cluster is whole: the rest of a
// connection attempt that has begun before the repair, the pause before the next
// attempt, the handshake, and the controller's welcome. On a busy machine each takes long.
const recovery = patience.Limit

// noticing bounds the time until get-nodes shows a cut: the time until the peer
// counts as lost, and the test's own requests, which take long on a busy machine.
const noticing = peerSilence + 30*time.Second

func TestClusterAcrossHosts(t *testing.T) {
	c := newCluster(t)
	// The controller dials the agent "east" only after the deployment, because the
	// configuration has its address.
	c.await("the agent that dials connected", recovery, func(v view) bool { return slices.Contains(v.connected, "west") })
	if failed := failures(c.deploy(eight())); failed != "" {
		t.Fatalf("deploy: %s", failed)
	}
	nodes := processes(t, c.await("all nodes RUNNING", recovery, whole))

	for _, tt := range []struct {
		name string
		does func(*testing.T, *cluster, running)
	}{
		{"a cut makes an instance UNKNOWN and stops nothing", cutsAreNoticed},
		{"a deployment at the moment of a cut names the instance", cutsDuringADeploymentAreNamed},
		{"delay and loss slow the cluster down and no more", delayAndLossAreSurvived},
		{"a killed agent finds its nodes again", killedAgentsComeBack},
		{"a killed controller finds its agents again", aKilledControllerComesBack},
		{"a killed node is started again, and no other", killedNodesAreStartedAgain},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.does(t, c, nodes) })
	}
	seen := processes(t, c.ask(c.client()))
	if !maps.Equal(nodes, seen) {
		t.Errorf("the controller reports %v, running are %v", seen, nodes)
	}
}

func cutsAreNoticed(t *testing.T, c *cluster, nodes running) {
	for name, cable := range c.cables() {
		cable.set(quality{cut: true})
		c.await(string(name)+" UNKNOWN", noticing, without(name))
		nodes.live(t)
		c.deployWithout(t, name)
		cable.set(quality{})
		c.await("all nodes RUNNING again", recovery, whole)
		nodes.live(t)
	}
}

func cutsDuringADeploymentAreNamed(t *testing.T, c *cluster, nodes running) {
	for name, cable := range c.cables() {
		cable.set(quality{cut: true})
		c.deployWithout(t, name)
		cable.set(quality{})
		c.await("all nodes RUNNING again", recovery, whole)
		nodes.live(t)
	}
}

func delayAndLossAreSurvived(t *testing.T, c *cluster, nodes running) {
	bad := quality{delay: 200 * time.Millisecond, loss: 0.05}
	for _, cable := range c.cables() {
		cable.set(bad)
	}
	c.deployThroughLoss(t)
	c.await("all nodes RUNNING", recovery, whole)
	for name, cable := range c.cables() {
		cable.set(quality{cut: true})
		c.await(string(name)+" not RUNNING", noticing, func(v view) bool { return !whole(v) })
		cable.set(bad)
	}
	c.await("all nodes RUNNING again", recovery, whole)
	for _, cable := range c.cables() {
		cable.set(quality{})
	}
	c.await("all nodes RUNNING still", recovery, whole)
	nodes.live(t)
}

func killedAgentsComeBack(t *testing.T, c *cluster, nodes running) {
	for name, agent := range map[client.InstanceName]*part{"west": c.west, "east": c.east} {
		agent.kill()
		c.await(string(name)+" UNKNOWN", noticing, without(name))
		c.deployWithout(t, name)
		nodes.live(t)
		agent.start()
		c.await("all nodes RUNNING again", recovery, whole)
		nodes.live(t)
	}
}

func aKilledControllerComesBack(t *testing.T, c *cluster, nodes running) {
	c.controller.kill()
	nodes.live(t)
	c.controller.start()
	c.await("all nodes RUNNING again", recovery, whole)
	nodes.live(t)
}

func killedNodesAreStartedAgain(t *testing.T, c *cluster, nodes running) {
	for _, name := range []client.NodeName{"worker-1", "worker-5"} {
		before := nodes[name]
		if err := syscall.Kill(int(before.pid), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		delete(nodes, name)
		v := c.await(string(name)+" started again", recovery, func(v view) bool {
			return whole(v) && v.pids[name] != before.pid
		})
		nodes.live(t)
		nodes[name] = processes(t, v)[name]
	}
}

// cables returns the cable of each instance.
func (c *cluster) cables() map[client.InstanceName]*cable {
	return map[client.InstanceName]*cable{"west": c.toWest, "east": c.toEast}
}

// deployWithout deploys the same configuration again while the instance lost is
// not connected. The deployment must succeed, because it changes nothing for that
// instance. It must name the instance, and the nodes of the other instance must be
// up.
func (c *cluster) deployWithout(t *testing.T, lost client.InstanceName) {
	t.Helper()
	began := time.Now()
	up, named := 0, false
	for _, r := range c.deploy(eight()) {
		switch {
		case !r.Success:
			t.Errorf("deployment without %s fails: %q, %s, %s", lost, r.Instance, r.Node, r.Error)
		case r.Node != "":
			up++
		case r.Instance == lost:
			named = strings.Contains(r.Error, string(lost))
		}
	}
	if up != 4 || !named {
		t.Errorf("deployment without %s: %d nodes up, want 4; it is named: %t", lost, up, named)
	}
	t.Logf("deployment without %s answered after %v", lost, time.Since(began).Round(time.Millisecond))
}

// deployThroughLoss deploys over cables that lose frames, until a deployment
// succeeds. Peerings are lost too, so deployments may fail; then each failure must
// name its instance.
func (c *cluster) deployThroughLoss(t *testing.T) {
	t.Helper()
	const attempts = 5
	for i := range attempts {
		results := c.deploy(eight())
		failed := failures(results)
		if failed == "" {
			t.Logf("deployment %d through delay and loss succeeded", i+1)
			return
		}
		for _, r := range results {
			if !r.Success && r.Instance == "" && !strings.HasPrefix(r.Error, "nothing was deployed") {
				t.Errorf("a failure names no instance: %+v", r)
			}
		}
		t.Logf("deployment %d through delay and loss: %s", i+1, failed)
	}
	t.Errorf("no deployment in %d succeeded through delay and loss", attempts)
}

// process identifies a process by its PID and its time of start. A PID alone may
// be used again.
type process struct {
	pid   int64
	start string
}

// running holds the process of each node.
type running map[client.NodeName]process

// processes returns the processes whose PIDs are in v.
func processes(t *testing.T, v view) running {
	t.Helper()
	all := running{}
	for name, pid := range v.pids {
		start, err := startTime(pid)
		if err != nil {
			t.Fatalf("node %s: %v", name, err)
		}
		all[name] = process{pid, start}
	}
	return all
}

// live checks that all processes still run.
func (r running) live(t *testing.T) {
	t.Helper()
	for name, p := range r {
		if start, err := startTime(p.pid); err != nil || start != p.start {
			t.Errorf("node %s (pid %d) has been stopped: %v", name, p.pid, err)
		}
	}
}

// startTime returns the time of a process's start, in ticks since the boot.
func startTime(pid int64) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The name of the program is in parentheses and may contain any character. The
	// other fields begin behind the last parenthesis.
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), " ")
	const state, start = 0, 19 // proc_pid_stat(5), counted from the third field
	fields := strings.Fields(rest)
	if len(fields) <= start || fields[state] == "Z" {
		return "", fmt.Errorf("process %d has ended", pid)
	}
	return fields[start], nil
}
