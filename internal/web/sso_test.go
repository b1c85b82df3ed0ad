package web_test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sso"
	"github.com/zeekfleet/zeekfleet/internal/sso/ssotest"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// fleetURL is by what browsers call the site.
const fleetURL = "https://" + ssotest.FleetHost + ":2149"

// ssoSite is a site with a provider of identities.
type ssoSite struct {
	*site
	provider *ssotest.Provider
	office   *office
	refused  []mgmt.AuditRecord
}

func newSSOSite(t *testing.T, change func(*web.Config)) *ssoSite {
	t.Helper()
	s := &ssoSite{provider: ssotest.New(t, fleetURL+api.PathSSOCallback, ssotest.User{Name: "ann", Groups: []string{"soc"}})}
	here, err := sso.New(sso.Config{
		Issuer: s.provider.Issuer, ClientID: ssotest.Web, CLIClientID: ssotest.CLI, SecretFile: s.provider.SecretFile, CAFile: s.provider.CAFile,
		RedirectURL: fleetURL + api.PathSSOCallback,
		Roles:       []access.GroupRole{{Group: "soc", Role: mgmt.Operator}, {Group: "fleet-admins", Role: mgmt.Admin}},
		Life:        time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.office = &office{roles: map[string]mgmt.UserRole{}}
	s.office.answers = func(req access.Request) access.Answer {
		login, ok := req.(access.LoginSSO)
		if !ok {
			return nil
		}
		if login.Name == "root" {
			return access.Refusal{Why: access.Conflict, Reason: `user "root" was added here`}
		}
		s.office.roles[login.Name] = login.Role
		return access.Certificate{Cluster: "c", Identity: identity.Identity{Kind: identity.User, Name: login.Name}, Certificate: login.Key}
	}
	cfg := web.Config{
		Authority: s.office, SSO: here, HostNames: []string{ssotest.FleetHost},
		Refused: func(r mgmt.AuditRecord) { s.refused = append(s.refused, r) },
	}
	if change != nil {
		change(&cfg)
	}
	s.site = serve(t, cfg, func(c *web.Connection) {
		c.Conn = tls.Server(c.Conn, &tls.Config{Certificates: []tls.Certificate{s.provider.Certificate()}})
		c.Secure = true
	})
	return s
}

func (s *ssoSite) browser(t *testing.T) *ssotest.Browser {
	b := s.provider.Browser(t)
	b.Hosts[ssotest.FleetHost+":2149"] = s.addr
	return b
}

// get returns the status and the text of an answer.
func get(t *testing.T, b *ssotest.Browser, address string) (int, string) {
	t.Helper()
	answer, err := b.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, answer)
}

func read(t *testing.T, answer *http.Response) (int, string) {
	t.Helper()
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// whoAmI returns the user as whom the browser asks.
func whoAmI(t *testing.T, b *ssotest.Browser) api.Principal {
	t.Helper()
	var who api.Principal
	if status, text := get(t, b, fleetURL+api.PathWhoAmI); status == http.StatusOK {
		if err := json.Unmarshal([]byte(text), &who); err != nil {
			t.Fatal(err)
		}
	}
	return who
}

func TestBrowserLogsInThroughSingleSignOn(t *testing.T) {
	s := newSSOSite(t, nil)
	b := s.browser(t)
	if who := whoAmI(t, b); who.Name != "" {
		t.Fatalf("before the login: %+v", who)
	}
	answer, err := b.LogIn(fleetURL+api.PathSSOStart, "ann", ssotest.Password)
	if err != nil {
		t.Fatal(err)
	}
	cookies := map[string]*http.Cookie{}
	for _, c := range answer.Cookies() {
		cookies[c.Name] = c
	}
	session, state := cookies["__Host-zeekfleet"], cookies["__Host-zeekfleet-sso"]
	if session == nil || session.SameSite != http.SameSiteStrictMode || !session.HttpOnly || !session.Secure || session.Path != "/" || session.MaxAge != 3600 {
		t.Errorf("the session's cookie is %v", session)
	}
	if state == nil || state.MaxAge >= 0 || state.Value != "" {
		t.Errorf("the login's cookie stays: %v", state)
	}
	status, text := read(t, answer)
	if status != http.StatusOK || !strings.Contains(text, `<meta http-equiv="refresh" content="0; url=/">`) || !strings.Contains(text, "Logged in as ann") || strings.Contains(text, "<script>") {
		t.Errorf("got %d: %s", status, text)
	}
	if who := whoAmI(t, b); who.Name != "ann" || who.Role != "operator" {
		t.Errorf("after the login: %+v", who)
	}
	want := []access.Request{access.LoginSSO{Name: "ann", Role: mgmt.Operator, Subject: s.provider.Issuer + " sub-ann"}}
	if diff := cmp.Diff(want, s.office.requests()); diff != "" {
		t.Errorf("the authority was asked (-want +got):\n%s", diff)
	}
	if who := whoAmI(t, s.browser(t)); who.Name != "" {
		t.Errorf("another browser: %+v", who)
	}

	// A new role counts from the next login on, in the old session as well.
	s.provider.Set(ssotest.User{Name: "ann", Groups: []string{"fleet-admins"}})
	other := s.browser(t)
	if answer, err = other.LogIn(fleetURL+api.PathSSOStart, "ann", ssotest.Password); err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if who := whoAmI(t, b); who.Role != "admin" {
		t.Errorf("after another login with other groups: %+v", who)
	}
}

func TestCookieOfALoginIsBound(t *testing.T) {
	s := newSSOSite(t, nil)
	b := s.browser(t)
	b.Stop = s.provider.Issuer
	answer, err := b.Get(fleetURL + api.PathSSOStart)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusFound || len(answer.Cookies()) != 1 {
		t.Fatalf("got %s with cookies %v", answer.Status, answer.Cookies())
	}
	c := answer.Cookies()[0]
	if c.Name != "__Host-zeekfleet-sso" || c.SameSite != http.SameSiteLaxMode || !c.HttpOnly || !c.Secure || c.Path != "/" || c.Domain != "" || c.MaxAge != 600 {
		t.Errorf("got %v", c)
	}
}

// back logs in at the provider, and returns the address to which it sends the browser
// back.
func (s *ssoSite) back(t *testing.T, b *ssotest.Browser, user string) *url.URL {
	t.Helper()
	b.Stop = fleetURL + api.PathSSOCallback
	answer, err := b.LogIn(fleetURL+api.PathSSOStart, user, ssotest.Password)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		t.Fatal(err)
	}
	b.Stop = ""
	return back
}

func TestLoginsThroughSingleSignOnThatAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		user ssotest.User
		// go goes back to the controller.
		back   func(s *ssoSite, b *ssotest.Browser, back *url.URL) string
		status int
		want   string // in the page
		audit  string // in the audit; empty for what the authority writes there
	}{
		"another browser": {back: func(s *ssoSite, b *ssotest.Browser, back *url.URL) string {
			b.Jar = nil
			return back.String()
		}, status: http.StatusUnauthorized, want: "this login was begun in another browser", audit: "this login was begun in another browser"},
		"a changed state": {back: func(s *ssoSite, b *ssotest.Browser, back *url.URL) string {
			return back.String() + "x"
		}, status: http.StatusUnauthorized, want: "this login is unknown here", audit: "this login is unknown here"},
		"nothing": {back: func(s *ssoSite, b *ssotest.Browser, back *url.URL) string {
			return fleetURL + api.PathSSOCallback
		}, status: http.StatusUnauthorized, want: "this login is unknown here", audit: "this login is unknown here"},
		"no group": {user: ssotest.User{Name: "ann", Groups: []string{"<b>sales"}},
			status: http.StatusUnauthorized, want: "none of the user&#39;s groups (&lt;b&gt;sales)", audit: "none of the user's groups (<b>sales)"},
		"a user who was added here": {user: ssotest.User{Name: "root", Groups: []string{"soc"}},
			status: http.StatusConflict, want: "user &#34;root&#34; was added here"},
		"the provider is away": {back: func(s *ssoSite, b *ssotest.Browser, back *url.URL) string {
			s.provider.SetAway(-1)
			return back.String()
		}, status: http.StatusServiceUnavailable, want: "the provider of single sign-on is away"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSSOSite(t, nil)
			b := s.browser(t)
			if tc.user.Name == "" {
				tc.user = ssotest.User{Name: "ann", Groups: []string{"soc"}}
			}
			s.provider.Set(tc.user)
			back := s.back(t, b, tc.user.Name)
			address := back.String()
			if tc.back != nil {
				address = tc.back(s, b, back)
			}
			status, text := get(t, b, address)
			if status != tc.status || !strings.Contains(text, tc.want) || strings.Contains(text, "<b>") {
				t.Errorf("got %d, want %d with %q:\n%s", status, tc.status, tc.want, text)
			}
			if who := whoAmI(t, b); who.Name != "" {
				t.Errorf("logged in as %+v", who)
			}
			if tc.audit == "" != (len(s.refused) == 0) {
				t.Errorf("audit: %+v", s.refused)
			}
			for _, r := range s.refused {
				if !strings.Contains(r.Reason, tc.audit) || r.Request != "login --sso" || !strings.HasPrefix(r.Source, "127.0.0.1:") || r.Outcome != mgmt.AuditRefused {
					t.Errorf("audit: %+v", r)
				}
			}
		})
	}
}

