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

// ZeroMQSite says how the nodes of a cluster find and recognise each other with the
// ZeroMQ backend. It must be the same for all nodes of a cluster.
type ZeroMQSite struct {
	// XPubPort and XSubPort are the ports where the manager's proxy listens. Zero
	// means DefaultXPubPort and DefaultXSubPort. Two clusters on one host need
	// different ports.
	XPubPort, XSubPort uint16
	// Curve are the keys with which nodes encrypt, from Zeek 8.2 on. A process without
	// the keys cannot join the cluster. If Curve is nil, anybody who reaches the ports
	// can join, and Generated.ClusterWarnings says so.
	Curve *CurveKeys
	// Keyless says in ClusterWarnings why Curve is nil and what to do about it. Empty
	// means a text about zeek.secret_file.
	Keyless string
}

func (z *ZeroMQSite) check() error {
	if z.XPub() == z.XSub() {
		return fmt.Errorf("the ZeroMQ proxy cannot use port %d for both of its sockets", z.XPub())
	}
	if z.Curve != nil {
		return z.Curve.check()
	}
	return nil
}

// XPub returns the XPUB port of the proxy.
func (z *ZeroMQSite) XPub() uint16 { return cmp.Or(z.XPubPort, DefaultXPubPort) }

// XSub returns the XSUB port of the proxy.
func (z *ZeroMQSite) XSub() uint16 { return cmp.Or(z.XSubPort, DefaultXSubPort) }

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
	p := proxy{addr: c.entries[c.manager].Host, xPub: z.XPub(), xSub: z.XSub(), ipv6: c.hasIPv6()}
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
// cluster has no keys. All keys are in the environment, because Zeek refuses
// to read some keys from the environment and some from scripts. Only the manager,
// which runs the proxy, and nodes that receive logs get the server's secret key.
func (d *Deployment) curveEnv(c *cluster) []string {
	keys := d.Site.ZeroMQ.Curve
	if keys == nil || !d.CanEncryptZeroMQ() {
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

// UsesZeroMQ tells whether the nodes of the cluster speak ZeroMQ with each other.
func (d Deployment) UsesZeroMQ() bool { return d.backend() == ZeroMQ }

// CanEncryptZeroMQ tells whether the nodes can use Site.ZeroMQ.Curve.
func (d Deployment) CanEncryptZeroMQ() bool { return d.UsesZeroMQ() && hasCurve(d.version()) }
