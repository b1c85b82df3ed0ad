package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
)

// deploys measures deployments of embedded nodes, each a process, through one agent.
func deploys(ctx context.Context, dir string) (figures []figure, err error) {
	p, err := startDaemons(ctx, dir, "deploys", embeddedNodes)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	for _, s := range []struct{ nodes, rounds int }{{4, 10}, {100, 2}} {
		var first, same []time.Duration
		for round := range s.rounds {
			config := workers(s.nodes, fmt.Sprint(s.nodes, " nodes, round ", round))
			for _, took := range []*[]time.Duration{&first, &same} {
				began := time.Now()
				if err := deploy(ctx, p.client, config); err != nil {
					return nil, err
				}
				*took = append(*took, time.Since(began))
			}
			if err := stopNodes(ctx, p.client); err != nil {
				return nil, err
			}
		}
		what := fmt.Sprintf("1 agent, %d nodes, a process each: stage and deploy, ", s.nodes)
		figures = append(figures, times(what+"all nodes start", first, 0, 0, 0), times(what+"nothing changes", same, 0, 0, 0))
	}
	return figures, nil
}

// workers returns a configuration of so many workers on one host.
func workers(n int, id string) client.Configuration {
	c := client.Configuration{ID: id, Instances: []client.Instance{{Name: "agent", Host: client.UnknownHost}}}
	for i := range n {
		c.Nodes = append(c.Nodes, client.Node{
			Name: client.NodeName(fmt.Sprint("worker-", i+1)), Instance: "agent", Role: client.Worker, State: client.Running,
		})
	}
	return c
}
