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
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// certificate is a self-signed certificate for 127.0.0.1, which is its own
// authority, in files and in memory.
type certificate struct {
	certFile, keyFile string
	pair              tls.Certificate
	pool              *x509.CertPool
}

func newCertificate(t *testing.T) certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := certificate{
		certFile: writePEM(t, filepath.Join(dir, "cert.pem"), "CERTIFICATE", der),
		keyFile:  writePEM(t, filepath.Join(dir, "key.pem"), "PRIVATE KEY", keyDER),
		pair:     tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pool:     x509.NewCertPool(),
	}
	c.pool.AddCert(leaf)
	return c
}

func writePEM(t *testing.T, path, kind string, der []byte) string {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// loadWebSocketTLS is bus.WebSocketTLS of files that are in order.
func loadWebSocketTLS(t *testing.T, cert certificate, clientCA string) *tls.Config {
	t.Helper()
	cfg, err := bus.WebSocketTLS(cert.certFile, cert.keyFile, clientCA)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestWebSocketOverTLS(t *testing.T) {
	server, client, stranger := newCertificate(t), newCertificate(t), newCertificate(t)
	with := func(certs ...certificate) *tls.Config {
		cfg := &tls.Config{RootCAs: server.pool}
		for _, c := range certs {
			cfg.Certificates = append(cfg.Certificates, c.pair)
		}
		return cfg
	}
	tests := map[string]struct {
		clientCA string
		client   *tls.Config
		refused  string // empty: connects
	}{
		"a client that verifies the server":             {"", with(), ""},
		"a client that verifies nothing":                {"", &tls.Config{InsecureSkipVerify: true}, ""},
		"a client that does not know the authority":     {"", nil, "certificate signed by unknown authority"},
		"a client with the certificate asked for":       {client.certFile, with(client), ""},
		"a client without the certificate asked for":    {client.certFile, with(), "refused by the server: tls: certificate required"},
		"a client with a certificate that is not taken": {client.certFile, with(stranger), "refused by the server: tls: unknown certificate authority"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, bus.Config{})
			addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{TLS: loadWebSocketTLS(t, server, tt.clientCA)})
			c, err := websocket.Dial(t.Context(), "wss://"+addr+websocket.Path, []string{"a"}, websocket.Config{TLS: tt.client})
			if tt.refused != "" {
				got, ok := errors.AsType[*websocket.DialError](err)
				if !ok || got.Failure != websocket.DialTLS || !strings.Contains(err.Error(), tt.refused) {
					t.Fatalf("got %v, want %s", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			expectConnected(t, e, c)
		})
	}
}

// expectConnected has c, which has subscribed to "a", receive from e.
func expectConnected(t *testing.T, e *bus.Endpoint, c *websocket.Client) {
	t.Helper()
	defer c.Close()
	e.Publish("a", event("x"))
	expectMessage(t, c, "a", plainEvent("x"))
}

func TestPlainClientOfATLSListenerIsToldSo(t *testing.T) {
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{TLS: loadWebSocketTLS(t, newCertificate(t), "")})
	_, err := websocket.Dial(t.Context(), "ws://"+addr+websocket.Path, nil, websocket.Config{})
	got, ok := errors.AsType[*websocket.DialError](err)
	if !ok || got.Failure != websocket.DialRejected || !strings.Contains(err.Error(), "This port speaks TLS: use https instead of http, or use wss instead of ws") {
		t.Errorf("got %v", err)
	}
}

func TestListenerWithOptionalTLSTakesBoth(t *testing.T) {
	anonymous, err := bus.AnonymousTLS()
	if err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t, bus.Config{})
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{OptionalTLS: anonymous})
	tests := map[string]struct {
		scheme  string
		client  *tls.Config
		refused string // empty: connects
	}{
		"plain":                       {"ws", nil, ""},
		"TLS that verifies nothing":   {"wss", &tls.Config{InsecureSkipVerify: true}, ""},
		"TLS that verifies":           {"wss", nil, "failed to verify certificate"},
		"TLS before 1.3":              {"wss", &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}, "protocol version not supported"},
		"TLS with P-384 and no other": {"wss", &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.CurveP384}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := websocket.Dial(t.Context(), tt.scheme+"://"+addr+websocket.Path, []string{"a"}, websocket.Config{TLS: tt.client})
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Fatalf("got %v, want %s", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			expectConnected(t, e, c)
		})
	}
}

func TestTLSInsideOfTLSIsNoRequest(t *testing.T) {
	anonymous, err := bus.AnonymousTLS()
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{OptionalTLS: anonymous})
	outer, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer outer.Close()
	if err := tls.Client(outer, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()); err == nil {
		t.Error("the inner handshake succeeded")
	}
}

func TestSilentTLSClientBlocksNobody(t *testing.T) {
	cert := newCertificate(t)
	synctest.Test(t, func(t *testing.T) {
		ln := newPipeListener()
		e := newEndpoint(t, bus.Config{})
		background(t, func(ctx context.Context) error {
			return e.ServeWebSocket(ctx, ln, bus.WebSocketConfig{TLS: loadWebSocketTLS(t, cert, "")})
		})
		start := time.Now()
		silent := ln.dial()
		defer silent.Close()
		talking := tls.Client(ln.dial(), &tls.Config{InsecureSkipVerify: true})
		if err := talking.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		newRawWS(t, talking).upgrade(websocket.Path)
		if got := time.Since(start); got != 0 {
			t.Errorf("the other client waited %v", got)
		}
		if _, err := io.ReadAll(silent); err != nil {
			t.Errorf("got %v, want the end", err)
		}
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("closed after %v, want exactly 3s", got)
		}
	})
}

func TestWebSocketTLSNamesTheFileThatIsWrong(t *testing.T) {
	one, two := newCertificate(t), newCertificate(t)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing.pem")
	tests := map[string]struct{ cert, key, ca, want string }{
		"a certificate that is missing": {missing, one.keyFile, "", missing},
		"a key that is missing":         {one.certFile, missing, "", missing},
		"a certificate that is empty":   {empty, one.keyFile, "", empty},
		"the key of another":            {one.certFile, two.keyFile, "", two.keyFile},
		"an authority that is missing":  {one.certFile, one.keyFile, missing, missing},
		"an authority that is empty":    {one.certFile, one.keyFile, empty, empty},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := bus.WebSocketTLS(tt.cert, tt.key, tt.ca); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %s", err, tt.want)
			}
		})
	}
}

func TestClientsThatDoNotTrustTheListener(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("this test needs the openssl command (package openssl): %v", err)
	}
	server := newCertificate(t)
	for name, tt := range map[string]struct {
		dial func(addr string)
		want string
	}{
		"a client in Go": {func(addr string) {
			tls.Dial("tcp", addr, nil) // its error is the refusal
		}, "the client does not trust our authority"},
		"a client with OpenSSL": {func(addr string) {
			exec.CommandContext(t.Context(), openssl, "s_client", "-connect", addr, "-verify_return_error", "-no-CAfile", "-no-CApath").Run()
		}, "perhaps it does not trust our authority"},
	} {
		t.Run(name, func(t *testing.T) {
			reasons := make(chan string, 1)
			e := newEndpoint(t, bus.Config{OnRefused: firstReason(reasons)})
			addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{TLS: loadWebSocketTLS(t, server, "")})
			tt.dial(addr)
			if got := take(t, reasons); !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
