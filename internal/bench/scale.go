package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

const (
	// scaleAgents have scaleNodes each: together the most nodes that there may be.
	scaleAgents = 40
	scaleNodes  = mgmt.DefaultMaxNodes / scaleAgents
	// scaleChanges is the number of deployments after the first one. Each of them
	// changes all nodes but those of the real agent.
	scaleChanges = 20
	// scaleReads is the number of times that each list is asked for.
	scaleReads = 5
	// scalePatience bounds each request.
	scalePatience = time.Minute
)

// large is a controller process with the largest configuration that there may be.
// Its file is below the directory dir. The first agent is a real one, in this
// process, whose nodes are goroutines. The others are stand-ins.
type large struct {
	dir, program   string
	peers, clients string // the controller's addresses
	controller     *running
	nodes          *lasting
	changes        int // deployments after the first one
	parts          sync.WaitGroup
	up             atomic.Int64 // how often a node of the real agent has become RUNNING
}

// scale measures a cluster of the greatest size: deployments that change almost all
// nodes, lists of everything, the files, and what happens when the controller or an
// agent starts again.
func scale(ctx context.Context, dir string) (figures []figure, err error) {
	l := &large{dir: filepath.Join(dir, "scale"), changes: scaleChanges}
	working, end := context.WithCancel(ctx)
	defer func() {
		end()
		if l.controller != nil {
			l.controller.cmd.Process.Signal(syscall.SIGTERM)
		}
		l.parts.Wait()
		if l.controller != nil {
			err = errors.Join(err, l.controller.cmd.Wait())
		}
	}()
	if err := l.begin(ctx, working, dir); err != nil {
		return nil, err
	}
	agentCtx, endAgent := context.WithCancel(working)
	defer endAgent()
	agentEnded := l.startAgent(agentCtx)
	for i := 1; i < scaleAgents; i++ {
		l.parts.Go(func() { newStandIn(scaleInstance(i), scaleShare(i)).run(working, l.peers) })
	}
	for _, part := range []func(context.Context) ([]figure, error){
		l.deployments, l.lists, l.sizes, l.controllerAnew,
		func(ctx context.Context) ([]figure, error) {
			endAgent()
			<-agentEnded
			return l.agentAnew(working)
		},
	} {
		more, err := part(ctx)
		if err != nil {
			return nil, fmt.Errorf("scale: %w", err)
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

// begin starts the controller on ports of its own choice, and, until working is done,
// what runs the nodes of the real agent.
func (l *large) begin(ctx, working context.Context, dir string) (err error) {
	if err = os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	if l.program, err = binary(ctx, dir); err != nil {
		return err
	}
	if err = l.startController(ctx, "0", "0"); err != nil {
		return err
	}
	l.controller.discard()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	l.nodes = &lasting{goroutines: &goroutines{events: make(chan proc.Event, scaleNodes), agent: ln.Addr().String()}}
	l.parts.Go(func() { l.nodes.goroutines.Run(working) })
	return ln.Close() // the agent listens there
}

// startController starts the controller, and returns when it serves.
func (l *large) startController(ctx context.Context, peers, clients string) (err error) {
	l.controller, err = start(ctx, true, l.program, "controller", "--state-dir", l.dir, "--name", "controller",
		"--listen-port", peers, "--websocket-port", clients)
	if err != nil {
		return err
	}
	addresses, err := l.controller.await(`msg="controller is live".* broker=(\S+) websocket=(\S+)`)
	if err != nil {
		return err
	}
	l.peers, l.clients = addresses[1], addresses[2]
	return nil
}

func (l *large) agentFile() string { return filepath.Join(l.dir, "agent.db") }

// startAgent runs the real agent until ctx is done. The channel is closed when the
// agent has ended.
func (l *large) startAgent(ctx context.Context) (ended chan error) {
	ended = make(chan error, 1)
	l.parts.Go(func() {
		defer close(ended)
		ended <- l.runAgent(ctx)
	})
	return ended
}

// runAgent runs the real agent until ctx is done.
func (l *large) runAgent(ctx context.Context) error {
	st, err := boltstore.Open(ctx, l.agentFile(), boltstore.Config{})
	if err != nil {
		return err
	}
	defer st.Close()
	ln, err := net.Listen("tcp", l.nodes.agent)
	if err != nil {
		return err
	}
	var names []mgmt.NodeName
	for _, n := range scaleShare(0) {
		names = append(names, n.Name)
	}
	err = daemon.RunAgent(ctx, daemon.AgentConfig{
		Core:         agent.Config{Name: scaleInstance(0), Connecting: true},
		Store:        st,
		Broker:       ln,
		Controller:   l.peers,
		Processes:    l.nodes,
		Launch:       launch.Embedded{Program: "none", StateDir: "/nonexistent"},
		ForeignNodes: names,
		OnChange: func(c mgmt.NotifyChange) {
			if c.New == mgmt.Running {
				l.up.Add(1)
			}
		},
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// client connects a client, as a command does.
func (l *large) client(ctx context.Context) (*client.Client, error) {
	return client.Dial(ctx, client.Config{Address: l.clients, RequestTimeout: scalePatience})
}

// timed returns how long one request of a client takes.
func (l *large) timed(ctx context.Context, request func(*client.Client) error) (time.Duration, error) {
	c, err := l.client(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	began := time.Now()
	err = request(c)
	return time.Since(began), err
}

// deployments deploys the configuration, changes it, and deploys it again.
func (l *large) deployments(ctx context.Context) ([]figure, error) {
	c, err := l.client(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := awaitInstances(ctx, c, scaleAgents); err != nil {
		return nil, err
	}
	var staged, deployed []time.Duration
	for round := range 1 + l.changes {
		config := scaleConfiguration(round)
		took, err := l.timed(ctx, func(c *client.Client) error { return failures(c.Stage(ctx, config)) })
		if err != nil {
			return nil, fmt.Errorf("stage round %d: %w", round, err)
		}
		staged = append(staged, took)
		took, err = l.timed(ctx, func(c *client.Client) error {
			return failures(c.DeployStaged(ctx, client.Deployment{ID: config.ID}))
		})
		if err != nil {
			return nil, fmt.Errorf("deploy round %d: %w", round, err)
		}
		deployed = append(deployed, took)
	}
	first := deployed[0]
	return []figure{
		{what: scaleTitle + "stage, p50", value: quantile(staged, 0.5).Seconds(), unit: "s"},
		{what: scaleTitle + "first deployment", value: first.Seconds(), unit: "s"},
		{what: scaleTitle + "deployment that changes 19,500 nodes, p50", value: quantile(deployed[1:], 0.5).Seconds(), unit: "s"},
	}, nil
}

// failures returns the failures among results as one error.
func failures(results []client.Result, err error) error {
	for _, r := range results {
		if !r.Success {
			err = errors.Join(err, fmt.Errorf("%s %s %s", r.Instance, r.Node, r.Error))
		}
	}
	return err
}

// lists asks for the states of all nodes, and for the deployed configuration.
func (l *large) lists(ctx context.Context) ([]figure, error) {
	var nodes, configs []time.Duration
	for range scaleReads {
		took, err := l.timed(ctx, func(c *client.Client) error { return failures(c.GetNodes(ctx)) })
		if err != nil {
			return nil, fmt.Errorf("get_nodes: %w", err)
		}
		nodes = append(nodes, took)
		took, err = l.timed(ctx, func(c *client.Client) error {
			r, err := c.GetConfiguration(ctx, true)
			if config, _ := r.Data.(client.Configuration); err == nil && len(config.Nodes) != scaleAgents*scaleNodes {
				err = fmt.Errorf("%d nodes, %s", len(config.Nodes), r.Error)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("get_configuration: %w", err)
		}
		configs = append(configs, took)
	}
	return []figure{
		{what: scaleTitle + "get_nodes, p50", value: ms(quantile(nodes, 0.5)), unit: "ms"},
		{what: scaleTitle + "get_configuration, p50", value: ms(quantile(configs, 0.5)), unit: "ms"},
	}, nil
}

// sizes tells how large the files are, and how much memory the controller had.
func (l *large) sizes(context.Context) ([]figure, error) {
	var figures []figure
	for _, file := range []struct{ of, path string }{
		{"controller", filepath.Join(l.dir, "nodes", "controller", "state.db")}, {"agent", l.agentFile()},
	} {
		info, err := os.Stat(file.path)
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{what: scaleTitle + "file of the " + file.of, value: float64(info.Size()) / 1e6, unit: "MB"})
	}
	most, err := l.controller.memory("VmHWM")
	return append(figures, figure{what: scaleTitle + "resident memory of the controller, at most", value: most, unit: "MB"}), err
}

// controllerAnew kills the controller, starts it again, and waits until all agents
// are ready.
func (l *large) controllerAnew(ctx context.Context) ([]figure, error) {
	if err := l.controller.cmd.Process.Kill(); err != nil {
		return nil, err
	}
	_ = l.controller.cmd.Wait() // says that it was killed
	_, peers, _ := net.SplitHostPort(l.peers)
	_, clients, _ := net.SplitHostPort(l.clients)
	began := time.Now()
	if err := l.startController(ctx, peers, clients); err != nil {
		return nil, err
	}
	live := time.Since(began)
	for range scaleAgents {
		if _, err := l.controller.await(`msg="instance ready"`); err != nil {
			return nil, err
		}
	}
	ready := time.Since(began)
	l.controller.discard()
	took, err := l.timed(ctx, func(c *client.Client) error { return failures(c.GetNodes(ctx)) })
	if err != nil {
		return nil, fmt.Errorf("get_nodes of the new controller: %w", err)
	}
	return []figure{
		{what: scaleTitle + "killed controller serves again", value: live.Seconds(), unit: "s"},
		{what: scaleTitle + "killed controller has all agents ready", value: ready.Seconds(), unit: "s"},
		{what: scaleTitle + "first get_nodes of that controller", value: ms(took), unit: "ms"},
	}, nil
}

// agentAnew starts the real agent again, which has ended, and waits until all of its
// nodes are RUNNING. None of them is started again.
func (l *large) agentAnew(ctx context.Context) ([]figure, error) {
	started := len(l.nodes.recorded())
	l.up.Store(0)
	began := time.Now()
	ended := l.startAgent(ctx)
	for l.up.Load() < scaleNodes {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the agent has ended: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	running := time.Since(began)
	if again := len(l.nodes.recorded()) - started; again > 0 {
		return nil, fmt.Errorf("the agent has started %d nodes again", again)
	}
	return []figure{
		{what: scaleTitle + "agent starts again, 500 nodes adopted and RUNNING", value: running.Seconds(), unit: "s"},
		{what: scaleTitle + "500 fingerprints of version 0 compared", value: compareOld().Seconds(), unit: "s"},
	}, nil
}
