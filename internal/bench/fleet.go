package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/pause"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

// A fleetSize is a cluster of which one process runs all agents, with their nodes as endpoints.
type fleetSize struct{ agents, nodes int } // nodes of each agent

func (s fleetSize) String() string {
	return fmt.Sprintf("%d agents, %s nodes, as endpoints", s.agents, thousands(int64(s.agents*s.nodes)))
}

// configuration returns a configuration of all nodes. Other rounds change every node.
func (s fleetSize) configuration(round int) client.Configuration {
	config := client.Configuration{ID: fmt.Sprint("round ", round)}
	for i := range s.agents {
		name := client.InstanceName(fleetInstance(i))
		config.Instances = append(config.Instances, client.Instance{Name: name, Host: client.UnknownHost})
		for n := range s.nodes {
			config.Nodes = append(config.Nodes, client.Node{
				Name: client.NodeName(fleetNode(i, n)), Instance: name, Role: client.Worker, State: client.Running,
				Env: map[string]string{"ROUND": fmt.Sprint(round)},
			})
		}
	}
	return config
}

// endpointFleet is a controller process, a process with agents and nodes, and a client.
type endpointFleet struct {
	fleetSize
	controller, hosts *running
	peers, clients    string
	client            *client.Client
}

// startFleet starts a fleet, and waits until all agents are connected.
func startFleet(ctx context.Context, dir string, s fleetSize) (f *endpointFleet, err error) {
	f = &endpointFleet{fleetSize: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.stop())
		}
	}()
	f.controller, f.peers, f.clients, err = startController(ctx, dir, fmt.Sprint("fleet-", s.agents*s.nodes))
	if err != nil {
		return f, err
	}
	f.hosts, err = startHelper(ctx, dir, "agents", f.peers, strconv.Itoa(s.agents), strconv.Itoa(s.nodes))
	if err != nil {
		return f, err
	}
	if _, err := f.hosts.await("^ready"); err != nil {
		return f, err
	}
	if f.client, err = client.Dial(ctx, client.Config{Address: f.clients, RequestTimeout: 2 * time.Minute}); err != nil {
		return f, err
	}
	return f, awaitInstances(ctx, f.client, s.agents)
}

// stop ends the processes that have been started.
func (f *endpointFleet) stop() error {
	var errs []error
	if f.client != nil {
		f.client.Close()
	}
	if f.hosts != nil {
		errs = append(errs, f.hosts.endHelper())
	}
	if f.controller != nil {
		errs = append(errs, f.controller.stop())
	}
	return errors.Join(errs...)
}

// startController starts a controller on ports of its own choice. Its state is in the
// directory name below dir.
func startController(ctx context.Context, dir, name string, args ...string) (r *running, peers, clients string, err error) {
	program, err := binary(ctx, dir)
	if err != nil {
		return nil, "", "", err
	}
	r, err = start(ctx, true, program, append([]string{
		"controller", "--state-dir", filepath.Join(dir, name), "--name", "controller", "--listen-port", "0", "--websocket-port", "0",
	}, args...)...)
	if err != nil {
		return nil, "", "", err
	}
	addresses, err := r.await(`msg="controller is live".* broker=(\S+) websocket=(\S+)`)
	if err != nil {
		return r, "", "", err
	}
	r.discard()
	return r, addresses[1], addresses[2], nil
}

