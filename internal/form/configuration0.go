package form

import (
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Configuration0 is form 0 of a mgmt.Configuration.
type Configuration0 struct {
	ID        string
	Instances []Instance0
	Nodes     []Node0
}

// Instance0 is form 0 of a mgmt.Instance.
type Instance0 struct {
	Name       mgmt.InstanceName
	Host       netip.Addr
	ListenPort *Port0
}

// Node0 is form 0 of a mgmt.Node.
type Node0 struct {
	Name        mgmt.NodeName
	Instance    mgmt.InstanceName
	Role        mgmt.ClusterRole
	State       mgmt.State
	Port        *Port0
	Scripts     []string
	Options     []Option0
	Interface   *string
	CPUAffinity *int64
	Env         map[string]string
	MetricsPort *Port0
}

// Option0 is form 0 of a mgmt.Option.
type Option0 struct{ Name, Value string }

// Port0 is form 0 of a mgmt.Port.
type Port0 struct {
	Number uint16
	Proto  mgmt.Proto
}

// Configuration returns the configuration in f.
func (f Configuration0) Configuration() mgmt.Configuration {
	return mgmt.Configuration{
		ID:        f.ID,
		Instances: each(f.Instances, Instance0.Instance),
		Nodes:     each(f.Nodes, Node0.Node),
	}
}

// Instance returns the instance in f.
func (f Instance0) Instance() mgmt.Instance {
	return mgmt.Instance{Name: f.Name, Host: f.Host, ListenPort: (*mgmt.Port)(f.ListenPort)}
}

// Node returns the node in f.
func (f Node0) Node() mgmt.Node {
	return mgmt.Node{
		Name:        f.Name,
		Instance:    f.Instance,
		Role:        f.Role,
		State:       f.State,
		Port:        (*mgmt.Port)(f.Port),
		Scripts:     f.Scripts,
		Options:     each(f.Options, func(o Option0) mgmt.Option { return mgmt.Option(o) }),
		Interface:   f.Interface,
		CPUAffinity: f.CPUAffinity,
		Env:         f.Env,
		MetricsPort: (*mgmt.Port)(f.MetricsPort),
	}
}
