package hosts

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
)

// The addresses of the hosts. They are addresses for documentation (RFC 5737), and
// exist only within the test's namespaces.
const (
	controllerToWest = "192.0.2.1"
	west             = "192.0.2.2"
	controllerToEast = "192.0.2.5"
	east             = "192.0.2.6"
)

// peerSilence is the setting of that name: after this time without a message a
// part considers a peer lost.
const peerSilence = 5 * time.Second

// cluster is a controller and two agents, each in a namespace of its own. The
// agent "west" dials the controller; the agent "east" is dialed.
type cluster struct {
	t                      *testing.T
	controllerHost         namespace
	controller, west, east *part
	toWest, toEast         *cable
}

// part is one process of the cluster that the test starts and kills.
type part struct {
	t    *testing.T
	host namespace
	args []string
	log  string
	cmd  *exec.Cmd // nil while it does not run
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	controller, middle := newNamespace(t, "controller"), newNamespace(t, "cables")
	westHost, eastHost := newNamespace(t, "west"), newNamespace(t, "east")
	c := &cluster{t: t, controllerHost: controller}
	c.toWest = lay(t, middle, "west", controller, controllerToWest+"/30", westHost, west+"/30")
	c.toEast = lay(t, middle, "east", controller, controllerToEast+"/30", eastHost, east+"/30")
	c.controller = c.part(controller, "controller", "controller", "--listen-address", "0.0.0.0")
	c.west = c.part(westHost, "west", "agent", "--controller-address", controllerToWest)
	c.east = c.part(eastHost, "east", "agent", "--controller-address", "0.0.0.0", "--listen-address", "0.0.0.0")
	for _, p := range []*part{c.controller, c.west, c.east} {
		p.start()
	}
	return c
}

func (c *cluster) part(host namespace, name, command string, args ...string) *part {
	dir := c.t.TempDir()
	p := &part{t: c.t, host: host, log: filepath.Join(dir, "log"), args: append([]string{
		command, "--name", name, "--state-dir", dir, "--insecure",
		"--peer-silence", peerSilence.String(), "--connect-retry", "200ms",
	}, args...)}
	c.t.Cleanup(func() {
		p.kill()
		if c.t.Failed() {
			text, _ := os.ReadFile(p.log)
			c.t.Logf("log of %s:\n%s", name, text)
		}
	})
	return p
}

