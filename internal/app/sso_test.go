package app_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/sso/ssotest"
)

const ssoFleet = "https://" + ssotest.FleetHost + ":2149"

// ssoController is a controller that runs, with a provider of identities.
type ssoController struct {
	app.Controller
	provider *ssotest.Provider
	address  string
}

func runSSOController(t *testing.T, users ...ssotest.User) *ssoController {
	t.Helper()
	c := &ssoController{provider: ssotest.New(t, ssoFleet+api.PathSSOCallback, users...)}
	text := fmt.Sprintf(`
state_dir: %s
controller:
  listen_port: 0
  websocket_port: 0
  sso:
    issuer: %s
    client_id: %s
    client_secret_file: %s
    cli_client_id: %s
    ca_file: %s
    redirect_url: %s
    roles: [soc=operator, fleet-admins=admin]
    login_life: 1h
`, t.TempDir(), c.provider.Issuer, ssotest.Web, c.provider.SecretFile, ssotest.CLI, c.provider.CAFile, ssoFleet+api.PathSSOCallback)
	file := filepath.Join(t.TempDir(), "fleet.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, _, err := settings.ResolveController(settings.Sources{
		Defaults: app.Defaults(), Hostname: "h",
		LookupEnv: func(name string) (string, bool) {
			if name == settings.ConfigEnv {
				return file, true
			}
			return "", false
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Controller, err = app.OpenController(t.Context(), set, slog.New(slog.NewTextHandler(t.Output(), nil)), app.PortFlags{})
	if err != nil {
		t.Fatal(err)
	}
	c.address = c.WebSocket.Addr().String()
	ctx, stop := context.WithCancelCause(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		over := errors.New("the test is over")
		stop(over)
		if err := <-ended; !errors.Is(err, over) {
			t.Errorf("the controller ended with %v", err)
		}
	})
	return c
}

var ssoPrompt = regexp.MustCompile(`open (\S+) in a browser, and enter the code (\S+)\n`)

// confirming is the output of a command. It confirms the login of a user.
type confirming struct {
	bytes.Buffer
	confirm func(page, code string)
}

func (c *confirming) Write(text []byte) (int, error) {
	if m := ssoPrompt.FindSubmatch(text); m != nil {
		c.confirm(string(m[1]), string(m[2]))
	}
	return c.Buffer.Write(text)
}

// logIn does what zeekfleet login --sso does, and returns the context.
func (c *ssoController) logIn(t *testing.T, contexts *cli.Contexts, user string) (*cli.Context, error) {
	t.Helper()
	shown, err := api.ShownAuthority(t.Context(), c.address)
	if err != nil {
		t.Fatal(err)
	}
	out := &confirming{confirm: func(page, code string) {
		if err := c.provider.Confirm(t.Context(), page, code, user, true); err != nil {
			t.Error(err)
		}
	}}
	err = cli.LoginSSO{
		Contexts: contexts, Log: &cli.Log{Out: out, Program: "zeekfleet"}, Address: c.address, Fingerprint: identity.Fingerprint(shown),
	}.Run(t.Context())
	if err != nil {
		return nil, err
	}
	return contexts.Find("")
}

// client returns a client with the certificate of a context.
func (c *ssoController) client(t *testing.T, used *cli.Context) *api.Client {
	t.Helper()
	own, err := used.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	client, err := api.New(api.Config{Address: c.address, TLS: own.TLS(c.address)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// ask makes a request to the authority as root does.
func (c *ssoController) ask(t *testing.T, req access.Request) access.Answer {
	t.Helper()
	answer, err := c.Authority.Ask(t.Context(), mgmt.Principal{Name: "root (uid 0)", Role: mgmt.Admin}, req)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// A whole controller, a whole provider, and the command line.
func TestSingleSignOnOfACommandLine(t *testing.T) {
	c := runSSOController(t, ssotest.User{Name: "ann", Groups: []string{"soc"}}, ssotest.User{Name: "bob", Groups: []string{"soc"}}, ssotest.User{Name: "eve"})
	contexts := cli.ContextsIn(t.TempDir())
	used, err := c.logIn(t, contexts, "ann")
	if err != nil {
		t.Fatal(err)
	}
	own, err := used.Credentials()
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(own.Certificate.NotAfter); left > time.Hour || left < 55*time.Minute {
		t.Errorf("the certificate is valid for %v", left)
	}
	client := c.client(t, used)
	is := func(role string) {
		t.Helper()
		who, err := client.WhoAmI(t.Context())
		if err != nil || who.Name != "ann" || who.Role != role {
			t.Errorf("got %+v, %v, want the %s ann", who, err, role)
		}
	}
	is("operator")

	key, err := identity.NewRequest(identity.Identity{Kind: identity.User}, own.Key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Renew(t.Context(), api.RenewRequest{Key: string(key)}); err == nil || !strings.Contains(err.Error(), "logs in again instead of renewing") {
		t.Errorf("a renewal: got %v", err)
	}

	// The groups change: the next login changes the role, for all certificates.
	c.provider.Set(ssotest.User{Name: "ann", Groups: []string{"fleet-admins"}})
	is("operator")
	if _, err := c.logIn(t, cli.ContextsIn(t.TempDir()), "ann"); err != nil {
		t.Fatal(err)
	}
	is("admin")

	if _, err := c.logIn(t, cli.ContextsIn(t.TempDir()), "eve"); err == nil || !strings.Contains(err.Error(), `user "eve" has no role here`) {
		t.Errorf("somebody without a group: got %v", err)
	}
	if _, ok := c.ask(t, access.AddUser{Name: "bob", Role: mgmt.Viewer}).(access.Token); !ok {
		t.Fatal("bob was not added")
	}
	if _, err := c.logIn(t, cli.ContextsIn(t.TempDir()), "bob"); err == nil || !strings.Contains(err.Error(), `user "bob" was added here, and does not come through single sign-on`) {
		t.Errorf("a user who was added here: got %v", err)
	}

	if _, ok := c.ask(t, access.RemoveUser{Name: "ann"}).(access.Done); !ok {
		t.Fatal("ann was not removed")
	}
	if who, err := client.WhoAmI(t.Context()); err == nil {
		t.Errorf("a removed user is %+v", who)
	}
	c.auditHas(t, `login --sso user/ann done`, `login --sso user/bob refused`, `login --sso  refused`)
}

// auditHas checks that there are records with these requests, subjects and outcomes.
func (c *ssoController) auditHas(t *testing.T, want ...string) {
	t.Helper()
	records, err := c.AuditLog.Read(audit.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, r := range records {
		fmt.Fprintf(&all, "%s %s %s\n", r.Request, r.Subject, r.Outcome)
	}
	for _, line := range want {
		if !strings.Contains(all.String(), line+"\n") {
			t.Errorf("the audit lacks %q:\n%s", line, all.String())
		}
	}
}

func TestSingleSignOnOfABrowser(t *testing.T) {
	c := runSSOController(t, ssotest.User{Name: "ann", Groups: []string{"soc"}})
	browser := c.provider.Browser(t)
	browser.Hosts[ssotest.FleetHost+":2149"] = c.address
	shown, err := api.ShownAuthority(t.Context(), c.address)
	if err != nil {
		t.Fatal(err)
	}
	browser.Trust(shown)
	answer, err := browser.LogIn(ssoFleet+api.PathSSOStart, "ann", ssotest.Password)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(text, []byte("Logged in as ann")) {
		t.Fatalf("got %s, %v: %s", answer.Status, err, text)
	}
	who := func() (p api.Principal) {
		answer, err := browser.Get(ssoFleet + api.PathWhoAmI)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(&p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := who(); p.Name != "ann" || p.Role != "operator" {
		t.Errorf("got %+v", p)
	}
	if _, ok := c.ask(t, access.RemoveUser{Name: "ann"}).(access.Done); !ok {
		t.Fatal("ann was not removed")
	}
	if p := who(); p.Name == "ann" {
		t.Errorf("a removed user is %+v", p)
	}
}

// A provider that is away keeps nothing but logins from working.
func TestControllerWithoutItsProvider(t *testing.T) {
	c := runSSOController(t)
	c.provider.SetAway(-1)
	if asked := c.provider.Asked(); asked != 0 {
		t.Errorf("the provider was asked %d times at the start", asked)
	}
	client, err := api.New(api.Config{Address: c.address, TLS: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.SSO(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = client.LoginSSO(t.Context(), api.SSOLoginRequest{IDToken: "a.b.c", Key: "k"})
	problem, ok := errors.AsType[*api.Problem](err)
	if !ok || problem.Status != http.StatusServiceUnavailable || !strings.Contains(problem.Detail, "the provider of single sign-on is away") {
		t.Errorf("got %v", err)
	}
	raw := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := raw.Get("https://" + c.address + api.PathReady)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the controller is not ready: %s", answer.Status)
	}
}
