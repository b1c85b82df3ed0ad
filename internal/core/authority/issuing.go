package authority

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// wish is a certificate that is to be signed.
type wish struct {
	owner identity.Identity
	// request is a signing request in PEM form.
	request []byte
	hosts   []string
	life    time.Duration // zero means that of the owner's kind
	sso     bool
	// from is the serial number of the certificate that is renewed, if one is.
	from string
}

// issuing signs certificates.
type issuing struct{ *base }

// lifeOf returns the life of the certificates of a kind.
func (m *issuing) lifeOf(kind identity.Kind) time.Duration {
	if kind == identity.Node {
		return m.cfg.AuthorityLife
	}
	return m.cfg.CertificateLife
}

// issue signs a certificate and keeps its record. It returns a refusal if it cannot.
func (m *issuing) issue(w wish) (*x509.Certificate, *outcome) {
	no := func(why access.Why, format string, args ...any) (*x509.Certificate, *outcome) {
		o := refuse(why, format, args...)
		return nil, &o
	}
	key, err := identity.ReadRequest(w.request)
	if err != nil {
		return no(access.Invalid, "%v", err)
	}
	m.forgetNodes(w.owner)
	if most := m.cfg.Limits.Certificates; len(m.state.certificates) >= most && m.unexpired() >= most {
		return no(access.Limited, "there are %d certificates that have not expired: more are not kept", m.cfg.Limits.Certificates)
	}
	if n := len(m.validOf(w.owner)); n >= m.cfg.Limits.OneOwner {
		return no(access.Limited, "%s has %d certificates that have not expired: revoke them (zeekfleet cert revoke %[1]s)", w.owner, n)
	}
	by := m.signing()
	if w.owner.Kind == identity.Node {
		by = m.nodes()
	}
	life := w.life
	if life == 0 {
		life = m.lifeOf(w.owner.Kind)
	}
	leaf := identity.Leaf{Cluster: m.state.cluster.id, Identity: w.owner, Key: key, Hosts: w.hosts, Life: life}
	cert, err := m.maker.Issue(by.Authority, leaf, m.now)
	if err != nil {
		return no(access.Failed, "%v", err)
	}
	m.put(m.recordOf(cert, w, by))
	return cert, nil
}

// unexpired counts the certificates that have not expired.
func (m *issuing) unexpired() int {
	n := 0
	for _, c := range m.state.certificates {
		if m.now.Before(c.expires) {
			n++
		}
	}
	return n
}

func (m *issuing) recordOf(cert *x509.Certificate, w wish, by *issuer) *certificate {
	return &certificate{
		serial: identity.Serial(cert), owner: w.owner, issued: m.now, expires: cert.NotAfter, authority: by.hash,
		hosts: w.hosts, sso: w.sso, from: w.from,
	}
}

// forgetNodes forgets all certificates of an instance's nodes but the latest one. They live
// long, and Zeek asks nobody whether one was revoked.
func (m *issuing) forgetNodes(owner identity.Identity) {
	if owner.Kind != identity.Node {
		return
	}
	for i, c := range m.validOf(owner) {
		if i > 0 {
			m.drop(c)
		}
	}
}

// validOf returns the valid certificates of an identity, the latest first.
func (m *base) validOf(owner identity.Identity) []*certificate {
	var list []*certificate
	for _, c := range m.state.index.byOwner[owner] {
		if c.valid(m.now) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *certificate) int {
		if c := b.issued.Compare(a.issued); c != 0 {
			return c
		}
		return strings.Compare(a.serial, b.serial)
	})
	return list
}

// revokeAll revokes the valid certificates of an identity.
func (m *base) revokeAll(owner identity.Identity) {
	for _, c := range m.validOf(owner) {
		m.revoke(c)
	}
}

// revokeLine revokes a certificate, and those that its owner has got for it: whoever has
// stolen its key may have renewed it.
func (m *base) revokeLine(c *certificate) {
	if c.valid(m.now) {
		m.revoke(c)
	}
	for _, next := range m.renewedFrom(c) {
		m.revokeLine(next)
	}
}

// renewedFrom returns the certificates that were got for one.
func (m *base) renewedFrom(c *certificate) []*certificate {
	var list []*certificate
	for _, next := range m.state.index.renewed[c.serial] {
		list = append(list, next)
	}
	slices.SortFunc(list, func(a, b *certificate) int { return strings.Compare(a.serial, b.serial) })
	return list
}

func (m *base) revoke(c *certificate) {
	next := *c
	next.revoked = m.now
	m.put(&next)
}

// checkHosts returns a refusal if names are not those of hosts, or if there are too many.
func (m *issuing) checkHosts(hosts []string, most int) *outcome {
	no := func(format string, args ...any) *outcome {
		o := refuse(access.Invalid, format, args...)
		return &o
	}
	if len(hosts) > most {
		return no("a certificate has at most %d names of hosts", most)
	}
	for _, host := range hosts {
		if !isHost(host) {
			return no("%.60q is neither a host name nor an IP address", host)
		}
	}
	return nil
}

// isHost reports whether a certificate may have a name of a host.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && len(host) <= 253 && !strings.ContainsFunc(host, notInHost)
}

func notInHost(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("-._*", r)
}

// texts returns the certificates of authorities in PEM form.
func texts(of ...*issuer) []byte {
	var text []byte
	for _, i := range of {
		text = append(text, identity.CertPEM(i.Cert)...)
	}
	return text
}
