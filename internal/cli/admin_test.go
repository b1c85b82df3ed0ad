package cli_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

// fakeController is a controller's HTTP API with canned answers.
type fakeController struct {
	address string
	// answers has the body of each answer by "METHOD /path". A *api.Problem is a
	// refusal. A func gets the body of the request.
	answers map[string]any

	mu    sync.Mutex
	asked []string // the requests that came: method, path, query, body
}

func (f *fakeController) seen() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func (f *fakeController) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	text := r.Method + " " + r.URL.RequestURI()
	if len(body) > 0 {
		text += " " + string(body)
	}
	f.mu.Lock()
	f.asked = append(f.asked, text)
	f.mu.Unlock()
	w.Header().Set("Server", "zeekfleet")
	answer, ok := f.answers[r.Method+" "+r.URL.Path]
	if make, is := answer.(func([]byte) any); is {
		answer = make(body)
	}
	switch a := answer.(type) {
	case *api.Problem:
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(a.Status)
		answer = a
	case nil:
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
		return
	case api.Operation:
		tag := fmt.Sprintf(`"%d-%s-%d"`, a.ID, a.State, a.Counts.Done)
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	json.NewEncoder(w).Encode(answer)
}

// start starts the controller. It speaks TLS if cfg is not nil.
func (f *fakeController) start(t *testing.T, cfg *tls.Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(f)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if cfg == nil {
		server.Start()
	} else {
		server.TLS = cfg
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	f.address = server.Listener.Addr().String()
}

// serverTLS returns the settings of a server with a certificate of the site. It takes
// clients without a certificate.
func (s *site) serverTLS(t *testing.T, id identity.Identity) *tls.Config {
	t.Helper()
	key, cert := s.credentials(t, id, time.Now(), time.Hour)
	pair, err := tls.X509KeyPair(append(cert, s.authorities()...), key)
	must(t, err)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
}

var theController = identity.Identity{Kind: identity.Controller, Name: "controller"}

// admin returns the commands for a controller at address, and their output.
func admin(t *testing.T, address string) (a cli.Admin, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return cli.Admin{Commands: commands(t, address, stdout, stderr)}, stdout, stderr
}

const token = "zf1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbb-cccccccccccccccccccccccccc"

var (
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	refusal  = &api.Problem{Title: "Forbidden", Status: 403, Detail: `user "guest" may not do this: ask an admin`}
	noAnswer any // answered with status 204
	serials  = api.Page[api.IssuedCertificate]{Items: []api.IssuedCertificate{
		{Serial: "5a01", Identity: "agent/sensor-1"}, {Serial: "5b02", Identity: "user/ann"},
	}}
)

// adminCommands are commands with the controller's answers, and what they must ask and
// print.
var adminCommands = map[string]struct {
	run     func(t *testing.T, a cli.Admin) int
	answers map[string]any
	asked   []string
	stdout  string
	stderr  string
	status  int
}{
	"token create": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.CreateToken(t.Context(), cli.NewToken{Instance: "sensor-1"})
		},
		answers: map[string]any{
			"GET /api/v1/":        api.Root{Addresses: []string{"192.0.2.1:2149"}},
			"POST /api/v1/tokens": api.Token{ID: "bbbbbbbb", For: "agent/sensor-1", Kind: api.JoinToken, Expires: noon, Uses: 1, Text: token},
		},
		asked:  []string{"GET /api/v1/", `POST /api/v1/tokens {"instance":"sensor-1"}`},
		stdout: "zeekfleet agent --join 192.0.2.1 --token " + token + "\n",
		stderr: "zeekfleet: run this line on the sensor: it joins as sensor-1, once, until NOON\n" +
			"zeekfleet: on a sensor with services write agent join 192.0.2.1 in place of agent --join 192.0.2.1, and then: systemctl enable --now zeekfleet-agent\n" +
			"zeekfleet: to revoke the token: zeekfleet token revoke bbbbbbbb\n",
	},
	"token create, all settings": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.CreateToken(t.Context(), cli.NewToken{Instance: "sensor-1", TTL: 90 * time.Minute, Uses: 3, Address: "[2001:db8::1]:4000"})
		},
		answers: map[string]any{
			"POST /api/v1/tokens": api.Token{ID: "bbbbbbbb", Expires: noon, Uses: 3, Text: token},
		},
		asked:  []string{`POST /api/v1/tokens {"instance":"sensor-1","ttl_seconds":5400,"uses":3}`},
		stdout: "zeekfleet agent --join [2001:db8::1]:4000 --token " + token + "\n",
		stderr: "zeekfleet: run this line on the sensor: it joins as sensor-1, up to 3 times, until NOON\n" +
			"zeekfleet: on a sensor with services write agent join [2001:db8::1]:4000 in place of agent --join [2001:db8::1]:4000, and then: systemctl enable --now zeekfleet-agent\n" +
			"zeekfleet: to revoke the token: zeekfleet token revoke bbbbbbbb\n",
	},
	"token create, a bad address": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.CreateToken(t.Context(), cli.NewToken{Instance: "sensor-1", Address: "a b"})
		},
		stderr: "zeekfleet: \"a b\" is not the address of a controller: write host or host:port\n", status: cli.StatusFailed,
	},
	"token create, a name of the controller": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.CreateToken(t.Context(), cli.NewToken{Instance: "sensor-1", Address: "fleet.example.org"})
		},
		answers: map[string]any{
			"GET /api/v1/":        api.Root{},
			"POST /api/v1/tokens": api.Token{ID: "bbbbbbbb", Expires: noon, Uses: 1, Text: token},
		},
		asked:  []string{"GET /api/v1/", `POST /api/v1/tokens {"instance":"sensor-1"}`},
		stdout: "zeekfleet agent --join fleet.example.org --token " + token + "\n",
		stderr: "zeekfleet: run this line on the sensor: it joins as sensor-1, once, until NOON\n" +
			"zeekfleet: on a sensor with services write agent join fleet.example.org in place of agent --join fleet.example.org, and then: systemctl enable --now zeekfleet-agent\n" +
			"zeekfleet: to revoke the token: zeekfleet token revoke bbbbbbbb\n",
	},
	"token create, another name": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.CreateToken(t.Context(), cli.NewToken{Instance: "sensor-1", Address: "fleet.example.org"})
		},
		answers: map[string]any{"GET /api/v1/": refusal},
		asked:   []string{"GET /api/v1/"},
		stderr:  "zeekfleet: the controller does not go by the name \"fleet.example.org\" and would refuse whoever calls it so: start it with --host-names fleet.example.org (controller.host_names), or give an address\n",
		status:  cli.StatusFailed,
	},
	"token create, only loopback": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.CreateToken(t.Context(), cli.NewToken{Instance: "sensor-1"})
		},
		answers: map[string]any{
			"GET /api/v1/":        api.Root{Addresses: []string{"127.0.0.1:2149"}},
			"POST /api/v1/tokens": api.Token{ID: "bbbbbbbb", Expires: noon, Uses: 1, Text: token},
		},
		asked:  []string{"GET /api/v1/", `POST /api/v1/tokens {"instance":"sensor-1"}`},
		stdout: "zeekfleet agent --join 127.0.0.1 --token " + token + "\n",
		stderr: "zeekfleet: warning: other hosts cannot reach 127.0.0.1:2149: give the controller --listen-address, or name its address with --address\n" +
			"zeekfleet: run this line on the sensor: it joins as sensor-1, once, until NOON\n" +
			"zeekfleet: on a sensor with services write agent join 127.0.0.1 in place of agent --join 127.0.0.1, and then: systemctl enable --now zeekfleet-agent\n" +
			"zeekfleet: to revoke the token: zeekfleet token revoke bbbbbbbb\n",
	},
	"token create --user": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.CreateToken(t.Context(), cli.NewToken{User: "ann", Name: "ci"})
		},
		answers: map[string]any{"POST /api/v1/tokens": api.Token{ID: "bbbbbbbb", For: "user/ann", Kind: api.APIToken, Text: "zfa-x"}},
		asked:   []string{`POST /api/v1/tokens {"user":"ann","name":"ci"}`},
		stdout:  "zfa-x\n",
		stderr: "zeekfleet: a program that shows this token acts as user ann, until it is revoked; the token is not shown again\n" +
			"zeekfleet: a request shows the token in the header Authorization: Bearer; to revoke the token: zeekfleet token revoke bbbbbbbb\n",
	},
	"token create --for-controller": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.CreateToken(t.Context(), cli.NewToken{Controller: "hub-2", Address: "192.0.2.9"})
		},
		answers: map[string]any{"POST /api/v1/tokens": api.Token{ID: "bbbbbbbb", For: "controller/hub-2", Kind: api.JoinToken, Uses: 1, Text: token}},
		asked:   []string{`POST /api/v1/tokens {"controller":"hub-2"}`},
		stdout:  "zeekfleet controller join 192.0.2.9 --name hub-2 --token " + token + "\n",
		stderr: "zeekfleet: run this line on the host of the new controller: it joins as hub-2, once, until it is revoked\n" +
			"zeekfleet: to revoke the token: zeekfleet token revoke bbbbbbbb\n",
	},
	"token create, refused": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.CreateToken(t.Context(), cli.NewToken{User: "ann", Name: "ci"})
		},
		answers: map[string]any{"POST /api/v1/tokens": refusal},
		asked:   []string{`POST /api/v1/tokens {"user":"ann","name":"ci"}`},
		stderr:  "zeekfleet: user \"guest\" may not do this: ask an admin\n", status: cli.StatusFailed,
	},
	"token create --json": {
		run: func(t *testing.T, a cli.Admin) int {
			a.Output.Format = show.AsJSON
			return a.CreateToken(t.Context(), cli.NewToken{Instance: "s", Address: "192.0.2.9"})
		},
		answers: map[string]any{"POST /api/v1/tokens": api.Token{ID: "bbbbbbbb", For: "agent/s", Kind: api.JoinToken, Uses: 1, Text: token}},
		asked:   []string{`POST /api/v1/tokens {"instance":"s"}`},
		stdout: "{\n  \"id\": \"bbbbbbbb\",\n  \"for\": \"agent/s\",\n  \"kind\": \"join\",\n  \"uses\": 1,\n  \"text\": \"" + token +
			"\",\n  \"line\": \"zeekfleet agent --join 192.0.2.9 --token " + token + "\"\n}\n",
	},
	"token list": {
		run: func(t *testing.T, a cli.Admin) int { return a.ListTokens(t.Context(), false) },
		answers: map[string]any{"GET /api/v1/tokens": api.Page[api.Token]{Items: []api.Token{
			{ID: "bbbbbbbb", For: "agent/sensor-1", Kind: api.JoinToken, By: "root (uid 0)", Expires: noon, Uses: 1},
			{ID: "cccccccc", For: "user/ann\x1b[2J", Kind: api.APIToken, Name: "ci", LastUse: noon},
		}}},
		asked: []string{"GET /api/v1/tokens"},
		stdout: "ID        KIND  FOR             NAME  USES  EXPIRES                    CREATED BY    LAST USE\n" +
			"bbbbbbbb  join  agent/sensor-1  -     1     NOON  root (uid 0)  -\n" +
			"cccccccc  api   user/ann?[2J    ci    -     never                      -             NOON\n",
	},
	"token revoke": {
		run:     func(t *testing.T, a cli.Admin) int { return a.RevokeToken(t.Context(), "bbbbbbbb", false) },
		answers: map[string]any{"DELETE /api/v1/tokens/bbbbbbbb": noAnswer},
		asked:   []string{"DELETE /api/v1/tokens/bbbbbbbb"},
		stderr:  "zeekfleet: token bbbbbbbb is revoked\n",
	},
	"user add": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.AddUser(t.Context(), cli.NewUser{Name: "ann", Role: "operator", TTL: time.Hour})
		},
		answers: map[string]any{
			"GET /api/v1/":       api.Root{Addresses: []string{"[2001:db8::1]:2149"}},
			"POST /api/v1/users": api.Token{ID: "bbbbbbbb", For: "user/ann", Kind: api.LoginToken, Expires: noon, Uses: 1, Text: token},
		},
		asked:  []string{"GET /api/v1/", `POST /api/v1/users {"name":"ann","role":"operator","ttl_seconds":3600}`},
		stdout: "zeekfleet login [2001:db8::1] --token " + token + "\n",
		stderr: "zeekfleet: user ann logs in with this line, once, as operator, until NOON\n" +
			"zeekfleet: to revoke the token: zeekfleet token revoke bbbbbbbb\n",
	},
	"user add, without an authority": {
		run: func(t *testing.T, a cli.Admin) int {
			return a.AddUser(t.Context(), cli.NewUser{Name: "ann", Role: "operator", Address: "192.0.2.9"})
		},
		answers: map[string]any{"POST /api/v1/users": api.Token{For: "user/ann", Instead: "the user shows cn:ann"}},
		asked:   []string{`POST /api/v1/users {"name":"ann","role":"operator"}`},
		stderr:  "zeekfleet: user ann has the role operator now\nzeekfleet: the user shows cn:ann\n",
	},
	"user add --json, without an authority": {
		run: func(t *testing.T, a cli.Admin) int {
			a.Output.Format = show.AsJSON
			return a.AddUser(t.Context(), cli.NewUser{Name: "ann", Role: "operator", Address: "192.0.2.9"})
		},
		answers: map[string]any{"POST /api/v1/users": api.Token{For: "user/ann", Kind: api.LoginToken, Instead: "the user shows cn:ann"}},
		asked:   []string{`POST /api/v1/users {"name":"ann","role":"operator"}`},
		stdout:  "{\n  \"id\": \"\",\n  \"for\": \"user/ann\",\n  \"kind\": \"login\",\n  \"instead\": \"the user shows cn:ann\"\n}\n",
	},
	"user list": {
		run: func(t *testing.T, a cli.Admin) int { return a.ListUsers(t.Context()) },
		answers: map[string]any{"GET /api/v1/users": api.Page[api.User]{Items: []api.User{
			{Name: "ann", Role: "operator", Created: noon}, {Name: "bob", Role: "viewer", SSO: true},
		}}},
		asked: []string{"GET /api/v1/users"},
		stdout: "NAME  ROLE      KNOWN BY        CREATED                    LAST USE\n" +
			"ann   operator  certificate     NOON  -\n" +
			"bob   viewer    single sign-on  -                          -\n",
	},
	"user list --json, of nobody": {
		run:     func(t *testing.T, a cli.Admin) int { a.Output.Format = show.AsJSON; return a.ListUsers(t.Context()) },
		answers: map[string]any{"GET /api/v1/users": api.Page[api.User]{}},
		asked:   []string{"GET /api/v1/users"}, stdout: "[]\n",
	},
	"user role": {
		run:     func(t *testing.T, a cli.Admin) int { return a.SetRole(t.Context(), "ann", "viewer") },
		answers: map[string]any{"PUT /api/v1/users/ann": noAnswer},
		asked:   []string{`PUT /api/v1/users/ann {"role":"viewer"}`}, stderr: "zeekfleet: user ann has the role viewer now\n",
	},
	"user remove": {
		run:     func(t *testing.T, a cli.Admin) int { return a.RemoveUser(t.Context(), "ann") },
		answers: map[string]any{"DELETE /api/v1/users/ann": noAnswer},
		asked:   []string{"DELETE /api/v1/users/ann"},
		stderr:  "zeekfleet: user ann is removed; all certificates and tokens of this user are revoked\n",
	},
	"whoami": {
		run:     func(t *testing.T, a cli.Admin) int { return a.WhoAmI(t.Context()) },
		answers: map[string]any{"GET /api/v1/whoami": api.Principal{Name: "ann", Role: "operator", Source: "192.0.2.7"}},
		asked:   []string{"GET /api/v1/whoami"}, stdout: "ann, operator at controller ADDRESS, from 192.0.2.7\n",
	},
	"whoami, without TLS": {
		run:     func(t *testing.T, a cli.Admin) int { return a.WhoAmI(t.Context()) },
		answers: map[string]any{"GET /api/v1/whoami": &api.Problem{Status: 400, Detail: "This port speaks TLS: use wss instead of ws"}},
		asked:   []string{"GET /api/v1/whoami"}, status: cli.StatusFailed,
		stderr: "zeekfleet: controller ADDRESS speaks TLS: log in (zeekfleet login), or set ssl.enable=true\n",
	},
	"ca show": {
		run: func(t *testing.T, a cli.Admin) int { return a.ShowAuthorities(t.Context()) },
		answers: map[string]any{"GET /api/v1/authorities": api.Page[api.Authority]{Items: []api.Authority{
			{Fingerprint: "sha256:5a", KeyHash: "new", Created: noon, Expires: noon, Signing: true},
			{Fingerprint: "sha256:6b", KeyHash: "old", Created: noon, Expires: noon, Awaited: []string{"agent/a", "agent/b", "agent/c", "agent/d", "agent/e", "agent/f"}},
		}}},
		asked: []string{"GET /api/v1/authorities"},
		stdout: "sha256:5a\n  key hash  new\n  signs     yes\n  created   NOON\n  expires   NOON\n  awaited   -\n" +
			"sha256:6b\n  key hash  old\n  signs     no\n  created   NOON\n  expires   NOON\n" +
			"  awaited   agent/a, agent/b, agent/c, agent/d, agent/e and 1 more\n",
	},
	"ca rotate": {
		run: func(t *testing.T, a cli.Admin) int { return a.RotateAuthority(t.Context(), false) },
		answers: map[string]any{"POST /api/v1/authorities": api.Page[api.Authority]{Items: []api.Authority{
			{Fingerprint: "sha256:5a", KeyHash: "new", Created: noon, Expires: noon, Signing: true},
			{Fingerprint: "sha256:6b", KeyHash: "old", Created: noon, Expires: noon, Awaited: []string{"agent/a"}, Renewed: []string{"agent/a"}, Until: noon},
		}}},
		asked: []string{"POST /api/v1/authorities {}"},
		stdout: "sha256:5a\n  key hash  new\n  signs     yes\n  created   NOON\n  expires   NOON\n  awaited   -\n" +
			"sha256:6b\n  key hash  old\n  signs     no\n  created   NOON\n  expires   NOON\n  awaited   agent/a (has renewed)\n  trusted   at the latest until NOON\n",
		stderr: "zeekfleet: a new authority signs from now on; the old authority is trusted until every agent has a certificate of the new one\n" +
			"zeekfleet: awaited: agent/a (has renewed); at the latest until NOON\n" +
			"zeekfleet: connected agents renew at once, other agents when they connect; a user's next command renews; a user who runs none until then logs in again; zeekfleet ca show says who is awaited\n",
	},
	"cert list": {
		run: func(t *testing.T, a cli.Admin) int { return a.ListCertificates(t.Context()) },
		answers: map[string]any{"GET /api/v1/certificates": api.Page[api.IssuedCertificate]{Items: []api.IssuedCertificate{
			{Serial: "aaaaaaaa1b", Identity: "user/ann", Issued: noon, Expires: noon},
			{Serial: "aaaaaaaa2b", Identity: "controller/ctl", Issued: noon, Expires: noon, Revoked: noon},
			{Serial: "5a", Identity: "agent/sensor-1", Issued: noon.Add(-time.Hour), Expires: noon},
		}}},
		asked: []string{"GET /api/v1/certificates"},
		stdout: "SERIAL     IDENTITY        ISSUED (UTC)      EXPIRES (UTC)     REVOKED (UTC)\n" +
			"5a         agent/sensor-1  2026-03-01 11:00  2026-03-01 12:00  -\n" +
			"aaaaaaaa2  controller/ctl  2026-03-01 12:00  2026-03-01 12:00  2026-03-01 12:00\n" +
			"aaaaaaaa1  user/ann        2026-03-01 12:00  2026-03-01 12:00  -\n",
	},
	"cert revoke, the beginning of a serial": {
		run:     func(t *testing.T, a cli.Admin) int { return a.RevokeCertificate(t.Context(), "5A") },
		answers: map[string]any{"POST /api/v1/certificates/revoke": noAnswer, "GET /api/v1/certificates": serials},
		asked:   []string{"GET /api/v1/certificates", `POST /api/v1/certificates/revoke {"serial":"5a01"}`},
		stderr:  "zeekfleet: certificate 5a01 is revoked, and open connections end\n",
	},
	"cert revoke, several serials": {
		run:     func(t *testing.T, a cli.Admin) int { return a.RevokeCertificate(t.Context(), "5") },
		answers: map[string]any{"GET /api/v1/certificates": serials},
		asked:   []string{"GET /api/v1/certificates"},
		stderr:  "zeekfleet: 2 serial numbers begin with 5: 5a01, 5b02\n", status: cli.StatusFailed,
	},
	"cert revoke, no serial": {
		run:     func(t *testing.T, a cli.Admin) int { return a.RevokeCertificate(t.Context(), "6") },
		answers: map[string]any{"GET /api/v1/certificates": serials},
		asked:   []string{"GET /api/v1/certificates"},
		stderr:  "zeekfleet: no certificate has a serial number that begins with \"6\" (zeekfleet cert list)\n", status: cli.StatusFailed,
	},
	"cert revoke, a name without its kind": {
		run:     func(t *testing.T, a cli.Admin) int { return a.RevokeCertificate(t.Context(), "ann") },
		answers: map[string]any{"GET /api/v1/certificates": serials},
		asked:   []string{"GET /api/v1/certificates"},
		stderr:  "zeekfleet: \"ann\" is no serial number: to revoke all certificates of an identity, name it with its kind: user/ann\n", status: cli.StatusFailed,
	},
	"cert revoke, an agent": {
		run: func(t *testing.T, a cli.Admin) int { return a.RevokeCertificate(t.Context(), "agent/sensor-1") },
		answers: map[string]any{"POST /api/v1/certificates/revoke": noAnswer, "GET /api/v1/certificates": api.Page[api.IssuedCertificate]{
			Items: []api.IssuedCertificate{{Identity: "node/sensor-1", Expires: noon}, {Identity: "node/sensor-2", Expires: noon.Add(time.Hour)}},
		}},
		asked: []string{`POST /api/v1/certificates/revoke {"identity":"agent/sensor-1"}`, "GET /api/v1/certificates"},
		stderr: "zeekfleet: all certificates of agent/sensor-1 are revoked, and open connections end\n" +
			"zeekfleet: nodes of other hosts still take the key of its nodes, until NOON: Zeek asks nobody whether a certificate was revoked. If the key is stolen, only a new authority ends that: move authority.db away, and let everybody join again\n",
	},
	"cert revoke, a user": {
		run: func(t *testing.T, a cli.Admin) int { return a.RevokeCertificate(t.Context(), "user/ann") },
		answers: map[string]any{"POST /api/v1/certificates/revoke": noAnswer, "GET /api/v1/tokens": api.Page[api.Token]{
			Items: []api.Token{
				{ID: "aaaaaaaa", For: "user/ann", Kind: api.APIToken, Name: "ci"}, {ID: "bbbbbbbb", For: "user/bob", Kind: api.APIToken, Name: "ci"},
				{ID: "cccccccc", For: "user/ann", Kind: api.LoginToken},
			},
		}},
		asked: []string{`POST /api/v1/certificates/revoke {"identity":"user/ann"}`, "GET /api/v1/tokens"},
		stderr: "zeekfleet: all certificates of user/ann are revoked, and open connections end\n" +
			"zeekfleet: API tokens of ann still work: aaaaaaaa (ci); end one with zeekfleet token revoke ID, or all with zeekfleet user remove ann\n",
	},
	"cert revoke, a controller": {
		run:     func(t *testing.T, a cli.Admin) int { return a.RevokeCertificate(t.Context(), "controller/zd") },
		answers: map[string]any{"POST /api/v1/certificates/revoke": noAnswer},
		asked:   []string{`POST /api/v1/certificates/revoke {"identity":"controller/zd"}`},
		stderr:  "zeekfleet: all certificates of controller/zd are revoked, and open connections end\n",
	},
	"cert revoke, no identity": {
		run:    func(t *testing.T, a cli.Admin) int { return a.RevokeCertificate(t.Context(), "sensor/1") },
		stderr: "zeekfleet: \"sensor\" is not a kind of identity: it is controller, agent, node or user\n", status: cli.StatusFailed,
	},
}

