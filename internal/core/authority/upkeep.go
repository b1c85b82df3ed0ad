package authority

import (
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// upkeep does what is due without a request.
type upkeep struct {
	rotation
	issuing issuing
}

// found makes what is missing: the cluster, its authorities, and the controller's own
// certificate.
func (m *upkeep) found() error {
	if m.state.cluster == nil {
		m.put(&cluster{m.started.Cluster})
	}
	if len(m.cfg.Foreign) > 0 {
		return nil
	}
	for _, nodes := range []bool{false, true} {
		if len(m.issuers(nodes)) > 0 {
			continue
		}
		made, err := m.newIssuer(nodes)
		if err != nil {
			return err
		}
		m.put(made)
	}
	m.endRotation()
	return m.renewOwn()
}

// renewOwn signs the controller's own certificate if there is none that still fits.
func (m *upkeep) renewOwn() error {
	if m.ownFits() {
		return nil
	}
	signer, err := m.maker.Key()
	if err != nil {
		return err
	}
	owner, by := m.ownIdentity(), m.oldest()
	cert, err := m.maker.Issue(by.Authority, identity.Leaf{
		Cluster: m.state.cluster.id, Identity: owner, Key: signer.Public(), Hosts: m.started.Hosts, Life: m.cfg.CertificateLife,
	}, m.now)
	if err != nil {
		return err
	}
	for i, c := range m.validOf(owner) {
		if i+1 >= m.cfg.Limits.OneOwner {
			m.drop(c)
		}
	}
	m.endOwn()
	m.put(&own{cert, signer})
	m.put(m.issuing.recordOf(cert, wish{owner: owner, hosts: m.started.Hosts}, by))
	return nil
}

// endOwn revokes the controller's certificate of another name. Nobody has its key any
// more, and nobody must wait for it.
func (m *upkeep) endOwn() {
	if m.state.own == nil {
		return
	}
	c := m.state.certificates[identity.Serial(m.state.own.cert)]
	if c != nil && c.owner != m.ownIdentity() && c.valid(m.now) {
		m.revoke(c)
	}
}

func (m *upkeep) ownIdentity() identity.Identity {
	return identity.Identity{Kind: identity.Controller, Name: m.started.Name}
}

// ownFits reports whether the controller's own certificate is that of its name and hosts,
// and need not be renewed yet.
func (m *upkeep) ownFits() bool {
	if m.state.own == nil {
		return false
	}
	c := m.state.certificates[identity.Serial(m.state.own.cert)]
	return c != nil && c.owner == m.ownIdentity() && c.revoked.IsZero() && c.authority == m.oldest().hash &&
		slices.Equal(c.hosts, m.started.Hosts) && m.now.Before(identity.RenewAt(m.state.own.cert))
}

// forget forgets the certificates that have expired, and the tokens that have ended long
// ago.
func (m *upkeep) forget() {
	m.forgetCertificates()
	for _, id := range slices.Sorted(maps.Keys(m.state.tokens)) {
		if t := m.state.tokens[id]; !m.now.Before(t.forgetAt(m.cfg.Memory)) {
			m.drop(t)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.state.apiTokens)) {
		if t := m.state.apiTokens[id]; !t.expires.IsZero() && !m.now.Before(t.expires) {
			m.drop(t)
		}
	}
}

// forgetCertificates forgets certificates. Those that were renewed from one that is
// forgotten count as renewed from that one's predecessor.
func (m *upkeep) forgetCertificates() {
	gone := map[string]*certificate{}
	for serial, c := range m.state.certificates {
		if !m.now.Before(c.forgetAt(m.cfg.CertificateLife)) {
			gone[serial] = c
		}
	}
	if len(gone) == 0 {
		return
	}
	for _, serial := range slices.Sorted(maps.Keys(m.state.certificates)) {
		c := m.state.certificates[serial]
		if gone[serial] != nil {
			m.drop(c)
			continue
		}
		next := *c
		for gone[next.from] != nil {
			next.from = gone[next.from].from
		}
		if next.from != c.from {
			m.put(&next)
		}
	}
}

// next returns when something is due, if nothing happens before.
func (m *upkeep) next() (time.Time, bool) {
	var next time.Time
	found := false
	offer := func(at time.Time) {
		if !found || at.Before(next) {
			next, found = at, true
		}
	}
	for _, c := range m.state.certificates {
		offer(c.forgetAt(m.cfg.CertificateLife))
	}
	for _, t := range m.state.tokens {
		offer(t.forgetAt(m.cfg.Memory))
	}
	for _, t := range m.state.apiTokens {
		if !t.expires.IsZero() {
			offer(t.expires)
		}
	}
	if len(m.cfg.Foreign) == 0 && m.state.own != nil {
		offer(identity.RenewAt(m.state.own.cert))
		if main := m.main(); len(main) > 1 {
			offer(main[len(main)-1].Cert.NotAfter)
			if at, ok := m.movesAt(); ok {
				offer(at)
			}
		}
	}
	return next, found
}
