package authority

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// members keeps the certificates of the controllers of the cluster, the own one among them.
type members struct{ issuing }

// controllerID returns the identity of a controller.
func controllerID(name string) identity.Identity {
	return identity.Identity{Kind: identity.Controller, Name: name}
}

// holder returns the name of the controller whose certificate it is. It is empty if the
// certificate is of no controller.
func (o *own) holder() string {
	if o.place != "" {
		return o.place
	}
	for _, uri := range o.cert.URIs {
		if id, _, ok := identity.FromURI(uri); ok && id.Kind == identity.Controller {
			return id.Name
		}
	}
	return ""
}

// ownOf returns the certificate of a controller, or nil.
func (m *base) ownOf(name string) *own {
	if name == "" {
		return nil
	}
	if o := m.state.owns[name]; o != nil {
		return o
	}
	if o := m.state.owns[""]; o != nil && o.holder() == name {
		return o
	}
	return nil
}

// isMember returns a refusal if a controller of the cluster has a name. One that has joined
// and was never in the list of members may join again: it may have failed on its way.
func (m *base) isMember(name string) *outcome {
	o := m.ownOf(name)
	if name != m.started.Name && (o == nil || !o.awaited.IsZero()) {
		return nil
	}
	no := refuse(access.Conflict, "controller %.64q belongs to the cluster already: choose another name, or remove it first (zeekfleet controller remove %[1]s)", name)
	return &no
}

// set takes the list of the other controllers. Names and hosts that no certificate can have
// are left out. Nil changes nothing.
func (m *members) set(list []Member) {
	if list == nil || m.deposed {
		return
	}
	m.others = map[string]Member{}
	for _, one := range list {
		if one.Name == m.started.Name {
			continue
		}
		if err := identity.CheckName(one.Name); err != nil {
			m.emit(Note{Note: note.Note{Level: Warn, Text: "a controller gets no certificate", Err: err.Error()}, Subject: one.Name})
			continue
		}
		if one.Hosts != nil {
			one.Hosts = slices.DeleteFunc(slices.Clone(one.Hosts), func(host string) bool { return !isHost(host) })
			one.Hosts = one.Hosts[:min(len(one.Hosts), m.cfg.Limits.ControllerHosts)]
		}
		m.others[one.Name] = one
	}
}

// awaits reports whether a controller has joined, and may still come into the list.
func (m *members) awaits(o *own) bool {
	return !o.awaited.IsZero() && m.now.Before(o.awaited.Add(m.cfg.AwaitMember))
}

// dueAt returns when something is due with a certificate.
func (m *members) dueAt(o *own) time.Time {
	at := identity.RenewAt(o.cert)
	if end := o.awaited.Add(m.cfg.AwaitMember); m.others != nil && !o.awaited.IsZero() && end.Before(at) {
		return end
	}
	return at
}

// wanted returns the controllers that have certificates, with the own one.
func (m *members) wanted() map[string]Member {
	list := map[string]Member{}
	for _, o := range m.state.owns {
		if name := o.holder(); name != "" && (m.others == nil || m.awaits(o)) {
			list[name] = Member{Name: name}
		}
	}
	maps.Copy(list, m.others)
	list[m.started.Name] = Member{m.started.Name, append([]string{}, m.started.Hosts...)}
	return list
}

