package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sso"
	"github.com/zeekfleet/zeekfleet/internal/sso/ssotest"
)

// person reads what the command prints, and confirms at the provider.
type person struct {
	bytes.Buffer
	t        *testing.T
	provider *ssotest.Provider
	allow    bool
}

var told = regexp.MustCompile(`open (\S+) in a browser, and enter the code (\S+)\n`)

func (p *person) Write(text []byte) (int, error) {
	if m := told.FindSubmatch(text); m != nil {
		if err := p.provider.Confirm(p.t.Context(), string(m[1]), string(m[2]), "ann", p.allow); err != nil {
			p.t.Error(err)
		}
	}
	return p.Buffer.Write(text)
}

// ssoSite is a controller with a provider.
type ssoSite struct {
	*site
	provider *ssotest.Provider
	fake     *fakeController
}

func newSSOSite(t *testing.T) *ssoSite {
	t.Helper()
	s := &ssoSite{site: newSite(t), provider: ssotest.New(t, "https://fleet.example"+sso.CallbackPath, ssotest.User{Name: "ann", Groups: []string{"soc"}})}
	here, err := sso.New(sso.Config{
		Issuer: s.provider.Issuer, ClientID: ssotest.CLI, CAFile: s.provider.CAFile,
		Roles: []access.GroupRole{{Group: "soc", Role: mgmt.Operator}},
	})
	must(t, err)
	public := here.Public()
	signs := s.logsIn(t, ann)
	s.fake = &fakeController{answers: map[string]any{
		"GET /api/v1/sso": api.SSO{Issuer: public.Issuer, ClientID: public.ClientID, Scopes: public.Scopes, Authorities: string(public.Authorities)},
		"POST /api/v1/sso/login": func(body []byte) any {
			var in api.SSOLoginRequest
			must(t, json.Unmarshal(body, &in))
			who, err := here.Check(t.Context(), sso.Tokens{ID: in.IDToken, Access: in.AccessToken})
			if err != nil {
				return &api.Problem{Status: 401, Detail: err.Error()}
			}
			if who.Name != "ann" || who.Role != mgmt.Operator {
				t.Errorf("the token is of %+v", who)
			}
			return signs(body)
		},
	}}
	s.fake.start(t, s.serverTLS(t, theController))
	return s
}

func (s *ssoSite) fingerprint() string { return identity.Fingerprint(s.authority.Cert) }

// login returns a login, and the person who reads its messages.
func (s *ssoSite) login(t *testing.T, contexts *cli.Contexts) (cli.LoginSSO, *person) {
	reader := &person{t: t, provider: s.provider, allow: true}
	return cli.LoginSSO{
		Contexts: contexts, Log: &cli.Log{Out: reader, Program: "zeekfleet"}, Address: s.fake.address,
	}, reader
}

func answer(t *testing.T, text string) func(context.Context, string) (string, error) {
	return func(_ context.Context, question string) (string, error) {
		if !strings.Contains(question, "zeekfleet ca show") {
			t.Errorf("the question is %q", question)
		}
		return text, nil
	}
}

func TestLoginThroughSingleSignOn(t *testing.T) {
	s := newSSOSite(t)
	contexts := cli.ContextsIn(t.TempDir())
	l, reader := s.login(t, contexts)
	l.Ask = answer(t, "yes\n")
	must(t, l.Run(t.Context()))
	used, err := contexts.Find("")
	must(t, err)
	host, _, _ := net.SplitHostPort(s.fake.address)
	if used.Name != host || used.User != "ann" || !used.SSO || used.Controller != s.fake.address {
		t.Errorf("got %+v", used)
	}
	if _, err := used.Credentials(); err != nil {
		t.Error(err)
	}
	if shown := reader.String(); !strings.Contains(shown, "\nzeekfleet: "+s.fingerprint()+"\n") || !strings.Contains(shown, "logged in to controller "+s.fake.address+" as ann") {
		t.Errorf("shown:\n%s", shown)
	}
	own, err := used.Credentials()
	must(t, err)
	if err := used.CheckValid(own, time.Now().Add(2*time.Hour)); err == nil || !strings.HasSuffix(err.Error(), "log in again (zeekfleet login "+s.fake.address+" --sso)") {
		t.Errorf("when it has ended: got %v", err)
	}

	// The second time, nobody is asked.
	l, _ = s.login(t, contexts)
	must(t, l.Run(t.Context()))
}

