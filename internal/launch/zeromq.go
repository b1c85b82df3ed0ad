package launch

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// ZeroMQ is how the nodes of a cluster find and recognise each other with the ZeroMQ
// backend. It must be the same for all of them.
type ZeroMQ struct {
	// XPub and XSub are the ports of the manager's proxy.
	XPub, XSub uint16
	// Curve is zero if the nodes have no keys.
	Curve zeek.CurveKeys
}

// Exposed says who else can act as a node of the process's cluster, in a sentence for
// people. Empty means nobody, as far as it is known.
func (f Facts) Exposed() string {
	switch {
	case f.Broker.Peers == BrokerOpen:
		return "any process that reaches the ports of this cluster can join it and act as a node: its nodes do not authenticate each other over Broker"
	case f.ZeroMQ.XPub != 0 && f.ZeroMQ.Curve == (zeek.CurveKeys{}):
		return "any process that reaches the ports of this cluster can join it and act as a node: its nodes have no ZeroMQ keys"
	}
	return ""
}

// ZeroMQState keeps the ports and the keys that an agent has chosen for the cluster
// whose nodes are all on its instance. They stay with the cluster. Zero ports and keys are
// not chosen yet.
type ZeroMQState struct{ *kept[ZeroMQ] }

var keptZeroMQ = keptKind[ZeroMQ]{
	encode: encodeZeroMQ, decode: decodeZeroMQ, most: 4 << 10,
	file: "the file with the cluster's ZeroMQ ports and keys",
	lost: "the ZeroMQ ports and keys of the cluster cannot be read, others are chosen when all nodes start together",
	save: "the ZeroMQ ports and keys of the cluster",
}

// OpenZeroMQState reads the file at path. The file is made when something is chosen.
// A damaged file counts as missing, and the log says so: each launch record has what
// living nodes use. A file of a newer zeekfleet is an error.
func OpenZeroMQState(path string, log *slog.Logger) (*ZeroMQState, error) {
	k, err := openKept(path, keptZeroMQ, log)
	if err != nil {
		return nil, err
	}
	return &ZeroMQState{k}, nil
}

// The texts of ZeroMQSite.Keyless.
const (
	curveIsOff   = "zeek.zeromq_curve is off"
	curveIsLater = "its nodes run since before they could have keys; restart all of them together, or deploy a change of all of them"
	curveAgents  = "several instances share this address, and each has an agent of its own; give them different addresses and set zeek.secret_file"
)

// zeroMQNow returns what a launch of the plan would use now. What is not chosen yet is
// zero, and missing is true.
//
// If all nodes of the cluster are on this instance and others of them live, the launch
// uses what they use. So a cluster gets other ports or keys, such as its first keys
// after an upgrade, only when none of its nodes lives: when all of them start together.
func (z *Zeek) zeroMQNow(plan mgmt.Plan, d zeek.Deployment) (site zeek.ZeroMQSite, missing bool) {
	site = z.cfg.Site.ZeroMQ
	if z.cfg.NoCurve {
		site.Curve, site.Keyless = nil, curveIsOff
	}
	switch {
	case !d.UsesZeroMQ():
		return site, false
	case !plan.OneInstance || z.cfg.ZeroMQ == nil:
		if !plan.OneInstance && oneAddress(plan.Cluster) && site.Keyless == "" {
			site.Curve, site.Keyless = nil, curveAgents // as before Zeek 8.2
		}
		return site, false
	}
	if others, ok := z.living.others(plan); ok {
		running := others.ZeroMQ
		site.XPubPort, site.XSubPort = cmp.Or(running.XPub, site.XPubPort), cmp.Or(running.XSub, site.XSubPort)
		site.Curve, site.Keyless = nil, cmp.Or(site.Keyless, curveIsLater)
		if running.Curve != (zeek.CurveKeys{}) {
			site.Curve = &running.Curve
		}
		return site, false
	}
	chosen := z.cfg.ZeroMQ.current()
	if site.XPubPort == 0 && site.XSubPort == 0 {
		site.XPubPort, site.XSubPort = chosen.XPub, chosen.XSub
		missing = chosen.XPub == 0
	}
	if site.Curve == nil && site.Keyless == "" && d.CanEncryptZeroMQ() {
		site.Curve = &chosen.Curve
		missing = missing || chosen.Curve == (zeek.CurveKeys{})
	}
	return site, missing
}

// zeroMQ returns what a launch of the plan uses. It chooses what is not chosen yet.
func (z *Zeek) zeroMQ(plan mgmt.Plan, d zeek.Deployment) (zeek.ZeroMQSite, error) {
	site, missing := z.zeroMQNow(plan, d)
	if !missing {
		return site, nil
	}
	chosen := z.cfg.ZeroMQ.current()
	var err error
	if site.XPubPort == 0 {
		if chosen.XPub, chosen.XSub, err = freePair(portsOf(plan.Cluster)); err != nil {
			return site, fmt.Errorf("choose ports for the ZeroMQ proxy: %w", err)
		}
	}
	if site.Curve != nil && *site.Curve == (zeek.CurveKeys{}) {
		if chosen.Curve, err = zeek.NewCurveKeys(rand.Reader); err != nil {
			return site, err
		}
	}
	if err := z.cfg.ZeroMQ.save(chosen); err != nil {
		return site, err
	}
	site, _ = z.zeroMQNow(plan, d)
	return site, nil
}

// zeroMQFacts returns what the record of a launch says of its ZeroMQ backend.
func zeroMQFacts(d zeek.Deployment) ZeroMQ {
	if !d.UsesZeroMQ() {
		return ZeroMQ{}
	}
	used := ZeroMQ{XPub: d.Site.ZeroMQ.XPub(), XSub: d.Site.ZeroMQ.XSub()}
	if d.Site.ZeroMQ.Curve != nil && d.CanEncryptZeroMQ() {
		used.Curve = *d.Site.ZeroMQ.Curve
	}
	return used
}

// oneAddress reports whether all nodes have the same address.
func oneAddress(cluster map[mgmt.NodeName]mgmt.ClusterEndpoint) bool {
	seen := map[netip.Addr]bool{}
	for _, e := range cluster {
		host := e.Host.Unmap()
		if !mgmt.KnownHost(host) {
			host = Loopback
		}
		seen[host] = true
	}
	return len(seen) <= 1
}

// portsOf returns the ports that the layout of a cluster names.
func portsOf(cluster map[mgmt.NodeName]mgmt.ClusterEndpoint) map[uint16]bool {
	taken := map[uint16]bool{}
	for _, e := range cluster {
		taken[e.Port.Number] = true
		if e.MetricsPort != nil {
			taken[e.MetricsPort.Number] = true
		}
	}
	return taken
}

// The ports of ZeroMQ proxies are pairs from firstPair on. The kernel does not use
// these ports for outgoing connections, so a port stays free while the cluster is
// down.
const firstPair, pairs = 30_000, 1380

// freePair returns two ports of the loopback address that are not in taken and on
// which nothing listens. It begins with a pair by chance, so that two clusters of a
// host get different pairs even if only one of them runs.
func freePair(taken map[uint16]bool) (first, second uint16, err error) {
	begin := mathrand.IntN(pairs)
	for i := range pairs {
		first = uint16(firstPair + (begin+i)%pairs*2)
		second = first + 1
		if !taken[first] && !taken[second] && isFree(first) && isFree(second) {
			return first, second, nil
		}
	}
	return 0, 0, fmt.Errorf("all ports from %d to %d are in use", firstPair, firstPair+2*pairs-1)
}
