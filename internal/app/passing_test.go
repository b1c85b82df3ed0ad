package app_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/relay"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// signedFor returns the certificate of an identity, such as "controller/hub-2".
func (f *fleet) signedFor(id string) *tls.Certificate {
	f.t.Helper()
	key, request := asks(f.t)
	signed, err := f.client(nil, "").Sign(f.t.Context(), api.SignRequest{Identity: id, Key: request})
	if err != nil {
		f.t.Fatal(err)
	}
	chain, err := identity.ReadCerts([]byte(signed.Certificate))
	if err != nil {
		f.t.Fatal(err)
	}
	cert := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range append(chain, f.signing()) {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	return cert
}

// follow runs the ports of a controller that follows the one of the fleet, and knows the same
// users. The fleet that is returned is as its callers see it.
func (f *fleet) follow(name string) (*fleet, *relay.Relay) {
	f.t.Helper()
	shown := f.signedFor("controller/" + name)
	own := &bus.TLS{Certificate: func() (*tls.Certificate, error) { return shown, nil }, Judge: f.Authority.Judge, Authorities: f.Authority.Authorities}
	r, err := relay.New(relay.Config{
		Name: name, Certificate: own.Certificate, Judge: own.Judge, Logger: slog.New(slog.NewTextHandler(f.t.Output(), nil)),
		Limits: relay.Limits{LeaderWait: 2 * time.Second},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	endpoint, err := bus.New(bus.Config{Screen: func(netip.AddrPort, netip.AddrPort) (bus.Caller, error) {
		return bus.Caller{Local: true, Known: true, UID: uint32(os.Getuid()), Own: true, Trusted: true}, nil
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	who := daemon.NewWho(f.ControllerConfig)
	ctx, stop := context.WithCancel(context.WithoutCancel(f.t.Context()))
	var serving sync.WaitGroup
	serving.Go(func() { r.Serve(ctx) })
	serving.Go(func() {
		endpoint.ServeWebSocket(ctx, ln, bus.WebSocketConfig{
			TLS: bus.ServerTLS(own, false), PlainHere: true, Divert: func() bool { return true },
			HTTP: func(c bus.HTTPConn) { r.Take(app.HTTPConnection(c, who)) },
		})
	})
	f.t.Cleanup(func() {
		stop()
		serving.Wait()
	})
	other := *f
	other.addr = ln.Addr().String()
	return &other, r
}

// leader is the controller of the fleet as others see it.
func (f *fleet) leader() relay.Leader {
	return relay.Leader{Name: f.Core.Rules.Controller.Name, Term: 1, Token: 1, Addresses: []string{f.addr}}
}

// Whatever a user does at the controller that leads, the user does at one that follows.
func TestUsersAskAControllerThatFollows(t *testing.T) {
	f := runFleet(t)
	hub2, r := f.follow("hub-2")
	r.Follow(f.leader())
	admin := hub2.client(nil, "") // the user of this process
	who, err := admin.WhoAmI(t.Context())
	if err != nil || who.Role != "admin" || !strings.HasSuffix(who.Name, " on hub-2") {
		t.Errorf("got %+v, %v", who, err)
	}
	made, err := admin.CreateToken(t.Context(), api.TokenRequest{Instance: "sensor-1"})
	if err != nil {
		t.Fatal(err)
	}
	key, request := asks(t)
	_, nodes := asks(t)
	joined, err := hub2.joining(made.Text).Join(t.Context(), api.JoinRequest{Token: made.Text, Key: request, NodeKey: nodes})
	if err != nil || joined.Instance != "sensor-1" {
		t.Fatalf("an agent joins: %+v, %v", joined, err)
	}
	agent := hub2.client(f.trusting(joined.Authorities, joined.Certificate, key), "")
	wants(t, "the agent as a user", failure(agent.Nodes(t.Context())), http.StatusUnauthorized, "certificate of agent/sensor-1")
	if renewed, err := agent.Renew(t.Context(), api.RenewRequest{Key: request, NodeKey: nodes}); err != nil || renewed.Identity != "agent/sensor-1" {
		t.Errorf("renewed: %+v, %v", renewed, err)
	}

	viewer := hub2.client(hub2.login("ann", "viewer"), "")
	if who, err := viewer.WhoAmI(t.Context()); err != nil || who.Name != "ann" || who.Role != "viewer" {
		t.Errorf("got %+v, %v", who, err)
	}
	wants(t, "a viewer lists tokens", failure(viewer.Tokens(t.Context())), http.StatusForbidden, `user "ann"`)
	if err := admin.SetRole(t.Context(), "ann", "admin"); err != nil {
		t.Fatal(err)
	}
	if _, err := viewer.Tokens(t.Context()); err != nil {
		t.Errorf("with a new role: %v", err)
	}
	bearer, err := admin.CreateToken(t.Context(), api.TokenRequest{User: "ann", Name: "ci"})
	if err != nil {
		t.Fatal(err)
	}
	machine := hub2.client(f.trusting(f.shownAuthorities(), "", nil), bearer.Text)
	if who, err := machine.WhoAmI(t.Context()); err != nil || who.Name != "ann" {
		t.Errorf("got %+v, %v", who, err)
	}
	if err := admin.RemoveUser(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]*api.Client{"with a certificate": viewer, "with a token": machine} {
		if err := failure(c.WhoAmI(t.Context())); err == nil {
			t.Errorf("a user who was removed is somebody %s", what)
		}
	}
}

// zeek-client's API works at a controller that follows, as the user who asks.
func TestClientsOfZeekAskAControllerThatFollows(t *testing.T) {
	f := runFleet(t)
	hub2, r := f.follow("hub-2")
	r.Follow(f.leader())
	ask := func(cfg client.Config) error {
		cfg.Address, cfg.Attempts = hub2.addr, 1
		c, err := client.Dial(t.Context(), cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.GetInstances(t.Context())
		return err
	}
	if err := ask(client.Config{}); err != nil {
		t.Errorf("the user of this process: %v", err)
	}
	ann := hub2.login("ann", "viewer")
	if err := ask(client.Config{TLS: ann}); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	if err := f.client(nil, "").RemoveUser(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if err := ask(client.Config{TLS: ann}); err == nil {
		t.Error("a user who was removed is somebody")
	}
	c, err := client.Dial(t.Context(), client.Config{Address: hub2.addr})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r.Follow(relay.Leader{})
	if _, err := c.GetInstances(t.Context()); err == nil {
		t.Error("a WebSocket outlives the lead of its controller")
	}
}

// An event stream through a controller that follows tells what happens.
func TestEventsThroughAControllerThatFollows(t *testing.T) {
	f := runFleet(t)
	hub2, r := f.follow("hub-2")
	r.Follow(f.leader())
	resp, err := (&http.Client{}).Get("http://" + hub2.addr + api.PathEventStream)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 13)
	if _, err := resp.Body.Read(first); err != nil || string(first) != "retry: 2000\n\n" {
		t.Errorf("got %q, %v", first, err)
	}
}

// asFor asks the controller that leads with a certificate, and says for whom.
func (f *fleet) asFor(cert *tls.Certificate, headers ...string) (status int, text string) {
	f.t.Helper()
	var shown func() (*tls.Certificate, error)
	if cert != nil {
		shown = func() (*tls.Certificate, error) { return cert, nil }
	}
	trust := api.Trust{Cluster: f.Authority.Directory().Trust.Cluster, Authorities: f.Authority.Directory().Trust.Authorities}
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: trust.TLS(f.addr, shown), DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, "https://"+f.addr+api.PathTokens, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, h := range headers {
		req.Header.Add(websocket.ForHeader, h)
	}
	answer, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body := make([]byte, 1000)
	n, _ := answer.Body.Read(body)
	return answer.StatusCode, string(body[:n])
}

const rootElsewhere = `{"name":"root (uid 0)","role":"admin","source":"192.0.2.7:40000","here":true}`

// Nobody gets anything by saying for whom it asks, except controllers.
func TestNobodyButControllersAsksForOthers(t *testing.T) {
	f := runFleet(t)
	hub2 := f.signedFor("controller/hub-2")
	if status, text := f.asFor(hub2, rootElsewhere); status != http.StatusOK {
		t.Fatalf("a controller: %d %s", status, text)
	}
	if status := f.upgradeFor(hub2, rootElsewhere); status != http.StatusSwitchingProtocols {
		t.Errorf("the WebSocket of a controller: %d", status)
	}
	if status, text := f.asFor(hub2); status != http.StatusUnauthorized {
		t.Errorf("a controller for itself: %d %s", status, text)
	}
	if _, err := f.client(nil, "").AddUser(t.Context(), api.UserRequest{Name: "ann", Role: "admin"}); err != nil {
		t.Fatal(err)
	}
	foreign, err := identity.NewAuthority("evil", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	forged, err := foreign.Issue(identity.Leaf{
		Cluster: f.Authority.Directory().Trust.Cluster, Identity: identity.Identity{Kind: identity.Controller, Name: "hub-2"}, Key: key.Public(), Life: time.Hour,
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, cert := range map[string]*tls.Certificate{
		"nobody": nil, "an admin": f.signedFor("user/ann"), "an agent": f.signedFor("agent/sensor-1"),
		"a controller of another authority": {Certificate: [][]byte{forged.Raw}, PrivateKey: key},
	} {
		if status, text := f.asFor(cert, rootElsewhere); status == http.StatusOK {
			t.Errorf("%s got %s", name, text)
		}
		if status := f.upgradeFor(cert, rootElsewhere); status == http.StatusSwitchingProtocols {
			t.Errorf("%s has a WebSocket", name)
		}
	}
	// In plain text, the user of this process is known by its socket, and is no controller.
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+f.addr+api.PathTokens, nil)
	req.Header.Set(websocket.ForHeader, rootElsewhere)
	if answer, err := http.DefaultClient.Do(req); err != nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("in plain text: %v, %v", answer, err)
	}
	for name, headers := range map[string][]string{
		"two": {rootElsewhere, rootElsewhere}, "empty": {""}, "no JSON": {"root"}, "more than JSON": {rootElsewhere + rootElsewhere}, "no source": {`{"role":"admin","name":"x"}`},
		"an unknown role": {`{"name":"x","role":"god","source":"192.0.2.7:1"}`}, "no name": {`{"role":"admin","source":"192.0.2.7:1"}`},
		"an unknown field": {`{"name":"x","role":"admin","source":"192.0.2.7:1","own":true}`},
		"no certificate":   {`{"name":"x","role":"admin","source":"192.0.2.7:1","certificate":"AAAA"}`},
		"long":             {`{"name":"` + strings.Repeat("x", 9000) + `","role":"admin","source":"192.0.2.7:1"}`},
		"a long name":      {`{"name":"` + strings.Repeat("x", 600) + `","role":"admin","source":"192.0.2.7:1"}`},
	} {
		if status, text := f.asFor(hub2, headers...); status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

// A user's role counts as it is here, whatever the other controller says, and so does what
// was revoked here.
func TestWhatCountsIsKnownWhereItIsDone(t *testing.T) {
	f := runFleet(t)
	hub2 := f.signedFor("controller/hub-2")
	if _, err := f.client(nil, "").AddUser(t.Context(), api.UserRequest{Name: "ann", Role: "viewer"}); err != nil {
		t.Fatal(err)
	}
	ann := f.signedFor("user/ann")
	old := fmt.Sprintf(`{"name":"ann","role":"admin","source":"192.0.2.7:1","certificate":%q}`, base64.StdEncoding.EncodeToString(ann.Certificate[0]))
	if status, text := f.asFor(hub2, old); status != http.StatusForbidden {
		t.Errorf("with an earlier role: %d %s", status, text)
	}
	if err := f.client(nil, "").Revoke(t.Context(), api.RevokeRequest{Serial: identity.Serial(ann.Leaf)}); err != nil {
		t.Fatal(err)
	}
	if status, text := f.asFor(hub2, old); status != http.StatusUnauthorized || !strings.Contains(text, "revoked") {
		t.Errorf("with a certificate that was revoked: %d %s", status, text)
	}
	// So does the certificate of the controller.
	if err := f.client(nil, "").Revoke(t.Context(), api.RevokeRequest{Serial: identity.Serial(hub2.Leaf)}); err != nil {
		t.Fatal(err)
	}
	if status, text := f.asFor(hub2, rootElsewhere); status == http.StatusOK {
		t.Errorf("a controller whose certificate was revoked got %s", text)
	}
}

// upgradeFor asks the controller that leads for a WebSocket, with a certificate, and says for
// whom. It returns the status, or 0.
func (f *fleet) upgradeFor(cert *tls.Certificate, header string) int {
	f.t.Helper()
	cfg := &tls.Config{InsecureSkipVerify: true}
	if cert != nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	c, err := tls.Dial("tcp", f.addr, cfg)
	if err != nil {
		return 0
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: hub-2.example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: v9YvOiCOyjoQ6asuVSfY5g==\r\nSec-WebSocket-Version: 13\r\n%s: %s\r\n\r\n", websocket.Path, websocket.ForHeader, header)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	return answer.StatusCode
}

// Two controllers that believe of each other that they lead end with an error.
func TestLoopsEnd(t *testing.T) {
	f := runFleet(t)
	hub2, r2 := f.follow("hub-2")
	hub3, r3 := f.follow("hub-3")
	r2.Follow(relay.Leader{Name: "hub-3", Token: 1, Addresses: []string{hub3.addr}})
	r3.Follow(relay.Leader{Name: "hub-2", Token: 1, Addresses: []string{hub2.addr}})
	err := failure(hub2.client(nil, "").Nodes(t.Context()))
	wants(t, "a loop", err, http.StatusServiceUnavailable, "no controller leads")
	// When the other one leads, the request is answered.
	r2.Follow(f.leader())
	if _, err := hub2.client(nil, "").Nodes(t.Context()); err != nil {
		t.Error(err)
	}
}

// The handshake that zeek-client was recorded with passes as it is.
func TestRecordedHandshakeThroughAControllerThatFollows(t *testing.T) {
	var recorded struct {
		Conversations []struct {
			Messages []struct{ From, HTTP, Text string }
		}
	}
	raw, err := os.ReadFile("../../testdata/vectors/zeek-client.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	f := runFleet(t)
	hub2, r := f.follow("hub-2")
	r.Follow(f.leader())
	for _, conversation := range recorded.Conversations {
		asks, answers := conversation.Messages[0].HTTP, conversation.Messages[1].HTTP
		c, err := net.Dial("tcp", hub2.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "%s\r\n\r\n", asks)
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		c.Close()
		if err != nil || answer.StatusCode != http.StatusSwitchingProtocols || !strings.Contains(answers, "Sec-WebSocket-Accept: "+answer.Header.Get("Sec-WebSocket-Accept")) {
			t.Errorf("got %v, %v; Zeek answers %s", answer, err, answers)
		}
	}
}

// The parts of a bundle arrive.
func TestBundlesThroughAControllerThatFollows(t *testing.T) {
	f := runFleet(t)
	hub2, r := f.follow("hub-2")
	r.Follow(f.leader())
	c := hub2.client(nil, "")
	hash := "sha256:" + strings.Repeat("ab", 32)
	if _, err := c.BeginPush(t.Context(), api.UploadRequest{Name: "site", Hash: hash, Size: 3 << 20}); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 1<<20)
	for i := range 2 {
		if _, err := c.PushPart(t.Context(), hash, int64(i)<<20, part); err != nil {
			t.Fatal(err)
		}
	}
	if u, err := c.BeginPush(t.Context(), api.UploadRequest{Name: "site", Hash: hash, Size: 3 << 20}); err != nil || u.Offset != 2<<20 {
		t.Errorf("got %+v, %v", u, err)
	}
	_, err := c.PushPart(t.Context(), hash, 2<<20, part)
	wants(t, "what is no bundle", err, http.StatusUnprocessableEntity, "no bundle")
}