func TestLoginThroughSingleSignOnIsSureOfTheController(t *testing.T) {
	s, other := newSSOSite(t), newSite(t)
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, text, 0o600))
		return path
	}
	for name, tc := range map[string]struct {
		change func(*cli.LoginSSO)
		want   string // the error; empty if the login succeeds
	}{
		"its fingerprint":        {func(l *cli.LoginSSO) { l.Fingerprint = strings.ToUpper(s.fingerprint()) }, ""},
		"its certificate":        {func(l *cli.LoginSSO) { l.CAFile = write("own", s.authorities()) }, ""},
		"another fingerprint":    {func(l *cli.LoginSSO) { l.Fingerprint = identity.Fingerprint(other.authority.Cert) }, "is another one than expected: it shows the authority " + s.fingerprint()},
		"another certificate":    {func(l *cli.LoginSSO) { l.CAFile = write("other", other.authorities()) }, "is another one than expected"},
		"not a fingerprint":      {func(l *cli.LoginSSO) { l.Fingerprint = "sha256:abc" }, `"sha256:abc" is not a fingerprint`},
		"no certificate":         {func(l *cli.LoginSSO) { l.CAFile = write("empty", nil) }, "there is no certificate in PEM form"},
		"both":                   {func(l *cli.LoginSSO) { l.Fingerprint, l.CAFile = s.fingerprint(), "x" }, "--fingerprint and --cafile exclude each other"},
		"nobody to ask":          {func(*cli.LoginSSO) {}, "standard input is no terminal: give --fingerprint"},
		"somebody who says no":   {func(l *cli.LoginSSO) { l.Ask = answer(t, "no\n") }, "nobody has confirmed the controller's authority"},
		"somebody who says y":    {func(l *cli.LoginSSO) { l.Ask = answer(t, "y\n") }, "nobody has confirmed the controller's authority"},
		"somebody who is absent": {func(l *cli.LoginSSO) { l.Ask = answer(t, "") }, "nobody has confirmed the controller's authority"},
	} {
		t.Run(name, func(t *testing.T) {
			contexts := cli.ContextsIn(t.TempDir())
			l, _ := s.login(t, contexts)
			tc.change(&l)
			before := len(s.fake.seen())
			err := l.Run(t.Context())
			if tc.want == "" {
				must(t, err)
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if asked := s.fake.seen()[before:]; len(asked) > 0 {
				t.Errorf("the controller was asked %q", asked)
			}
			if list, _, err := contexts.List(); err != nil || len(list) > 0 {
				t.Errorf("contexts are %v, %v", list, err)
			}
		})
	}
}

// A program that is no controller, or has a certificate of somebody else, is not shown to
// a person at all.
func TestLoginThroughSingleSignOnAtSomethingElse(t *testing.T) {
	s := newSite(t)
	for name, tc := range map[string]struct {
		id   identity.Identity
		want string
	}{
		"an agent": {identity.Identity{Kind: identity.Agent, Name: "sensor-1"}, "shows the certificate of agent/sensor-1, and is no controller"},
		"a user":   {ann, "shows the certificate of user/ann, and is no controller"},
	} {
		f := &fakeController{}
		f.start(t, s.serverTLS(t, tc.id))
		err := cli.LoginSSO{
			Contexts: cli.ContextsIn(t.TempDir()), Log: &cli.Log{Out: new(bytes.Buffer)}, Address: f.address,
			Ask: func(context.Context, string) (string, error) {
				t.Errorf("%s: somebody is asked", name)
				return "yes", nil
			},
		}.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestLoginThroughSingleSignOnThatFails(t *testing.T) {
	s := newSSOSite(t)
	try := func() error {
		contexts := cli.ContextsIn(t.TempDir())
		l, reader := s.login(t, contexts)
		l.Fingerprint, reader.allow = s.fingerprint(), false
		return l.Run(t.Context())
	}
	if err := try(); err == nil || err.Error() != "the login was denied at the provider" {
		t.Errorf("denied: got %v", err)
	}
	offer := s.fake.answers["GET /api/v1/sso"].(api.SSO)
	offer.Instead = "only browsers log in"
	s.fake.answers["GET /api/v1/sso"] = offer
	if err := try(); err == nil || err.Error() != "only browsers log in" {
		t.Errorf("nobody signs: got %v", err)
	}
	offer.Instead = ""
	s.fake.answers["GET /api/v1/sso"] = offer
	s.provider.SetAway(-1)
	if err := try(); err == nil || !strings.Contains(err.Error(), "the provider of single sign-on is away") {
		t.Errorf("away: got %v", err)
	}
	delete(s.fake.answers, "GET /api/v1/sso")
	if err := try(); err == nil || !strings.Contains(err.Error(), "has no single sign-on: ask an admin for a token") {
		t.Errorf("without single sign-on: got %v", err)
	}
}
