package cli_test

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/replay"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
)

const apiToken = "zfa-bbbbbbbb-cccccccccccccccccccccccccc"

var someFingerprint = "sha256:" + strings.Repeat("0", 64)

func TestSettingsHaveAnAPIToken(t *testing.T) {
	const other = "zfa-dddddddd-cccccccccccccccccccccccccc"
	for name, tt := range map[string]struct {
		env               map[string]string
		file, fingerprint string
		asZeekClient      bool
		token, knows, err string
	}{
		"none":                    {},
		"the environment":         {env: map[string]string{cli.EnvAPIToken: apiToken + "\n"}, token: apiToken},
		"an empty variable":       {env: map[string]string{cli.EnvAPIToken: ""}},
		"a file":                  {file: "ci.token", token: other},
		"a file comes first":      {env: map[string]string{cli.EnvAPIToken: apiToken}, file: "ci.token", token: other},
		"a file that is missing":  {file: "none", err: "read the API token: open none: file does not exist"},
		"an empty file":           {file: "empty", err: "read the API token: empty is empty"},
		"a file that is too long": {file: "long", err: "read the API token: long: more than 4096 bytes"},
		"another kind of token":   {env: map[string]string{cli.EnvAPIToken: token}, err: "ZEEKFLEET_API_TOKEN: this is not an API token: one begins with zfa-"},
		"a fingerprint":           {env: map[string]string{cli.EnvAPIToken: apiToken}, fingerprint: someFingerprint, token: apiToken, knows: someFingerprint},
		"a fingerprint in the environment": {
			env: map[string]string{cli.EnvAPIToken: apiToken, cli.EnvFingerprint: someFingerprint}, token: apiToken, knows: someFingerprint,
		},
		"a wrong fingerprint": {
			env: map[string]string{cli.EnvAPIToken: apiToken}, fingerprint: "sha256:12",
			err: `"sha256:12" is not a fingerprint: it is sha256: and 64 hex digits; zeekfleet ca show prints it at the controller`,
		},
		"a fingerprint without a token": {
			fingerprint: someFingerprint,
			err:         "--fingerprint is for an API token: give one in ZEEKFLEET_API_TOKEN, or in a file with --api-token-file",
		},
		"a fingerprint in the environment alone": {env: map[string]string{cli.EnvFingerprint: someFingerprint}},
		"as zeek-client": {
			env: map[string]string{cli.EnvAPIToken: apiToken, cli.EnvFingerprint: someFingerprint}, file: "ci.token", asZeekClient: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			src := configured{asZeekClient: tt.asZeekClient, env: tt.env, files: map[string]string{
				"ci.token": other + "\n", "empty": "\n", "long": strings.Repeat("a", 4097),
			}}.sources()
			src.APITokenFile, src.Fingerprint = tt.file, tt.fingerprint
			s, _, err := cli.ResolveSettings(src)
			if text := errorText(err); text != tt.err || strings.Contains(text, "ccccc") {
				t.Fatalf("got %q, want %q", text, tt.err)
			}
			if s.Bearer != tt.token || s.Fingerprint != tt.knows {
				t.Errorf("got %q, %q", s.Bearer, s.Fingerprint)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// tokenTaker is a controller that notes who has shown an API token.
type tokenTaker struct {
	*site
	address string
	shown   chan string
}

// takesTokens starts a controller. It speaks TLS with the certificate of an identity, or
// plain text if that is zero.
func takesTokens(t *testing.T, s *site, id identity.Identity) *tokenTaker {
	taker := &tokenTaker{site: s, shown: make(chan string, 10)}
	_, conversations := replay.Load(t, "zeek-client.json")
	ack, exchanges := conversations[0].Exchanges()
	note := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			taker.shown <- r.URL.Path + " " + r.Header.Get("Authorization")
			h.ServeHTTP(w, r)
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", note(&fakeController{answers: map[string]any{
		"GET /api/v1/whoami": api.Principal{Name: "ann", Role: "operator"},
	}}))
	mux.Handle("/v1/messages/json", note((&replay.Controller{Ack: ack, Exchanges: exchanges, App: "test"}).Handler(t)))
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if id == (identity.Identity{}) {
		server.Start()
	} else {
		server.TLS = s.serverTLS(t, id)
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	taker.address = server.Listener.Addr().String()
	return taker
}

// perform runs a command of the WebSocket, and one of the HTTP API. It returns what was
// shown, and what the commands said.
func (taker *tokenTaker) perform(t *testing.T, change func(*cli.Settings)) (shown []string, stderr string) {
	a, _, said := admin(t, taker.address)
	a.Settings.Bearer = apiToken
	change(&a.Settings)
	statuses := []int{a.GetInstances(t.Context()), a.WhoAmI(t.Context())}
	for len(taker.shown) > 0 {
		shown = append(shown, <-taker.shown)
	}
	for _, status := range statuses {
		if (status == cli.StatusDone) != (len(shown) == len(statuses)) {
			t.Errorf("statuses %v, shown %q", statuses, shown)
		}
	}
	return shown, said.String()
}

func TestCommandsShowAnAPITokenToTheControllerAlone(t *testing.T) {
	s, other := newSite(t), newSite(t)
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	must(t, os.WriteFile(caFile, s.authorities(), 0o600))
	contexts := cli.ContextsIn(t.TempDir())
	// The certificate of the context has expired, and is not needed.
	s.addContext(t, contexts, "west", "h:1", time.Now().Add(-2*time.Hour), time.Hour)
	other.addContext(t, contexts, "else", "h:1", time.Now(), time.Hour)
	use := func(name string) func(*cli.Settings) {
		found, err := contexts.Find(name)
		must(t, err)
		return func(s *cli.Settings) { s.Context = found }
	}
	sensor := identity.Identity{Kind: identity.Agent, Name: "sensor-1"}
	for name, tt := range map[string]struct {
		shows  identity.Identity // zero: plain text
		change func(*cli.Settings)
		err    string // part of what is said if the token is not shown
	}{
		"the fingerprint":     {theController, func(c *cli.Settings) { c.Fingerprint = identity.Fingerprint(s.authority.Cert) }, ""},
		"another fingerprint": {theController, func(c *cli.Settings) { c.Fingerprint = someFingerprint }, "is another one than expected: it shows the authority sha256:"},
		"the fingerprint, and an agent": {sensor, func(c *cli.Settings) { c.Fingerprint = identity.Fingerprint(s.authority.Cert) },
			"shows the certificate of agent/sensor-1, and is no controller"},
		"the context":                    {theController, use("west"), ""},
		"the context, and an agent":      {sensor, use("west"), "is no controller"},
		"the context of another cluster": {theController, use("else"), "is not believed"},
		"the fingerprint comes first": {theController, func(c *cli.Settings) {
			use("else")(c)
			c.Fingerprint = identity.Fingerprint(s.authority.Cert)
		}, ""},
		"an authority in a file": {theController, func(c *cli.Settings) { c.TLS = cli.TLSSettings{Enable: true, CAFile: caFile} }, ""},
		"an authority in a file, and an agent": {sensor, func(c *cli.Settings) { c.TLS = cli.TLSSettings{Enable: true, CAFile: caFile} },
			"shows the certificate of agent/sensor-1, and is no controller"},
		"TLS without an authority": {theController, func(c *cli.Settings) { c.TLS.Enable = true }, "signed by an authority that is not trusted: set ssl.cafile"},
		"plain text on this host":  {identity.Identity{}, func(*cli.Settings) {}, ""},
		"plain text elsewhere": {identity.Identity{}, func(c *cli.Settings) { c.Host = "192.0.2.1" },
			"an API token is not sent to 192.0.2.1:PORT in plain text: name the authority of the controller with --fingerprint"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s
			taker := takesTokens(t, s, tt.shows)
			shown, stderr := taker.perform(t, tt.change)
			_, port, _ := net.SplitHostPort(taker.address)
			if tt.err == "" {
				want := "/v1/messages/json Bearer " + apiToken + ", /api/v1/whoami Bearer " + apiToken
				if got := strings.Join(shown, ", "); got != want || stderr != "" {
					t.Errorf("shown %q, said:\n%s", got, stderr)
				}
				return
			}
			if len(shown) > 0 || strings.Count(stderr, strings.ReplaceAll(tt.err, "PORT", port)) != 2 || strings.Contains(stderr, "ccccc") {
				t.Errorf("shown %q, said:\n%s\nwant twice %s", shown, stderr, tt.err)
			}
		})
	}
}

func TestAPITokenIsNotShownToAProgramOfAnotherUser(t *testing.T) {
	roottest.Need(t, "listens as another user")
	address, heard := make(chan string, 1), make(chan string, 1)
	go sockownertest.OnAnotherThread(func() {
		unix.Setfsuid(sockownertest.Nobody)
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Error(err)
			close(address)
			return
		}
		defer ln.Close()
		address <- ln.Addr().String()
		conn, err := ln.Accept()
		if err != nil {
			t.Error(err)
			close(heard)
			return
		}
		defer conn.Close()
		text, err := io.ReadAll(conn)
		if err != nil {
			t.Error(err)
		}
		heard <- string(text)
	})
	var stdout, stderr bytes.Buffer
	c := commands(t, <-address, &stdout, &stderr)
	c.Settings.Bearer = apiToken
	status := c.GetInstances(t.Context())
	if text := <-heard; text != "" || status != cli.StatusFailed {
		t.Errorf("status %d, heard %q", status, text)
	}
	if !strings.Contains(stderr.String(), "is that of user nobody, and in plain text an API token is shown only to programs of root and of one's own user: use TLS") {
		t.Errorf("said:\n%s", &stderr)
	}
}
