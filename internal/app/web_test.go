package app_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// fleet is a controller with its HTTP API, on loopback.
type fleet struct {
	t    *testing.T
	addr string
	app.Controller
}

// runFleet runs a controller until the test ends.
func runFleet(t *testing.T) *fleet {
	t.Helper()
	set, _, err := settings.ResolveController(settings.Sources{
		Defaults: app.Defaults(),
		Hostname: "here",
		LookupEnv: func(name string) (string, bool) {
			return map[string]string{"ZEEK_CONTROLLER_PORT": "0", "ZEEK_CONTROLLER_WEBSOCKET_PORT": "0"}[name], true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	set.Directory = t.TempDir()
	c, err := app.OpenController(t.Context(), set, slog.New(slog.NewTextHandler(t.Output(), nil)), app.PortFlags{})
	if err != nil {
		t.Fatal(err)
	}
	c.Version = "v1.2.3"
	ctx, stop := context.WithCancelCause(context.WithoutCancel(t.Context())) // it ends after the test's last request
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	over := errors.New("the test is over")
	t.Cleanup(func() {
		stop(over)
		if err := <-ended; !errors.Is(err, over) {
			t.Errorf("the controller ended with %v", err)
		}
	})
	return &fleet{t, c.WebSocket.Addr().String(), c}
}

// client returns a client. A nil TLS is plain text, so that the user of this process asks.
func (f *fleet) client(tls *tls.Config, bearer string) *api.Client {
	f.t.Helper()
	client, err := api.New(api.Config{Address: f.addr, TLS: tls, Bearer: bearer})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(client.Close)
	return client
}

// asks returns a key and a signing request.
func asks(t *testing.T) (key any, request string) {
	t.Helper()
	private, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := identity.NewRequest(identity.Identity{Kind: identity.User, Name: "x"}, private)
	if err != nil {
		t.Fatal(err)
	}
	return private, string(pem)
}

// trusting returns the TLS of a client with a certificate. Without one it shows none.
func (f *fleet) trusting(authorities, cert string, key any) *tls.Config {
	f.t.Helper()
	trusted, err := identity.ReadCerts([]byte(authorities))
	if err != nil {
		f.t.Fatal(err)
	}
	var shown func() (*tls.Certificate, error)
	if cert != "" {
		chain, err := identity.ReadCerts([]byte(cert))
		if err != nil {
			f.t.Fatal(err)
		}
		pair := &tls.Certificate{PrivateKey: key}
		for _, c := range chain {
			pair.Certificate = append(pair.Certificate, c.Raw)
		}
		shown = func() (*tls.Certificate, error) { return pair, nil }
	}
	return api.Trust{Cluster: f.Authority.Directory().Trust.Cluster, Authorities: trusted}.TLS(f.addr, shown)
}

// login adds a user and logs in.
func (f *fleet) login(name, role string) *tls.Config {
	f.t.Helper()
	made, err := f.client(nil, "").AddUser(f.t.Context(), api.UserRequest{Name: name, Role: role})
	if err != nil {
		f.t.Fatal(err)
	}
	key, request := asks(f.t)
	cert, err := f.joining(made.Text).Login(f.t.Context(), api.LoginRequest{Token: made.Text, Key: request})
	if err != nil {
		f.t.Fatal(err)
	}
	return f.trusting(cert.Authorities, cert.Certificate, key)
}

// joining returns the client of somebody who has a token.
func (f *fleet) joining(text string) *api.Client {
	f.t.Helper()
	client, err := api.JoinClient(f.addr, text)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(client.Close)
	return client
}

// wants checks that an error is a problem with this status and these words.
func wants(t *testing.T, what string, err error, status int, words string) {
	t.Helper()
	p, ok := errors.AsType[*api.Problem](err)
	if !ok || p.Status != status || !strings.Contains(p.Detail, words) {
		t.Errorf("%s: got %v, want %d with %q", what, err, status, words)
	}
}

func failure[T any](_ T, err error) error { return err }

func TestAgentJoinsThroughTheAPI(t *testing.T) {
	f := runFleet(t)
	admin := f.client(nil, "")
	made, err := admin.CreateToken(t.Context(), api.TokenRequest{Instance: "sensor-1"})
	if err != nil {
		t.Fatal(err)
	}
	key, request := asks(t)
	_, nodes := asks(t)
	joined, err := f.joining(made.Text).Join(t.Context(), api.JoinRequest{Token: made.Text, Key: request, NodeKey: nodes})
	if err != nil {
		t.Fatal(err)
	}
	if joined.Instance != "sensor-1" || joined.NodeCertificate == "" || joined.BrokerPort != f.Core.Rules.Controller.Broker.Number {
		t.Errorf("got %+v", joined)
	}
	err = failure(f.joining(made.Text).Join(t.Context(), api.JoinRequest{Token: made.Text, Key: request}))
	wants(t, "the token again", err, http.StatusUnauthorized, "token")

	// An agent is no user, and may renew.
	agent := f.client(f.trusting(joined.Authorities, joined.Certificate, key), "")
	wants(t, "the agent as a user", failure(agent.Nodes(t.Context())), http.StatusUnauthorized, "certificate of agent/sensor-1")
	renewed, err := agent.Renew(t.Context(), api.RenewRequest{Key: request, NodeKey: nodes})
	if err != nil || renewed.Identity != "agent/sensor-1" || renewed.NodeCertificate == "" || renewed.Certificate == joined.Certificate {
		t.Errorf("renewed: %+v, %v", renewed, err)
	}

	// Its certificate is revoked: neither the open connection nor a new one counts.
	if err := admin.Revoke(t.Context(), api.RevokeRequest{Identity: "agent/sensor-1"}); err != nil {
		t.Fatal(err)
	}
	if err := failure(agent.Renew(t.Context(), api.RenewRequest{Key: request})); err == nil {
		t.Error("a certificate that was revoked was renewed")
	}

	other, err := api.JoinClient(f.addr, identity.NewToken(strings.Repeat("a", 32)).String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Join(t.Context(), api.JoinRequest{}); err == nil || !strings.Contains(err.Error(), "is not the one that made this token") {
		t.Errorf("the token of another cluster: got %v", err)
	}
}

func TestUserLogsInThroughTheAPI(t *testing.T) {
	f := runFleet(t)
	admin := f.client(nil, "")
	viewer := f.client(f.login("ann", "viewer"), "")
	who, err := viewer.WhoAmI(t.Context())
	if err != nil || who.Name != "ann" || who.Role != "viewer" {
		t.Errorf("got %+v, %v", who, err)
	}
	if _, err := viewer.Nodes(t.Context()); err != nil {
		t.Errorf("nodes: %v", err)
	}
	wants(t, "a viewer lists tokens", failure(viewer.Tokens(t.Context())), http.StatusForbidden, `user "ann"`)
	wants(t, "a viewer reads the audit", failure(viewer.Audit(t.Context(), api.AuditQuery{})), http.StatusForbidden, `user "ann"`)

	if err := admin.SetRole(t.Context(), "ann", "admin"); err != nil {
		t.Fatal(err)
	}
	if _, err := viewer.Tokens(t.Context()); err != nil {
		t.Errorf("with a new role, on the same connection: %v", err)
	}
	_, request := asks(t)
	if renewed, err := viewer.Renew(t.Context(), api.RenewRequest{Key: request}); err != nil || renewed.Identity != "user/ann" {
		t.Errorf("renewed: %+v, %v", renewed, err)
	}
	if err := admin.RemoveUser(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if err := failure(viewer.WhoAmI(t.Context())); err == nil {
		t.Error("a user who was removed is still somebody")
	}
}

func TestAPITokensOfUsers(t *testing.T) {
	f := runFleet(t)
	admin := f.client(nil, "")
	if _, err := admin.AddUser(t.Context(), api.UserRequest{Name: "ci", Role: "operator"}); err != nil {
		t.Fatal(err)
	}
	made, err := admin.CreateToken(t.Context(), api.TokenRequest{User: "ci", Name: "nightly"})
	if err != nil {
		t.Fatal(err)
	}
	// A machine knows the authority, and has no certificate. It asks over TLS.
	machine := f.client(f.trusting(f.shownAuthorities(), "", nil), made.Text)
	who, err := machine.WhoAmI(t.Context())
	if err != nil || who.Name != "ci" || who.Role != "operator" {
		t.Errorf("got %+v, %v", who, err)
	}
	if err := admin.RevokeToken(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	wants(t, "a token that was revoked", failure(machine.WhoAmI(t.Context())), http.StatusUnauthorized, "token")
}

// shownAuthorities returns the authorities of the controller in PEM form.
func (f *fleet) shownAuthorities() string {
	return string(identity.CertPEM(f.Authority.Directory().Trust.Authorities...))
}

func TestSessionThroughTheAPI(t *testing.T) {
	f := runFleet(t)
	made, err := f.client(nil, "").AddUser(t.Context(), api.UserRequest{Name: "ann", Role: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Transport: &http.Transport{
		TLSClientConfig: f.trusting(f.shownAuthorities(), "", nil), DisableKeepAlives: true,
	}}
	answer, err := browser.Post("https://"+f.addr+api.PathSession, "application/json", strings.NewReader(fmt.Sprintf(`{"token":%q}`, made.Text)))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || len(answer.Cookies()) != 1 {
		t.Fatalf("got %s: %s", answer.Status, text)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+f.addr+api.PathWhoAmI, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(answer.Cookies()[0])
	if answer, err = browser.Do(req); err != nil {
		t.Fatal(err)
	}
	text, _ = io.ReadAll(answer.Body)
	answer.Body.Close()
	if !strings.Contains(string(text), `"name":"ann","role":"viewer"`) {
		t.Errorf("got %s: %s", answer.Status, text)
	}
	certs, err := f.client(nil, "").Certificates(t.Context())
	if err != nil || slices.ContainsFunc(certs, func(c api.IssuedCertificate) bool { return c.Identity == "user/ann" }) {
		t.Errorf("a session has a certificate: %+v, %v", certs, err)
	}
}

// What was asked, and what was refused, is in the audit.
func TestAuditThroughTheAPI(t *testing.T) {
	f := runFleet(t)
	admin := f.client(nil, "")
	viewer := f.client(f.login("ann", "viewer"), "")
	viewer.Tokens(t.Context())
	viewer.Audit(t.Context(), api.AuditQuery{})
	stranger := f.client(f.trusting(f.shownAuthorities(), "", nil), "zfa-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa")
	stranger.Users(t.Context())
	var after uint64
	missing := []string{"user add user/ann done", "login user/ann done", "token list  refused", "audit  refused", "user list  refused"}
	for len(missing) > 0 {
		recs, err := admin.Audit(t.Context(), api.AuditQuery{After: after, Wait: 20_000_000_000})
		if err != nil || len(recs) == 0 {
			t.Fatalf("the audit lacks %q, %v", missing, err)
		}
		for _, r := range recs {
			after = r.Seq
			line := r.Request + " " + r.Subject + " " + r.Outcome
			missing = slices.DeleteFunc(missing, func(want string) bool { return want == line })
		}
	}
}

func TestReadiness(t *testing.T) {
	f := runFleet(t)
	for _, path := range []string{api.PathHealth, api.PathReady} {
		answer, err := http.Get("http://" + f.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s", path, answer.Status)
		}
	}
	root, err := f.client(nil, "").Root(t.Context())
	if err != nil || root.Version != "v1.2.3" || root.Cluster == "" || root.Authority != identity.KeyHash(f.signing()) {
		t.Errorf("got %+v, %v", root, err)
	}
	f.AuditLog.Close()
	if err := failure(f.client(nil, "").CreateToken(t.Context(), api.TokenRequest{Instance: "x"})); err != nil {
		t.Logf("without an audit: %v", err)
	}
	answer, err := http.Get("http://" + f.addr + api.PathReady)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "not ready: audit;") {
		t.Errorf("without an audit: got %s: %s", answer.Status, text)
	}
	f.Authority.Close()
	if _, err := f.client(nil, "").CreateToken(t.Context(), api.TokenRequest{Instance: "y"}); err == nil {
		t.Error("a token was made that could not be saved")
	}
	if answer, err = http.Get("http://" + f.addr + api.PathReady); err != nil {
		t.Fatal(err)
	}
	text, _ = io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "not ready: audit, authority;") {
		t.Errorf("without a file: got %s: %s", answer.Status, text)
	}
}

func (f *fleet) signing() *x509.Certificate { return f.Authority.Directory().Trust.Authorities[0] }

// Connections that begin a request and never end it take no place from others for long,
// on the port that Zeek's clients use as well.
func TestSlowCallersKeepNobodyOut(t *testing.T) {
	f := runFleet(t)
	client := f.client(nil, "")
	for i := range 1000 {
		conn, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, []string{"", "G", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n", "\x16\x03"}[i%4])
		if i%100 != 99 {
			continue
		}
		if _, err := client.WhoAmI(t.Context()); err != nil {
			t.Errorf("after %d connections, HTTP: %v", i, err)
		}
		zeek, err := websocket.Dial(t.Context(), "ws://"+f.addr+websocket.Path, []string{"zeek/management"}, websocket.Config{})
		if err != nil {
			t.Fatalf("after %d connections, a client of Zeek's: %v", i, err)
		}
		zeek.Close()
	}
}

// askAs makes a request on a connection of another user of this host.
func (f *fleet) askAs(uid int, method, path, body string) (status int, text string) {
	f.t.Helper()
	stranger := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			return sockownertest.DialAs(ctx, uid, addr)
		},
	}}
	req, err := http.NewRequestWithContext(f.t.Context(), method, "http://"+f.addr+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := stranger.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer.StatusCode, string(read)
}

// A stranger's shell on the controller's host may log in like everybody, and is nobody
// before.
func TestStrangersOfThisHost(t *testing.T) {
	roottest.Need(t, "connects as another user")
	f := runFleet(t)
	const uid = sockownertest.Nobody
	for path, want := range map[string]int{
		api.PathHealth: 200, api.PathReady: 200, api.PathOpenAPI + ".yaml": 200,
		api.PathWhoAmI: 401, api.PathNodes: 401, api.PathTokens: 401, api.PathAudit: 401,
	} {
		status, text := f.askAs(uid, http.MethodGet, path, "")
		if status != want || want == 401 && !strings.Contains(text, "nobody") {
			t.Errorf("%s: got %d: %s", path, status, text)
		}
	}
	if status, text := f.askAs(uid, http.MethodPost, api.PathTokens, `{"instance":"x"}`); status != http.StatusUnauthorized {
		t.Errorf("a token: got %d: %s", status, text)
	}
	status, text := f.askAs(uid, http.MethodPost, api.PathJoin, fmt.Sprintf(`{"token":%q,"key":"k"}`, identity.NewToken(strings.Repeat("a", 32)).String()))
	if status != http.StatusUnauthorized || !strings.Contains(text, "token") {
		t.Errorf("a foreign token: got %d: %s", status, text)
	}
}
