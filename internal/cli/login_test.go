package cli_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// logsIn answers a login with a certificate of id.
func (s *site) logsIn(t *testing.T, id identity.Identity) func([]byte) any {
	return func(body []byte) any {
		var in api.LoginRequest
		must(t, json.Unmarshal(body, &in))
		public, err := identity.ReadRequest([]byte(in.Key))
		must(t, err)
		signed, err := s.authority.Issue(identity.Leaf{Cluster: s.cluster, Identity: id, Key: public, Life: time.Hour}, time.Now())
		must(t, err)
		return api.Certificate{
			Cluster: s.cluster, Identity: id.String(), Expires: noon,
			Certificate: string(identity.CertPEM(signed)), Authorities: string(s.authorities()),
		}
	}
}

func TestLogin(t *testing.T) {
	s := newSite(t)
	good := identity.NewToken(identity.KeyHash(s.authority.Cert))
	agent := identity.Identity{Kind: identity.Agent, Name: "sensor-1"}
	for name, tt := range map[string]struct {
		token  identity.Token
		name   string // of the context
		answer func(*testing.T) any
		want   string // the error
	}{
		"done":          {good, "", func(t *testing.T) any { return s.logsIn(t, ann) }, ""},
		"a name":        {good, "west", func(t *testing.T) any { return s.logsIn(t, ann) }, ""},
		"a bad name":    {good, "a b", nil, `"a b" cannot be the name of a context: use letters, digits, hyphens, dots and underscores, at most 64; choose a name with --name`},
		"a name in use": {good, "east", nil, "context east is already that of controller h:1: choose another name with --name, or say that its controller has moved (zeekfleet context set east --controller ADDRESS)"},
		"a used token":  {good, "", func(*testing.T) any { return &api.Problem{Status: 401, Detail: "this token was used"} }, "this token was used"},
		"not a user's": {good, "", func(t *testing.T) any { return s.logsIn(t, agent) },
			`the controller at ADDRESS has answered with the certificate of "agent/sensor-1", which is no user`},
		"a certificate of another key": {good, "", func(t *testing.T) any {
			_, cert := s.credentials(t, ann, time.Now(), time.Hour)
			return api.Certificate{Cluster: s.cluster, Identity: "user/ann", Certificate: string(cert), Authorities: string(s.authorities())}
		}, "the controller at ADDRESS has answered with a certificate that is not usable: it is that of another key"},
		"a token of another cluster": {identity.NewToken(strings.Repeat("x", 32)), "", nil,
			"the controller at ADDRESS is not the one that made this token: the token names the authority xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, and the controller shows " + identity.KeyHash(s.authority.Cert)},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeController{answers: map[string]any{}}
			if tt.answer != nil {
				f.answers["POST /api/v1/login"] = tt.answer(t)
			}
			f.start(t, s.serverTLS(t, theController))
			contexts := cli.ContextsIn(t.TempDir())
			s.addContext(t, contexts, "east", "h:1", time.Now(), time.Hour)
			var stderr bytes.Buffer
			err := cli.Login{
				Contexts: contexts, Log: &cli.Log{Out: &stderr, Program: "zeekfleet"}, Address: f.address, Token: tt.token, Name: tt.name,
			}.Run(t.Context())
			if tt.want != "" {
				want := strings.ReplaceAll(tt.want, "ADDRESS", f.address)
				if err == nil || err.Error() != want {
					t.Errorf("got  %v\nwant %s", err, want)
				}
				if got := names(t, contexts); got != "*east" {
					t.Errorf("contexts are %s now", got)
				}
				return
			}
			must(t, err)
			used, err := contexts.Find("")
			must(t, err)
			if host, _, _ := net.SplitHostPort(f.address); used.Name != cmp.Or(tt.name, host) {
				t.Errorf("context is %s", used.Name)
			}
			if used.User != "ann" || used.Cluster != s.cluster || used.Controller != f.address {
				t.Errorf("got %+v", used)
			}
			if _, err := used.Credentials(); err != nil {
				t.Error(err)
			}
			if strings.Contains(stderr.String(), tt.token.Secret) {
				t.Error("the token is in a message")
			}
		})
	}
}

func TestLoginKeepsTheContextOfAnotherUser(t *testing.T) {
	s := newSite(t)
	f := &fakeController{answers: map[string]any{}}
	f.start(t, s.serverTLS(t, theController))
	contexts := cli.ContextsIn(t.TempDir())
	var stderr bytes.Buffer
	login := func(user string, replace bool) {
		t.Helper()
		stderr.Reset()
		f.answers["POST /api/v1/login"] = s.logsIn(t, identity.Identity{Kind: identity.User, Name: user})
		must(t, cli.Login{
			Contexts: contexts, Log: &cli.Log{Out: &stderr, Program: "zeekfleet"}, Address: f.address,
			Token: identity.NewToken(identity.KeyHash(s.authority.Cert)), Name: "fleet", Replace: replace,
		}.Run(t.Context()))
	}
	for _, step := range []struct {
		user    string
		replace bool
		want    string // the contexts
	}{
		{"ann", false, "*fleet"},
		{"ann", false, "*fleet"}, // again
		{"bob", false, "fleet *fleet-bob"},
		{"bob", false, "fleet *fleet-bob"},
		{"carl@example.org", false, "fleet fleet-bob *fleet-carl-example.org"},
		{"carl-example.org", false, "fleet fleet-bob fleet-carl-example.org *fleet-carl-example.org-2"},
		{strings.Repeat("d", 60), false, "fleet fleet-bob fleet-carl-example.org fleet-carl-example.org-2 *fleet-" + strings.Repeat("d", 32)},
		{"bob", true, "*fleet fleet-bob fleet-carl-example.org fleet-carl-example.org-2 fleet-" + strings.Repeat("d", 32)},
	} {
		login(step.user, step.replace)
		if got := names(t, contexts); got != step.want {
			t.Errorf("%s logs in: got %s, want %s", step.user, got, step.want)
		}
		if kept := strings.Contains(stderr.String(), "the context of user ann stays"); kept != (step.user != "ann" && !step.replace) {
			t.Errorf("%s logs in: %s", step.user, stderr.String())
		}
	}
}

func TestTokenSources(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	must(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	long := filepath.Join(dir, "long")
	must(t, os.WriteFile(long, bytes.Repeat([]byte("x"), 5000), 0o600))
	for name, tt := range map[string]struct {
		src  cli.TokenSources
		env  string
		want string // the error
	}{
		"the command line": {src: cli.TokenSources{Token: token}, env: "nonsense"},
		"a file":           {src: cli.TokenSources{File: file}, env: "nonsense"},
		"standard input":   {src: cli.TokenSources{File: "-", Stdin: strings.NewReader("  " + token + "\n")}},
		"the environment":  {env: token},
		"nothing":          {want: "there is no token: give it with --token, in a file with --token-file, or in ZEEKFLEET_TOKEN"},
		"two":              {src: cli.TokenSources{Token: token, File: file}, want: "--token and --token-file exclude each other"},
		"a long file":      {src: cli.TokenSources{File: long}, want: "read the token: " + long + ": more than 4096 bytes"},
		"nonsense": {src: cli.TokenSources{Token: "secret"},
			want: `this is not a token: a token is one word that begins with zf1-; copy the whole line that "zeekfleet token create" or "zeekfleet user add" printed`},
	} {
		t.Run(name, func(t *testing.T) {
			tt.src.LookupEnv = func(string) (string, bool) { return tt.env, tt.env != "" }
			got, err := tt.src.Read()
			if tt.want != "" {
				if err == nil || err.Error() != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				return
			}
			if err != nil || got.String() != token {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
