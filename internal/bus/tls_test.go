package bus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// authority makes certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	template := &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	}
	der, key := a.sign(template, template)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.key = cert, key
	return a
}

// sign returns a certificate with a new key. It is signed by parent, or by itself if
// parent is nil.
func (a *authority) sign(template, parent *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	template.SerialNumber = big.NewInt(1)
	template.Subject = pkix.Name{CommonName: "test"}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// identity returns a certificate without a host name. Certificates of Zeek often have
// none.
func (a *authority) identity(usage ...x509.ExtKeyUsage) *bus.TLS {
	a.t.Helper()
	der, key := a.sign(&x509.Certificate{NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: usage}, a.cert)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return bus.FixedTLS(tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots)
}

// pair returns the certificate of an identity.
func pair(t testing.TB, id *bus.TLS) tls.Certificate {
	t.Helper()
	cert, err := id.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	return *cert
}

// errorLog collects the attributes err of a log.
type errorLog struct {
	slog.Handler
	errs chan string
}

func newErrorLog() errorLog { return errorLog{slog.DiscardHandler, make(chan string, 100)} }

func (l errorLog) Enabled(context.Context, slog.Level) bool { return true }
func (l errorLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l errorLog) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" {
			l.errs <- a.Value.String()
		}
		return true
	})
	return nil
}

func TestTransports(t *testing.T) {
	ours := newAuthority(t)
	anyUse, other := ours.identity(), newAuthority(t).identity()
	clientOnly, serverOnly := ours.identity(x509.ExtKeyUsageClientAuth), ours.identity(x509.ExtKeyUsageServerAuth)
	const (
		auto  = bus.TransportAuto
		plain = bus.TransportPlain
		ssl   = bus.TransportTLS
	)
	for name, c := range map[string]struct {
		listenTLS *bus.TLS
		listen    bus.Transport
		dialTLS   *bus.TLS
		dial      bus.Transport
		want      string // in the dialer's error; empty if it connects
	}{
		"by default a loopback listener takes plain TCP": {},
		"by default a loopback listener takes TLS":       {dial: ssl},
		"plain to plain":                     {listen: plain, dial: plain},
		"TLS to TLS, without certificates":   {listen: ssl, dial: ssl},
		"plain to TLS":                       {listen: ssl, dial: plain, want: "peer closed"},
		"TLS to plain":                       {listen: plain, dial: ssl, want: "TLS handshake"},
		"certificates on both sides":         {listenTLS: anyUse, dialTLS: anyUse},
		"certificates for one purpose each":  {listenTLS: serverOnly, dialTLS: clientOnly},
		"a client certificate on the server": {listenTLS: clientOnly, dialTLS: anyUse, want: "incompatible key usage"},
		"a server certificate on the client": {listenTLS: anyUse, dialTLS: serverOnly, want: "bad certificate"},
		"a server of an unknown authority":   {listenTLS: other, dialTLS: anyUse, want: "unknown authority"},
		"a client of an unknown authority":   {listenTLS: bus.FixedTLS(pair(t, anyUse), other.Authorities()), dialTLS: anyUse, want: "unknown certificate authority"},
		"no certificate on the client":       {listenTLS: anyUse, dial: ssl, want: "certificate required"},
		"no certificate on the server":       {dialTLS: anyUse, want: "unknown authority"},
		"plain to certificates":              {listenTLS: anyUse, dial: plain, want: "peer closed"},
	} {
		t.Run(name, func(t *testing.T) {
			log := newErrorLog()
			server := newEndpoint(t, bus.Config{TLS: c.listenTLS})
			client := newEndpoint(t, bus.Config{TLS: c.dialTLS, Logger: slog.New(log)})
			events, atServer := subscribe(t, client, "news"), subscribe(t, server)
			addr, _ := serve(t, server, bus.ListenConfig{Transport: c.listen})
			dial(t, client, addr, bus.DialConfig{Transport: c.dial})
			if c.want != "" {
				if got := take(t, log.errs); !strings.Contains(got, c.want) {
					t.Errorf("got error %q, want %q in it", got, c.want)
				}
				return
			}
			p := next[bus.PeerAdded](t, events)
			next[bus.PeerAdded](t, atServer)
			server.Publish("news", text("hello"))
			if m := next[bus.Message](t, events); *m.From != p.Peer || m.Value.Text() != "hello" {
				t.Errorf("got %+v", m)
			}
		})
	}
}

// remotely is a listener whose connections seem to come in from outside.
type remotely struct{ net.Listener }

