package api_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

const cluster = "testclustertest0"

func newAuthority(t *testing.T) identity.Authority {
	t.Helper()
	authority, err := identity.NewAuthority("zeekfleet "+cluster, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// issue returns a certificate for TLS, with the authority's certificate in the chain.
func issue(t *testing.T, authority identity.Authority, name string, now time.Time) tls.Certificate {
	t.Helper()
	id, err := identity.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Issue(identity.Leaf{Cluster: cluster, Identity: id, Key: key.Public(), Life: 20 * time.Minute}, now)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, authority.Cert.Raw}, PrivateKey: key}
}

// controller is a server that counts the bytes that come through TLS.
type controller struct {
	*httptest.Server
	heard atomic.Int64
}

func (c *controller) address() string { return c.Listener.Addr().String() }

// serve serves with a certificate until the test ends.
func serve(t *testing.T, cert tls.Certificate, handler http.HandlerFunc) *controller {
	t.Helper()
	c := &controller{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.heard.Add(1)
		handler(w, r)
	}))
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequestClientCert}
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func joined(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, `{"cluster":"`+cluster+`","instance":"sensor-1","certificate":"c","authorities":"a","expires":"2026-01-02T03:04:05Z"}`)
}

func TestJoin(t *testing.T) {
	authority := newAuthority(t)
	server := serve(t, issue(t, authority, "controller/c", time.Now()), joined)
	client, err := api.JoinClient(server.address(), identity.NewToken(identity.KeyHash(authority.Cert)).String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	got, err := client.Join(t.Context(), api.JoinRequest{Token: "t", Key: "k"})
	if err != nil || got.Instance != "sensor-1" || got.Cluster != cluster {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A token must not reach a program that is not the controller that made it.
func TestJoinClientSendsNothingToOthers(t *testing.T) {
	authority, other := newAuthority(t), newAuthority(t)
	now := time.Now()
	forged := issue(t, other, "controller/c", now)
	forged.Certificate[1] = authority.Cert.Raw // the right authority, which has signed nothing here
	alone := issue(t, authority, "controller/c", now)
	alone.Certificate = alone.Certificate[:1]
	for name, tc := range map[string]struct {
		shows tls.Certificate
		want  string
	}{
		"another authority":                   {issue(t, other, "controller/c", now), "is not the one that made this token: the token names the authority "},
		"no authority":                        {alone, "and the controller shows none"},
		"a leaf that it did not sign":         {forged, "none of our authorities has signed the certificate of controller/c"},
		"an agent's certificate":              {issue(t, authority, "agent/sensor-1", now), "shows the certificate of agent/sensor-1, and is no controller"},
		"a user's certificate":                {issue(t, authority, "user/ann", now), "shows the certificate of user/ann, and is no controller"},
		"a certificate that expired":          {issue(t, authority, "controller/c", now.Add(-time.Hour)), "a clock is wrong by 40m"},
		"a certificate that is not yet valid": {issue(t, authority, "controller/c", now.Add(3*time.Hour)), "one of the two clocks is wrong by 2h55m"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, tc.shows, joined)
			client, err := api.JoinClient(server.address(), identity.NewToken(identity.KeyHash(authority.Cert)).String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, err = client.Join(t.Context(), api.JoinRequest{Token: "secret"})
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, tc.want)
			}
			if n := server.heard.Load(); n != 0 {
				t.Errorf("the server has heard %d requests", n)
			}
		})
	}
}

func TestJoinClientWithoutTLSAtTheOtherSide(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(joined))
	defer server.Close()
	client, err := api.JoinClient(server.Listener.Addr().String(), identity.NewToken(strings.Repeat("a", 32)).String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Login(t.Context(), api.LoginRequest{})
	if err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("got %v", err)
	}
}

func TestThePortForAgentsIsNamed(t *testing.T) {
	authority := newAuthority(t)
	cert := issue(t, authority, "controller/controller", time.Now())
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer ln.Close()
	serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.(*tls.Conn).Handshake() // it fails, and the client hears why
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	})
	client, err := api.JoinClient(ln.Addr().String(), identity.NewToken(identity.KeyHash(authority.Cert)).String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Join(t.Context(), api.JoinRequest{})
	if want := "takes nobody without a certificate: if this is the port for agents, use that for clients, and for joining, which is 2149 by default"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestControllerTLS(t *testing.T) {
	authority := newAuthority(t)
	mine := issue(t, authority, "user/ann", time.Now())
	shown := make(chan string, 1)
	server := serve(t, issue(t, authority, "controller/c", time.Now()), func(w http.ResponseWriter, r *http.Request) {
		shown <- r.TLS.PeerCertificates[0].URIs[0].String()
		io.WriteString(w, `{"name":"ann","role":"viewer"}`)
	})
	trust := api.Trust{Cluster: cluster, Authorities: []*x509.Certificate{authority.Cert}}
	ask := func(trust api.Trust) (api.Principal, error) {
		client, err := api.New(api.Config{
			Address: server.address(),
			TLS:     trust.TLS(server.address(), func() (*tls.Certificate, error) { return &mine, nil }),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		return client.WhoAmI(t.Context())
	}
	got, err := ask(trust)
	if want := (api.Principal{Name: "ann", Role: "viewer"}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if who := <-shown; who != "zeekfleet://"+cluster+"/user/ann" {
		t.Errorf("the client has shown the certificate of %s", who)
	}
	_, err = ask(api.Trust{Cluster: "another", Authorities: []*x509.Certificate{authority.Cert}})
	if err == nil || !strings.Contains(err.Error(), "is of cluster "+cluster) {
		t.Errorf("another cluster: got %v", err)
	}
	if n := server.heard.Load(); n != 1 {
		t.Errorf("the server has heard %d requests, want 1", n)
	}
}

func TestNobodyListens(t *testing.T) {
	address := porttest.Nobody(t)
	client, err := api.New(api.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Root(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "ask the controller at "+address+": ") || strings.Contains(err.Error(), "http://") {
		t.Errorf("got %v", err)
	}
}
