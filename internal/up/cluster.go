package up

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// cluster is a controller and an agent in this process.
type cluster struct {
	cfg        Config
	controller app.Controller
	agent      app.Agent
	client     client.Config // for this process's connection to its own controller
	log        *os.File
	logger     *slog.Logger                  // writes to log
	changed    chan struct{}                 // gets a token when a node changes its state
	stopNodes  chan struct{}                 // is closed to stop all nodes
	living     func() ([]proc.Record, error) // returns the living processes of nodes
}

func open(ctx context.Context, cfg Config) (c *cluster, err error) {
	if err := mustListen(cfg.Controller); err != nil {
		return nil, err
	}
	c = &cluster{cfg: cfg, changed: make(chan struct{}, 1), stopNodes: make(chan struct{})}
	if c.log, err = openLog(cfg.Agent.StateDir); err != nil {
		return nil, err
	}
	c.logger = slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: cfg.Agent.LogLevel}))
	if err := c.openParts(ctx); err != nil {
		c.log.Close()
		return nil, err
	}
	c.agent.StopNodes = c.stopNodes
	c.agent.StopGrace = map[mgmt.ClusterRole]time.Duration{
		mgmt.Logger: stopGrace, mgmt.Manager: stopGrace, mgmt.Proxy: stopGrace, mgmt.Worker: stopGrace, mgmt.ClusterNone: stopGrace,
	}
	c.agent.OnChange = func(mgmt.NotifyChange) { nudge(c.changed) }
	return c, nil
}

// openParts opens the controller and the agent. After an error neither is open.
func (c *cluster) openParts(ctx context.Context) (err error) {
	c.controller, err = app.OpenController(ctx, c.cfg.Controller, c.logger.With("part", "controller"),
		app.PortFlags{Broker: "--controller-port", WebSocket: "--websocket-port"})
	if err != nil {
		return err
	}
	c.controller.Version = c.cfg.Version
	if c.client, err = clientConfig(c.cfg.Controller, c.controller.WebSocket.Addr().String()); err != nil {
		c.controller.Close()
		return err
	}
	set := c.cfg.Agent
	set.Controller = app.Reachable(c.controller.Broker.Addr().String())
	c.agent, err = app.OpenAgent(ctx, set, c.logger.With("part", "agent"), app.PortFlags{Broker: "--agent-port"})
	if err != nil {
		c.controller.Close()
	}
	c.agent.About.Version = c.cfg.Version
	c.living = func() ([]proc.Record, error) { return app.LivingNodes(set) }
	return err
}

// maxLog is in bytes. At the start, openLog renames a log that is larger.
const maxLog = 10 << 20

// openLog opens the log of `up`. The terminal shows the nodes, so the log goes to
// a file.
func openLog(stateDir string) (*os.File, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory (--state-dir): %w", err)
	}
	path := filepath.Join(stateDir, "zeekfleet.log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("put aside old log: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log in the state directory (--state-dir): %w", err)
	}
	return f, nil
}

// run runs everything until ctx is done or a part fails, and then stops
// everything.
func (c *cluster) run(ctx context.Context) error {
	// The parts outlive ctx: after Ctrl-C the agent still has nodes to stop.
	partsCtx, endParts := context.WithCancel(context.WithoutCancel(ctx))
	defer endParts()
	controller := inBackground(func() error { return c.controller.Run(partsCtx) })
	agent := inBackground(func() error { return c.agent.Run(partsCtx) })
	viewCtx, endView := context.WithCancel(ctx)
	defer endView()
	view := inBackground(func() error { return c.show(viewCtx) })

	select {
	case <-ctx.Done():
	case <-controller.ended:
	case <-agent.ended:
	case <-view.ended:
	}
	endView()
	<-view.ended
	fmt.Fprintln(c.cfg.Out, "stopping")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM) // ctx has ended, so main no longer waits for signals
	defer signal.Stop(signals)
	close(c.stopNodes)
	late := c.awaitEnd(agent.ended, signals)
	failure := cmp.Or(view.failure(), agent.failure(), controller.failure(), late)
	endParts()
	<-controller.ended
	<-agent.ended
	if failure == nil {
		fmt.Fprintln(c.cfg.Out, "stopped")
	}
	return failure
}

// awaitEnd waits until the nodes have ended. If that takes long, it says for
// which nodes it waits. It gives up after another signal, or after stopDeadline.
// Its error then names the nodes that still run.
func (c *cluster) awaitEnd(ended <-chan struct{}, signals <-chan os.Signal) error {
	within := stopDeadline
	if d := c.cfg.Agent.Lifecycle.Drain; d > 0 {
		within = min(within, d)
	}
	say, deadline := time.After(sayAfter), time.After(within)
	said := false
	for {
		select {
		case <-ended:
			return nil
		case <-say:
			said = true
			fmt.Fprintf(c.cfg.Err, "zeekfleet: waiting for the end of %s; a node is killed %v after it was asked to end. Press Ctrl-C again to leave them running; after %v in all this command does so itself\n",
				c.leftText(), stopGrace, within)
		case <-signals:
			if said {
				return fmt.Errorf("interrupted: still running: %s; kill them, or start %s up again, which takes them over", c.leftText(), c.cfg.Program)
			}
		case <-deadline:
			return fmt.Errorf("after %v still running: %s; see %s", within, c.leftText(), c.log.Name())
		}
	}
}

// leftText names the nodes that still run, with their PIDs.
func (c *cluster) leftText() string {
	living, err := c.living()
	if err != nil {
		return fmt.Sprintf("nodes that cannot be listed (%v)", err)
	}
	if len(living) == 0 {
		return "no nodes"
	}
	sort.Slice(living, func(i, j int) bool { return living[i].Name < living[j].Name })
	var list []string
	for _, rec := range living {
		list = append(list, fmt.Sprintf("%s (PID %d)", rec.Name, rec.PID))
	}
	return strings.Join(list, ", ")
}

// show deploys the cluster and shows its nodes, until ctx is done.
func (c *cluster) show(ctx context.Context) error {
	watching, err := client.Dial(ctx, c.client)
	if err != nil {
		return quietly(ctx, err)
	}
	defer watching.Close()

	name := c.agent.Core.Name
	fmt.Fprintf(c.cfg.Out, "controller %s for peers, %s for clients\nagent %s on %s\nnodes are %s\nstate and log in %s\n",
		c.controller.Broker.Addr(), c.controller.WebSocket.Addr(), name, c.agent.Broker.Addr(), c.agent.Nodes, c.cfg.Agent.StateDir)

	deployCtx, giveUp := context.WithCancel(ctx)
	d := &deployment{
		client: c.client, instance: client.InstanceName(name), wanted: c.cfg.Cluster, source: c.cfg.Source, told: make(chan string),
	}
	d.background = inBackground(func() error { return d.deploy(deployCtx) })
	defer func() {
		giveUp()
		<-d.ended
	}()
	w := &watcher{
		cfg: c.cfg, address: c.client.Address, logger: c.logger, changed: c.changed, nodes: watching.GetNodes, view: newView(c.cfg.Out), ends: endings{},
	}
	return w.watch(ctx, d)
}
