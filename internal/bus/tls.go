package bus

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"slices"
	"time"
)

// TLS says how a side of TLS connections proves who it is, and how it judges the other
// side. With it, both sides of every native TLS connection must show a certificate. Like
// Broker, the endpoint does not look at the host names in certificates (spec broker-wire
// 2.4).
type TLS struct {
	// Certificate returns this side's own certificate. It is asked at each handshake. So
	// a new certificate counts from the next connection on, and no connection ends.
	Certificate func() (*tls.Certificate, error)
	// Judge returns whose certificate the first of chain is. It is asked in each
	// handshake in which the other side shows a certificate. Its error ends the
	// handshake. The other side must then still prove that it has the key, or the
	// handshake fails.
	Judge func(chain []*x509.Certificate) (identity string, err error)
	// Authorities returns the authorities that a client is told, so that it can choose
	// a certificate. Judge alone decides. Nil tells none.
	Authorities func() *x509.CertPool
	// PlainHere means that with TransportAuto, connections at loopback addresses are
	// plain TCP, or TLS, as if there were no TLS. Whoever shows a certificate there is
	// judged.
	PlainHere bool

	// roots are the authorities that were read from a file. crypto/tls itself verifies
	// with them, so that a client reads an alert that says what is wrong. Nil leaves
	// everything to Judge.
	roots *x509.CertPool
}

// LoadTLS reads three PEM files: a certificate (leaf first), its key, and the
// authorities. All three are required. An error names the file. A certificate of another
// side counts if one of the authorities has signed it; it gives no identity.
func LoadTLS(certFile, keyFile, caFile string) (*TLS, error) {
	cert, err := loadPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	roots, err := loadAuthorities(caFile)
	if err != nil {
		return nil, err
	}
	return FixedTLS(cert, roots), nil
}

// FixedTLS returns the TLS of a side whose certificate and authorities do not change. A
// certificate of another side counts if one of the authorities has signed it; it gives no
// identity.
func FixedTLS(cert tls.Certificate, roots *x509.CertPool) *TLS {
	return &TLS{
		Certificate: func() (*tls.Certificate, error) { return &cert, nil },
		Judge:       func(chain []*x509.Certificate) (string, error) { return "", verify(chain, roots) },
		Authorities: func() *x509.CertPool { return roots },
		roots:       roots,
	}
}

func loadPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return cert, fmt.Errorf("load certificate %s with key %s: %w", certFile, keyFile, err)
	}
	return cert, nil
}

func loadAuthorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load authorities: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("load authorities: no certificate in %s", file)
	}
	return roots, nil
}

