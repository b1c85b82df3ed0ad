package bench

import (
	"net"
	"net/netip"

	"github.com/zeekfleet/zeekfleet/client"
)

// portNodes returns a configuration of nodes on ports that are free now.
func portNodes(id string, roles map[client.NodeName]client.ClusterRole) (client.Configuration, error) {
	c := client.Configuration{ID: id, Instances: []client.Instance{{Name: "agent", Host: client.UnknownHost}}}
	for name, role := range roles {
		n := client.Node{Name: name, Instance: "agent", Role: role, State: client.Running}
		for _, p := range []**client.Port{&n.Port, &n.MetricsPort} {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return c, err
			}
			defer ln.Close() // after all ports are chosen, so that they differ
			*p = new(client.TCPPort(netip.MustParseAddrPort(ln.Addr().String()).Port()))
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c, nil
}