// renew makes the certificates that are missing or too old, and ends those of controllers
// that no longer belong to the cluster.
func (m *members) renew() error {
	wanted := m.wanted()
	alone := m.others != nil && len(wanted) == 1
	for _, place := range slices.Sorted(maps.Keys(m.state.owns)) {
		o := m.state.owns[place]
		if _, ok := wanted[o.holder()]; ok {
			m.settle(o, alone)
		} else {
			m.end(o)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if o := m.ownOf(name); o != nil && m.fits(o, wanted[name]) {
			continue
		}
		if err := m.sign(wanted[name], alone); err != nil {
			return err
		}
	}
	return nil
}

// settle puts a certificate in its place, and no longer awaits a member that is in the list.
func (m *members) settle(o *own, alone bool) {
	next := *o
	next.place = placeOf(o.holder(), alone)
	if _, listed := m.others[o.holder()]; listed || o.holder() == m.started.Name {
		next.awaited = time.Time{}
	}
	if next == *o {
		return
	}
	if next.place != o.place {
		m.drop(o)
		if m.state.owns[next.place] != nil {
			return
		}
	}
	m.put(&next)
}

func placeOf(name string, alone bool) string {
	if alone {
		return ""
	}
	return name
}

// end forgets a certificate and revokes it. Nobody has its key any more, or nobody should.
func (m *members) end(o *own) {
	m.drop(o)
	if o.place != "" {
		m.revokeAll(controllerID(o.place))
	}
	if c := m.state.certificates[identity.Serial(o.cert)]; c != nil && c.owner != controllerID(m.started.Name) && c.valid(m.now) {
		m.revoke(c)
	}
}

// fits reports whether a certificate is that of a controller and its hosts, and need not be
// renewed yet.
func (m *members) fits(o *own, of Member) bool {
	c := m.state.certificates[identity.Serial(o.cert)]
	return c != nil && c.owner == controllerID(of.Name) && c.revoked.IsZero() && c.authority == m.oldest().hash &&
		(of.Hosts == nil || slices.Equal(c.hosts, of.Hosts)) && m.now.Before(identity.RenewAt(o.cert))
}

// sign signs a certificate of a controller, with a new key.
func (m *members) sign(of Member, alone bool) error {
	signer, err := m.maker.Key()
	if err != nil {
		return err
	}
	next := &own{place: placeOf(of.Name, alone), signer: signer}
	if before := m.ownOf(of.Name); before != nil {
		next.awaited = before.awaited // settle has ended it for those in the list
		if of.Hosts == nil {
			of.Hosts = hostsOf(before)
		}
	}
	owner, by := controllerID(of.Name), m.oldest()
	next.cert, err = m.maker.Issue(by.Authority, identity.Leaf{
		Cluster: m.state.cluster.id, Identity: owner, Key: signer.Public(), Hosts: of.Hosts, Life: m.cfg.CertificateLife,
	}, m.now)
	if err != nil {
		return err
	}
	for i, c := range m.validOf(owner) {
		if i+1 >= m.cfg.Limits.OneOwner {
			m.drop(c)
		}
	}
	m.put(next)
	m.put(m.recordOf(next.cert, wish{owner: owner, hosts: of.Hosts}, by))
	return nil
}

// hostsOf returns the names and addresses in a certificate.
func hostsOf(o *own) []string {
	hosts := slices.Clone(o.cert.DNSNames)
	for _, ip := range o.cert.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			hosts = append(hosts, addr.Unmap().String())
		}
	}
	return hosts
}

// joinController makes a controller one of the cluster. Its certificate and its key are among
// what the controllers share.
func (m *joining) joinController(req access.JoinController) outcome {
	t, no := m.tokens.redeem(req.Token, identity.Controller, req.Clock)
	if no != nil {
		return *no
	}
	o := m.admit(t, req)
	o.subject = t.forWhom.String()
	return o
}

func (m *joining) admit(t *token, req access.JoinController) outcome {
	name := t.forWhom.Name
	if req.Name != "" && req.Name != name {
		return refuse(access.Conflict, "the token %s is for controller %q, and the controller that shows it is set up as %.64q (controller.name, --name): start it with that name, or make a token for the other one",
			t.id, name, req.Name)
	}
	if no := m.isMember(name); no != nil {
		return *no
	}
	if no := m.checkHosts(req.Hosts, m.cfg.Limits.ControllerHosts); no != nil {
		return *no
	}
	var others int
	for _, o := range m.state.owns {
		if o.holder() != name {
			others++
		}
	}
	if others >= m.cfg.Limits.Members {
		return refuse(access.Limited, "the cluster has %d controllers: remove one (zeekfleet controller remove)", others)
	}
	signs := members{m.issuing}
	if err := signs.sign(Member{name, append([]string{}, req.Hosts...)}, false); err != nil {
		return refuse(access.Failed, "%v", err)
	}
	next := *m.state.owns[name]
	next.awaited = m.now
	m.put(&next)
	return outcome{answer: access.JoinedController{
		Cluster: m.state.cluster.id, Name: name, Serial: identity.Serial(next.cert), Expires: next.cert.NotAfter,
		Certificate: identity.CertPEM(next.cert), Authorities: texts(m.main()...),
	}}
}

// Look returns what the authority with a saved State publishes, and the certificate of the
// controller with a name. The certificate is nil if there is none: an organisation signs the
// certificates, or the controller does not belong to the cluster.
func Look(cfg Config, saved State, name string, now time.Time) (View, *Own) {
	b := &base{cfg: cfg.WithDefaults(), state: saved, now: now, started: &Start{Name: name}}
	p := publishing{rotation: rotation{b}}
	if saved.cluster == nil || len(cfg.Foreign) == 0 && len(b.main()) == 0 {
		trust := &identity.Trust{Authorities: cfg.Foreign, Rules: cfg.Rules, Pins: cfg.Pins}
		return View{Directory: &access.Directory{Trust: trust}}, nil // nobody is trusted, but whom the settings name
	}
	view := View{Directory: p.directory(), Bearers: p.bearers(), Fresh: p.fresh()}
	o := b.ownOf(name)
	if o == nil || len(cfg.Foreign) > 0 {
		return view, nil
	}
	return view, &Own{o.cert, b.oldest().Cert, o.signer}
}

// Exists reports whether the State is that of a cluster, and not the zero State.
func (s State) Exists() bool { return s.cluster != nil }
