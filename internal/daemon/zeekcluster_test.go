package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/archive"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/crash"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// zeekAgent is an agent that launches fake Zeek processes, and can be stopped
// and started again.
type zeekAgent struct {
	*testCluster
	name     client.InstanceName
	ports    *porttest.Ports
	address  string // of the agent, in all its lives
	install  zeek.Install
	change   func(*launch.ZeekConfig) // what differs from the usual
	crashes  *crash.Store
	changes  chan mgmt.NotifyChange
	ended    chan error
	end      context.CancelFunc
	endNodes chan struct{}
	// ahead, if not nil, has the agent run its preflight ahead of deployments, and is closed when it has.
	ahead chan struct{}
	// removed, if not nil, has the agent delete the directories of removed nodes.
	removed func(*daemon.AgentConfig)
}

// listener is a log that tells of one message.
type listener struct {
	slog.Handler
	message string
	heard   chan struct{}
}

func (l listener) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == l.message {
		close(l.heard)
	}
	return l.Handler.Handle(ctx, r)
}

func (l listener) WithAttrs([]slog.Attr) slog.Handler { return l }

// newZeekAgent installs a fake Zeek of a version. A test ends with a running
// agent, which is then stopped together with its nodes.
func newZeekAgent(t *testing.T, version string, change func(*launch.ZeekConfig)) *zeekAgent {
	t.Helper()
	rules := mgmt.Rules{BrokerStart: reservePorts(t).Next(), MetricsStart: reservePorts(t).Next()}
	z := &zeekAgent{
		testCluster: startClusterWith(t, rules), name: "sensor", ports: reservePorts(t), change: change, changes: make(chan mgmt.NotifyChange, 1000),
	}
	z.address = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), z.ports.Next()).String()
	path, err := fakezeek.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	z.install, err = launch.FindZeek(t.Context(), path, append(os.Environ(), "FAKEZEEK_VERSION="+version), nil)
	if err != nil {
		t.Fatal(err)
	}
	if z.crashes, err = crash.New(crash.Config{Dir: filepath.Join(z.dir, "crashes")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { killAll(t, path) }) // what a test that fails leaves behind
	t.Cleanup(func() {
		if z.end != nil {
			z.stopWithNodes()
		}
	})
	return z
}

// killAll kills every process that executes a program of this test's own.
func killAll(t *testing.T, program string) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range processes {
		if exe, _ := os.Readlink(filepath.Join(dir, "exe")); exe != program {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			t.Logf("kill left-over process %d: %v", pid, syscall.Kill(pid, syscall.SIGKILL))
		}
	}
}

// start begins a life of the agent and returns when the controller knows it.
func (z *zeekAgent) start() {
	z.t.Helper()
	broker, err := net.Listen("tcp4", z.address) // where nodes look for it
	if err != nil {
		z.t.Fatal(err)
	}
	host, err := proc.New(proc.Config{RecordDir: filepath.Join(z.dir, "processes")})
	if err != nil {
		z.t.Fatal(err)
	}
	archiver, err := archive.New(archive.Config{Queue: filepath.Join(z.dir, "spool", zeek.LogQueue), Logs: filepath.Join(z.dir, "logs")})
	if err != nil {
		z.t.Fatal(err)
	}
	zeekConfig := launch.ZeekConfig{
		Install:      z.install,
		RecordDir:    filepath.Join(z.dir, "launches"),
		GeneratedDir: filepath.Join(z.dir, "generated"),
		Stdout:       "stdout",
		Stderr:       "stderr",
		Site: zeek.Site{
			StateDir:  z.dir,
			SpoolDir:  filepath.Join(z.dir, "spool"),
			AgentAddr: netip.MustParseAddrPort(broker.Addr().String()),
			Environ:   append(os.Environ(), "FAKEZEEK_VERSION="+z.install.Version.String()),
		},
	}
	if z.change != nil {
		z.change(&zeekConfig)
	}
	launcher := launch.NewZeek(zeekConfig)
	cfg := daemon.AgentConfig{
		BrokerAccepts:  bus.ListenConfig{Certificate: launcher.AgentCertificate},
		Core:           agent.Config{Name: mgmt.InstanceName(z.name), Connecting: true, Preflight: agent.PreflightStrict},
		Store:          z.open("agent"),
		Broker:         broker,
		Controller:     z.peers,
		Processes:      host,
		Launch:         launcher,
		Crashes:        z.crashes,
		Archive:        archiver,
		ScratchDir:     z.t.TempDir(),
		Checked:        preflight.OpenMemory(filepath.Join(z.dir, "checked"), z.agentLog("agent")),
		PreflightAhead: z.ahead != nil,
		Logger:         z.agentLog("agent"),
	}
	if z.removed != nil {
		z.removed(&cfg)
	}
	if z.ahead != nil {
		cfg.Logger = slog.New(listener{cfg.Logger.Handler(), "the scripts that all nodes have load", z.ahead})
	}
	z.endNodes = make(chan struct{})
	cfg.StopNodes = z.endNodes
	cfg.OnChange = func(c mgmt.NotifyChange) { z.changes <- c }
	ctx, cancel := context.WithCancel(context.WithoutCancel(z.t.Context()))
	z.end, z.ended = cancel, make(chan error, 1)
	go func() {
		err := daemon.RunAgent(ctx, cfg)
		cfg.Store.(interface{ Close() error }).Close()
		archiver.Close()
		z.ended <- err
	}()
	z.awaitInstance(z.name)
}