func TestAdminCommands(t *testing.T) {
	for name, tt := range adminCommands {
		t.Run(name, func(t *testing.T) {
			f := &fakeController{answers: tt.answers}
			f.start(t, nil)
			a, stdout, stderr := admin(t, f.address)
			status := tt.run(t, a)
			replace := strings.NewReplacer(f.address, "ADDRESS", noon.Local().Format("2006-01-02 15:04:05 -0700"), "NOON")
			if got := replace.Replace(stdout.String()); got != tt.stdout {
				t.Errorf("stdout:\n%swant:\n%s", got, tt.stdout)
			}
			if got := replace.Replace(stderr.String()); got != tt.stderr {
				t.Errorf("stderr:\n%swant:\n%s", got, tt.stderr)
			}
			if got, want := strings.Join(f.seen(), "\n"), strings.Join(tt.asked, "\n"); got != want {
				t.Errorf("asked:\n%s\nwant:\n%s", got, want)
			}
			if status != tt.status {
				t.Errorf("status: got %d, want %d", status, tt.status)
			}
		})
	}
}

func TestAdminCommandSaysWhenTheControllerIsNotReached(t *testing.T) {
	address := porttest.Nobody(t)
	a, _, stderr := admin(t, address)
	status := a.WhoAmI(t.Context())
	want := "zeekfleet: no controller runs on this host (nothing listens on " + address + "): start it, or choose one of another host with --controller or zeekfleet context use (after zeekfleet login)\n"
	if status != cli.StatusFailed || stderr.String() != want {
		t.Errorf("status %d:\n%swant:\n%s", status, stderr, want)
	}
}