func TestCallbackCountsOnce(t *testing.T) {
	s := newSSOSite(t, nil)
	b := s.browser(t)
	back := s.back(t, b, "ann")
	before := b.Jar.Cookies(back)
	if status, text := get(t, b, back.String()); status != http.StatusOK {
		t.Fatalf("got %d: %s", status, text)
	}
	b.Jar.SetCookies(back, before) // as a browser whose cookie was stolen would
	if status, text := get(t, b, back.String()); status != http.StatusUnauthorized || !strings.Contains(text, "this login is unknown here") {
		t.Errorf("again: got %d: %s", status, text)
	}
}

// The paths of single sign-on lead to the provider and to the controller, and nowhere
// else, whatever the address says.
func TestSingleSignOnRedirectsNowhereElse(t *testing.T) {
	s := newSSOSite(t, nil)
	for _, query := range []string{"", "?url=https://evil.example", "?next=//evil.example", "?redirect_uri=https://evil.example", "?here"} {
		b := s.browser(t)
		b.Stop = "https://"
		answer, err := b.Get(fleetURL + api.PathSSOStart + query)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		to, err := answer.Location()
		if err != nil || !strings.HasPrefix(to.String(), s.provider.Issuer+"/") || to.Query().Get("redirect_uri") != fleetURL+api.PathSSOCallback {
			t.Errorf("%q: %s leads to %v, %v", query, answer.Status, to, err)
		}
	}
	// By another name of the host, the browser goes to the right one first.
	b := s.browser(t)
	b.Stop = "https://"
	answer, err := b.Get("https://" + s.addr + api.PathSSOStart + "?x=https://evil.example")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if to, err := answer.Location(); err != nil || to.String() != fleetURL+api.PathSSOStart+"?here" {
		t.Errorf("by an address: %s leads to %v, %v", answer.Status, to, err)
	}
}

