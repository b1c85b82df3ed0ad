package node_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
	"github.com/zeekfleet/zeekfleet/node"
)

// admits reports whether an endpoint, as a user of this host, can peer with the node at
// addr.
func admits(t *testing.T, e *bus.Endpoint, addr string, uid int, transport bus.Transport) bool {
	t.Helper()
	outcome := make(chan bool, 100)
	sub := e.Subscribe(0, "a topic")
	defer sub.Close()
	attempts := 0
	stop := background(t, func(ctx context.Context) {
		e.Dial(ctx, addr, bus.DialConfig{
			Transport: transport, Retry: time.Millisecond,
			Connect: func(ctx context.Context, addr string) (net.Conn, error) {
				if attempts++; attempts == 2 { // the node has ended the first connection
					outcome <- false
				}
				return sockownertest.DialAs(ctx, uid, addr)
			},
		})
	})
	defer stop()
	background(t, func(ctx context.Context) {
		select {
		case ev := <-sub.Events():
			if _, ok := ev.(bus.PeerAdded); ok {
				outcome <- true
			}
		case <-ctx.Done():
		}
	})
	return patience.Next(t, outcome, "the end of the handshake")
}

func TestOtherUsersOfTheHostCannotConnectToANode(t *testing.T) {
	roottest.Need(t, "acts as another user")
	addr, _ := newAgent(t).listen(node.Config{})
	if !admits(t, newEndpoint(t), addr, 0, bus.TransportPlain) {
		t.Error("root is refused")
	}
	for name, transport := range map[string]bus.Transport{"plain text": bus.TransportPlain, "TLS": bus.TransportTLS} {
		if admits(t, newEndpoint(t), addr, sockownertest.Nobody, transport) {
			t.Errorf("user nobody is let in, %s", name)
		}
	}
}

// With certificates for listening, the node judges whoever is not known by the kernel. It
// still needs none for its agent.
func TestNodeShowsOtherNodesItsCertificate(t *testing.T) {
	roottest.Need(t, "acts as another user")
	certificates := newCertificates(t)
	addr, _ := newAgent(t).listen(node.Config{
		ListenCertFile: certificates.path("cert.pem"), ListenKeyFile: certificates.path("key.pem"), ListenCAFile: certificates.path("ca.pem"),
	})
	id, err := bus.LoadTLS(certificates.path("cert.pem"), certificates.path("key.pem"), certificates.path("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	with, err := bus.New(bus.Config{TLS: id})
	if err != nil {
		t.Fatal(err)
	}
	if !admits(t, with, addr, sockownertest.Nobody, bus.TransportTLS) {
		t.Error("a node of the cluster is refused")
	}
	if admits(t, newEndpoint(t), addr, sockownertest.Nobody, bus.TransportTLS) {
		t.Error("a stranger without a certificate is let in")
	}
	other := newCertificates(t)
	if id, err = bus.LoadTLS(other.path("cert.pem"), other.path("key.pem"), certificates.path("ca.pem")); err != nil {
		t.Fatal(err)
	}
	foreign, err := bus.New(bus.Config{TLS: id})
	if err != nil {
		t.Fatal(err)
	}
	if admits(t, foreign, addr, sockownertest.Nobody, bus.TransportTLS) {
		t.Error("a node of another cluster is let in")
	}
}

// certificates is a directory with a certificate, its key and its authority.
type certificates string

func (c certificates) path(name string) string { return filepath.Join(string(c), name) }

func newCertificates(t *testing.T) certificates {
	t.Helper()
	c := certificates(t.TempDir())
	now := time.Now()
	authority, err1 := identity.NewAuthority("nodes", now, time.Hour)
	key, err2 := identity.NewKey()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	cert, err1 := authority.Issue(identity.Leaf{
		Cluster: "c", Identity: identity.Identity{Kind: identity.Node, Name: "sensor"}, Key: key.Public(), Life: time.Hour,
	}, now)
	private, err2 := identity.KeyPEM(key)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.WriteFile(c.path("cert.pem"), identity.CertPEM(cert), 0o600), os.WriteFile(c.path("key.pem"), private, 0o600),
		os.WriteFile(c.path("ca.pem"), identity.CertPEM(authority.Cert), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(c.path("cert.pem"), c.path("key.pem")); err != nil {
		t.Fatal(err)
	}
	return c
}