// stop ends the agent, and leaves its nodes.
func (z *zeekAgent) stop() {
	z.t.Helper()
	z.end()
	z.end = nil
	if err := <-z.ended; !errors.Is(err, context.Canceled) {
		z.t.Errorf("agent: %v", err)
	}
}

// stopWithNodes ends the agent together with its nodes.
func (z *zeekAgent) stopWithNodes() {
	defer z.end()
	close(z.endNodes)
	select {
	case err := <-z.ended:
		if err != nil {
			z.t.Errorf("agent: %v", err)
		}
	case <-time.After(time.Minute):
		z.t.Error("the nodes did not stop within a minute")
		z.end()
		<-z.ended
	}
}

// await returns when the node, or any if that is empty, has come into the state.
func (z *zeekAgent) await(node client.NodeName, state client.State) {
	z.t.Helper()
	what := fmt.Sprintf("node %q to be %s", node, state)
	patience.Find(z.t, z.changes, what, func(c mgmt.NotifyChange) bool {
		return (node == "" || client.NodeName(c.Node.Name) == node) && client.State(c.New) == state
	})
}

// deploy stages and deploys a cluster of these nodes and returns the results by
// node; those that belong to none are under "".
func (z *zeekAgent) deploy(nodes ...client.Node) map[client.NodeName]client.Result {
	z.t.Helper()
	conn := z.client()
	defer conn.Close()
	z.stage(conn, nodes)
	results, err := conn.Deploy(z.t.Context())
	if err != nil {
		z.t.Fatal(err)
	}
	byNode := map[client.NodeName]client.Result{}
	for _, r := range results {
		if _, dup := byNode[r.Node]; !dup {
			byNode[r.Node] = r
		}
	}
	return byNode
}

func (z *zeekAgent) stage(conn *client.Client, nodes []client.Node) {
	z.t.Helper()
	staged, err := conn.Stage(z.t.Context(), client.Configuration{
		ID:        "test",
		Instances: []client.Instance{{Name: z.name, Host: netip.MustParseAddr("127.0.0.1")}},
		Nodes:     nodes,
	})
	if err != nil || !staged[0].Success {
		z.t.Fatalf("stage: %v, %v", staged, err)
	}
}

// deployAll is deploy where all must succeed.
func (z *zeekAgent) deployAll(nodes ...client.Node) {
	z.t.Helper()
	for name, r := range z.deploy(nodes...) {
		if !r.Success {
			z.t.Errorf("deploy %s: %s %v", name, r.Error, r.Data)
		}
	}
	if z.t.Failed() {
		z.t.FailNow()
	}
}

func (z *zeekAgent) statuses() map[client.NodeName]client.NodeStatus {
	z.t.Helper()
	conn := z.client()
	defer conn.Close()
	results, err := conn.GetNodes(z.t.Context())
	if err != nil {
		z.t.Fatal(err)
	}
	byNode := map[client.NodeName]client.NodeStatus{}
	for _, r := range results {
		for _, s := range r.Data.(client.NodeStatuses) {
			byNode[s.Node] = s
		}
	}
	return byNode
}

// pids returns the PIDs of all nodes that are RUNNING.
func (z *zeekAgent) pids() map[client.NodeName]int64 {
	z.t.Helper()
	pids := map[client.NodeName]int64{}
	for name, s := range z.statuses() {
		if s.State == client.Running && s.PID != nil && s.MgmtRole == client.RoleNone {
			pids[name] = *s.PID
		}
	}
	return pids
}

// reservePorts reserves ports for a test.
func reservePorts(t *testing.T) *porttest.Ports {
	t.Helper()
	ports, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ports.Close() })
	return ports
}

// nodes returns a manager, a logger and two workers, with ports that are free.
func (z *zeekAgent) nodes() []client.Node {
	z.t.Helper()
	port := func() *client.Port { return new(client.TCPPort(z.ports.Next())) }
	return []client.Node{
		{Name: "manager", Instance: z.name, Role: client.Manager, State: client.Running, Port: port(), MetricsPort: port()},
		{Name: "logger", Instance: z.name, Role: client.Logger, State: client.Running, Port: port(), MetricsPort: port()},
		{Name: "worker-1", Instance: z.name, Role: client.Worker, State: client.Running, MetricsPort: port()},
		{Name: "worker-2", Instance: z.name, Role: client.Worker, State: client.Running, MetricsPort: port()},
	}
}

func addrPort(ln net.Listener) netip.AddrPort { return netip.MustParseAddrPort(ln.Addr().String()) }

func portOf(ln net.Listener) uint16 { return addrPort(ln).Port() }
