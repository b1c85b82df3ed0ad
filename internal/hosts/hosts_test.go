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
)

// How soon a whole cluster is whole again: redialing, with a connection attempt
// that is under way when a cable is mended, a handshake, and a welcome.
const recovery = 20 * time.Second

// noticing is how soon a cut shows: the silence, and the round of the test.
const noticing = peerSilence + 5*time.Second

func TestClusterAcrossHosts(t *testing.T) {
	c := newCluster(t)
	// The other is dialed once a configuration says where it is.
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
		{"delay and loss slow the cluster down and no more", badWeatherIsWeathered},
		{"a killed agent finds its nodes again", killedAgentsComeBack},
		{"a killed controller finds its agents again", aKilledControllerComesBack},
		{"a killed node is started again, and no other", killedNodesAreStartedAgain},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.does(t, c, nodes) })
	}
	seen := processes(t, c.look(c.client()))
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

func badWeatherIsWeathered(t *testing.T, c *cluster, nodes running) {
	bad := quality{delay: 200 * time.Millisecond, loss: 0.05}
	for _, cable := range c.cables() {
		cable.set(bad)
	}
	c.deployInBadWeather(t)
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

// cables are the links to the instances.
func (c *cluster) cables() map[client.InstanceName]*cable {
	return map[client.InstanceName]*cable{"west": c.toWest, "east": c.toEast}
}

// deployWithout deploys what is deployed while one instance is out of reach. The
// nodes of the other must be up, and the one that is missing is named; since
// nothing changes for it, that is no failure.
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

// deployInBadWeather deploys until that succeeds. Before that it may fail, by
// name: where frames get lost, so do peerings.
func (c *cluster) deployInBadWeather(t *testing.T) {
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

// process is a process as no other has been or will be: by PID and time of
// start.
type process struct {
	pid   int64
	start string
}

// running are the cluster's nodes.
type running map[client.NodeName]process

// processes finds the processes that a view speaks of.
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

// live checks that every process still runs.
func (r running) live(t *testing.T) {
	t.Helper()
	for name, p := range r {
		if start, err := startTime(p.pid); err != nil || start != p.start {
			t.Errorf("node %s (pid %d) has been stopped: %v", name, p.pid, err)
		}
	}
}

// startTime returns when a process was started, in ticks since the boot.
func startTime(pid int64) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// What follows the name, which is in parentheses and may contain anything.
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), " ")
	const state, start = 0, 19 // proc_pid_stat(5), counted from the third field
	fields := strings.Fields(rest)
	if len(fields) <= start || fields[state] == "Z" {
		return "", fmt.Errorf("process %d has ended", pid)
	}
	return fields[start], nil
}