// audited answers requests for the audit as a log with these records does.
func audited(records ...api.AuditRecord) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page := api.Page[api.AuditRecord]{}
		for _, one := range records {
			if fmt.Sprint(one.Seq) > r.FormValue("after") && len(page.Items) < 2 {
				page.Items = append(page.Items, one)
			}
		}
		json.NewEncoder(w).Encode(page)
	}
}

func TestAudit(t *testing.T) {
	server := httptest.NewServer(audited(
		api.AuditRecord{Seq: 1, Time: noon, Who: "ann", Role: "operator", Source: "192.0.2.7:40000", Request: "deploy", Revision: "r1", Outcome: "begun"},
		api.AuditRecord{Seq: 2, Time: noon, Who: "ann", Role: "operator", Source: "192.0.2.7", Request: "deploy", Revision: "r1", Outcome: "done"},
		api.AuditRecord{Seq: 3, Time: noon, Role: "nobody", Source: "192.0.2.9", Request: "connect", Outcome: "refused", Reason: "no certificate was shown", Times: 4},
	))
	t.Cleanup(server.Close)
	stamp := "2026-03-01 12:00:00"
	for name, tt := range map[string]struct {
		asJSON bool
		limit  int
		want   string
	}{
		"all": {false, 0, "TIME (UTC)           WHO  ROLE      FROM       REQUEST  SUBJECT  OUTCOME     WHY\n" +
			stamp + "  ann  operator  192.0.2.7  deploy   r1       begun       -\n" +
			stamp + "  ann  operator  192.0.2.7  deploy   r1       done        -\n" +
			stamp + "  -    nobody    192.0.2.9  connect  -        refused ×4  no certificate was shown\n"},
		"the last as JSON": {true, 1, `{"seq":3,"time":"2026-03-01T12:00:00Z","who":"","role":"nobody","source":"192.0.2.9","request":"connect",` +
			`"outcome":"refused","reason":"no certificate was shown","times":4}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			a, stdout, stderr := admin(t, server.Listener.Addr().String())
			if tt.asJSON {
				a.Output.Format = show.AsJSON
			}
			if status := a.Audit(t.Context(), cli.AuditRequest{Limit: tt.limit}); status != cli.StatusDone || stdout.String() != tt.want {
				t.Errorf("status %d, stderr %s, stdout:\n%swant:\n%s", status, stderr, stdout, tt.want)
			}
		})
	}
}

// TestFollowedAuditGoesOnAfterARestart has a controller that cuts a connection, and later says
// that it is not ready.
func TestFollowedAuditGoesOnAfterARestart(t *testing.T) {
	records := []api.AuditRecord{
		{Seq: 1, Time: noon, Who: "ann", Request: "deploy", Outcome: "begun"}, {Seq: 2, Time: noon, Who: "ann", Request: "deploy", Outcome: "done"},
	}
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32 // a cut connection is no happens-before for the next request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			audited(records[0])(w, r)
		case 3, 5:
			panic(http.ErrAbortHandler)
		case 4:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, `{"status":503,"detail":"not yet"}`)
		case 6:
			if after := r.FormValue("after"); after != "1" {
				t.Errorf("asked for records after %q", after)
			}
			audited(records...)(w, r)
		case 7:
			cancel()
			fallthrough
		default:
			json.NewEncoder(w).Encode(api.Page[api.AuditRecord]{})
		}
	}))
	t.Cleanup(server.Close)
	a, stdout, stderr := admin(t, server.Listener.Addr().String())
	a.Output.Format = show.AsJSON
	status := a.Audit(ctx, cli.AuditRequest{Follow: true, Pause: time.Microsecond})
	if got := strings.Count(stdout.String(), `"seq":`); status != cli.StatusDone || got != 2 || !strings.Contains(stdout.String(), `"seq":2`) {
		t.Errorf("status %d, stdout:\n%s", status, stdout)
	}
	said := stderr.String()
	if strings.Count(said, "the audit goes on when the controller is back\n") != 1 || strings.Count(said, "is back\n") != 2 || strings.Count(said, "\n") != 2 {
		t.Errorf("said:\n%s", said)
	}
}

func TestFollowedAuditEndsWithARefusal(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			json.NewEncoder(w).Encode(api.Page[api.AuditRecord]{})
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"status":403,"detail":"you may not"}`)
	}))
	t.Cleanup(server.Close)
	a, _, stderr := admin(t, server.Listener.Addr().String())
	if status := a.Audit(t.Context(), cli.AuditRequest{Follow: true}); status != cli.StatusFailed || stderr.String() != "zeekfleet: you may not\n" {
		t.Errorf("status %d, said %s", status, stderr)
	}
}