func TestSingleSignOnIsLimited(t *testing.T) {
	s := newSSOSite(t, func(c *web.Config) { c.AttemptsBurst, c.AttemptInterval = 3, time.Hour })
	b := s.browser(t)
	for range 3 {
		if status, text := get(t, b, fleetURL+api.PathSSOCallback); status != http.StatusUnauthorized {
			t.Fatalf("got %d: %s", status, text)
		}
	}
	for _, path := range []string{api.PathSSOCallback, api.PathSSOStart} {
		answer, err := b.Get(fleetURL + path)
		if err != nil {
			t.Fatal(err)
		}
		if status, text := read(t, answer); status != http.StatusTooManyRequests || answer.Header.Get("Retry-After") == "" || !strings.Contains(text, "too many attempts") {
			t.Errorf("%s: got %d: %s", path, status, text)
		}
	}
	answer, err := b.Post(fleetURL+api.PathSSOLogin, "application/json", strings.NewReader(`{"id_token":"t","key":"k"}`))
	if err != nil {
		t.Fatal(err)
	}
	if status, text := read(t, answer); status != http.StatusTooManyRequests {
		t.Errorf("got %d: %s", status, text)
	}
	var limited int
	for _, r := range s.refused {
		if r.Request == access.RowOf(access.LoginSSO{}).Name && r.Reason == "there were too many attempts" {
			limited++
		}
	}
	if limited != 3 {
		t.Errorf("the audit has %d refusals because of too many attempts, want 3: %+v", limited, s.refused)
	}
}

