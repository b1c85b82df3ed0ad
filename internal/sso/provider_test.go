package sso_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/sso"
	"github.com/zeekfleet/zeekfleet/internal/sso/ssotest"
)

const (
	fleet    = "https://fleet.example:2149"
	callback = fleet + sso.CallbackPath
)

var roles = []access.GroupRole{{Group: "fleet-admins", Role: mgmt.Admin}, {Group: "soc", Role: mgmt.Operator}}

func ann(groups ...string) ssotest.User { return ssotest.User{Name: "ann", Groups: groups} }

// config returns what a controller needs for a provider.
func config(p *ssotest.Provider) sso.Config {
	return sso.Config{
		Issuer:      p.Issuer,
		ClientID:    ssotest.Web,
		CLIClientID: ssotest.CLI,
		SecretFile:  p.SecretFile,
		RedirectURL: callback,
		Roles:       roles,
		CAFile:      p.CAFile,
	}
}

// setUp returns a provider and a controller's view of it.
func setUp(t *testing.T, change func(*sso.Config), users ...ssotest.User) (*ssotest.Provider, *sso.Provider) {
	t.Helper()
	there := ssotest.New(t, callback, users...)
	cfg := config(there)
	if change != nil {
		change(&cfg)
	}
	here, err := sso.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return there, here
}

