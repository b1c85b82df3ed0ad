// Command sensors is a program of another module. It uses all that packages
// client, client/api and node export.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/node"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := join(ctx); err != nil {
		fmt.Println("node:", err)
		os.Exit(1)
	}
	fmt.Println("node: joined and left")
	fmt.Println("client:", explain(deploy(ctx, os.Args[1])))
	fmt.Println("api:", look(ctx, os.Args[1]))
}

// join runs a node for a moment.
func join(ctx context.Context) error {
	n, err := newNode()
	if err != nil {
		return err
	}
	ctx, leave := context.WithCancel(ctx)
	leave()
	return n.Run(ctx)
}

func newNode() (*node.Node, error) {
	var model node.Func = func(context.Context) (any, error) { return nil, node.ErrNoValue }
	var read node.Dispatch = func(_ context.Context, args []string) (any, error) {
		if len(args) != 1 || args[0] != node.ClusterNode {
			return nil, node.ErrUnknownID
		}
		return node.Port{Number: 443, Proto: "tcp"}, nil
	}
	if started, err := node.FromEnvironment(func(string) (string, bool) { return "", false }); err == nil {
		return node.New(started)
	}
	return node.New(node.Config{
		Name:        "worker-1",
		Agent:       node.DefaultAgent,
		Identifiers: map[string]any{"Sensor::model": model},
		Dispatches:  map[string]node.Dispatch{"read": read},
	})
}

// sensors returns the configuration of a cluster with two hosts.
func sensors() client.Configuration {
	var host client.InstanceName = "host-1"
	var first client.NodeName = "worker-1"
	var transport client.Proto = client.TCP
	return client.Configuration{
		ID:        "sensors",
		Instances: []client.Instance{{Name: host, Host: client.UnknownHost, ListenPort: new(client.TCPPort(2151))}},
		Nodes: []client.Node{
			{Name: "manager", Instance: host, Role: client.Manager, State: client.Running},
			{Name: "logger", Instance: host, Role: client.Logger, State: client.Running},
			{Name: "proxy", Instance: host, Role: client.Proxy, State: client.Running},
			{
				Name: first, Instance: host, Role: client.Worker, State: client.Running,
				Options: []client.Option{{Name: "ignore_checksums", Value: "T"}},
				Port:    &client.Port{Number: 5000, Proto: transport},
				Limits:  client.Limits{Memory: 1 << 30}, Backend: "zeromq",
				Bundles: []client.Bundle{{Name: "site", Kind: "scripts", Hash: "sha256:" + strings.Repeat("0", 64)}},
			},
		},
	}
}

func deploy(ctx context.Context, address string) error {
	c, err := client.Dial(ctx, client.Config{Address: address, Topic: client.DefaultTopic, Attempts: 1})
	if err != nil {
		return err
	}
	defer c.Close()
	results, err := c.Stage(ctx, sensors())
	if err != nil {
		return err
	}
	id, ok := client.ConfigurationID(results)
	if !ok {
		return show(results)
	}
	results, err = c.DeployStaged(ctx, client.Deployment{ID: id, Partial: true})
	if errors.Is(err, client.ErrNotPartial) {
		results, err = c.Deploy(ctx)
	}
	if err != nil {
		return err
	}
	if err := show(results); err != nil {
		return err
	}
	results, err = nodes(ctx, c)
	if err != nil {
		return err
	}
	if err := show(results); err != nil {
		return err
	}
	return deployedBefore(ctx, c)
}

func deployedBefore(ctx context.Context, c *client.Client) error {
	var history []client.DeployedRevision
	history, err := c.GetHistory(ctx)
	if errors.Is(err, client.ErrNoHistory) {
		return nil
	}
	for _, d := range history {
		fmt.Println(d.Revision, d.When, d.Who, d.ID, d.Instances, d.Nodes)
	}
	return err
}

func nodes(ctx context.Context, c *client.Client) ([]client.Result, error) { return c.GetNodes(ctx) }

// overhear waits for an event of another client.
func overhear(ctx context.Context, c *client.Client) (string, error) {
	ev, err := c.Receive(ctx)
	if odd, ok := errors.AsType[*client.NoEventError](err); ok {
		return "", odd
	}
	return eventLine(ev), err
}

func eventLine(ev client.Event) string {
	line := ev.Topic + " " + ev.Name
	for _, arg := range ev.Args {
		line += argument(arg)
	}
	return line
}

func argument(arg client.EventArg) string { return " " + arg.Type + " " + string(arg.JSON) }

func show(results []client.Result) error {
	for _, r := range results {
		if !r.Success {
			return errors.New(r.Error)
		}
		fmt.Println(r.Instance, r.Node, describe(r.Data))
	}
	return nil
}

func describe(data client.Data) string {
	switch d := data.(type) {
	case client.Text:
		return string(d)
	case client.Instances:
		return fmt.Sprint(len(d), " instances")
	case client.NodeStatuses:
		text := ""
		for _, s := range d {
			text += describeNode(s)
		}
		return text
	case client.Configuration:
		return d.ID
	case client.NodeOutputs:
		return d.Stderr
	case client.BadData:
		return d.Reason
	}
	return ""
}

func describeNode(s client.NodeStatus) string {
	return fmt.Sprintln(s.Node, roles[s.ClusterRole], processes[s.MgmtRole], states[s.State], s.Port, protos)
}

var (
	roles = map[client.ClusterRole]string{
		client.ClusterNone: "none", client.Logger: "logger", client.Manager: "manager", client.Proxy: "proxy", client.Worker: "worker",
	}
	processes = map[client.Role]string{
		client.RoleNone: "none", client.RoleAgent: "agent", client.RoleController: "controller", client.RoleNode: "node",
	}
	states = map[client.State]string{
		client.Pending: "pending", client.Running: "running", client.Stopped: "stopped",
		client.Failed: "failed", client.Crashed: "crashed", client.Unknown: "unknown",
	}
	protos = []client.Proto{client.TCP, client.UDP, client.ICMP, client.UnknownProto}
)

// explain returns a text about an error for a person.
func explain(err error) string {
	if failed, ok := errors.AsType[*client.DialError](err); ok {
		return string(failed.Stage) + ": " + advice[failed.Failure] + ", at " + stages[failed.Stage]
	}
	if late, ok := errors.AsType[*client.TimeoutError](err); ok {
		return "no answer from " + late.Address + " in " + late.Stage + ", usually " + client.DefaultAddress
	}
	if other, ok := errors.AsType[*client.OtherEvent](err); ok {
		return "another client: " + other.Name
	}
	if refused, ok := errors.AsType[*client.ServerError](err); ok {
		return refused.Code
	}
	if closed, ok := errors.AsType[*client.ServerClosed](err); ok {
		return closed.Reason
	}
	return fmt.Sprint(err)
}

var (
	advice = map[client.DialFailure]string{
		client.DialInvalid:  "correct the address",
		client.DialName:     "correct the name",
		client.DialRefused:  "start the controller",
		client.DialSocket:   "look at the network",
		client.DialTLS:      "look at the certificates",
		client.DialRejected: "look at the permissions",
		client.DialProtocol: "correct the port",
		client.DialNoAck:    "correct the port",
		client.DialTimeout:  "wait",
		client.DialCanceled: "nothing",
	}
	stages = map[client.DialStage]string{client.StageConnect: "connecting", client.StageHandshake: "the handshake"}
)
