package client_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
)

// Show which nodes run where.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{Address: "127.0.0.1:2149"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	results, err := c.GetNodes(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range results {
		nodes, _ := r.Data.(client.NodeStatuses)
		for _, n := range nodes {
			fmt.Println(r.Instance, n.Node, n.State)
		}
	}
}

// Stage and deploy a cluster of one worker.
func ExampleClient_Stage() {
	ctx := context.Background()
	c, err := client.Dial(ctx, client.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	staged, err := c.Stage(ctx, client.Configuration{
		ID:        "from-a-program",
		Instances: []client.Instance{{Name: "agent-1", Host: client.UnknownHost}},
		Nodes: []client.Node{
			{Name: "manager", Instance: "agent-1", Role: client.Manager, State: client.Running},
			{Name: "worker-1", Instance: "agent-1", Role: client.Worker, State: client.Running, Interface: new("eth0")},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range staged {
		if !r.Success {
			fmt.Println(r.Error)
			return
		}
	}
	if _, err := c.Deploy(ctx); err != nil {
		fmt.Println(err)
	}
}
