package authority

import (
	"maps"
	"slices"
	"time"
)

// upkeep does what is due without a request.
type upkeep struct {
	rotation
	issuing issuing
	members *members
}

// found makes what is missing: the cluster, its authorities, and the certificates of its
// controllers.
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
	return m.members.renew()
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
	if first, ok := m.state.firstEnd(); !ok || m.now.Before(first.Add(m.cfg.CertificateLife)) {
		return
	}
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
	if first, ok := m.state.firstEnd(); ok {
		offer(first.Add(m.cfg.CertificateLife)) // it is forgotten first
	}
	for _, t := range m.state.tokens {
		offer(t.forgetAt(m.cfg.Memory))
	}
	for _, t := range m.state.apiTokens {
		if !t.expires.IsZero() {
			offer(t.expires)
		}
	}
	if len(m.cfg.Foreign) == 0 && m.ownOf(m.started.Name) != nil {
		for _, o := range m.state.owns {
			offer(m.members.dueAt(o))
		}
		if main := m.main(); len(main) > 1 {
			offer(main[len(main)-1].Cert.NotAfter)
			if at, ok := m.movesAt(); ok {
				offer(at)
			}
		}
	}
	return next, found
}
