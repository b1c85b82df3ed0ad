package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/pause"
)

// cluster measures requests through a controller and an agent to four nodes, each a process
// of its own, and the memory of the controller and the agent.
func (l *lab) cluster(ctx context.Context, dir string) (figures []figure, err error) {
	nodes := "1 agent, 4 nodes"
	if l.zeek {
		nodes = "1 agent, 4 nodes that run Zeek"
	}
	p, idle, err := l.startFour(ctx, dir, dir, "cluster")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	rest, then, asked, err := p.askFour(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := p.countGoroutines(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Concat(
		[]figure{
			times(nodes+": get_id_value", asked.ids, idsPayload(4), 0.5, 2),
			times(nodes+": get_nodes", asked.nodes, statesPayload(1, 4), 0, 0),
		},
		idle.figures("an agent without nodes, at rest"), rest.figures(nodes+", at rest"),
		then.figures(nodes+", after 5,000 requests"), counts.figures(nodes+", after 5,000 requests"),
	), nil
}

// fourTimes are the times of requests to four nodes.
type fourTimes struct{ ids, nodes []time.Duration }

// askFour makes 5,000 requests to a cluster of four nodes, when it has rested. It returns the memory
// before and after them.
func (p *processes) askFour(ctx context.Context) (rest, then memory, took fourTimes, err error) {
	if err = pause.For(ctx, idleSettle); err != nil {
		return rest, then, took, err
	}
	if rest, err = p.memory(); err != nil {
		return rest, then, took, err
	}
	took.ids, err = requestTimes(3000, 4, func() (int, error) {
		results, err := p.client.GetIDValue(ctx, "bits_per_uid")
		return len(results), err
	})
	if err != nil {
		return rest, then, took, fmt.Errorf("get_id_value: %w", err)
	}
	took.nodes, err = requestTimes(2000, 1, func() (int, error) {
		results, err := p.client.GetNodes(ctx)
		return len(results), err
	})
	if err != nil {
		return rest, then, took, fmt.Errorf("get_nodes: %w", err)
	}
	then, err = p.memory()
	return rest, then, took, err
}

// startFour starts a controller, an agent and four nodes. The agent's program is in agentDir. It returns
// the memory before the nodes were deployed, too.
func (l *lab) startFour(ctx context.Context, dir, agentDir, name string) (p *processes, idle memory, err error) {
	kind := embeddedNodes
	if l.zeek {
		kind = "ZEEKFLEET_NODE_KIND=zeek"
	}
	if p, err = startDaemonsOf(ctx, dir, agentDir, name, kind); err != nil {
		return p, idle, err
	}
	if err := pause.For(ctx, idleSettle); err != nil {
		return p, idle, errors.Join(err, p.stop())
	}
	if idle, err = p.memory(); err == nil {
		err = deploy(ctx, p.client, fourNodes("agent"))
	}
	if err == nil && l.zeek {
		_, err = p.client.GetIDValue(ctx, "bits_per_uid") // answers when the scripts are read
	}
	if err != nil {
		err = errors.Join(err, p.stop())
	}
	return p, idle, err
}

// memory is what a controller and its agent take, in MB. own is what both have written or reserved
// themselves; the rest are pages of files, most of them of the program.
type memory struct{ controller, agent, own float64 }

// memory measures what the controller and the agent take. It asks them nothing: an answer to a
// request over HTTP brings 5 MB of the program's pages into the memory of a controller.
func (p *processes) memory() (m memory, err error) {
	if m.controller, err = p.controller.resident(); err != nil {
		return m, err
	}
	if m.agent, err = p.agent.resident(); err != nil {
		return m, err
	}
	for _, r := range []*running{p.controller, p.agent} {
		anonymous, err := r.memory("RssAnon")
		if err != nil {
			return m, err
		}
		m.own += anonymous
	}
	return m, nil
}

func (m memory) figures(when string) []figure {
	return []figure{
		{what: when + ": resident memory, controller", value: m.controller, unit: "MB"},
		{what: when + ": resident memory, agent", value: m.agent, unit: "MB"},
		atMost(when+": resident memory, both", m.controller+m.agent, "MB", 50),
		{what: "… of that, without pages of files", value: m.own, unit: "MB"},
	}
}

// goroutineCounts are the goroutines of a controller and its agent.
type goroutineCounts struct{ controller, agent float64 }

// countGoroutines asks the controller and the agent for their metrics.
func (p *processes) countGoroutines(ctx context.Context) (g goroutineCounts, err error) {
	if g.controller, err = goroutinesOf(ctx, p.clients, ""); err != nil {
		return g, err
	}
	g.agent, err = goroutinesOf(ctx, p.clients, "agent")
	return g, err
}

func (g goroutineCounts) figures(when string) []figure {
	return []figure{
		{what: when + ": goroutines, controller", value: g.controller},
		{what: when + ": goroutines, agent", value: g.agent},
	}
}

// What the figure of growth asks for. A controller takes at most 6,000 requests a second
// from all clients together.
const (
	growthClients  = 8
	growthFirst    = 10_000
	growthRequests = 100_000
)

// growth measures whether a controller and an agent need more memory after many requests.
// The memory after some requests is compared with it: until then, buffers grow.
func (l *lab) growth(ctx context.Context, dir string) (figures []figure, err error) {
	p, _, err := l.startFour(ctx, dir, dir, "growth")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := askOften(ctx, p.clients, growthFirst); err != nil {
		return nil, err
	}
	if err := pause.For(ctx, time.Second); err != nil { // connections that have ended are forgotten
		return nil, err
	}
	countsBefore, err := p.countGoroutines(ctx) // before the memory, to which it adds
	if err != nil {
		return nil, err
	}
	before, err := p.memory()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := askOften(ctx, p.clients, growthRequests-growthFirst); err != nil {
		return nil, err
	}
	rate := (growthRequests - growthFirst) / time.Since(began).Seconds()
	if err := pause.For(ctx, time.Second); err != nil {
		return nil, err
	}
	after, err := p.memory()
	if err != nil {
		return nil, err
	}
	counts, err := p.countGoroutines(ctx)
	if err != nil {
		return nil, err
	}
	first, last := "1 agent, 4 nodes, after 10,000 requests", "1 agent, 4 nodes, after 100,000 requests"
	figures = slices.Concat(before.figures(first), countsBefore.figures(first), after.figures(last), counts.figures(last))
	more := func(what string, before, after, bound float64) figure {
		return atMost("from 10,000 to 100,000 requests: growth of "+what, 100*(after/before-1), "%", bound)
	}
	return append(figures,
		more("the controller's memory", before.controller, after.controller, 10),
		more("the agent's memory", before.agent, after.agent, 10),
		more("the controller's goroutines", countsBefore.controller, counts.controller, 10),
		more("the agent's goroutines", countsBefore.agent, counts.agent, 10),
		figure{what: "get_nodes of eight clients, all together", value: rate, unit: "requests/s"},
	), nil
}

// askOften asks for the states of nodes, by several clients.
func askOften(ctx context.Context, address string, requests int) error {
	failed := make(chan error, growthClients)
	var clients sync.WaitGroup
	for range growthClients {
		clients.Go(func() {
			c, err := client.Dial(ctx, client.Config{Address: address, RequestTimeout: time.Minute})
			if err != nil {
				failed <- err
				return
			}
			defer c.Close()
			_, err = requestTimes(requests/growthClients, 1, func() (int, error) {
				results, err := c.GetNodes(ctx)
				return len(results), err
			})
			failed <- err
		})
	}
	clients.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
