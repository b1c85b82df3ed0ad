package launch

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// SocketTLS is what an agent needs to connect to the WebSocket server of one launch:
// the server's certificate, and the agent's own certificate and key, each in PEM
// format.
type SocketTLS struct{ Server, Certificate, Key string }

// Config returns how the agent connects. It accepts exactly the server's certificate,
// whatever the names in it. The config is nil for the zero SocketTLS.
func (t SocketTLS) Config() (*tls.Config, error) {
	if t == (SocketTLS{}) {
		return nil, nil
	}
	own, err := tls.X509KeyPair([]byte(t.Certificate), []byte(t.Key))
	if err != nil {
		return nil, fmt.Errorf("the agent's certificate for the node: %w", err)
	}
	server, err := identity.ReadCerts([]byte(t.Server))
	if err != nil {
		return nil, fmt.Errorf("the node's certificate: %w", err)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		Certificates:       []tls.Certificate{own},
		InsecureSkipVerify: true, // VerifyConnection compares the whole certificate instead
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || !s.PeerCertificates[0].Equal(server[0]) {
				return errors.New("who listens shows another certificate than the one made for this launch of the node")
			}
			return nil
		},
	}, nil
}

// newSocketTLS makes the certificates of one launch. They are signed by an authority
// whose key is forgotten at once, so there is never another certificate of it.
func newSocketTLS() (*zeek.SocketTLS, SocketTLS, error) {
	authority, err := newCertificate("zeekfleet launch", nil)
	if err != nil {
		return nil, SocketTLS{}, err
	}
	node, err := newCertificate("zeekfleet node", authority)
	if err != nil {
		return nil, SocketTLS{}, err
	}
	agent, err := newCertificate("zeekfleet agent", authority)
	if err != nil {
		return nil, SocketTLS{}, err
	}
	nodeKey, err := node.keyPEM()
	if err != nil {
		return nil, SocketTLS{}, err
	}
	agentKey, err := agent.keyPEM()
	return &zeek.SocketTLS{Certificate: node.pem(), Key: nodeKey, Authority: authority.pem()},
		SocketTLS{Server: node.pem(), Certificate: agent.pem(), Key: agentKey}, err
}

// certificate is a certificate with its key.
type certificate struct {
	*x509.Certificate
	key *ecdsa.PrivateKey
}

// Certificates of a launch are valid at any time. They end with the process, and a
// host whose clock is wrong must reach its nodes as well. The end is the one of
// RFC 5280, section 4.1.2.5, for certificates that do not expire.
var (
	validFrom  = time.Unix(0, 0).UTC()
	validUntil = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// newCertificate makes a certificate and its key. issuer nil makes an authority.
func newCertificate(name string, issuer *certificate) (*certificate, error) {
	key, err := identity.NewKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          identity.NewSerial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             validFrom,
		NotAfter:              validUntil,
		BasicConstraintsValid: true,
	}
	if issuer == nil {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
		issuer = &certificate{template, key}
	} else {
		template.KeyUsage = x509.KeyUsageDigitalSignature
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.Certificate, key.Public(), issuer.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &certificate{cert, key}, err
}

func (c *certificate) pem() string { return string(identity.CertPEM(c.Certificate)) }

func (c *certificate) keyPEM() (string, error) {
	text, err := identity.KeyPEM(c.key)
	return string(text), err
}
