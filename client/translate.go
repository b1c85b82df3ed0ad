package client

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// This file translates between the types of this package and those of the
// protocol. They are separate types, so that the protocol can change without a
// change of the programs that use this package.

func (c Configuration) mgmt() mgmt.Configuration {
	return mgmt.Configuration{ID: c.ID, Instances: each(c.Instances, Instance.mgmt), Nodes: each(c.Nodes, Node.mgmt)}
}

func (in Instance) mgmt() mgmt.Instance {
	return mgmt.Instance{Name: mgmt.InstanceName(in.Name), Host: in.Host, ListenPort: in.ListenPort.mgmt()}
}

func (n Node) mgmt() mgmt.Node {
	return mgmt.Node{
		Name:        mgmt.NodeName(n.Name),
		Instance:    mgmt.InstanceName(n.Instance),
		Role:        mgmt.ClusterRole(n.Role),
		State:       mgmt.State(n.State),
		Port:        n.Port.mgmt(),
		Scripts:     n.Scripts,
		Options:     each(n.Options, func(o Option) mgmt.Option { return mgmt.Option(o) }),
		Interface:   n.Interface,
		CPUAffinity: n.CPUAffinity,
		Env:         n.Env,
		MetricsPort: n.MetricsPort.mgmt(),
		Command:     n.Command,
		Bundles: each(n.Bundles, func(b Bundle) mgmt.Bundle {
			return mgmt.Bundle{Name: b.Name, Kind: mgmt.BundleKind(b.Kind), Hash: mgmt.BundleHash(b.Hash)}
		}),
		RunOptions: each(n.RunOptions, func(o Option) mgmt.Option { return mgmt.Option(o) }),
		Limits:     mgmt.Limits(n.Limits),
		Backend:    mgmt.Backend(n.Backend),
	}
}

func (p *Port) mgmt() *mgmt.Port {
	if p == nil {
		return nil
	}
	return &mgmt.Port{Number: p.Number, Proto: mgmt.Proto(p.Proto)}
}

func nodeNames(names []NodeName) []mgmt.NodeName {
	return each(names, func(n NodeName) mgmt.NodeName { return mgmt.NodeName(n) })
}

func resultOf(r mgmt.Result) Result {
	return Result{
		Success:  r.Success,
		Instance: InstanceName(r.Instance),
		Node:     NodeName(r.Node),
		Data:     dataOf(r.Data),
		Error:    r.Error,
	}
}

func dataOf(d mgmt.Data) Data {
	switch d := d.(type) {
	case nil:
		return nil
	case mgmt.Text:
		return Text(d)
	case mgmt.Instances:
		return Instances(each(d, instanceOf))
	case mgmt.NodeStatuses:
		return NodeStatuses(each(d, statusOf))
	case mgmt.Configuration:
		return configurationOf(d)
	case mgmt.NodeOutputs:
		return NodeOutputs(d)
	case mgmt.BadData:
		return BadData(d)
	}
	return BadData{Reason: fmt.Sprintf("unexpected data of type %T", d)}
}

func configurationOf(c mgmt.Configuration) Configuration {
	return Configuration{ID: c.ID, Instances: each(c.Instances, instanceOf), Nodes: each(c.Nodes, nodeOf)}
}

func instanceOf(in mgmt.Instance) Instance {
	return Instance{Name: InstanceName(in.Name), Host: in.Host, ListenPort: portOf(in.ListenPort)}
}

func nodeOf(n mgmt.Node) Node {
	return Node{
		Name:        NodeName(n.Name),
		Instance:    InstanceName(n.Instance),
		Role:        ClusterRole(n.Role),
		State:       State(n.State),
		Port:        portOf(n.Port),
		Scripts:     n.Scripts,
		Options:     each(n.Options, func(o mgmt.Option) Option { return Option(o) }),
		Interface:   n.Interface,
		CPUAffinity: n.CPUAffinity,
		Env:         n.Env,
		MetricsPort: portOf(n.MetricsPort),
		Command:     n.Command,
		Bundles: each(n.Bundles, func(b mgmt.Bundle) Bundle {
			return Bundle{Name: b.Name, Kind: string(b.Kind), Hash: string(b.Hash)}
		}),
		RunOptions: each(n.RunOptions, func(o mgmt.Option) Option { return Option(o) }),
		Limits:     Limits(n.Limits),
		Backend:    string(n.Backend),
	}
}

func statusOf(s mgmt.NodeStatus) NodeStatus {
	return NodeStatus{
		Node:        NodeName(s.Node),
		State:       State(s.State),
		MgmtRole:    Role(s.MgmtRole),
		ClusterRole: ClusterRole(s.ClusterRole),
		PID:         s.PID,
		Port:        portOf(s.Port),
		MetricsPort: portOf(s.MetricsPort),
	}
}

func portOf(p *mgmt.Port) *Port {
	if p == nil {
		return nil
	}
	return &Port{Number: p.Number, Proto: Proto(p.Proto)}
}

// each translates every element. Nil stays nil: it means unset.
func each[S ~[]A, A, B any](list S, translate func(A) B) []B {
	if list == nil {
		return nil
	}
	translated := make([]B, len(list))
	for i, a := range list {
		translated[i] = translate(a)
	}
	return translated
}
