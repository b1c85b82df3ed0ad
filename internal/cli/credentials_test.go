package cli_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

func TestAContextBelievesAControllerOfItsClusterAlone(t *testing.T) {
	s, other := newSite(t), newSite(t)
	agent := identity.Identity{Kind: identity.Agent, Name: "sensor-1"}
	for name, tt := range map[string]struct {
		server *tls.Config
		want   string // stderr; ADDRESS stands for the controller's
	}{
		"its controller": {s.serverTLS(t, theController), ""},
		"an agent": {s.serverTLS(t, agent),
			"zeekfleet: the program at ADDRESS shows the certificate of agent/sensor-1, and is no controller\n"},
		"another cluster's controller": {other.serverTLS(t, theController),
			"zeekfleet: the controller at ADDRESS is not believed: its authority was replaced, or this is another controller: an admin can give you another login (zeekfleet user add NAME); the authority that you knew has the fingerprint " + identity.Fingerprint(s.authority.Cert) + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeController{answers: map[string]any{"GET /api/v1/whoami": api.Principal{Name: "ann"}}}
			var shown []*x509.Certificate
			tt.server.VerifyConnection = func(state tls.ConnectionState) error {
				shown = state.PeerCertificates
				return nil
			}
			f.start(t, tt.server)
			contexts := cli.ContextsIn(t.TempDir())
			s.addContext(t, contexts, "west", f.address, time.Now(), time.Hour)
			a, _, stderr := admin(t, f.address)
			var err error
			a.Settings.Context, err = contexts.Find("")
			must(t, err)
			a.WhoAmI(t.Context())
			got := strings.ReplaceAll(stderr.String(), f.address, "ADDRESS")
			if cut, _, found := strings.Cut(got, " (possibly because"); found {
				got = cut + "\n"
			}
			if got != tt.want || (tt.want == "") != (len(f.seen()) == 1) {
				t.Errorf("asked %q, stderr:\n%swant:\n%s", f.seen(), got, tt.want)
			}
			if tt.want == "" && (len(shown) != 1 || len(shown[0].URIs) != 1 || shown[0].URIs[0].Path != "/user/ann") {
				t.Errorf("the user's certificate was not shown: %v", shown)
			}
		})
	}
}

// renews answers a renewal with a certificate of id.
func (s *site) renews(t *testing.T, id identity.Identity) func([]byte) any {
	return func(body []byte) any {
		var in api.RenewRequest
		must(t, json.Unmarshal(body, &in))
		public, err := identity.ReadRequest([]byte(in.Key))
		must(t, err)
		signed, err := s.authority.Issue(identity.Leaf{Cluster: s.cluster, Identity: id, Key: public, Life: time.Hour}, time.Now())
		must(t, err)
		return api.Certificate{Certificate: string(identity.CertPEM(signed)), Authorities: string(s.authorities())}
	}
}

func TestRenewal(t *testing.T) {
	s := newSite(t)
	const life = time.Hour
	for name, tt := range map[string]struct {
		age    time.Duration
		answer func(t *testing.T) any // of renewal
		renews bool
		stderr string // a regular expression
		status int
	}{
		"a young certificate": {age: life / 3, stderr: "^$"},
		"an old certificate": {age: life * 3 / 4, stderr: "^$", renews: true, answer: func(t *testing.T) any {
			return s.renews(t, ann)
		}},
		"a certificate of another user": {age: life * 9 / 10, answer: func(t *testing.T) any {
			return s.renews(t, identity.Identity{Kind: identity.User, Name: "bob"})
		}, stderr: `cannot be renewed: the new certificate is not usable: it is that of user/bob\n$`},
		"a certificate of another key": {age: life * 9 / 10, answer: func(t *testing.T) any {
			_, cert := s.credentials(t, ann, time.Now(), time.Hour)
			return api.Certificate{Certificate: string(cert), Authorities: string(s.authorities())}
		}, stderr: `cannot be renewed: the new certificate is not usable: it is that of another key\n$`},
		"a renewal that is refused, with time left": {age: life * 3 / 4, answer: func(*testing.T) any { return refusal }, stderr: "^$"},
		"a renewal that is refused": {age: life * 9 / 10, answer: func(*testing.T) any { return refusal },
			stderr: `^zeekfleet: warning: the certificate of context "west" expires at .*, and cannot be renewed: user "guest" may not do this: ask an admin\n$`},
		"a renewal with nonsense": {age: life * 9 / 10, answer: func(*testing.T) any { return api.Certificate{} },
			stderr: `^zeekfleet: warning: the certificate of context "west" expires at .*, and cannot be renewed: the new certificate is not usable: its authorities: there is no certificate in PEM form`},
		"an expired certificate": {age: life + time.Minute, status: cli.StatusFailed,
			stderr: `^zeekfleet: context "west": the certificate of user ann expired at .*: ask an admin for a new login \(zeekfleet user add\), and log in again \(zeekfleet login .* --token …\)\n$`},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeController{answers: map[string]any{"GET /api/v1/whoami": api.Principal{Name: "ann", Role: "viewer"}}}
			if tt.answer != nil {
				f.answers["POST /api/v1/renew"] = tt.answer(t)
			}
			f.start(t, s.serverTLS(t, theController))
			contexts := cli.ContextsIn(t.TempDir())
			s.addContext(t, contexts, "west", f.address, time.Now().Add(-tt.age), life)
			a, stdout, stderr := admin(t, f.address)
			used, err := contexts.Find("")
			must(t, err)
			before, err := used.Credentials()
			must(t, err)
			a.Settings.Context = used
			status := a.WhoAmI(t.Context())
			if status != tt.status || !regexp.MustCompile(tt.stderr).MatchString(stderr.String()) {
				t.Errorf("status %d, stdout %s, stderr:\n%swant %s", status, stdout, stderr, tt.stderr)
			}
			after, err := used.Credentials()
			must(t, err)
			if renewed := !after.Certificate.Equal(before.Certificate); renewed != tt.renews {
				t.Errorf("renewed: %v, want %v", renewed, tt.renews)
			}
		})
	}
}

// The old authority does not count for long. So whoever replaces it must have another
// certificate at once.
func TestReplacingTheAuthorityRenewsAYoungCertificate(t *testing.T) {
	s := newSite(t)
	f := &fakeController{answers: map[string]any{
		"POST /api/v1/authorities": api.Page[api.Authority]{Items: []api.Authority{{KeyHash: "new", Signing: true}, {KeyHash: "old"}}},
		"POST /api/v1/renew":       s.renews(t, ann),
	}}
	f.start(t, s.serverTLS(t, theController))
	contexts := cli.ContextsIn(t.TempDir())
	s.addContext(t, contexts, "west", f.address, time.Now(), time.Hour)
	a, _, stderr := admin(t, f.address)
	used, err := contexts.Find("")
	must(t, err)
	before, err := used.Credentials()
	must(t, err)
	a.Settings.Context = used
	if status := a.RotateAuthority(t.Context(), false); status != cli.StatusDone {
		t.Fatalf("status %d: %s", status, stderr)
	}
	after, err := used.Credentials()
	must(t, err)
	if after.Certificate.Equal(before.Certificate) {
		t.Error("it was not renewed")
	}
}
