package daemon

import (
	"crypto/x509"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// shownCertificates are those that agents have shown last, for the instances of the cluster.
type shownCertificates map[mgmt.InstanceName]shownCertificate

type shownCertificate struct {
	peer mgmt.PeerID
	// cert is nil if the agent has shown none. It stays while the agent is away.
	cert *x509.Certificate
}

// update takes which agents are connected, and reports whether a certificate may be another
// one. It asks for the certificates only if an agent has connected.
func (s shownCertificates) update(snap *mgmt.Snapshot, certificates func() map[mgmt.PeerID]*x509.Certificate) (changed bool) {
	for name := range s {
		if snap.Instance(name) == nil {
			delete(s, name)
			changed = true
		}
	}
	var of map[mgmt.PeerID]*x509.Certificate
	for _, in := range snap.Instances {
		if in.Peer == "" || s[in.Name].peer == in.Peer {
			continue
		}
		if of == nil {
			of = certificates()
		}
		s[in.Name] = shownCertificate{in.Peer, of[in.Peer]}
		changed = true
	}
	return changed
}

// watchedController is the cluster of a controller.
type watchedController struct {
	*Controller
	endpoint *bus.Endpoint
}

func (c watchedController) PeerCertificates() map[mgmt.PeerID]*x509.Certificate {
	all := map[mgmt.PeerID]*x509.Certificate{}
	for _, p := range c.endpoint.Peers() {
		if p.Certificate != nil {
			all[mgmt.PeerID(p.ID)] = p.Certificate
		}
	}
	return all
}

// changes is a channel with a value when the authority has changed.
type changes struct {
	changed chan struct{}
	stop    func()
}

func (a *Alerts) authorityChanges() changes {
	c := changes{make(chan struct{}, 1), func() {}}
	poke := func(*access.Directory) {
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
	poke(nil)
	if a.cfg.Authority != nil {
		c.stop = a.cfg.Authority.Changed(poke)
	}
	return c
}

// certificates returns the certificates whose end matters: of the controller, of its agents,
// and of the authorities. Users log in again.
func (a *Alerts) certificates(snap *mgmt.Snapshot) alerting.Event {
	ev := alerting.Certificates{List: slices.Clone(a.cfg.Certificates)}
	directory := new(access.Directory)
	if a.cfg.Authority != nil {
		directory = a.cfg.Authority.Directory()
	}
	for _, in := range snap.Instances {
		id := identity.Identity{Kind: identity.Agent, Name: string(in.Name)}
		one := alerting.Certificate{Subject: id.String(), Instance: in.Name}
		if ends, ok := directory.Until[id.String()]; ok {
			one.Ends = ends // the agent may have shown an older one
			if a.cfg.CertificateLife > 0 {
				one.Begins = ends.Add(-a.cfg.CertificateLife)
			}
		} else if cert := a.shown[in.Name].cert; cert != nil { // an organisation has signed it
			one.Begins, one.Ends = cert.NotBefore, cert.NotAfter
		} else {
			continue
		}
		ev.List = append(ev.List, one)
	}
	if directory.Trust != nil {
		for _, authority := range directory.Trust.Authorities {
			ev.List = append(ev.List, alerting.Certificate{
				Subject: "authority " + identity.Fingerprint(authority), Begins: authority.NotBefore, Ends: authority.NotAfter,
			})
		}
	}
	return ev
}