func TestCLILogsInThroughSingleSignOn(t *testing.T) {
	s := newSSOSite(t, nil)
	b := s.browser(t)
	status, text := get(t, b, fleetURL+api.PathSSOInfo)
	var offer api.SSO
	if err := json.Unmarshal([]byte(text), &offer); err != nil || status != http.StatusOK {
		t.Fatalf("got %d: %s", status, text)
	}
	if offer.Issuer != s.provider.Issuer || offer.ClientID != ssotest.CLI || !offer.Browser || strings.Contains(text, "s3cr") {
		t.Errorf("got %s", text)
	}
	tokens, err := sso.Device(t.Context(), sso.Public{
		Issuer: offer.Issuer, ClientID: offer.ClientID, Scopes: offer.Scopes, Authorities: []byte(offer.Authorities),
	}, func(p sso.Prompt) {
		if err := s.provider.Confirm(t.Context(), p.URL, p.Code, "ann", true); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	login := func(in api.SSOLoginRequest) (int, string) {
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := b.Post(fleetURL+api.PathSSOLogin, "application/json", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		return read(t, answer)
	}
	in := api.SSOLoginRequest{IDToken: tokens.ID, AccessToken: tokens.Access, Key: "my key"}
	if status, text := login(in); status != http.StatusOK || !strings.Contains(text, `"identity":"user/ann"`) || !strings.Contains(text, `"certificate":"my key"`) {
		t.Errorf("got %d: %s", status, text)
	}
	want := []access.Request{access.LoginSSO{
		Name: "ann", Role: mgmt.Operator, Subject: s.provider.Issuer + " sub-ann", Life: time.Hour, Key: []byte("my key"),
	}}
	if diff := cmp.Diff(want, s.office.requests()); diff != "" {
		t.Errorf("the authority was asked (-want +got):\n%s", diff)
	}
	if status, text := login(in); status != http.StatusUnauthorized || !strings.Contains(text, "has been used already") || len(s.refused) != 1 {
		t.Errorf("again: got %d: %s; audit %+v", status, text, s.refused)
	}
	if status, text := login(api.SSOLoginRequest{IDToken: tokens.ID}); status != http.StatusUnprocessableEntity {
		t.Errorf("without a key: got %d: %s", status, text)
	}
}

func TestCLICannotLogInWhereNobodySigns(t *testing.T) {
	s := newSSOSite(t, nil)
	info := func() (offer api.SSO) {
		_, text := get(t, s.browser(t), fleetURL+api.PathSSOInfo)
		if err := json.Unmarshal([]byte(text), &offer); err != nil {
			t.Fatal(err)
		}
		return offer
	}
	if offer := info(); offer.Instead != "" {
		t.Errorf("with an authority: got %q", offer.Instead)
	}
	s.office.foreign = true
	if offer := info(); !offer.Browser || !strings.Contains(offer.Instead, "only browsers log in through single sign-on") {
		t.Errorf("without one: got %+v", offer)
	}
}

func TestSiteWithoutSingleSignOn(t *testing.T) {
	s := serve(t, web.Config{Authority: &office{}}, nil)
	for _, request := range [][2]string{
		{"GET", api.PathSSOInfo}, {"GET", api.PathSSOStart}, {"GET", api.PathSSOCallback}, {"POST", api.PathSSOLogin},
	} {
		body := ""
		if request[0] == "POST" {
			body = `{"id_token":"t","key":"k"}`
		}
		answer, text := s.ask(request[0], request[1], "", body)
		if answer.StatusCode != http.StatusNotFound || !strings.Contains(text, "this controller has no single sign-on") {
			t.Errorf("%s: got %s: %s", request, answer.Status, text)
		}
	}
}

// The paths in three packages are the same.
func TestCallbackPath(t *testing.T) {
	if api.PathSSOCallback != sso.CallbackPath {
		t.Errorf("%s and %s", api.PathSSOCallback, sso.CallbackPath)
	}
}
