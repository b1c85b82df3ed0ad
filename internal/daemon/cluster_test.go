package daemon_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/machine"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// testCluster is a controller in this process, and agents that dial it. Nodes
// are processes of the test binary. Everything ends with the test.
type testCluster struct {
	t       *testing.T
	dir     string
	peers   string       // host:port for agents
	clients string       // host:port for clients
	agents  slog.Handler // what agents log to; nil: the test's output
	// refused, if not nil, is called for what controllerFor refuses, and what agents refuse.
	refused func(bus.Refusal)
	// controller is nil in clusters that were not made by startCluster.
	controller *daemon.Controller
	samples    *samples.Store
	// happenings is the log of the controller, or nil like controller.
	happenings *happenings.Log
	bundles    *shelf // the controller's
}

// startCluster starts a controller that assigns the usual ports. The nodes of its
// agents must not listen there.
func startCluster(t *testing.T) *testCluster {
	t.Helper()
	return startClusterWith(t, mgmt.Rules{})
}

// startClusterWith starts a controller that assigns ports from those in rules on.
func startClusterWith(t *testing.T, rules mgmt.Rules) *testCluster {
	t.Helper()
	rules.AssignBroker, rules.AssignMetrics, rules.Controller.Name = true, true, "controller"
	broker, websocket := listen(t), listen(t)
	c := &testCluster{t: t, dir: t.TempDir(), peers: broker.Addr().String(), clients: websocket.Addr().String(), bundles: &shelf{}}
	c.happenings = c.openHappenings("controller")
	c.samples = samples.New(samples.Config{})
	c.controller = daemon.NewController(daemon.ControllerConfig{
		Core: controller.Config{
			Rules:     rules,
			PID:       int64(os.Getpid()),
			ShownPort: mgmt.TCPPort(2151), // as Zeek shows it
		},
		Store:           c.open("controller"),
		Broker:          broker,
		WebSocket:       websocket,
		WebSocketServer: bus.WebSocketConfig{Version: "test"},
		Happenings:      happenings.NewRecorder(happenings.RecorderConfig{Log: c.happenings, Hears: true}),
		Samples:         c.samples,
		Bundles:         c.bundles,
		Logger:          c.logger("controller"),
	})
	c.inBackground("controller", nil, c.controller.Run)
	return c
}

// startAgent starts an agent and returns, when the controller knows it, where it
// listens.
func (c *testCluster) startAgent(name mgmt.InstanceName) (at string) {
	c.t.Helper()
	broker := listen(c.t)
	host, err := proc.New(proc.Config{RecordDir: filepath.Join(c.dir, string(name), "processes")})
	if err != nil {
		c.t.Fatal(err)
	}
	stop := make(chan struct{})
	c.inBackground(string(name), stop, func(ctx context.Context) error {
		return daemon.RunAgent(ctx, daemon.AgentConfig{
			Core: agent.Config{
				Name:       name,
				Connecting: true,
				PID:        int64(os.Getpid()),
				Permits:    mgmt.Permits{Bundles: []string{"*"}},
			},
			Depot:      c.openDepot(name),
			Store:      c.open(string(name)),
			Broker:     broker,
			Controller: c.peers,
			Processes:  host,
			Launch: launch.Embedded{
				Program:  os.Args[0],
				Agent:    broker.Addr().String(),
				StateDir: filepath.Join(c.dir, string(name)),
				Stdout:   "stdout",
				Stderr:   "stderr",
				Environ:  os.Environ(),
			},
			About: daemon.About{
				Version: "test", StateDir: filepath.Join(c.dir, string(name)), Stdout: "stdout", Stderr: "stderr",
				Dirs: []machine.Dir{{Use: "state", Path: c.dir}},
			},
			Happenings: happenings.NewRecorder(happenings.RecorderConfig{Log: c.openHappenings(string(name))}),
			StopNodes:  stop,
			Bus:        bus.Config{OnRefused: c.refused},
			Logger:     c.agentLog(name),
		})
	})
	c.awaitInstance(client.InstanceName(name))
	return broker.Addr().String()
}

// awaitInstance waits until get-instances lists the agent. The controller has no
// other way to say so to clients.
func (c *testCluster) awaitInstance(name client.InstanceName) {
	c.t.Helper()
	conn := c.client()
	defer conn.Close()
	ctx := patience.Context(c.t)
	for {
		r, err := conn.GetInstances(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, in := range r.Data.(client.Instances) {
			if in.Name == name {
				return
			}
		}
	}
}

func (c *testCluster) client() *client.Client {
	c.t.Helper()
	conn, err := client.Dial(c.t.Context(), client.Config{Address: c.clients})
	if err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// inBackground runs a daemon until the end of the test. If there is a stop channel, the
// end of the test closes it, and the daemon must end without an error.
func (c *testCluster) inBackground(name string, stop chan struct{}, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	c.t.Cleanup(func() {
		defer cancel()
		if stop == nil {
			cancel()
			<-done
			return
		}
		close(stop)
		select {
		case err := <-done:
			if err != nil {
				c.t.Errorf("%s: %v", name, err)
			}
		case <-time.After(time.Minute):
			c.t.Errorf("%s did not stop its nodes within a minute", name)
			cancel()
			<-done
		}
	})
}

func (c *testCluster) open(name string) store.Store {
	s, err := boltstore.Open(c.t.Context(), filepath.Join(c.dir, name, "state.db"), boltstore.Config{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { s.Close() })
	return s
}

func (c *testCluster) openHappenings(name string) *happenings.Log {
	l, err := happenings.Open(happenings.Config{Dir: filepath.Join(c.dir, name, "happenings")})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { l.Close() })
	return l
}

// stranger is a WebSocket client that may send anything.
func (c *testCluster) stranger() *websocket.Client {
	c.t.Helper()
	conn, err := websocket.Dial(c.t.Context(), "ws://"+c.clients+websocket.Path,
		[]string{mgmt.ControllerTopic}, websocket.Config{})
	if err != nil {
		c.t.Fatal(err)
	}
	return conn
}

func (c *testCluster) agentLog(name mgmt.InstanceName) *slog.Logger {
	if c.agents != nil {
		return slog.New(c.agents)
	}
	return c.logger(string(name))
}

func (c *testCluster) logger(part string) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.t.Output(), nil)).With("part", part)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
