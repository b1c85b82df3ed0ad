package cli

import (
	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// ForClient converts c to the types of package client.
func ForClient(c mgmt.Configuration) client.Configuration {
	config := client.Configuration{ID: c.ID}
	for _, in := range c.Instances {
		config.Instances = append(config.Instances, client.Instance{
			Name: client.InstanceName(in.Name), Host: in.Host, ListenPort: portForClient(in.ListenPort),
		})
	}
	for _, n := range c.Nodes {
		config.Nodes = append(config.Nodes, nodeForClient(n))
	}
	return config
}

func nodeForClient(n mgmt.Node) client.Node {
	node := client.Node{
		Name:        client.NodeName(n.Name),
		Instance:    client.InstanceName(n.Instance),
		Role:        client.ClusterRole(n.Role),
		State:       client.State(n.State),
		Port:        portForClient(n.Port),
		Scripts:     n.Scripts,
		Interface:   n.Interface,
		CPUAffinity: n.CPUAffinity,
		Env:         n.Env,
		MetricsPort: portForClient(n.MetricsPort),
		Command:     n.Command,
		Limits:      client.Limits(n.Limits),
		Backend:     string(n.Backend),
	}
	for _, o := range n.Options {
		node.Options = append(node.Options, client.Option(o))
	}
	for _, b := range n.Bundles {
		node.Bundles = append(node.Bundles, client.Bundle{Name: b.Name, Kind: string(b.Kind), Hash: string(b.Hash)})
	}
	for _, o := range n.RunOptions {
		node.RunOptions = append(node.RunOptions, client.Option(o))
	}
	return node
}

func portForClient(p *mgmt.Port) *client.Port {
	if p == nil {
		return nil
	}
	return &client.Port{Number: p.Number, Proto: client.Proto(p.Proto)}
}

// fromClient is the reverse of ForClient.
func fromClient(c client.Configuration) mgmt.Configuration {
	config := mgmt.Configuration{ID: c.ID}
	for _, in := range c.Instances {
		config.Instances = append(config.Instances, mgmt.Instance{
			Name: mgmt.InstanceName(in.Name), Host: in.Host, ListenPort: portFromClient(in.ListenPort),
		})
	}
	for _, n := range c.Nodes {
		config.Nodes = append(config.Nodes, nodeFromClient(n))
	}
	return config
}

func nodeFromClient(n client.Node) mgmt.Node {
	node := mgmt.Node{
		Name:        mgmt.NodeName(n.Name),
		Instance:    mgmt.InstanceName(n.Instance),
		Role:        mgmt.ClusterRole(n.Role),
		State:       mgmt.State(n.State),
		Port:        portFromClient(n.Port),
		Scripts:     n.Scripts,
		Interface:   n.Interface,
		CPUAffinity: n.CPUAffinity,
		Env:         n.Env,
		MetricsPort: portFromClient(n.MetricsPort),
		Command:     n.Command,
		Limits:      mgmt.Limits(n.Limits),
		Backend:     mgmt.Backend(n.Backend),
	}
	for _, o := range n.Options {
		node.Options = append(node.Options, mgmt.Option(o))
	}
	for _, b := range n.Bundles {
		node.Bundles = append(node.Bundles, mgmt.Bundle{Name: b.Name, Kind: mgmt.BundleKind(b.Kind), Hash: mgmt.BundleHash(b.Hash)})
	}
	for _, o := range n.RunOptions {
		node.RunOptions = append(node.RunOptions, mgmt.Option(o))
	}
	return node
}

func portFromClient(p *client.Port) *mgmt.Port {
	if p == nil {
		return nil
	}
	return &mgmt.Port{Number: p.Number, Proto: mgmt.Proto(p.Proto)}
}
