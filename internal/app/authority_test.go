package app_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// authoritySettings are those of a controller that listens at addr.
func authoritySettings(t *testing.T, addr string) settings.Controller {
	t.Helper()
	set := app.Defaults().Controller
	set.Name, set.Directory = "ctl", t.TempDir()
	set.Transport = settings.TransportAuto
	set.Broker.Addr = netip.MustParseAddr(addr)
	set.WebSocket.Addr = set.Broker.Addr
	return set
}

func openController(t *testing.T, set settings.Controller) app.Controller {
	t.Helper()
	c, err := app.OpenController(t.Context(), set, slog.New(slog.DiscardHandler), app.PortFlags{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// ownAddress returns an address of this host that others can reach.
func ownAddress(t *testing.T) string {
	t.Helper()
	found, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range found {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr().String()
		}
	}
	return "0.0.0.0" // a host without a network: loopback is all that there is
}

func TestControllerAtANamedAddressListensOnLoopbackToo(t *testing.T) {
	addr := ownAddress(t)
	c := openController(t, authoritySettings(t, addr))
	for _, ln := range []net.Listener{c.Broker, c.WebSocket} {
		at := netip.MustParseAddrPort(ln.Addr().String())
		if at.Addr().String() != addr {
			t.Errorf("it listens at %s", at)
		}
		for _, host := range []string{addr, "127.0.0.1"} {
			conn, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr(host), at.Port()).String())
			if err != nil {
				t.Error(err)
				continue
			}
			conn.Close()
		}
	}
	greeting := c.Greeting()
	if !strings.Contains(greeting, "controller ctl is live: agents connect to "+c.Broker.Addr().String()) ||
		!strings.Contains(greeting, "the authority of a new cluster, with the fingerprint sha256:") || strings.Count(greeting, "\n") != 3 {
		t.Errorf("the greeting is\n%s", greeting)
	}
	own, err := c.Authority.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{addr, "127.0.0.1", "::1", "localhost"} {
		if host == "0.0.0.0" {
			continue
		}
		if err := own.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
}

func TestControllerOnLoopbackSaysNothing(t *testing.T) {
	if got := openController(t, authoritySettings(t, "127.0.0.1")).Greeting(); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestInsecureControllerHasNoAuthority(t *testing.T) {
	set := authoritySettings(t, "127.0.0.1")
	set.Insecure = true
	if c := openController(t, set); c.Authority != nil || c.Bus.TLS != nil {
		t.Error("it has one")
	}
}

// With certificates of an organisation, tls.identities says whose they are. One that it
// does not name counts as before, and gives no identity.
func TestCertificatesOfAnOrganisationHaveIdentities(t *testing.T) {
	org, err := identity.NewAuthority("org", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := settings.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), CA: filepath.Join(dir, "ca.pem")}
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	keyText, err := identity.KeyPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(name string, by identity.Authority) *x509.Certificate {
		// Only the common name counts: the URI is that of another cluster, so leave it out.
		template := &x509.Certificate{
			SerialNumber: identity.NewSerial(), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		}
		template.Subject.CommonName = name
		der, err := x509.CreateCertificate(rand.Reader, template, by.Cert, key.Public(), by.Key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	for file, text := range map[string][]byte{
		files.Cert: identity.CertPEM(issue("ctl", org)), files.Key: keyText, files.CA: identity.CertPEM(org.Cert),
	} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := authoritySettings(t, "127.0.0.1")
	set.TLS = files
	rule, err := identity.ParseRule("cn:*.sensors=agent/*")
	if err != nil {
		t.Fatal(err)
	}
	set.Identities = []identity.Rule{rule}
	c := openController(t, set)
	if !c.Authority.Foreign() {
		t.Error("the controller signs certificates itself")
	}
	for name, want := range map[string]string{"one.sensors": "agent/one", "somebody": ""} {
		if got, err := c.Bus.TLS.Judge([]*x509.Certificate{issue(name, org)}); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	other, err := identity.NewAuthority("other", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Bus.TLS.Judge([]*x509.Certificate{issue("one.sensors", other)}); err == nil {
		t.Errorf("a stranger's certificate is that of %q", got)
	}
}

// The port for clients shows the cluster's certificate to everybody, and demands TLS of
// other hosts.
func TestClientsOfAnAuthorityMayUsePlainTextHereOnly(t *testing.T) {
	c := openController(t, authoritySettings(t, "127.0.0.1"))
	if cfg := c.WebSocketServer; cfg.TLS == nil || !cfg.PlainHere || cfg.OptionalTLS != nil || cfg.TLS.ClientAuth != tls.RequestClientCert {
		t.Errorf("got %+v", cfg)
	}
	if cfg := c.Bus.TLS; cfg == nil || !cfg.PlainHere {
		t.Errorf("got %+v", cfg)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	conn, err := tls.Dial("tcp", c.WebSocket.Addr().String(), &tls.Config{
		RootCAs: c.Authority.Authorities(), ServerName: "localhost",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if id, err := c.Authority.Judge(conn.ConnectionState().PeerCertificates); id != "controller/ctl" {
		t.Errorf("got %q, %v", id, err)
	}
	cancel()
	<-ended
}
