package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/crowd"
)

const (
	// siegeTime is how long the attack lasts.
	siegeTime = 10 * time.Second
	// siegePause is the client's pause between two requests.
	siegePause = 50 * time.Millisecond
)

// siege measures how fast a controller answers a client while two thousand
// connections attack the controller.
func siege(ctx context.Context, dir string) (figures []figure, err error) {
	p, err := startProcesses(ctx, dir, "siege")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	attack, err := crowd.Start(ctx, p.peers, p.clients, "agent")
	if err != nil {
		return nil, err
	}
	defer attack.Stop()
	var took []time.Duration
	for end := time.Now().Add(siegeTime); time.Now().Before(end); time.Sleep(siegePause) {
		began := time.Now()
		results, err := p.client.GetNodes(ctx)
		if err != nil || len(results) != 1 || !results[0].Success {
			return nil, fmt.Errorf("get_nodes under attack: results %+v, error: %v", results, err)
		}
		took = append(took, time.Since(began))
	}
	resident, err := p.controller.resident()
	if err != nil {
		return nil, err
	}
	return []figure{
		atMost("2,000 hostile connections: get_nodes, p50", ms(quantile(took, 0.5)), "ms", 100),
		{what: "2,000 hostile connections: get_nodes, p99", value: ms(quantile(took, 0.99)), unit: "ms"},
		{what: "2,000 hostile connections: resident memory, controller", value: resident, unit: "MB"},
	}, nil
}
