package zeek

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The ports of the ZeroMQ proxy if the site names none. They are Zeek's defaults.
const (
	DefaultXPubPort = 5555
	DefaultXSubPort = 5556
)

// ZeroMQSite holds the settings of the ZeroMQ backend. They must be the same on all
// hosts of a cluster.
type ZeroMQSite struct {
	// XPubPort and XSubPort are the ports where the manager's proxy listens. Zero
	// means DefaultXPubPort and DefaultXSubPort. Two clusters on one host need
	// different ports.
	XPubPort, XSubPort uint16
	// Curve encrypts the traffic of a cluster with more than one address, from
	// Zeek 8.2 on. If it is nil, such traffic is not encrypted, and
	// Generated.ClusterWarnings says so.
	Curve *CurveKeys
}

func (z *ZeroMQSite) check() error {
	if z.xPub() == z.xSub() {
		return fmt.Errorf("the ZeroMQ proxy cannot use port %d for both of its sockets", z.xPub())
	}
	if z.Curve != nil {
		return z.Curve.check()
	}
	return nil
}

func (z *ZeroMQSite) xPub() uint16 { return cmp.Or(z.XPubPort, DefaultXPubPort) }
func (z *ZeroMQSite) xSub() uint16 { return cmp.Or(z.XSubPort, DefaultXSubPort) }

// proxy holds the address and ports of the manager's ZeroMQ proxy.
type proxy struct {
	addr       netip.Addr
	xPub, xSub uint16
	ipv6       bool // some node has an IPv6 address
}

// zeroMQ returns the cluster's proxy. If all nodes share a host, the proxy listens
// on the loopback address, which no other host can reach.
func (d *Deployment) zeroMQ(c *cluster) proxy {
	z := &d.Site.ZeroMQ
	p := proxy{addr: c.entries[c.manager].Host, xPub: z.xPub(), xSub: z.xSub(), ipv6: c.hasIPv6()}
	if c.oneAddress {
		p.addr = loopback
	}
	return p
}

// checkZeroMQ returns an error if the cluster cannot use the ZeroMQ backend.
func (c *cluster) checkZeroMQ(v Version) error {
	switch {
	case c.manager == "":
		return errors.New("the cluster has no manager to run the ZeroMQ proxy")
	case c.hasIPv6() && !hasZeroMQIPv6(v):
		return fmt.Errorf("zeek %s cannot use IPv6 with the ZeroMQ cluster backend: that takes Zeek 8.0 or later", v)
	}
	for _, name := range c.names {
		e := c.entries[name]
		if e.Role == mgmt.Logger && listeningPort(e.Port) == 0 {
			return fmt.Errorf("logger %s has no port for receiving logs", name)
		}
	}
	return nil
}

// zeroMQ renders the endpoints. A node's XPUB socket connects to the proxy's XSUB
// socket, and a node's XSUB socket to the proxy's XPUB socket.
func (s *script) zeroMQ(p proxy, v Version) {
	xPub := quote("tcp://" + netip.AddrPortFrom(p.addr, p.xPub).String())
	xSub := quote("tcp://" + netip.AddrPortFrom(p.addr, p.xSub).String())
	s.section("ZeroMQ: the manager runs the proxy.")
	s.redef("Cluster::Backend::ZeroMQ::listen_xpub_endpoint", xPub)
	s.redef("Cluster::Backend::ZeroMQ::listen_xsub_endpoint", xSub)
	s.redef("Cluster::Backend::ZeroMQ::connect_xpub_endpoint", xSub)
	s.redef("Cluster::Backend::ZeroMQ::connect_xsub_endpoint", xPub)
	if hasZeroMQIPv6(v) {
		s.redef("Cluster::Backend::ZeroMQ::ipv6", boolLiteral(p.ipv6))
	}
}

// curveEnv returns the variables with the keys that the node needs, or nil if the
// traffic is not encrypted. All keys are in the environment, because Zeek refuses
// to read some keys from the environment and some from scripts. Only the manager,
// which runs the proxy, and nodes that receive logs get the server's secret key.
func (d *Deployment) curveEnv(c *cluster) []string {
	keys := d.Site.ZeroMQ.Curve
	if keys == nil || !d.wantsCurve(c) {
		return nil
	}
	env := []string{
		curvePrefix + "CLIENT_PUBLICKEY=" + keys.Client.Public,
		curvePrefix + "CLIENT_SECRETKEY=" + keys.Client.Secret,
		curvePrefix + "SERVER_PUBLICKEY=" + keys.Server.Public,
	}
	if c.self == c.manager || c.writesLogs() {
		env = append(env, curvePrefix+"SERVER_SECRETKEY="+keys.Server.Secret)
	}
	return env
}

const curvePrefix = "ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_"

// wantsCurve tells whether the cluster's traffic leaves the host and can be
// encrypted.
func (d *Deployment) wantsCurve(c *cluster) bool {
	return d.backend() == ZeroMQ && !c.oneAddress && hasCurve(d.version())
}