// verify checks that one of roots has signed the first of chain, and that it is valid
// now.
func verify(chain []*x509.Certificate, roots *x509.CertPool) error {
	intermediates := x509.NewCertPool()
	for _, cert := range chain[1:] {
		intermediates.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

// judge asks Judge about the certificates that the other side has shown. usage is what
// the other side uses its certificate for: Broker looks at that (spec broker-wire 2.4).
func (t *TLS) judge(shown []*x509.Certificate, usage x509.ExtKeyUsage) (verdict, error) {
	if len(shown) == 0 {
		return verdict{}, errors.New("the peer has no certificate")
	}
	identity, err := t.Judge(shown)
	if err == nil && !usableFor(shown[0], usage) {
		err = x509.CertificateInvalidError{Cert: shown[0], Reason: x509.IncompatibleUsage}
	}
	if err != nil {
		return verdict{}, &uncounted{shown[0], err}
	}
	return verdict{&Chain{Certificates: shown}, identity}, nil
}

func usableFor(cert *x509.Certificate, usage x509.ExtKeyUsage) bool {
	if len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(cert.ExtKeyUsage, usage) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// uncounted says that a certificate does not count.
type uncounted struct {
	cert *x509.Certificate
	why  error
}

func (u *uncounted) Error() string { return u.why.Error() }
func (u *uncounted) Unwrap() error { return u.why }

// refusedCertificate returns the certificate because of which a handshake has failed, or
// nil.
func refusedCertificate(err error) *x509.Certificate {
	if u, ok := errors.AsType[*uncounted](err); ok {
		return u.cert
	}
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(failed.UnverifiedCertificates) > 0 {
		return failed.UnverifiedCertificates[0]
	}
	return nil
}

// handshakeError says that a TLS handshake failed. crypto/tls does not say whose
// certificate it has not verified.
func handshakeError(err error) error {
	failed, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(failed.UnverifiedCertificates) == 0 {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	const longest = 200
	return fmt.Errorf("TLS handshake: the certificate of %.*q: %w", longest, failed.UnverifiedCertificates[0].Subject, err)
}

// verdict is what a handshake has found out about the other side. It is zero if the other
// side has shown no certificate, or if nobody has judged the certificate.
type verdict struct {
	chain    *Chain
	identity string
}

// describe fills in the fields of a Peer.
func (v verdict) describe(p *Peer) {
	if v.chain != nil {
		p.Certificate, p.Chain, p.Identity = v.chain.Certificates[0], v.chain, v.identity
	}
}

type verdictKey struct{}

// withVerdict returns a context for a handshake that fills in the verdict.
func withVerdict(ctx context.Context) (context.Context, *verdict) {
	v := new(verdict)
	return context.WithValue(ctx, verdictKey{}, v), v
}

// ServerTLS returns the settings of a listener. demand says that a client must show a
// certificate. Without demand it may. In both cases a certificate that is shown must
// count.
func ServerTLS(t *TLS, demand bool) *tls.Config {
	auth := tls.RequestClientCert
	if demand {
		auth = tls.RequireAnyClientCert
	}
	if t.roots != nil {
		auth = tls.VerifyClientCertIfGiven
		if demand {
			auth = tls.RequireAndVerifyClientCert
		}
	}
	// The outer config serves the handshake up to the client's hello. Each connection
	// has a config of its own, with which its verdict is found.
	return &tls.Config{
		MinVersion:             tls.VersionTLS12,
		ClientAuth:             auth,
		SessionTicketsDisabled: true,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return t.accepting(auth, hello.Context()), nil
		},
	}
}

// accepting returns the settings for one accepted connection.
func (t *TLS) accepting(auth tls.ClientAuthType, ctx context.Context) *tls.Config {
	found, _ := ctx.Value(verdictKey{}).(*verdict)
	cfg := &tls.Config{
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return t.Certificate() },
		ClientAuth:             auth,
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			if len(cs.PeerCertificates) == 0 {
				return nil // ClientAuth decides whether that is allowed
			}
			v, err := t.judge(cs.PeerCertificates, x509.ExtKeyUsageClientAuth)
			if found != nil {
				*found = v
			}
			return err
		},
	}
	if t.Authorities != nil {
		cfg.ClientCAs = t.Authorities()
	}
	return cfg
}

// serverTLS returns the settings for accepted native connections. Without an identity it
// makes a certificate. A Zeek without TLS configuration accepts that certificate,
// and speaks nothing but TLS 1.3 with P-384 (spec broker-wire 2.3, 2.6). other is
// ListenConfig.Certificate.
func serverTLS(id *TLS, demand bool, other func() *tls.Certificate) (*tls.Config, error) {
	if id != nil {
		return ServerTLS(id, demand), nil
	}
	cert, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if other != nil {
				if chosen := other(); chosen != nil {
					return chosen, nil
				}
			}
			return &cert, nil
		},
		CurvePreferences:       []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
	}, nil
}

// clientTLS returns the settings for a dialed connection. They have no session cache,
// because a Broker with certificates fails when a session is resumed (spec
// broker-wire 2.6).
func clientTLS(id *TLS, found *verdict) *tls.Config {
	if id == nil {
		return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
	}
	return &tls.Config{
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return id.Certificate() },
		InsecureSkipVerify:   true, // VerifyConnection checks the chain, and only that
		VerifyConnection: func(cs tls.ConnectionState) (err error) {
			*found, err = id.judge(cs.PeerCertificates, x509.ExtKeyUsageServerAuth)
			return err
		},
		MinVersion: tls.VersionTLS12,
	}
}

// selfSigned makes a certificate that proves no identity.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "zeekfleet"},
		NotBefore:    time.Now().Add(-24 * time.Hour), // clocks differ
		NotAfter:     time.Now().AddDate(20, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
