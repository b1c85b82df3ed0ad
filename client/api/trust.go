package api

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// wrongController is the error of a client that does not believe the other side.
type wrongController struct{ reason string }

func (w *wrongController) Error() string { return w.reason }

// Trust is what a client believes of controllers: those of one cluster that show a
// certificate of one of the authorities. Their addresses and host names do not count.
type Trust struct {
	// Cluster is the ID of the cluster, as in Root and in Certificate.
	Cluster string
	// Authorities are the certificates of the authorities.
	Authorities []*x509.Certificate
}

// TLS returns the settings of a client of the controller at address. certificate returns
// what the client shows. If it is nil, the client shows no certificate.
func (t Trust) TLS(address string, certificate func() (*tls.Certificate, error)) *tls.Config {
	trust := &identity.Trust{Cluster: t.Cluster, Authorities: t.Authorities}
	return believing(certificate, func(chain []*x509.Certificate) error {
		id, err := trust.Judge(chain, time.Now())
		if err != nil {
			return &wrongController{fmt.Sprintf("the controller at %s is not believed: %s", address, t.disbelief(err))}
		}
		return checkController(address, id)
	})
}

// disbelief says why a controller is not believed, and what to do.
func (t Trust) disbelief(err error) string {
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown || len(t.Authorities) == 0 {
		return err.Error()
	}
	return "its authority was replaced, or this is another controller: an admin can give you another login (zeekfleet user add NAME); " +
		"the authority that you knew has the fingerprint " + identity.Fingerprint(t.Authorities[0])
}

// JoinClient returns a client of somebody who knows nothing of the cluster but a token,
// for Join and Login. It connects by TLS, and sends nothing unless the other side is a
// controller with a certificate of the authority that the token names.
func JoinClient(address, token string) (*Client, error) {
	parsed, err := identity.ParseToken(token)
	if err != nil {
		return nil, err
	}
	address, err = JoinPort(address)
	if err != nil {
		return nil, err
	}
	return New(Config{Address: address, TLS: believing(nil, func(chain []*x509.Certificate) error {
		return checkToken(address, parsed, chain, time.Now())
	})})
}

// believing returns the settings of a client that leaves the judgement of the other
// side's certificates to check. TLS calls check before the client sends a request.
func believing(certificate func() (*tls.Certificate, error), check func([]*x509.Certificate) error) *tls.Config {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The name in the certificate says who it is, and the address does not matter.
		// VerifyConnection verifies the chain.
		InsecureSkipVerify: true,
		VerifyConnection:   func(state tls.ConnectionState) error { return check(state.PeerCertificates) },
	}
	if certificate != nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate() }
	}
	return cfg
}

// checkToken returns an error unless the chain is that of a controller whose authority
// has made the token.
func checkToken(address string, token identity.Token, chain []*x509.Certificate, now time.Time) error {
	shown := "none"
	authority := authorityIn(chain, func(cert *x509.Certificate) bool {
		shown = identity.KeyHash(cert)
		return shown == token.Authority
	})
	if authority == nil {
		return &wrongController{fmt.Sprintf(
			"the controller at %s is not the one that made this token: the token names the authority %s, and the controller shows %s",
			address, token.Authority, shown)}
	}
	return checkSigned(address, authority, chain, now)
}

// authorityIn returns the first authority of a chain that is accepted, or nil.
func authorityIn(chain []*x509.Certificate, accepted func(*x509.Certificate) bool) *x509.Certificate {
	for _, cert := range chain {
		if cert.IsCA && accepted(cert) {
			return cert
		}
	}
	return nil
}

// checkSigned returns an error unless the chain is that of a controller, signed by an
// authority.
func checkSigned(address string, authority *x509.Certificate, chain []*x509.Certificate, now time.Time) error {
	trust := identity.Trust{Cluster: clusterOf(chain[0].URIs), Authorities: []*x509.Certificate{authority}}
	id, err := trust.Judge(chain, now)
	if err != nil {
		return &wrongController{fmt.Sprintf("the certificate of the controller at %s does not count: %v", address, err)}
	}
	return checkController(address, id)
}

func checkController(address string, id identity.Identity) error {
	if id.Kind == identity.Controller {
		return nil
	}
	return &wrongController{fmt.Sprintf("the program at %s shows the certificate of %s, and is no controller", address, id)}
}

// clusterOf returns the cluster that a certificate names.
func clusterOf(uris []*url.URL) string {
	for _, uri := range uris {
		if _, cluster, ok := identity.FromURI(uri); ok {
			return cluster
		}
	}
	return ""
}
