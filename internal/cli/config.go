package cli

import (
	"cmp"
	"sort"

	"github.com/zeekfleet/zeekfleet/client"
)

// plainText is a document that is printed as it is.
type plainText string

func byName[T any, N cmp.Ordered](list []T, name func(T) N) []T {
	list = append([]T(nil), list...)
	sort.SliceStable(list, func(i, j int) bool { return name(list[i]) < name(list[j]) })
	return list
}

// configJSON renders c for get-config --as-json. Options are objects with name
// and value; zeek-client cannot show options.
func configJSON(c client.Configuration) document {
	instances, nodes := []any{}, []any{}
	for _, in := range byName(c.Instances, func(in client.Instance) client.InstanceName { return in.Name }) {
		d := address(in)
		d["name"] = string(in.Name)
		instances = append(instances, d)
	}
	for _, n := range byName(c.Nodes, func(n client.Node) client.NodeName { return n.Name }) {
		nodes = append(nodes, nodeJSON(n))
	}
	return document{"id": c.ID, "instances": instances, "nodes": nodes}
}

func nodeJSON(n client.Node) document {
	env := document{}
	for name, value := range n.Env {
		env[name] = value
	}
	d := document{
		"name": string(n.Name), "instance": string(n.Instance), "role": string(n.Role), "env": env,
		"port": portJSON(n.Port), "metrics_port": portJSON(n.MetricsPort),
		"scripts": nil, "options": nil, "interface": nil, "cpu_affinity": nil,
	}
	if n.Scripts != nil {
		d["scripts"] = n.Scripts
	}
	if n.Options != nil {
		options := []any{}
		for _, o := range byName(n.Options, func(o client.Option) string { return o.Name }) {
			options = append(options, document{"name": o.Name, "value": o.Value})
		}
		d["options"] = options
	}
	if n.Interface != nil {
		d["interface"] = *n.Interface
	}
	if n.CPUAffinity != nil {
		d["cpu_affinity"] = *n.CPUAffinity
	}
	if len(n.Command) > 0 { // zeek-client knows no such key
		d["command"] = n.Command
	}
	if len(n.Bundles) > 0 {
		d["bundles"] = n.Bundles
	}
	if len(n.RunOptions) > 0 {
		options := document{}
		for _, o := range n.RunOptions {
			options[o.Name] = o.Value
		}
		d["run_options"] = options
	}
	if n.Limits != (client.Limits{}) {
		d["limits"] = n.Limits
	}
	if n.Backend != "" {
		d["backend"] = n.Backend
	}
	return d
}

func portJSON(p *client.Port) any {
	if p == nil {
		return nil
	}
	return int(p.Number)
}