func (l remotely) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return toAddr{conn, net.IPv4(192, 0, 2, 1)}, nil
}

// toAddr is a connection that seems to have been made to an address.
type toAddr struct {
	net.Conn
	ip net.IP
}

func (c toAddr) LocalAddr() net.Addr { return &net.TCPAddr{IP: c.ip, Port: 1} }

func TestListenersTakeTLSOnlyFromOutside(t *testing.T) {
	for name, tt := range map[string]struct {
		outside bool
		takes   []bus.Transport
	}{
		"from outside":  {true, []bus.Transport{bus.TransportTLS}},
		"from loopback": {false, []bus.Transport{bus.TransportTLS, bus.TransportPlain}},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", ":0") // everywhere
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(ln.Addr().String())
			if tt.outside {
				ln = remotely{ln}
			}
			log := newErrorLog()
			server := newEndpoint(t, bus.Config{Logger: slog.New(log)})
			background(t, func(ctx context.Context) error { return server.Serve(ctx, ln, bus.ListenConfig{}) })
			client := newEndpoint(t, bus.Config{})
			events := subscribe(t, client)
			if tt.outside {
				stop := dial(t, client, "127.0.0.1:"+port, bus.DialConfig{Transport: bus.TransportPlain})
				if got := take(t, log.errs); !strings.Contains(got, "plain TCP, this listener takes TLS only") {
					t.Errorf("the server says %q", got)
				}
				stop()
			}
			for _, transport := range tt.takes {
				stop := dial(t, client, "127.0.0.1:"+port, bus.DialConfig{Transport: transport})
				next[bus.PeerAdded](t, events)
				stop()
				next[bus.PeerLost](t, events)
			}
		})
	}
}

// TestUnconfiguredZeekCanDial lets openssl dial as a Zeek without TLS
// configuration does: no certificate, one anonymous TLS 1.2 cipher that Go does
// not have, and P-384 alone (spec broker-wire 2.3).
func TestUnconfiguredZeekCanDial(t *testing.T) {
	ca := newAuthority(t)
	here := judging(t, ca.identity(), ca.identity())
	here.PlainHere = true
	for name, id := range map[string]*bus.TLS{"without certificates": nil, "with certificates, on loopback": here} {
		t.Run(name, func(t *testing.T) { unconfiguredZeekDials(t, id) })
	}
}

func unconfiguredZeekDials(t *testing.T, id *bus.TLS) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("this test needs the openssl command (package openssl): %v", err)
	}
	e := newEndpoint(t, bus.Config{ID: middleID, TLS: id})
	events := subscribe(t, e, "news")
	addr, _ := serve(t, e, bus.ListenConfig{})
	cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", addr, "-quiet", "-nocommands",
		"-cipher", "AECDH-AES256-SHA@SECLEVEL=0", "-groups", "P-384", "-noservername")
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close()
	p := newRawPeer(t, stdio{stdin, stdout}, largeID)
	p.shake(wire.Dialer, "news")
	next[bus.PeerAdded](t, events)
	p.send(p.data("news", text("from openssl")))
	if m := next[bus.Message](t, events); m.Value.Text() != "from openssl" {
		t.Errorf("got %+v", m)
	}
	e.Publish("news", text("to openssl"))
	p.message(wire.TypeData)
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	next[bus.PeerLost](t, events)
}

// stdio is a connection through a command.
type stdio struct {
	io.WriteCloser
	io.Reader
}

func TestLoadTLSNamesTheFileThatIsWrong(t *testing.T) {
	id := newAuthority(t).identity()
	own := pair(t, id)
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert := file("cert.pem", "CERTIFICATE", own.Certificate[0])
	keyFile := file("key.pem", "PRIVATE KEY", key)
	missing := filepath.Join(dir, "missing.pem")
	if _, err := bus.LoadTLS(cert, keyFile, cert); err != nil {
		t.Errorf("right files: %v", err)
	}
	for name, c := range map[string][4]string{
		"no certificate":          {missing, keyFile, cert, missing},
		"no key":                  {cert, missing, cert, missing},
		"no authorities":          {cert, keyFile, missing, missing},
		"a key is no authority":   {cert, keyFile, keyFile, keyFile},
		"a certificate is no key": {cert, cert, cert, cert},
	} {
		if _, err := bus.LoadTLS(c[0], c[1], c[2]); err == nil || !strings.Contains(err.Error(), c[3]) {
			t.Errorf("%s: got %v, want %s named", name, err, c[3])
		}
	}
}
