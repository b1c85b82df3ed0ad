package joined

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Credentials are those of one agent. The texts are in PEM form.
type Credentials struct {
	// Cluster is the ID of the cluster, and Instance the name of the agent in it.
	Cluster, Instance string
	// Controller is the host:port at which the agent dials its controller.
	Controller string
	// Received is when the agent got its certificate, by its own clock.
	Received time.Time
	// Key and Certificate are the agent's. Authorities are those that the agent trusts.
	Key, Certificate, Authorities []byte
	// NodeKey, NodeCertificate and NodeAuthorities are those of its nodes. All three are
	// empty if the nodes have none.
	NodeKey, NodeCertificate, NodeAuthorities []byte
	// Revoked are the serial numbers of the certificates of controllers that no longer
	// count. There are at most mgmt.MaxRevoked.
	Revoked []string
}

// Held are credentials that were checked, in the form in which they are used.
type Held struct {
	Credentials
	// Pair is the agent's certificate with its key, for TLS.
	Pair tls.Certificate
	// Trusted are the authorities. NodesTrusted are those of nodes.
	Trusted, NodesTrusted []*x509.Certificate
}

// Use checks credentials, and returns them in the form in which they are used. It does
// not ask whether the certificates are valid at this moment.
func (c Credentials) Use() (*Held, error) {
	if _, _, err := net.SplitHostPort(c.Controller); err != nil {
		return nil, fmt.Errorf("%.100q is not the address and port of a controller", c.Controller)
	}
	if err := CheckRevoked(c.Revoked); err != nil {
		return nil, err
	}
	h := &Held{Credentials: c}
	var err error
	who := identity.Identity{Kind: identity.Agent, Name: c.Instance}
	if h.Pair, h.Trusted, err = c.pair(who, c.Key, c.Certificate, c.Authorities); err != nil {
		return nil, fmt.Errorf("the agent's certificate: %w", err)
	}
	if len(c.NodeKey) == 0 && len(c.NodeCertificate) == 0 && len(c.NodeAuthorities) == 0 {
		return h, nil
	}
	who.Kind = identity.Node
	if _, h.NodesTrusted, err = c.pair(who, c.NodeKey, c.NodeCertificate, c.NodeAuthorities); err != nil {
		return nil, fmt.Errorf("the certificate of the nodes: %w", err)
	}
	return h, nil
}

// pair reads a certificate, its key and its authorities. It returns an error unless
// they belong together, and the certificate is that of who in the cluster.
func (c Credentials) pair(who identity.Identity, key, certificate, authorities []byte) (tls.Certificate, []*x509.Certificate, error) {
	private, err := identity.ReadKey(key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	chain, err := identity.ReadCerts(certificate)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	trusted, err := identity.ReadCerts(authorities)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("its authorities: %w", err)
	}
	leaf := chain[0]
	if !identity.IsKeyOf(private, leaf) {
		return tls.Certificate{}, nil, errors.New("it does not belong to the key")
	}
	trust := identity.Trust{Cluster: c.Cluster, Authorities: trusted}
	switch got, err := trust.Judge(chain, leaf.NotAfter); {
	case err != nil:
		return tls.Certificate{}, nil, err
	case got != who:
		return tls.Certificate{}, nil, fmt.Errorf("it is the certificate of %s, not of %s", got, who)
	}
	pair := tls.Certificate{PrivateKey: private, Leaf: leaf}
	for _, cert := range chain {
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	return pair, trusted, nil
}

// Trust is what an agent with these credentials believes.
func (h *Held) Trust() *identity.Trust {
	t := &identity.Trust{Cluster: h.Cluster, Authorities: h.Trusted, Revoked: map[string]bool{}}
	for _, serial := range h.Revoked {
		t.Revoked[serial] = true
	}
	return t
}

// CheckRevoked returns an error unless all of a list are serial numbers.
func CheckRevoked(serials []string) error {
	if len(serials) > mgmt.MaxRevoked {
		return fmt.Errorf("%d certificates are revoked, and more than %d are not kept", len(serials), mgmt.MaxRevoked)
	}
	for _, serial := range serials {
		// A serial number has at most 20 bytes (RFC 5280, section 4.1.2.2).
		if serial == "" || len(serial) > 40 || strings.Trim(serial, "0123456789abcdef") != "" {
			return fmt.Errorf("%.60q is not the serial number of a certificate", serial)
		}
	}
	return nil
}

// Valid returns an error if the agent's own certificate is not valid now. The error
// names the clock if the clock is the likely reason.
func (h *Held) Valid(now time.Time) error {
	_, err := h.Trust().Judge([]*x509.Certificate{h.Pair.Leaf}, now)
	return err
}

// Knows reports whether one of the agent's authorities has this identity.KeyHash.
func (h *Held) Knows(keyHash string) bool {
	return slices.ContainsFunc(h.Trusted, func(cert *x509.Certificate) bool { return identity.KeyHash(cert) == keyHash })
}

// Outdated reports whether the youngest of the agent's authorities has not signed the
// agent's certificate. The cluster then waits for the agent to renew it.
func (h *Held) Outdated() bool {
	return h.Pair.Leaf.CheckSignatureFrom(youngest(h.Trusted)) != nil
}

func youngest(authorities []*x509.Certificate) *x509.Certificate {
	return slices.MaxFunc(authorities, func(a, b *x509.Certificate) int { return a.NotBefore.Compare(b.NotBefore) })
}

// NodesOutdated reports whether the certificate of the nodes must be renewed: there is
// none, the youngest of their authorities has not signed it, or two thirds of its life are
// over. Nodes read it when they start.
func (h *Held) NodesOutdated(now time.Time) bool {
	chain, err := identity.ReadCerts(h.NodeCertificate)
	if err != nil {
		return true
	}
	left := chain[0].NotAfter.Sub(now)
	return chain[0].CheckSignatureFrom(youngest(h.NodesTrusted)) != nil || left < chain[0].NotAfter.Sub(chain[0].NotBefore)/3
}

// WithSigner returns authorities, and of others those that have signed a certificate.
func WithSigner(authorities []*x509.Certificate, cert *x509.Certificate, others []*x509.Certificate) []*x509.Certificate {
	all := slices.Clone(authorities)
	for _, other := range others {
		if cert.CheckSignatureFrom(other) == nil && !slices.ContainsFunc(all, other.Equal) {
			all = append(all, other)
		}
	}
	return all
}

// HasMore reports whether one of the authorities is not among known.
func HasMore(authorities, known []*x509.Certificate) bool {
	return slices.ContainsFunc(authorities, func(cert *x509.Certificate) bool { return !slices.ContainsFunc(known, cert.Equal) })
}

// SameAuthorities reports whether two PEM texts have the same certificates, in any
// order. A text without certificates has none.
func SameAuthorities(a, b []byte) bool {
	return slices.EqualFunc(sorted(a), sorted(b), func(x, y *x509.Certificate) bool { return x.Equal(y) })
}

func sorted(text []byte) []*x509.Certificate {
	certs, err := identity.ReadCerts(text)
	if err != nil {
		return nil
	}
	slices.SortFunc(certs, func(x, y *x509.Certificate) int { return bytes.Compare(x.Raw, y.Raw) })
	return slices.CompactFunc(certs, func(x, y *x509.Certificate) bool { return x.Equal(y) })
}