// start starts the part with the state directory of its earlier processes.
func (p *part) start() {
	p.t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.cmd = exec.Command(program, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.host.in(p.cmd.Start); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the part by SIGKILL.
func (p *part) kill() {
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Kill()
	p.cmd.Wait()
	p.cmd = nil
}

// client returns a client that connects to the controller on the controller's
// host.
func (c *cluster) client() *client.Client {
	c.t.Helper()
	var conn *client.Client
	err := c.controllerHost.in(func() (err error) {
		conn, err = client.Dial(c.t.Context(), client.Config{RetryDelay: 200 * time.Millisecond, Attempts: 50})
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// eight is a configuration with four nodes on each instance.
func eight() client.Configuration {
	config := client.Configuration{ID: "eight", Instances: []client.Instance{
		{Name: "west", Host: client.UnknownHost},
		{Name: "east", Host: netip.MustParseAddr(east), ListenPort: new(client.TCPPort(2151))},
	}}
	add := func(name client.NodeName, instance client.InstanceName, role client.ClusterRole) {
		config.Nodes = append(config.Nodes, client.Node{Name: name, Instance: instance, Role: role, State: client.Running})
	}
	add("logger", "west", client.Logger)
	add("manager", "west", client.Manager)
	add("proxy", "west", client.Proxy)
	add("worker-1", "west", client.Worker)
	for i := 2; i <= 5; i++ {
		add(client.NodeName(fmt.Sprintf("worker-%d", i)), "east", client.Worker)
	}
	return config
}

// nodesOf returns the names of config's nodes on an instance.
func nodesOf(config client.Configuration, instance client.InstanceName) []client.NodeName {
	var names []client.NodeName
	for _, n := range config.Nodes {
		if n.Instance == instance {
			names = append(names, n.Name)
		}
	}
	return names
}

// deploy stages and deploys config and returns the results.
func (c *cluster) deploy(config client.Configuration) []client.Result {
	c.t.Helper()
	conn := c.client()
	defer conn.Close()
	staged, err := conn.Stage(c.t.Context(), config)
	if err != nil || failures(staged) != "" {
		c.t.Fatalf("stage: %v %s", err, failures(staged))
	}
	deployed, err := conn.Deploy(c.t.Context())
	if err != nil {
		c.t.Fatalf("deploy: %v", err)
	}
	return deployed
}

// failures returns a text with all failed results, or nothing if all succeeded.
func failures(results []client.Result) string {
	var all []string
	for _, r := range results {
		if !r.Success {
			all = append(all, fmt.Sprintf("%s %s: %s", r.Instance, r.Node, r.Error))
		}
	}
	return strings.Join(all, "; ")
}

// view is the state of the cluster that the controller tells a client.
type view struct {
	connected []client.InstanceName
	states    map[client.NodeName]client.State // of cluster nodes
	pids      map[client.NodeName]int64
}

func (v view) String() string {
	var text strings.Builder
	text.WriteString(fmt.Sprintf("instances %v", v.connected))
	for _, n := range slices.Sorted(maps.Keys(v.states)) {
		text.WriteString(fmt.Sprintf(", %s %s (%d)", n, v.states[n], v.pids[n]))
	}
	return text.String()
}

// ask asks the controller for the connected instances and the nodes' states.
func (c *cluster) ask(conn *client.Client) view {
	c.t.Helper()
	v := view{states: map[client.NodeName]client.State{}, pids: map[client.NodeName]int64{}}
	instances, err := conn.GetInstances(c.t.Context())
	if err != nil {
		c.t.Fatalf("get instances: %v", err)
	}
	for _, in := range instances.Data.(client.Instances) {
		v.connected = append(v.connected, in.Name)
	}
	results, err := conn.GetNodes(c.t.Context())
	if err != nil {
		c.t.Fatalf("get nodes: %v", err)
	}
	for _, r := range results {
		statuses, _ := r.Data.(client.NodeStatuses)
		for _, s := range statuses {
			if s.ClusterRole == client.ClusterNone {
				continue // an agent or the controller
			}
			v.states[s.Node] = s.State
			if s.PID != nil {
				v.pids[s.Node] = *s.PID
			}
		}
	}
	return v
}

// pollInterval is the pause between two requests for the cluster's state. The
// controller does not notify clients of changes.
const pollInterval = 50 * time.Millisecond

// await asks for the state of the cluster until right accepts it, and returns that
// state. It fails the test if that takes longer than within.
func (c *cluster) await(what string, within time.Duration, right func(view) bool) view {
	c.t.Helper()
	conn := c.client()
	defer conn.Close()
	began := time.Now()
	for {
		v := c.ask(conn)
		if right(v) {
			c.t.Logf("%s after %v", what, time.Since(began).Round(time.Millisecond))
			return v
		}
		if time.Since(began) > within {
			c.t.Fatalf("not %s within %v: %v", what, within, v)
		}
		time.Sleep(pollInterval)
	}
}

// whole reports whether both instances are connected and all eight nodes RUNNING.
func whole(v view) bool {
	if len(v.connected) != 2 || len(v.states) != 8 {
		return false
	}
	for _, s := range v.states {
		if s != client.Running {
			return false
		}
	}
	return true
}

// without returns a function that reports whether exactly the instance lost is
// missing: it is not listed, its nodes are UNKNOWN, and the other nodes RUNNING.
func without(lost client.InstanceName) func(view) bool {
	nodes := nodesOf(eight(), lost)
	return func(v view) bool {
		if slices.Contains(v.connected, lost) || len(v.connected) != 1 || len(v.states) != 8 {
			return false
		}
		for n, s := range v.states {
			if slices.Contains(nodes, n) != (s == client.Unknown) || s != client.Unknown && s != client.Running {
				return false
			}
		}
		return true
	}
}