// fleet measures requests to many agents with many nodes, and deployments of them.
func fleet(ctx context.Context, dir string) (figures []figure, err error) {
	for _, s := range []fleetSize{{10, 10}, {100, 10}} {
		more, err := s.measure(ctx, dir)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", s, err)
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

func (s fleetSize) measure(ctx context.Context, dir string) (figures []figure, err error) {
	f, err := startFleet(ctx, dir, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	if err := pause.For(ctx, idleSettle); err != nil {
		return nil, err
	}
	idle, err := f.controller.resident()
	if err != nil {
		return nil, err
	}
	parts := []func(context.Context) ([]figure, error){f.deployments, f.requests, f.sizes, f.rest}
	if s.agents >= 100 { // for the largest fleet alone: it takes ten seconds
		parts = append(parts, func(ctx context.Context) ([]figure, error) { return f.oneMore(ctx, dir) })
	}
	for _, part := range parts {
		more, err := part(ctx)
		if err != nil {
			return nil, err
		}
		figures = append(figures, more...)
	}
	return append(figures, figure{what: fmt.Sprintf("%d agents without nodes, at rest: resident memory, controller", s.agents), value: idle, unit: "MB"}), nil
}

// deployments measures deployments that change every node, and one that changes nothing.
func (f *endpointFleet) deployments(ctx context.Context) ([]figure, error) {
	var changes, same []time.Duration
	before, err := f.controller.processorTime()
	if err != nil {
		return nil, err
	}
	const rounds = 6
	for round := range rounds {
		began := time.Now()
		if err := deploy(ctx, f.client, f.configuration(round)); err != nil {
			return nil, err
		}
		changes = append(changes, time.Since(began))
	}
	for range rounds {
		began := time.Now()
		if err := deploy(ctx, f.client, f.configuration(rounds-1)); err != nil {
			return nil, err
		}
		same = append(same, time.Since(began))
	}
	after, err := f.controller.processorTime()
	if err != nil {
		return nil, err
	}
	each := (after - before) / time.Duration(len(changes)+len(same))
	return []figure{
		times(f.String()+": stage and deploy, first", changes[:1], 0, 0, 0),
		times(f.String()+": stage and deploy, all nodes change", changes[1:], 0, 0, 0),
		times(f.String()+": stage and deploy, nothing changes", same, 0, 0, 0),
		{what: "… processor time of the controller for one of them, on average", value: ms(each), unit: "ms"},
	}, nil
}

// requests measures get_id_value and get_nodes.
func (f *endpointFleet) requests(ctx context.Context) ([]figure, error) {
	all := f.agents * f.nodes
	rounds := max(100, 20_000/all) // the larger, the fewer
	getID, err := requestTimes(rounds, all, func() (int, error) {
		results, err := f.client.GetIDValue(ctx, "Cluster::node")
		return len(results), err
	})
	if err != nil {
		return nil, fmt.Errorf("get_id_value: %w", err)
	}
	getNodes, err := requestTimes(2*rounds, f.agents, func() (int, error) {
		results, err := f.client.GetNodes(ctx)
		return len(results), err
	})
	if err != nil {
		return nil, fmt.Errorf("get_nodes: %w", err)
	}
	idBudget, nodesBudget := 0.0, 0.0
	if all == 1000 {
		idBudget, nodesBudget = 60, 20
	}
	return []figure{
		times(f.String()+": get_id_value of all", getID, idsPayload(all), idBudget, 0),
		times(f.String()+": get_nodes", getNodes, statesPayload(f.agents, f.nodes), nodesBudget, 0),
	}, nil
}

// idsPayload returns the size of the answer to get_id_value of so many nodes, as it goes to
// a client.
func idsPayload(nodes int) int {
	r := mgmt.GetIDValueResponse{ReqID: "78Lfp1prdMZ6rots5"}
	for i := range nodes {
		value := mgmt.Text(fmt.Sprintf("%q", fleetNode(i/10, i%10)))
		r.Results = append(r.Results, mgmt.Result{Success: true, Instance: fleetInstance(i / 10), Node: fleetNode(i/10, i%10), Data: value})
	}
	return len(wsjson.AppendMessage(nil, mgmt.ControllerTopic, codec.Encode(r)))
}

// statesPayload returns the size of the answer to get_nodes in the same way.
func statesPayload(agents, nodes int) int {
	r := mgmt.GetNodesResponse{ReqID: "78Lfp1prdMZ6rots5"}
	for i := range agents {
		var states mgmt.NodeStatuses
		for n := range nodes {
			states = append(states, mgmt.NodeStatus{Node: fleetNode(i, n), State: mgmt.Running, ClusterRole: mgmt.Worker, PID: new(int64(100_000))})
		}
		r.Results = append(r.Results, mgmt.Result{Success: true, Instance: fleetInstance(i), Data: states})
	}
	return len(wsjson.AppendMessage(nil, mgmt.ControllerTopic, codec.Encode(r)))
}

// requestTimes returns the times of rounds requests. request returns the number of results
// of its answer, which must be results.
func requestTimes(rounds, results int, request func() (int, error)) (took []time.Duration, err error) {
	for range rounds {
		began := time.Now()
		n, err := request()
		if err != nil || n != results {
			return nil, fmt.Errorf("%d results, want %d; error: %v", n, results, err)
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// awaitInstances waits until so many instances are connected, for at most two minutes.
func awaitInstances(ctx context.Context, c *client.Client, want int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, fmt.Errorf("there are no %d instances after two minutes", want))
	defer cancel()
	for {
		r, err := c.GetInstances(ctx)
		if err != nil {
			return err
		}
		if instances, _ := r.Data.(client.Instances); len(instances) == want {
			return nil
		}
		if err := pause.For(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// rest measures what the controller costs while nobody asks for anything.
func (f *endpointFleet) rest(ctx context.Context) ([]figure, error) {
	if err := pause.For(ctx, idleSettle); err != nil {
		return nil, err
	}
	return watch(ctx, idleFor/2, watched{f.String() + ": idle controller", f.controller, idleBudget})
}

// sizes returns what the processes of the fleet take.
func (f *endpointFleet) sizes(ctx context.Context) ([]figure, error) {
	controller, err := f.controller.resident()
	if err != nil {
		return nil, err
	}
	hosts, err := f.hosts.resident()
	if err != nil {
		return nil, err
	}
	goroutines, err := goroutinesOf(ctx, f.clients, "")
	return []figure{
		{what: f.String() + ": resident memory, controller", value: controller, unit: "MB"},
		{what: f.String() + ": goroutines, controller", value: goroutines},
		{what: f.String() + ": resident memory of the process that runs them", value: hosts, unit: "MB"},
	}, err
}

// oneMore measures an agent of the fleet that is a process of its own, as on a real host. It knows
// the configuration of the whole fleet. It comes last: its nodes are processes that take much time.
func (f *endpointFleet) oneMore(ctx context.Context, dir string) (figures []figure, err error) {
	name := fleetInstance(f.agents)
	agent, err := startAgent(ctx, dir, fmt.Sprint("one-more-", f.agents), string(name), f.peers, embeddedNodes)
	if agent != nil {
		defer func() { err = errors.Join(err, agent.stop()) }()
	}
	if err != nil {
		return nil, err
	}
	agent.discard()
	if err := awaitInstances(ctx, f.client, f.agents+1); err != nil {
		return nil, err
	}
	if err := pause.For(ctx, idleSettle); err != nil { // an agent has nodes when it has long started
		return nil, err
	}
	larger := fleetSize{f.agents + 1, f.nodes}
	if err := deploy(ctx, f.client, larger.configuration(0)); err != nil {
		return nil, err
	}
	if err := pause.For(ctx, idleSettle); err != nil {
		return nil, err
	}
	rest, err := agent.resident()
	if err != nil {
		return nil, err
	}
	_, err = requestTimes(100, larger.agents*larger.nodes, func() (int, error) {
		results, err := f.client.GetIDValue(ctx, "Cluster::node")
		return len(results), err
	})
	if err != nil {
		return nil, fmt.Errorf("get_id_value: %w", err)
	}
	then, err := agent.resident()
	if err != nil {
		return nil, err
	}
	goroutines, err := goroutinesOf(ctx, f.clients, string(name))
	what := fmt.Sprintf("one more agent, a process of its own with %d nodes", f.nodes)
	return []figure{
		{what: what + ", at rest: resident memory", value: rest, unit: "MB"},
		{what: "… after 100 requests of all: resident memory", value: then, unit: "MB"},
		{what: "… goroutines", value: goroutines},
	}, err
}
