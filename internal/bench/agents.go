package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
	"github.com/zeekfleet/zeekfleet/node"
)

func fleetInstance(i int) mgmt.InstanceName { return mgmt.InstanceName(fmt.Sprintf("agent-%03d", i)) }

func fleetNode(i, n int) mgmt.NodeName {
	return mgmt.NodeName(fmt.Sprintf("worker-%03d-%d", i, n))
}

// hostAgents is the helper that is many hosts: it runs agents, each with the daemon's shell and
// a real connection, and their nodes as endpoints with real connections. Its arguments are
// the controller's address, the number of agents, and the number of nodes of each.
func hostAgents(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("agents: %d arguments", len(args))
	}
	agents, err1 := strconv.Atoi(args[1])
	nodes, err2 := strconv.Atoi(args[2])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	var parts sync.WaitGroup
	defer parts.Wait()
	for i := range agents {
		var names []mgmt.NodeName
		for n := range nodes {
			names = append(names, fleetNode(i, n))
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		parts.Go(func() {
			if err := runFleetAgent(ctx, fleetInstance(i), names, ln, args[0]); err != nil && ctx.Err() == nil {
				fmt.Fprintf(stdout, "agent %d has ended: %v\n", i, err)
			}
		})
	}
	fmt.Fprintln(stdout, "ready")
	<-ctx.Done()
	return nil
}

// runFleetAgent runs an agent whose nodes are goroutines of this process. The
// agent has not started a process for them, so they are foreign nodes to it.
func runFleetAgent(ctx context.Context, name mgmt.InstanceName, nodes []mgmt.NodeName, ln net.Listener, controller string) error {
	return daemon.RunAgent(ctx, daemon.AgentConfig{
		Core:       agent.Config{Name: name, Connecting: true, DeployTimeout: 50 * time.Second},
		Store:      new(memstore.Store),
		Broker:     ln,
		Controller: controller,
		Processes:  &goroutines{events: make(chan proc.Event, 10*len(nodes)), agent: ln.Addr().String()},
		Launch:     launch.Embedded{Program: "none", StateDir: "/nonexistent"},

		ForeignNodes: nodes,
	})
}

// goroutines runs nodes as goroutines of this process instead of processes.
type goroutines struct {
	events chan proc.Event
	agent  string

	mu       sync.Mutex
	fresh    []*endpointNode
	launched map[uint64]*endpointNode // those that run
	pid      int                      // of the node that was started last; not a real one
	wake     chan struct{}
}

// endpointNode is a node that is a goroutine.
type endpointNode struct {
	node *node.Node
	spec proc.Spec
	pid  int
	stop chan struct{} // closed by Stop
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
	g.pid++
	started := &endpointNode{node: n, spec: spec, pid: g.pid, stop: make(chan struct{})}
	if g.launched == nil {
		g.launched = map[uint64]*endpointNode{}
	}
	g.launched[spec.Launch] = started
	g.fresh = append(g.fresh, started)
	g.events <- proc.Started{Name: spec.Name, Launch: spec.Launch, PID: started.pid}
	if g.wake != nil {
		close(g.wake)
		g.wake = nil
	}
	return nil
}

func (g *goroutines) Stop(_ string, launch uint64, _ time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, ok := g.launched[launch]
	if !ok {
		return proc.ErrNoSuchLaunch
	}
	close(n.stop)
	delete(g.launched, launch)
	return nil
}

// Limit does nothing: the nodes of a benchmark are goroutines.
func (g *goroutines) Limit(string, uint64, proc.Limits) error { return nil }

func (g *goroutines) Forget(string, uint64) {}

func (g *goroutines) Events() <-chan proc.Event { return g.events }

func (g *goroutines) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		g.mu.Lock()
		fresh := g.fresh
		g.fresh = nil
		g.wake = make(chan struct{})
		wake := g.wake
		g.mu.Unlock()
		for _, n := range fresh {
			running.Go(func() { g.run(ctx, n) })
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wake:
		}
	}
}

// run runs a node until it is stopped, or ctx is done.
func (g *goroutines) run(ctx context.Context, n *endpointNode) {
	began := time.Now()
	life, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.node.Run(life)
	}()
	select {
	case <-n.stop:
	case <-ended:
	}
	end()
	<-ended
	select {
	case <-ctx.Done():
	case g.events <- proc.Exited{Name: n.spec.Name, Launch: n.spec.Launch, PID: n.pid, Ran: time.Since(began), Fingerprint: n.spec.Fingerprint}:
	}
}
