package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"zeekfleet/client"
	"zeekfleet/internal/bus"
	"zeekfleet/internal/event"
	"zeekfleet/internal/mgmt"
)

// What is staged, and how many clients ask for it how often, without waiting.
const (
	greedNodes    = 9000
	greedClients  = 20
	greedRequests = 100
	greedTime     = 10 * time.Second
)

// greed measures how a controller goes on answering a client while others ask for
// a large configuration again and again and leave.
func greed(ctx context.Context, dir string) (figures []figure, err error) {
	p, err := startProcesses(ctx, dir, "greed")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop(ctx)) }()
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
		return nil, fmt.Errorf("stage %d nodes: %v, %w", greedNodes, staged, err)
	}
	attack, end := context.WithCancel(ctx)
	defer end()
	var asking sync.WaitGroup
	defer asking.Wait()
	defer end()
	for range greedClients {
		asking.Go(func() { p.askAndLeave(attack) })
	}
	var took []time.Duration
	most := 0.0
	for until := time.Now().Add(greedTime); time.Now().Before(until); time.Sleep(siegePause) {
		began := time.Now()
		if _, err := p.client.GetInstances(ctx); err != nil {
			return nil, fmt.Errorf("get_instances while others are greedy: %w", err)
		}
		took = append(took, time.Since(began))
		resident, err := p.controller.resident()
		if err != nil {
			return nil, err
		}
		most = max(most, resident)
	}
	what := fmt.Sprintf("%d clients ask for %d nodes %d times and leave: ", greedClients, greedNodes, greedRequests)
	return []figure{
		atMost(what+"get_instances, p50", ms(quantile(took, 0.5)), "ms", 100),
		{what: what + "get_instances, p99", value: ms(quantile(took, 0.99)), unit: "ms"},
		atMost(what+"resident memory, controller", most, "MB", 400),
	}, nil
}

// askAndLeave asks many times without waiting for an answer, until ctx ends.
func (p *processes) askAndLeave(ctx context.Context) {
	r := event.Management()
	for ctx.Err() == nil {
		conn, err := bus.DialWebSocket(ctx, "ws://"+p.clients+bus.WebSocketPath, []string{mgmt.ControllerTopic}, bus.WebSocketClientConfig{})
		if err != nil {
			continue
		}
		for n := range greedRequests {
			request := mgmt.GetConfigurationRequest{ReqID: mgmt.ReqID(fmt.Sprint(conn.Endpoint(), n))}
			if conn.Send(ctx, mgmt.ControllerTopic, r.Encode(request)) != nil {
				break
			}
		}
		conn.Close()
	}
}
