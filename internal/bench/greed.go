package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/crowd"
)

const (
	// greedNodes is the number of nodes in the staged configuration.
	greedNodes = 9000
	// greedTime is how long other clients ask for the configuration.
	greedTime = 10 * time.Second
)

// greed measures how fast a controller answers a client while other clients ask
// for a large configuration again and again and leave without the answers.
func greed(ctx context.Context, dir string) (figures []figure, err error) {
	p, err := startProcesses(ctx, dir, "greed")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	config := client.Configuration{ID: "many"}
	for i := range greedNodes {
		host := client.InstanceName(fmt.Sprintf("sensor-%d", i/10))
		if i%10 == 0 {
			config.Instances = append(config.Instances, client.Instance{Name: host, Host: client.UnknownHost})
		}
		config.Nodes = append(config.Nodes, client.Node{
			Name: client.NodeName(fmt.Sprintf("worker-%d", i)), Instance: host, Role: client.Worker, State: client.Running,
		})
	}
	if staged, err := p.client.Stage(ctx, config); err != nil || !staged[0].Success {
		return nil, fmt.Errorf("stage %d nodes: results %+v, error: %v", greedNodes, staged, err)
	}
	// The measurement needs a connection of its own. The connection that has staged
	// so much has used up its allowance.
	viewer, err := client.Dial(ctx, client.Config{Address: p.clients})
	if err != nil {
		return nil, err
	}
	defer viewer.Close()
	attack, err := crowd.StartGreedy(ctx, p.clients)
	if err != nil {
		return nil, err
	}
	defer attack.Stop()
	var took []time.Duration
	most := 0.0
	for until := time.Now().Add(greedTime); time.Now().Before(until); time.Sleep(siegePause) {
		began := time.Now()
		if _, err := viewer.GetInstances(ctx); err != nil {
			return nil, fmt.Errorf("get_instances while others are greedy: %w", err)
		}
		took = append(took, time.Since(began))
		resident, err := p.controller.resident()
		if err != nil {
			return nil, err
		}
		most = max(most, resident)
	}
	what := fmt.Sprintf("20 clients ask for %d nodes 100 times each, and leave: ", greedNodes)
	return []figure{
		atMost(what+"get_instances, p50", ms(quantile(took, 0.5)), "ms", 100),
		{what: what + "get_instances, p99", value: ms(quantile(took, 0.99)), unit: "ms"},
		atMost(what+"resident memory, controller", most, "MB", 400),
	}, nil
}
