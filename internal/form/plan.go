package form

import (
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Plan is form 1 of a mgmt.Plan.
type Plan struct {
	Node    Node                       `json:"node"`
	Cluster map[mgmt.NodeName]Endpoint `json:"cluster"`
}

// Endpoint is form 1 of a mgmt.ClusterEndpoint.
type Endpoint struct {
	Role        mgmt.ClusterRole `json:"role,omitempty"`
	Host        netip.Addr       `json:"host,omitzero"`
	Port        Port             `json:"port"`
	Interface   *string          `json:"interface,omitempty"`
	PcapFile    *string          `json:"pcap_file,omitempty"`
	MetricsPort *Port            `json:"metrics_port,omitempty"`
}

// NewPlan returns the form of p.
func NewPlan(p mgmt.Plan) Plan {
	return Plan{NewNode(p.Node), eachOf(p.Cluster, func(e mgmt.ClusterEndpoint) Endpoint {
		return Endpoint{e.Role, e.Host, Port(e.Port), e.Interface, e.PcapFile, (*Port)(e.MetricsPort)}
	})}
}

// Plan returns the plan in f.
func (f Plan) Plan() mgmt.Plan {
	return mgmt.Plan{Node: f.Node.Node(), Cluster: eachOf(f.Cluster, func(e Endpoint) mgmt.ClusterEndpoint {
		return mgmt.ClusterEndpoint{
			Role: e.Role, Host: e.Host, Port: mgmt.Port(e.Port), Interface: e.Interface, PcapFile: e.PcapFile, MetricsPort: (*mgmt.Port)(e.MetricsPort),
		}
	})}
}

// Plan0 is form 0 of a mgmt.Plan.
type Plan0 struct {
	Node    Node0
	Cluster map[mgmt.NodeName]Endpoint0
}

// Endpoint0 is form 0 of a mgmt.ClusterEndpoint.
type Endpoint0 struct {
	Role        mgmt.ClusterRole
	Host        netip.Addr
	Port        Port0
	Interface   *string
	PcapFile    *string
	MetricsPort *Port0
}

// Plan returns the plan in f.
func (f Plan0) Plan() mgmt.Plan {
	return mgmt.Plan{Node: f.Node.Node(), Cluster: eachOf(f.Cluster, func(e Endpoint0) mgmt.ClusterEndpoint {
		return mgmt.ClusterEndpoint{
			Role: e.Role, Host: e.Host, Port: mgmt.Port(e.Port), Interface: e.Interface, PcapFile: e.PcapFile, MetricsPort: (*mgmt.Port)(e.MetricsPort),
		}
	})}
}

// eachOf converts the values of a map. An unset map stays unset.
func eachOf[Key comparable, From, To any](of map[Key]From, convert func(From) To) map[Key]To {
	if of == nil {
		return nil
	}
	converted := make(map[Key]To, len(of))
	for key, x := range of {
		converted[key] = convert(x)
	}
	return converted
}
