package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
	"github.com/zeekfleet/zeekfleet/node"
)

const (
	fleetAgents = 100
	fleetNodes  = 10 // per agent
	fleetRounds = 30
)

// fleet measures requests to a hundred agents with a thousand nodes. All of them
// run in this process, with the daemons' shells and real connections.
func fleet(ctx context.Context, _ string) ([]figure, error) {
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()

	peers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	clients, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	parts.Go(func() {
		daemon.NewController(daemon.ControllerConfig{
			Core:  controller.Config{DeployTimeout: time.Minute},
			Store: new(memstore.Store), Broker: peers, WebSocket: clients,
		}).Run(ctx)
	})
	config := client.Configuration{ID: "fleet"}
	for i := range fleetAgents {
		name := client.InstanceName(fmt.Sprintf("agent-%03d", i))
		var nodes []mgmt.NodeName
		config.Instances = append(config.Instances, client.Instance{Name: name, Host: client.UnknownHost})
		for n := range fleetNodes {
			nodes = append(nodes, mgmt.NodeName(fmt.Sprintf("worker-%03d-%d", i, n)))
			config.Nodes = append(config.Nodes, client.Node{
				Name: client.NodeName(nodes[n]), Instance: name, Role: client.Worker, State: client.Running,
			})
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		parts.Go(func() { runFleetAgent(ctx, mgmt.InstanceName(name), nodes, ln, peers.Addr().String()) })
	}
	c, err := client.Dial(ctx, client.Config{Address: clients.Addr().String(), RequestTimeout: time.Minute})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := awaitInstances(ctx, c, fleetAgents); err != nil {
		return nil, err
	}
	if err := deploy(ctx, c, config); err != nil {
		return nil, err
	}
	getNodes, err := medianTime(fleetAgents, func() (int, error) {
		results, err := c.GetNodes(ctx)
		return len(results), err
	})
	if err != nil {
		return nil, err
	}
	getID, err := medianTime(fleetAgents*fleetNodes, func() (int, error) {
		results, err := c.GetIDValue(ctx, node.ClusterNode)
		return len(results), err
	})
	if err != nil {
		return nil, err
	}
	return []figure{
		atMost("100 agents, 1,000 nodes: get_nodes, p50", ms(getNodes), "ms", 100),
		atMost("100 agents, 1,000 nodes: get_id_value of all, p50", ms(getID), "ms", 200),
	}, nil
}

// medianTime returns the median time of request. request returns the number of
// results of its answer, which must be results.
func medianTime(results int, request func() (int, error)) (time.Duration, error) {
	var took []time.Duration
	for range fleetRounds {
		began := time.Now()
		n, err := request()
		if err != nil || n != results {
			return 0, fmt.Errorf("%d results, want %d; error: %v", n, results, err)
		}
		took = append(took, time.Since(began))
	}
	return quantile(took, 0.5), nil
}

func awaitInstances(ctx context.Context, c *client.Client, want int) error {
	for {
		r, err := c.GetInstances(ctx)
		if err != nil {
			return err
		}
		if instances, _ := r.Data.(client.Instances); len(instances) == want {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// runFleetAgent runs an agent whose nodes are goroutines of this process. The
// agent has not started a process for them, so they are foreign nodes to it.
func runFleetAgent(ctx context.Context, name mgmt.InstanceName, nodes []mgmt.NodeName, ln net.Listener, controller string) {
	daemon.RunAgent(ctx, daemon.AgentConfig{
		Core:       agent.Config{Name: name, Connecting: true},
		Store:      new(memstore.Store),
		Broker:     ln,
		Controller: controller,
		Processes:  &goroutines{events: make(chan proc.Event, 10*fleetNodes), agent: ln.Addr().String()},
		Launch:     launch.Embedded{Program: "none", StateDir: "/nonexistent"},

		ForeignNodes: nodes,
	})
}

// goroutines runs nodes as goroutines of this process instead of processes.
type goroutines struct {
	events chan proc.Event
	agent  string

	mu    sync.Mutex
	nodes []*node.Node
	wake  chan struct{}
}

func (g *goroutines) Adopt(context.Context) (proc.Adoption, error) { return proc.Adoption{}, nil }

// PIDs returns none: nodes that are goroutines have no processes.
func (g *goroutines) PIDs() []int { return nil }

func (g *goroutines) Start(spec proc.Spec) error {
	n, err := node.New(node.Config{Name: spec.Name, Agent: g.agent})
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nodes = append(g.nodes, n)
	g.events <- proc.Started{Name: spec.Name, Launch: spec.Launch, PID: len(g.nodes)}
	if g.wake != nil {
		close(g.wake)
		g.wake = nil
	}
	return nil
}

func (g *goroutines) Stop(string, uint64, time.Duration) error { return proc.ErrNoSuchLaunch }

// Limit does nothing: the nodes of a benchmark are goroutines.
func (g *goroutines) Limit(string, uint64, proc.Limits) error { return nil }

func (g *goroutines) Forget(string, uint64) {}

func (g *goroutines) Events() <-chan proc.Event { return g.events }

func (g *goroutines) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		g.mu.Lock()
		fresh := g.nodes
		g.nodes = nil
		g.wake = make(chan struct{})
		wake := g.wake
		g.mu.Unlock()
		for _, n := range fresh {
			running.Go(func() { n.Run(ctx) })
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wake:
		}
	}
}
