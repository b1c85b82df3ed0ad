package form

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Configuration is form 1 of a mgmt.Configuration. It distinguishes empty lists from
// unset ones, as mgmt does.
type Configuration struct {
	ID        string     `json:"id"`
	Instances []Instance `json:"instances,omitzero"`
	Nodes     []Node     `json:"nodes,omitzero"`
}

// Instance is form 1 of a mgmt.Instance.
type Instance struct {
	Name       mgmt.InstanceName `json:"name"`
	Host       netip.Addr        `json:"host,omitzero"`
	ListenPort *Port             `json:"listen_port,omitempty"`
}

// Node is form 1 of a mgmt.Node. Command, Bundles, RunOptions, Limits and Backend came later: a text without
// them is the same as before, and an earlier program refuses a text with one.
type Node struct {
	Name        mgmt.NodeName     `json:"name"`
	Instance    mgmt.InstanceName `json:"instance,omitempty"`
	Role        mgmt.ClusterRole  `json:"role,omitempty"`
	State       mgmt.State        `json:"state,omitempty"`
	Port        *Port             `json:"port,omitempty"`
	Scripts     []string          `json:"scripts,omitzero"`
	Options     []Option          `json:"options,omitzero"`
	Interface   *string           `json:"interface,omitempty"`
	CPUAffinity *int64            `json:"cpu_affinity,omitempty"`
	Env         map[string]string `json:"env,omitzero"`
	MetricsPort *Port             `json:"metrics_port,omitempty"`
	Command     []string          `json:"command,omitempty"`
	Bundles     []Bundle          `json:"bundles,omitempty"`
	RunOptions  []Option          `json:"run_options,omitempty"`
	Limits      *Limits           `json:"limits,omitempty"`
	Backend     mgmt.Backend      `json:"backend,omitempty"`
}

// Limits is form 1 of a mgmt.Limits that is not zero.
type Limits struct {
	Memory    uint64 `json:"memory,omitempty"`
	CPUWeight uint64 `json:"cpu_weight,omitempty"`
	Nice      int    `json:"nice,omitempty"`
}

// newLimits returns the form of limits, and nil if there are none.
func newLimits(l mgmt.Limits) *Limits {
	if l == (mgmt.Limits{}) {
		return nil
	}
	return new(Limits(l))
}

func (f *Limits) limits() mgmt.Limits {
	if f == nil {
		return mgmt.Limits{}
	}
	return mgmt.Limits(*f)
}

// Bundle is form 1 of a mgmt.Bundle.
type Bundle struct {
	Name string          `json:"name"`
	Kind mgmt.BundleKind `json:"kind"`
	Hash mgmt.BundleHash `json:"hash"`
}

// NewBundles returns the form of bundles.
func NewBundles(bundles []mgmt.Bundle) []Bundle {
	return each(bundles, func(b mgmt.Bundle) Bundle { return Bundle(b) })
}

// Bundles returns the bundles in list.
func Bundles(list []Bundle) []mgmt.Bundle {
	return each(list, func(b Bundle) mgmt.Bundle { return mgmt.Bundle(b) })
}

// Option is form 1 of a mgmt.Option.
type Option struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Port is form 1 of a mgmt.Port: a text such as "2150/tcp".
type Port mgmt.Port

// MarshalText implements encoding.TextMarshaler.
func (p Port) MarshalText() ([]byte, error) { return []byte(mgmt.Port(p).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Port) UnmarshalText(text []byte) error {
	number, proto, ok := strings.Cut(string(text), "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if !ok || err != nil {
		return fmt.Errorf("%q is not a port", text)
	}
	*p = Port{Number: uint16(n), Proto: mgmt.Proto(proto)}
	return nil
}

// NewConfiguration returns the form of c. It shares c's lists.
func NewConfiguration(c mgmt.Configuration) Configuration {
	return Configuration{
		ID:        c.ID,
		Instances: each(c.Instances, NewInstance),
		Nodes:     each(c.Nodes, NewNode),
	}
}

// Configuration returns the configuration in f.
func (f Configuration) Configuration() mgmt.Configuration {
	return mgmt.Configuration{
		ID:        f.ID,
		Instances: each(f.Instances, Instance.Instance),
		Nodes:     each(f.Nodes, Node.Node),
	}
}

// NewInstance returns the form of an instance.
func NewInstance(in mgmt.Instance) Instance {
	return Instance{Name: in.Name, Host: in.Host, ListenPort: (*Port)(in.ListenPort)}
}

// Instance returns the instance in f.
func (f Instance) Instance() mgmt.Instance {
	return mgmt.Instance{Name: f.Name, Host: f.Host, ListenPort: (*mgmt.Port)(f.ListenPort)}
}

// NewNode returns the form of a node.
func NewNode(n mgmt.Node) Node {
	return Node{
		Name:        n.Name,
		Instance:    n.Instance,
		Role:        n.Role,
		State:       n.State,
		Port:        (*Port)(n.Port),
		Scripts:     n.Scripts,
		Options:     each(n.Options, func(o mgmt.Option) Option { return Option(o) }),
		Interface:   n.Interface,
		CPUAffinity: n.CPUAffinity,
		Env:         n.Env,
		MetricsPort: (*Port)(n.MetricsPort),
		Command:     n.Command,
		Bundles:     NewBundles(n.Bundles),
		RunOptions:  each(n.RunOptions, func(o mgmt.Option) Option { return Option(o) }),
		Limits:      newLimits(n.Limits),
		Backend:     n.Backend,
	}
}

// Node returns the node in f.
func (f Node) Node() mgmt.Node {
	return mgmt.Node{
		Name:        f.Name,
		Instance:    f.Instance,
		Role:        f.Role,
		State:       f.State,
		Port:        (*mgmt.Port)(f.Port),
		Scripts:     f.Scripts,
		Options:     each(f.Options, func(o Option) mgmt.Option { return mgmt.Option(o) }),
		Interface:   f.Interface,
		CPUAffinity: f.CPUAffinity,
		Env:         f.Env,
		MetricsPort: (*mgmt.Port)(f.MetricsPort),
		Command:     f.Command,
		Bundles:     Bundles(f.Bundles),
		RunOptions:  each(f.RunOptions, func(o Option) mgmt.Option { return mgmt.Option(o) }),
		Limits:      f.Limits.limits(),
		Backend:     f.Backend,
	}
}

// each converts the elements of a list. An unset list stays unset.
func each[From, To any](list []From, convert func(From) To) []To {
	if list == nil {
		return nil
	}
	converted := make([]To, len(list))
	for i, x := range list {
		converted[i] = convert(x)
	}
	return converted
}
