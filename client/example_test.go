package client_test

import (
	"context"
	"errors"
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

// Tell the user what to do if there is no connection.
func ExampleDialError() {
	_, err := client.Dial(context.Background(), client.Config{Address: "not an address"})
	failed, ok := errors.AsType[*client.DialError](err)
	switch {
	case ok && failed.Failure == client.DialInvalid:
		fmt.Println("correct the address of the controller")
	case ok && failed.Failure == client.DialTLS:
		fmt.Println("look at the certificates")
	case err != nil:
		fmt.Println(err)
	}
	// Output: correct the address of the controller
}
