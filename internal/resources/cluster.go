package resources

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Cluster returns the JSON of a configuration.
func Cluster(c mgmt.Configuration) api.Cluster {
	body := api.Cluster{
		ID: c.ID, Hosts: make([]api.ConfiguredHost, 0, len(c.Instances)), Nodes: make([]api.ConfiguredNode, 0, len(c.Nodes)),
	}
	for _, i := range c.Instances {
		host := api.ConfiguredHost{Name: string(i.Name), Port: number(i.ListenPort)}
		if mgmt.KnownHost(i.Host) {
			host.Host = i.Host.String()
		}
		body.Hosts = append(body.Hosts, host)
	}
	for _, n := range c.Nodes {
		body.Nodes = append(body.Nodes, configuredNode(n))
	}
	return body
}

func configuredNode(n mgmt.Node) api.ConfiguredNode {
	one := api.ConfiguredNode{
		Name: string(n.Name), Instance: string(n.Instance), Role: string(n.Role), Port: number(n.Port), MetricsPort: number(n.MetricsPort),
		Scripts: n.Scripts, CPUAffinity: n.CPUAffinity, Env: n.Env, Command: n.Command,
	}
	if n.Interface != nil {
		one.Interface = *n.Interface
	}
	for _, o := range n.Options {
		if one.Options == nil {
			one.Options = map[string]string{}
		}
		one.Options[o.Name] = o.Value
	}
	for _, b := range n.Bundles {
		one.Bundles = append(one.Bundles, api.NodeBundle{Name: b.Name, Kind: string(b.Kind), Hash: string(b.Hash)})
	}
	for _, o := range n.RunOptions {
		if one.RunOptions == nil {
			one.RunOptions = map[string]string{}
		}
		one.RunOptions[o.Name] = o.Value
	}
	one.Backend = string(n.Backend)
	if n.Limits != (mgmt.Limits{}) {
		one.Limits = &api.NodeLimits{Memory: int64(min(n.Limits.Memory, math.MaxInt64)), CPUWeight: int(min(n.Limits.CPUWeight, math.MaxInt32)), Nice: n.Limits.Nice}
	}
	return one
}

// number returns the number of a port, and 0 if there is none.
func number(p *mgmt.Port) int {
	if p == nil {
		return 0
	}
	return int(p.Number)
}

// Configuration returns the configuration with this JSON. It may have mistakes that only
// Configuration.Check finds.
func Configuration(c api.Cluster) (mgmt.Configuration, error) {
	config := mgmt.Configuration{ID: cmp.Or(c.ID, uuid.NewString())}
	for _, h := range c.Hosts {
		in := mgmt.Instance{Name: mgmt.InstanceName(h.Name), Host: mgmt.UnknownHost, ListenPort: port(h.Port)}
		if h.Host != "" {
			addr, err := netip.ParseAddr(h.Host)
			if err != nil || addr.Zone() != "" {
				return config, fmt.Errorf("instance %.200q: its host is not an IP address: %.60q", h.Name, h.Host)
			}
			in.Host = addr
		}
		config.Instances = append(config.Instances, in)
	}
	for _, n := range c.Nodes {
		config.Nodes = append(config.Nodes, nodeOf(n))
	}
	return config, nil
}

func nodeOf(n api.ConfiguredNode) mgmt.Node {
	one := mgmt.Node{
		Name: mgmt.NodeName(n.Name), Instance: mgmt.InstanceName(n.Instance), Role: mgmt.ClusterRole(n.Role), State: mgmt.Running,
		Port: port(n.Port), MetricsPort: port(n.MetricsPort), CPUAffinity: n.CPUAffinity, Env: n.Env,
	}
	if len(n.Command) > 0 {
		one.Command = n.Command
	}
	if len(n.Scripts) > 0 {
		one.Scripts = n.Scripts
	}
	if n.Interface != "" {
		one.Interface = &n.Interface
	}
	for _, name := range slices.Sorted(maps.Keys(n.Options)) {
		one.Options = append(one.Options, mgmt.Option{Name: name, Value: n.Options[name]})
	}
	for _, b := range n.Bundles {
		one.Bundles = append(one.Bundles, mgmt.Bundle{Name: b.Name, Kind: mgmt.BundleKind(b.Kind), Hash: mgmt.BundleHash(b.Hash)})
	}
	for _, name := range slices.Sorted(maps.Keys(n.RunOptions)) {
		one.RunOptions = append(one.RunOptions, mgmt.Option{Name: name, Value: n.RunOptions[name]})
	}
	one.Backend = mgmt.Backend(n.Backend)
	if l := n.Limits; l != nil {
		// Other numbers are outside of the bounds, too.
		one.Limits = mgmt.Limits{Memory: uint64(l.Memory), CPUWeight: uint64(l.CPUWeight), Nice: l.Nice}
	}
	return one
}

func port(number int) *mgmt.Port {
	if number == 0 {
		return nil
	}
	return new(mgmt.TCPPort(uint16(number)))
}
