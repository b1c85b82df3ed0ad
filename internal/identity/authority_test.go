package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

const cluster = "abcdefghij234567"

func newAuthority(t *testing.T) identity.Authority {
	t.Helper()
	authority, err := identity.NewAuthority("zeekfleet "+cluster, noon, identity.AuthorityLife)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue returns a certificate of the cluster that is valid from noon on, for a day.
func issue(t *testing.T, by identity.Authority, id identity.Identity) *x509.Certificate {
	t.Helper()
	return issueLeaf(t, by, identity.Leaf{Cluster: cluster, Identity: id, Life: 24 * time.Hour})
}

func issueLeaf(t *testing.T, by identity.Authority, leaf identity.Leaf) *x509.Certificate {
	t.Helper()
	if leaf.Key == nil {
		leaf.Key = newKey(t).Public()
	}
	cert, err := by.Issue(leaf, noon)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestCertificateHasWhatItWasIssuedFor(t *testing.T) {
	cert := issueLeaf(t, newAuthority(t), identity.Leaf{
		Cluster: cluster, Identity: identity.Identity{Kind: identity.Agent, Name: "sensor-1"},
		Hosts: []string{"hub.example.org", "192.0.2.1", "2001:db8::1"}, Life: time.Hour,
	})
	if got := cert.URIs[0].String(); got != "zeekfleet://"+cluster+"/agent/sensor-1" {
		t.Errorf("URI %s", got)
	}
	for _, host := range []string{"hub.example.org", "192.0.2.1", "2001:db8::1"} {
		if err := cert.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if got := cert.NotAfter.Sub(noon); got != time.Hour {
		t.Errorf("it lives %v, want 1h", got)
	}
	if cert.IsCA {
		t.Error("it can sign others")
	}
}

func TestCertificateEndsWithItsAuthority(t *testing.T) {
	authority, err := identity.NewAuthority("short", noon, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert := issueLeaf(t, authority, identity.Leaf{Cluster: cluster, Identity: identity.Identity{Kind: identity.User, Name: "ann"}, Life: 2 * time.Hour})
	if !cert.NotAfter.Equal(authority.Cert.NotAfter) {
		t.Errorf("it ends at %v, and its authority at %v", cert.NotAfter, authority.Cert.NotAfter)
	}
}

func TestLongNamesStayWholeInTheURI(t *testing.T) {
	id := identity.Identity{Kind: identity.Agent, Name: strings.Repeat("é", 100)}
	cert := issue(t, newAuthority(t), id)
	if got, _, ok := identity.FromURI(cert.URIs[0]); got != id || !ok {
		t.Errorf("the URI is of %v", got)
	}
}

func TestNoCertificateForABadName(t *testing.T) {
	_, err := newAuthority(t).Issue(identity.Leaf{Identity: identity.Identity{Kind: identity.User, Name: "a/b"}, Key: newKey(t).Public()}, noon)
	if err == nil {
		t.Error("a user named a/b got a certificate")
	}
}

func TestKeysOfSigningRequests(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		key  crypto.Signer
		good bool
	}{
		"P-256": {newKey(t), true}, "Ed25519": {edwards, true}, "RSA 2048": {long, true}, "P-224": {weak, false},
	} {
		text, err := identity.NewRequest(identity.Identity{Kind: identity.Agent, Name: "x"}, tt.key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := identity.ReadRequest(text); (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadSigningRequests(t *testing.T) {
	good, err := identity.NewRequest(identity.Identity{Kind: identity.Agent, Name: "x"}, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(good)
	forged := append([]byte{}, block.Bytes...)
	forged[len(forged)-1] ^= 1 // within the signature
	for name, text := range map[string][]byte{
		"empty": nil, "no PEM": []byte("hello"), "a certificate": identity.CertPEM(newAuthority(t).Cert),
		"damaged":          pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte{1, 2, 3}}),
		"of another's key": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: forged}),
		"too long":         append(good, make([]byte, identity.MaxRequest)...),
	} {
		if _, err := identity.ReadRequest(text); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want an error of one line", name, err)
		}
	}
}

func TestKeysAndCertificatesAsPEM(t *testing.T) {
	key := newKey(t)
	text, err := identity.KeyPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := identity.ReadKey(text); err != nil || !key.Equal(got) {
		t.Errorf("ReadKey: %v", err)
	}
	a, b := newAuthority(t).Cert, newAuthority(t).Cert
	if got, err := identity.ReadCerts(identity.CertPEM(a, b)); err != nil || len(got) != 2 || !got[0].Equal(a) || !got[1].Equal(b) {
		t.Errorf("ReadCerts: %v, %v", got, err)
	}
	if _, err := identity.ReadCerts(text); err == nil {
		t.Error("a key was taken for a certificate")
	}
	many := make([]*x509.Certificate, identity.MaxChain+1)
	for i := range many {
		many[i] = a
	}
	if _, err := identity.ReadCerts(identity.CertPEM(many...)); err == nil {
		t.Errorf("%d certificates were taken", len(many))
	}
	if _, err := identity.ReadCerts(identity.CertPEM(many[1:]...)); err != nil {
		t.Errorf("%d certificates: %v", len(many)-1, err)
	}
}

func FuzzReadPEM(f *testing.F) {
	authority, err := identity.NewAuthority("x", noon, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	request, err := identity.NewRequest(identity.Identity{Kind: identity.Agent, Name: "x"}, authority.Key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(request)
	f.Add(identity.CertPEM(authority.Cert))
	f.Fuzz(func(t *testing.T, text []byte) {
		if key, err := identity.ReadRequest(text); (key == nil) == (err == nil) {
			t.Errorf("ReadRequest: %v, %v", key, err)
		}
		certs, err := identity.ReadCerts(text)
		if (len(certs) == 0) == (err == nil) {
			t.Errorf("ReadCerts: %v, %v", certs, err)
		}
		trust := identity.Trust{Cluster: cluster, Authorities: []*x509.Certificate{authority.Cert}}
		if id, err := trust.Judge(certs, noon); err == nil {
			t.Errorf("a certificate by chance is of %v", id)
		}
		if key, err := identity.ReadKey(text); (key == nil) == (err == nil) {
			t.Errorf("ReadKey: %v, %v", key, err)
		}
	})
}
