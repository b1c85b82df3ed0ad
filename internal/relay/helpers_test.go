package relay_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/relay"
	"github.com/zeekfleet/zeekfleet/internal/web"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

const cluster = "abcdefghij234567"

// hubs are the controllers of a cluster, with their authority.
type hubs struct {
	t         *testing.T
	authority identity.Authority
}

func newHubs(t *testing.T) *hubs {
	a, err := identity.NewAuthority("test", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &hubs{t, a}
}

// certificate returns a certificate of an identity, such as "controller/hub-1".
func (h *hubs) certificate(who string) *tls.Certificate {
	h.t.Helper()
	id, err := identity.Parse(who)
	if err != nil {
		h.t.Fatal(err)
	}
	key, err := identity.NewKey()
	if err != nil {
		h.t.Fatal(err)
	}
	cert, err := h.authority.Issue(identity.Leaf{Cluster: cluster, Identity: id, Key: key.Public(), Life: time.Hour}, time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{cert.Raw, h.authority.Cert.Raw}, PrivateKey: key, Leaf: cert}
}

// judge judges the certificates of other controllers.
func (h *hubs) judge(chain []*x509.Certificate) (string, error) {
	trust := identity.Trust{Cluster: cluster, Authorities: []*x509.Certificate{h.authority.Cert}}
	id, err := trust.Judge(chain, time.Now())
	return id.String(), err
}

// leader is a controller that leads. Its handler gets what others pass on.
type leader struct {
	relay.Leader
	server *http.Server
	ln     net.Listener
	// disbelieves says that it refuses the certificates of others.
	disbelieves *atomic.Bool
}

// lead starts a controller with a name, whose requests a handler answers.
func (h *hubs) lead(name string, token int64, handler http.HandlerFunc) *leader {
	h.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	settings := &tls.Config{Certificates: []tls.Certificate{*h.certificate("controller/" + name)}, ClientAuth: tls.RequireAnyClientCert}
	disbelieves := new(atomic.Bool)
	settings.VerifyConnection = func(tls.ConnectionState) error {
		return map[bool]error{true: errors.New("the certificate begins in three hours")}[disbelieves.Load()]
	}
	secure := tls.NewListener(ln, settings)
	l := &leader{
		Leader: relay.Leader{Name: name, Term: uint64(token), Token: token, Addresses: []string{ln.Addr().String()}},
		ln:     ln, disbelieves: disbelieves, server: &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)},
	}
	var serving sync.WaitGroup
	serving.Go(func() { l.server.Serve(secure) })
	h.t.Cleanup(func() {
		l.server.Close()
		serving.Wait()
	})
	return l
}

// users are those whom a following controller knows, by their API tokens.
var users = map[string]mgmt.Principal{
	"viewer": {Name: "vic", Role: mgmt.Viewer},
	"admin":  {Name: "ada", Role: mgmt.Admin},
}

// who judges the callers of a following controller. Without a token they are root.
func who(bearer string) (mgmt.Principal, error) {
	if bearer == "" {
		return mgmt.Principal{Name: "root (uid 0)", Role: mgmt.Admin}, nil
	}
	if user, ok := users[bearer]; ok {
		return user, nil
	}
	return mgmt.Principal{}, errors.New("no such token")
}

// follower is a controller that follows.
type follower struct {
	t    *testing.T
	addr string
	*relay.Relay
}

// follow starts a controller that follows. dress, if not nil, changes what the relay is told of
// each connection.
func (h *hubs) follow(cfg relay.Config, dress func(*web.Connection)) *follower {
	h.t.Helper()
	shown := h.certificate("controller/hub-2")
	cfg.Name = "hub-2"
	if cfg.Judge == nil {
		cfg.Judge = h.judge
	}
	cfg.Certificate = func() (*tls.Certificate, error) { return shown, nil }
	cfg.Logger = slog.New(slog.NewTextHandler(h.t.Output(), nil))
	r, err := relay.New(cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(h.t.Context())
	var all sync.WaitGroup
	all.Go(func() { r.Serve(ctx) })
	all.Go(func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			c := web.Connection{Conn: raw, Remote: netip.MustParseAddrPort(raw.RemoteAddr().String()), Here: true, Who: who}
			if dress != nil {
				dress(&c)
			}
			r.Take(c)
		}
	})
	h.t.Cleanup(func() {
		stop()
		ln.Close()
		all.Wait()
	})
	return &follower{h.t, ln.Addr().String(), r}
}

// dial opens a connection.
func (f *follower) dial() net.Conn {
	f.t.Helper()
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience.Limit))
	return c
}

// begin sends a request, and returns its connection.
func (f *follower) begin(method, path, body string, headers ...string) (net.Conn, *bufio.Reader) {
	f.t.Helper()
	c := f.dial()
	lines := append([]string{method + " " + path + " HTTP/1.1", "Host: " + f.addr}, headers...)
	if body != "" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
		f.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// ask makes a request, and returns the answer with its body.
func (f *follower) ask(method, path, body string, headers ...string) (*http.Response, string) {
	f.t.Helper()
	_, br := f.begin(method, path, body, append(headers, "Connection: close")...)
	answer, err := http.ReadResponse(br, nil)
	if err != nil {
		f.t.Fatalf("read the answer: %v", err)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatalf("read the answer: %v", err)
	}
	return answer, string(text)
}

// passed returns for whom a request is passed on.
func passed(t *testing.T, r *http.Request) access.Passed {
	t.Helper()
	p, err := access.ParsePassed(r.Header.Get(websocket.ForHeader))
	if err != nil {
		t.Errorf("for whom: %v", err)
	}
	return p
}