// logIn logs in at the provider with a browser. It returns the cookie, and the address to
// which the provider sent the browser back.
func logIn(t *testing.T, there *ssotest.Provider, here *sso.Provider, user string) (cookie string, back *url.URL) {
	t.Helper()
	start, err := here.Start(t.Context(), "192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	browser := there.Browser(t)
	browser.Stop = fleet
	answer, err := browser.LogIn(start.URL, user, ssotest.Password)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	back, err = answer.Location()
	if err != nil {
		t.Fatalf("the provider did not send the browser back: %v", answer.Status)
	}
	return start.Cookie, back
}

func TestBrowserLogsIn(t *testing.T) {
	there, here := setUp(t, nil, ann("soc", "staff"))
	cookie, back := logIn(t, there, here, "ann")
	if got := back.Scheme + "://" + back.Host + back.Path; got != callback {
		t.Errorf("the browser was sent to %s, want %s", got, callback)
	}
	got, err := here.Finish(t.Context(), cookie, back.Query())
	if err != nil {
		t.Fatal(err)
	}
	if want := (sso.Person{Name: "ann", Role: mgmt.Operator, Subject: there.Issuer + " sub-ann"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestChangedGroupsChangeTheRoleAtTheNextLogin(t *testing.T) {
	there, here := setUp(t, nil, ann("soc"))
	for _, step := range []struct {
		groups []string
		want   mgmt.UserRole
		err    string
	}{
		{[]string{"soc"}, mgmt.Operator, ""},
		{[]string{"soc", "fleet-admins"}, mgmt.Admin, ""},
		{[]string{"staff"}, mgmt.NoUser, `user "ann" has no role here: none of the user's groups (staff) is in controller.sso.roles`},
		{nil, mgmt.NoUser, `user "ann" has no role here: the provider tells no groups (claim "groups"); an admin can check controller.sso.groups_claim and the client's scopes`},
		{[]string{"soc"}, mgmt.Operator, ""},
	} {
		there.Set(ann(step.groups...))
		cookie, back := logIn(t, there, here, "ann")
		got, err := here.Finish(t.Context(), cookie, back.Query())
		if got.Role != step.want || text(err) != step.err {
			t.Errorf("groups %q:\n got %v, %v\nwant %v, %s", step.groups, got.Role, err, step.want, step.err)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestLoginThatIsNotTheBrowsersIsRefused(t *testing.T) {
	there, here := setUp(t, nil, ann("soc"))
	for name, tc := range map[string]struct {
		change func(cookie *string, q url.Values)
		want   string
	}{
		"another browser":  {func(c *string, q url.Values) { *c = "x" }, "this login was begun in another browser"},
		"no cookie":        {func(c *string, q url.Values) { *c = "" }, "this login was begun in another browser"},
		"unknown state":    {func(c *string, q url.Values) { q.Set("state", "x") }, "this login is unknown here"},
		"no state":         {func(c *string, q url.Values) { q.Del("state") }, "this login is unknown here"},
		"no code":          {func(c *string, q url.Values) { q.Del("code") }, "the provider sent no code"},
		"a code of nobody": {func(c *string, q url.Values) { q.Set("code", "x") }, "the provider refused the login: exchange the code: invalid_"},
		"another issuer":   {func(c *string, q url.Values) { q.Set("iss", "https://evil.example") }, "another provider has answered"},
		"refused over there": {func(c *string, q url.Values) {
			q.Set("error", "access_denied")
			q.Set("error_description", "no\x1b[2J\nmore")
		}, "the provider refused the login: access_denied (no [2J more)"},
	} {
		t.Run(name, func(t *testing.T) {
			cookie, back := logIn(t, there, here, "ann")
			query := back.Query()
			tc.change(&cookie, query)
			_, err := here.Finish(t.Context(), cookie, query)
			refusedWith(t, err, tc.want)
		})
	}
}

// refusedWith checks that an error is a refusal in one line.
func refusedWith(t *testing.T, err error, want string) {
	t.Helper()
	refused, ok := errors.AsType[*sso.Refused](err)
	if !ok || !strings.Contains(refused.Reason, want) || strings.ContainsAny(refused.Reason, "\n\x1b") {
		t.Errorf("got %v, want a refusal with %q", err, want)
	}
}

func TestStateCountsOnce(t *testing.T) {
	there, here := setUp(t, nil, ann("soc"))
	cookie, back := logIn(t, there, here, "ann")
	if _, err := here.Finish(t.Context(), cookie, back.Query()); err != nil {
		t.Fatal(err)
	}
	_, err := here.Finish(t.Context(), cookie, back.Query())
	refusedWith(t, err, "this login is unknown here")
}

// A code that was stolen from one browser's address counts in no other login: the other
// login's verifier is not its own.
func TestCodeOfAnotherLoginIsRefused(t *testing.T) {
	there, here := setUp(t, nil, ann("soc"), ssotest.User{Name: "eve", Groups: []string{"soc"}})
	_, stolen := logIn(t, there, here, "ann")
	cookie, own := logIn(t, there, here, "eve")
	query := own.Query()
	query.Set("code", stolen.Query().Get("code"))
	_, err := here.Finish(t.Context(), cookie, query)
	refusedWith(t, err, "the provider refused the login: exchange the code: invalid_grant")
}

func TestWrongSecretIsNamed(t *testing.T) {
	there := ssotest.New(t, callback, ann("soc"))
	cfg := config(there)
	cfg.SecretFile = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(cfg.SecretFile, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := sso.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cookie, back := logIn(t, there, here, "ann")
	_, err = here.Finish(t.Context(), cookie, back.Query())
	refusedWith(t, err, "controller.sso.client_secret_file")
}

func TestReplacedKeyOfTheProvider(t *testing.T) {
	there, here := setUp(t, nil)
	check := func() error {
		said := there.Claims(ssotest.CLI, "ann", "soc")
		said["jti"] = rand.Text()
		token, err := there.Sign(said)
		if err != nil {
			t.Fatal(err)
		}
		_, err = here.Check(t.Context(), sso.Tokens{ID: token})
		return err
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	if err := there.ReplaceKey("key-2"); err != nil {
		t.Fatal(err)
	}
	if err := check(); err != nil {
		t.Errorf("after the provider has replaced its key: %v", err)
	}
}

func TestProviderThatIsAway(t *testing.T) {
	there, here := setUp(t, nil, ann("soc"))
	there.SetAway(-1)
	began := time.Now()
	_, err := here.Start(t.Context(), "192.0.2.7")
	if !errors.Is(err, sso.ErrAway) || !strings.Contains(err.Error(), "502 Bad Gateway: down for maintenance") {
		t.Errorf("got %v", err)
	}
	asked := there.Asked()
	for range 100 { // a hundred people who try again
		if _, err := here.Start(t.Context(), "192.0.2.7"); !errors.Is(err, sso.ErrAway) {
			t.Fatalf("got %v", err)
		}
	}
	if n, most := there.Asked()-asked, int64(time.Since(began)/time.Second); n > most {
		t.Errorf("the provider was asked %d times within %v", n, time.Since(began))
	}
}

// What was known of the provider does not help if it is away when the login ends.
func TestProviderThatGoesAwayDuringALogin(t *testing.T) {
	there, here := setUp(t, nil, ann("soc"))
	cookie, back := logIn(t, there, here, "ann")
	there.SetAway(-1)
	_, err := here.Finish(t.Context(), cookie, back.Query())
	if !errors.Is(err, sso.ErrAway) || !strings.Contains(err.Error(), "exchange the code: 502 Bad Gateway") {
		t.Errorf("got %v", err)
	}
	token, err := there.Sign(there.Claims(ssotest.CLI, "ann", "soc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Check(t.Context(), sso.Tokens{ID: token}); err == nil {
		t.Error("a token counts although its key is unknown")
	}
	there.SetAway(0)
	// Whoever asks before go-oidc has put its failed request for the keys aside gets the
	// error of that request.
	ctx := patience.Context(t)
	for {
		_, err := here.Check(ctx, sso.Tokens{ID: token})
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "get keys failed: 502") {
			t.Fatalf("after the provider has returned: %v", err)
		}
	}
}

func TestProvidersThatAreNone(t *testing.T) {
	answer := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(status)
			w.Write([]byte(strings.ReplaceAll(text, "SELF", "http://"+r.Host)))
		}
	}
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"a web site":           {answer(200, "<html>\n<body>"), "failed to decode provider discovery object"},
		"another issuer":       {answer(200, `{"issuer":"https://other.example"}`), `it calls itself "https://other.example"`},
		"a redirection":        {answer(302, ""), "the provider sends us on to https://evil.example/"},
		"an endless answer":    {answer(200, `{"x":"`+strings.Repeat("x", 1<<20)+`"}`), "more than 1048576 bytes"},
		"endpoints are absent": {answer(200, `{"issuer":"SELF"}`), "it names an address that is none"},
		"endpoints without TLS": {answer(200, `{"issuer":"SELF","authorization_endpoint":"http://id.example/a","token_endpoint":"SELF/t","jwks_uri":"SELF/k"}`),
			`it names an address that is none, or has no TLS: "http://id.example/a"`},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.handler)
			defer server.Close()
			here, err := sso.New(sso.Config{Issuer: server.URL, ClientID: "x", RedirectURL: callback, Roles: roles})
			if err != nil {
				t.Fatal(err)
			}
			_, err = here.Start(t.Context(), "192.0.2.7")
			if !errors.Is(err, sso.ErrAway) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 600 {
				t.Errorf("got %v, want one line with %q", err, tc.want)
			}
		})
	}
}

func TestBadConfigurations(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	open, long := filepath.Join(dir, "open"), filepath.Join(dir, "long")
	for path, text := range map[string]string{empty: " \n", open: "x", long: strings.Repeat("x", 1<<20+1)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*sso.Config)
		want   string
	}{
		"no client":             {func(c *sso.Config) { c.ClientID = "" }, "controller.sso.client_id"},
		"no roles":              {func(c *sso.Config) { c.Roles = nil }, "controller.sso.roles"},
		"no issuer":             {func(c *sso.Config) { c.Issuer = "" }, "controller.sso.issuer"},
		"an issuer without TLS": {func(c *sso.Config) { c.Issuer = "http://id.example" }, "must begin with https://"},
		"an issuer of a file":   {func(c *sso.Config) { c.Issuer = "file:///etc/passwd" }, "is not a URL"},
		"a secret in the URL":   {func(c *sso.Config) { c.Issuer = "https://a:b@id.example" }, "is not a URL"},
		"another callback":      {func(c *sso.Config) { c.RedirectURL = fleet + "/elsewhere" }, "must have the path /api/v1/sso/callback"},
		"no secret file":        {func(c *sso.Config) { c.SecretFile = filepath.Join(dir, "gone") }, "controller.sso.client_secret_file"},
		"an empty secret":       {func(c *sso.Config) { c.SecretFile = empty }, "is empty"},
		"an open secret":        {func(c *sso.Config) { c.SecretFile = open }, "everybody on this host can read it (mode 0644)"},
		"a long secret":         {func(c *sso.Config) { c.SecretFile = long }, "more than 1048576 bytes"},
		"no authorities":        {func(c *sso.Config) { c.CAFile = filepath.Join(dir, "gone") }, "controller.sso.ca_file"},
		"empty authorities":     {func(c *sso.Config) { c.CAFile = filepath.Join(dir, "empty") }, "there is no certificate in PEM form"},
	} {
		cfg := sso.Config{Issuer: "https://id.example", ClientID: "x", Roles: roles}
		tc.change(&cfg)
		if _, err := sso.New(cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
	}
}

func TestBrowsersNeedARedirectURL(t *testing.T) {
	_, here := setUp(t, func(c *sso.Config) { c.RedirectURL = "" })
	_, err := here.Start(t.Context(), "192.0.2.7")
	refusedWith(t, err, "controller.sso.redirect_url")
	if here.Public().Browser {
		t.Error("Public says that browsers can log in")
	}
}

func TestStartIsBound(t *testing.T) {
	_, here := setUp(t, nil)
	a, err := here.Start(t.Context(), "192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	b, err := here.Start(t.Context(), "192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	query := func(s sso.Start) url.Values {
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query()
	}
	qa, qb := query(a), query(b)
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(qa.Get(name)) < 26 || qa.Get(name) == qb.Get(name) {
			t.Errorf("%s: %q and %q", name, qa.Get(name), qb.Get(name))
		}
	}
	if qa.Get("code_challenge_method") != "S256" || qa.Get("redirect_uri") != callback || qa.Get("response_type") != "code" {
		t.Errorf("got %v", qa)
	}
	if a.Cookie == b.Cookie || strings.Contains(a.URL, a.Cookie) {
		t.Error("the cookie is no secret of the browser")
	}
}
