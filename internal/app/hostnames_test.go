package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// selfSigned writes a certificate with these names, and its key.
func selfSigned(t *testing.T, common string, dns ...string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: common},
		DNSNames:     dns,
		NotAfter:     time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", private)
}

// Zeek's own tests call the controller by the common name of its certificate
// (tests/deploy-a2c-authenticated).
func TestClientsMayCallTheControllerAsItsCertificateDoes(t *testing.T) {
	cert, key := selfSigned(t, "1.foo.bar", "fleet.example", "*.fleet.example")
	for name, set := range map[string]settings.Controller{
		"of its own":        {HostNames: []string{"given.example"}, WebSocketTLS: settings.TLS{Cert: cert, Key: key}},
		"of the controller": {HostNames: []string{"given.example"}, Common: settings.Common{TLS: settings.TLS{Cert: cert, Key: key}}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := app.WebSocketConfig(set)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"1.foo.bar", "fleet.example", "*.fleet.example", "given.example"} {
				if !slices.Contains(cfg.HostNames, want) {
					t.Errorf("clients may call the controller %q, want %q among them", cfg.HostNames, want)
				}
			}
		})
	}
	if cfg, err := app.WebSocketConfig(settings.Controller{}); err != nil || slices.Contains(cfg.HostNames, "zeekfleet") {
		t.Errorf("got %q, %v, want no name of a certificate that nobody gave", cfg.HostNames, err)
	}
}
