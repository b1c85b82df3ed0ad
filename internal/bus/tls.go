package bus

import (
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
	"time"
)

// TLS is the identity of an endpoint and the authorities that it trusts. With it,
// both sides of every native TLS connection must present a certificate that chains
// to one of Roots. Like Broker, the endpoint does not look at the names in
// certificates (spec broker-wire 2.4).
type TLS struct {
	Certificate tls.Certificate
	Roots       *x509.CertPool
}

// LoadTLS reads three PEM files: a certificate (leaf first), its key, and the
// authorities. All three are required. An error names the file.
func LoadTLS(certFile, keyFile, caFile string) (*TLS, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate %s with key %s: %w", certFile, keyFile, err)
	}
	roots, err := loadAuthorities(caFile)
	if err != nil {
		return nil, err
	}
	return &TLS{Certificate: cert, Roots: roots}, nil
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

// serverTLS returns the settings for accepted connections. Without an identity it
// makes a certificate. A Zeek without TLS configuration accepts that certificate,
// and speaks nothing but TLS 1.3 with P-384 (spec broker-wire 2.3, 2.6).
func serverTLS(id *TLS) (*tls.Config, error) {
	if id != nil {
		return &tls.Config{
			Certificates:           []tls.Certificate{id.Certificate},
			ClientAuth:             tls.RequireAndVerifyClientCert,
			ClientCAs:              id.Roots,
			MinVersion:             tls.VersionTLS12,
			SessionTicketsDisabled: true,
		}, nil
	}
	cert, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{cert},
		CurvePreferences:       []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
	}, nil
}

// clientTLS returns the settings for dialed connections. They have no session cache,
// because a Broker with certificates fails when a session is resumed (spec
// broker-wire 2.6).
func clientTLS(id *TLS) *tls.Config {
	if id == nil {
		return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
	}
	return &tls.Config{
		Certificates:       []tls.Certificate{id.Certificate},
		InsecureSkipVerify: true, // VerifyConnection checks the chain, and only that
		VerifyConnection:   func(cs tls.ConnectionState) error { return verifyServer(cs, id.Roots) },
		MinVersion:         tls.VersionTLS12,
	}
}

func verifyServer(cs tls.ConnectionState, roots *x509.CertPool) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("the peer has no certificate")
	}
	intermediates := x509.NewCertPool()
	for _, cert := range cs.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	_, err := cs.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
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
