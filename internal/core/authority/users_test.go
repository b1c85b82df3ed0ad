package authority_test

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/access"
	. "github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func user(name string) identity.Identity { return identity.Identity{Kind: identity.User, Name: name} }

func TestUserLogsInOnceWithAToken(t *testing.T) {
	w := newWorld(t, Config{})
	made := want[access.Token](w, w.ask(root, access.AddUser{Name: "ann", Role: mgmt.Operator}))
	if w.view.Directory.Roles["ann"] != mgmt.Operator {
		t.Errorf("the roles are %v", w.view.Directory.Roles)
	}
	got := want[access.Certificate](w, w.ask(nobody, access.Login{Token: made.Text, Key: csr(t), Clock: epoch}))
	if judged := w.judge(got.Certificate); judged != "user/ann" || !got.Expires.Equal(epoch.Add(identity.LeafLife)) || got.Identity != user("ann") {
		t.Errorf("got %s until %v", judged, got.Expires)
	}
	w.refused(w.ask(nobody, access.Login{Token: made.Text, Key: csr(t)}), access.Unproved, "has been used")

	again := want[access.Token](w, w.ask(root, access.AddUser{Name: "ann"}))
	second := want[access.Certificate](w, w.ask(nobody, access.Login{Token: again.Text, Key: csr(t)}))
	w.refused(w.ask(root, access.AddUser{Name: "ann", Role: mgmt.Admin}), access.Conflict, `user "ann" has the role operator already`)
	w.refused(w.ask(root, access.AddUser{Name: "bob"}), access.Invalid, "needs a role")
	w.refused(w.ask(root, access.AddUser{Name: "bob", Role: 9}), access.Invalid, "needs a role")
	w.refused(w.ask(root, access.AddUser{Name: "b b", Role: mgmt.Viewer}), access.Invalid, "is not a name")

	want[access.Done](w, w.ask(root, access.SetRole{Name: "ann", Role: mgmt.Viewer}))
	w.refused(w.ask(root, access.SetRole{Name: "bob", Role: mgmt.Viewer}), access.NotFound, `user "bob" is unknown here`)
	w.refused(w.ask(root, access.SetRole{Name: "ann"}), access.Invalid, "needs a role")
	if w.view.Directory.Roles["ann"] != mgmt.Viewer {
		t.Errorf("the roles are %v", w.view.Directory.Roles)
	}
	list := want[access.Users](w, w.ask(root, access.ListUsers{}))
	if diff := cmp.Diff(access.Users{{Name: "ann", Role: mgmt.Viewer, Created: epoch, LastUse: epoch}}, list); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	renewed := want[access.Certificate](w, w.ask(nobody, access.Renew{Identity: user("ann"), Serial: got.Serial, Key: csr(t)}))
	open := want[access.Token](w, w.ask(root, access.AddUser{Name: "ann"}))
	bearer := want[access.Token](w, w.ask(root, access.CreateAPIToken{User: "ann", Name: "ci"}))

	want[access.Done](w, w.ask(root, access.RemoveUser{Name: "ann"}))
	for _, text := range [][]byte{got.Certificate, second.Certificate, renewed.Certificate} {
		if judged := w.judge(text); judged != "the certificate of user/ann was revoked" {
			t.Errorf("got %s", judged)
		}
	}
	if len(w.view.Bearers) != 0 || w.view.Directory.Roles["ann"] != mgmt.NoUser {
		t.Errorf("left are %v, %v", w.view.Bearers, w.view.Directory.Roles)
	}
	w.refused(w.ask(nobody, access.Login{Token: open.Text, Key: csr(t)}), access.Unproved, "was revoked")
	w.refused(w.ask(root, access.RevokeToken{ID: bearer.ID}), access.NotFound, "there is no token")
	w.refused(w.ask(root, access.RemoveUser{Name: "ann"}), access.NotFound, "is unknown here")
}

func TestRolesAreCheckedHere(t *testing.T) {
	w := newWorld(t, Config{})
	reqs := []access.Request{
		access.CreateToken{Instance: "s"}, access.ListTokens{}, access.RevokeToken{ID: "x"}, access.Sign{}, access.ListCertificates{},
		access.RevokeCertificate{Serial: "1"}, access.RotateAuthority{}, access.AddUser{Name: "bob", Role: mgmt.Admin},
		access.SetRole{Name: "vera", Role: mgmt.Admin}, access.RemoveUser{Name: "vera"}, access.ListUsers{}, access.CreateAPIToken{User: "vera", Name: "x"},
	}
	for _, req := range reqs {
		for _, who := range []mgmt.Principal{nobody, viewer, {Name: "otto", Role: mgmt.Operator}} {
			saves := w.saves
			w.refused(w.ask(who, req), access.Forbidden,
				fmt.Sprintf("user %q (%s) may not make the request %q on this controller; ask an admin for the role admin", who.Name, who.Role, access.RowOf(req).Name))
			if w.saves != saves {
				t.Errorf("%T saved", req)
			}
			if got := w.outcomes(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "refused") {
				t.Errorf("%T: the audit is %q", req, got)
			}
		}
	}
	w.refused(w.ask(nobody, access.ListAuthorities{}), access.Forbidden, "ask an admin for the role viewer")
	want[access.Authorities](w, w.ask(viewer, access.ListAuthorities{}))
}

func TestSingleSignOn(t *testing.T) {
	w := newWorld(t, Config{})
	in := access.LoginSSO{Name: "ann", Role: mgmt.Operator, Subject: "4711", Key: csr(t)}
	got := want[access.Certificate](w, w.ask(nobody, in))
	if judged := w.judge(got.Certificate); judged != "user/ann" || !got.Expires.Equal(epoch.Add(12*time.Hour)) {
		t.Errorf("got %s until %v", judged, got.Expires)
	}
	w.refused(w.ask(nobody, access.Renew{Identity: user("ann"), Serial: got.Serial, Key: csr(t)}), access.Unproved, "logs in again instead of renewing")
	in.Role, in.Life = mgmt.Viewer, time.Hour
	if got := want[access.Certificate](w, w.ask(nobody, in)); !got.Expires.Equal(epoch.Add(time.Hour)) || w.view.Directory.Roles["ann"] != mgmt.Viewer {
		t.Errorf("got until %v, roles %v", got.Expires, w.view.Directory.Roles)
	}
	in.Key = nil
	if got := want[access.Certificate](w, w.ask(nobody, in)); got.Certificate != nil || got.Identity != user("ann") {
		t.Errorf("got %+v", got)
	}
	in.Subject = "4712"
	w.refused(w.ask(nobody, in), access.Conflict, `the provider calls another person "ann" than before`)
	w.refused(w.ask(nobody, access.LoginSSO{Name: "bob", Subject: "1"}), access.Forbidden, `user "bob" is in no group that has a role here`)
	w.refused(w.ask(root, access.AddUser{Name: "ann"}), access.Conflict, "comes through single sign-on")
	w.refused(w.ask(root, access.SetRole{Name: "ann", Role: mgmt.Admin}), access.Conflict, "the groups that the user has")
	w.login("carl", mgmt.Viewer)
	w.refused(w.ask(nobody, access.LoginSSO{Name: "carl", Role: mgmt.Admin, Subject: "9"}), access.Conflict, `user "carl" was added here`)
}

func TestAPITokens(t *testing.T) {
	w := newWorld(t, Config{Limits: Limits{APITokens: 2}})
	w.login("ann", mgmt.Operator)
	made := want[access.Token](w, w.ask(root, access.CreateAPIToken{User: "ann", Name: "ci", TTL: time.Hour}))
	shown, err := identity.ParseAPIToken(made.Text)
	if err != nil {
		t.Fatal(err)
	}
	if b := w.view.Bearers[shown.ID]; b.User != "ann" || b.Hash != identity.SecretHash(shown.Secret) || !b.Expires.Equal(epoch.Add(time.Hour)) {
		t.Errorf("the bearer is %+v", b)
	}
	w.refused(w.ask(root, access.CreateAPIToken{User: "ann", Name: "ci"}), access.Conflict, `user "ann" has an API token "ci" already: revoke it (zeekfleet token revoke `+made.ID+")")
	w.refused(w.ask(root, access.CreateAPIToken{User: "ann", Name: ""}), access.Invalid, "the name of the API token")
	w.refused(w.ask(root, access.CreateAPIToken{User: "bob", Name: "ci"}), access.NotFound, "is unknown here")
	want[access.Token](w, w.ask(root, access.CreateAPIToken{User: "ann", Name: "other"}))
	w.refused(w.ask(root, access.CreateAPIToken{User: "ann", Name: "third"}), access.Limited, `user "ann" has 2 API tokens`)

	w.wait(time.Second)
	w.step(BearerUsed{Token: made.ID})
	saves := w.saves
	w.step(BearerUsed{Token: made.ID})
	if w.saves != saves {
		t.Error("each use is saved")
	}
	list := want[access.Tokens](w, w.ask(root, access.ListTokens{}))
	if len(list) != 2 || !list[0].API || !list[0].LastUse.Equal(epoch.Add(time.Second)) {
		t.Errorf("the tokens are %+v", list)
	}
	w.wait(time.Hour)
	if len(w.view.Bearers) != 1 {
		t.Errorf("an expired token is left: %v", w.view.Bearers)
	}
	want[access.Token](w, w.ask(root, access.CreateAPIToken{User: "ann", Name: "ci"}))
}

// Every user has API tokens of its own, and sees and ends no others.
func TestOwnTokens(t *testing.T) {
	w := newWorld(t, Config{Limits: Limits{APITokens: 2}})
	want[access.Token](w, w.ask(root, access.AddUser{Name: "vera", Role: mgmt.Viewer}))
	want[access.Token](w, w.ask(root, access.AddUser{Name: "ann", Role: mgmt.Admin}))
	vera, ann := mgmt.Principal{Name: "vera", Role: mgmt.Viewer}, mgmt.Principal{Name: "ann", Role: mgmt.Admin}
	made := want[access.Token](w, w.ask(vera, access.CreateOwnToken{Name: "ci", TTL: time.Hour}))
	if made.Text == "" || made.For != user("vera") || made.By != "vera" || !made.Expires.Equal(epoch.Add(time.Hour)) {
		t.Errorf("made %+v", made)
	}
	w.refused(w.ask(vera, access.CreateOwnToken{Name: "ci"}), access.Conflict, "has an API token")
	other := want[access.Token](w, w.ask(ann, access.CreateOwnToken{Name: "ci"}))
	for who, id := range map[mgmt.Principal]string{vera: made.ID, ann: other.ID} {
		if list := want[access.Tokens](w, w.ask(who, access.ListOwnTokens{})); len(list) != 1 || list[0].ID != id {
			t.Errorf("%s sees %+v", who.Name, list)
		}
	}
	w.refused(w.ask(vera, access.RevokeOwnToken{ID: other.ID}), access.NotFound, `user "vera" has no API token`)
	w.refused(w.ask(ann, access.RevokeOwnToken{ID: made.ID}), access.NotFound, "has no API token")
	want[access.Done](w, w.ask(vera, access.RevokeOwnToken{ID: made.ID}))
	if list := want[access.Tokens](w, w.ask(vera, access.ListOwnTokens{})); len(list) != 0 || len(w.view.Bearers) != 1 {
		t.Errorf("left are %+v, %v", list, w.view.Bearers)
	}
	w.refused(w.ask(nobody, access.CreateOwnToken{Name: "x"}), access.Forbidden, "viewer")
	w.refused(w.ask(root, access.CreateOwnToken{Name: "x"}), access.NotFound, "is no user of this controller")
	want[access.Certificate](w, w.ask(root, access.LoginSSO{Name: "sue", Role: mgmt.Viewer, Subject: "s"}))
	w.refused(w.ask(mgmt.Principal{Name: "sue", Role: mgmt.Viewer}, access.CreateOwnToken{Name: "x"}), access.Conflict, "would outlive the login")
}

func TestLimits(t *testing.T) {
	w := newWorld(t, Config{Limits: Limits{Tokens: 2, Users: 1, OneOwner: 2, Certificates: 6, Hosts: 1}})
	w.refused(w.ask(root, access.CreateToken{Instance: "s", TTL: 31 * 24 * time.Hour}), access.Invalid, "a token works for a time between 0s and 720h0m0s")
	w.refused(w.ask(root, access.CreateToken{Instance: "s", TTL: -1}), access.Invalid, "a token works for a time")
	w.refused(w.ask(root, access.CreateToken{Instance: "s", Uses: 1001}), access.Invalid, "a token has between 1 and 1000 uses")
	w.refused(w.ask(root, access.CreateToken{Instance: "a/b"}), access.Invalid, "is not a name")
	first := w.token("s")
	w.token("s")
	w.refused(w.ask(root, access.CreateToken{Instance: "s"}), access.Limited, "there are 2 tokens that have not been used")
	joined := want[access.Joined](w, w.ask(nobody, access.Join{Token: first, Key: csr(t)}))
	w.token("t")
	w.wait(time.Hour)
	for range 9 {
		w.token("u") // those that no longer work are forgotten, or there would be no room
		w.wait(time.Hour)
	}
	if n := len(w.disk); n > 12 {
		t.Errorf("%d values are stored", n)
	}
	w.renew2(joined, "s has 2 certificates that have not expired: revoke them (zeekfleet cert revoke agent/s)")
	w.login("ann", mgmt.Viewer)
	w.refused(w.ask(root, access.AddUser{Name: "bob", Role: mgmt.Viewer}), access.Limited, "there are 1 users")
	w.refused(w.ask(nobody, access.LoginSSO{Name: "bob", Role: mgmt.Viewer}), access.Limited, "there are 1 users")
	w.refused(w.ask(root, access.Sign{Identity: agent("x"), Hosts: []string{"a", "b"}, Key: csr(t)}), access.Invalid, "a certificate has at most 1 names of hosts")
	for _, name := range []string{"x", "y"} {
		want[access.Certificate](w, w.ask(root, access.Sign{Identity: agent(name), Key: csr(t)}))
	}
	w.refused(w.ask(root, access.Sign{Identity: agent("z"), Key: csr(t)}), access.Limited, "there are 6 certificates that have not expired")
}

// renew2 renews a certificate until there are too many.
func (w *world) renew2(joined access.Joined, part string) {
	w.Helper()
	again := access.Renew{Identity: agent(joined.Instance), Serial: serial(w, joined.Certificate), Key: csr(w)}
	want[access.Joined](w, w.ask(nobody, again))
	w.refused(w.ask(nobody, again), access.Limited, part)
}

func TestSigningForThoseWhoCannotJoin(t *testing.T) {
	w := newWorld(t, Config{})
	got := want[access.Certificate](w, w.ask(root, access.Sign{Identity: agent("s"), Key: csr(t), Hosts: []string{"192.0.2.7", "s.example"}, Life: time.Hour}))
	if judged := w.judge(got.Certificate); judged != "agent/s" || !got.Expires.Equal(epoch.Add(time.Hour)) {
		t.Errorf("got %s until %v", judged, got.Expires)
	}
	w.refused(w.ask(root, access.Sign{Identity: agent("s"), Key: csr(t)}), access.Conflict, "say --replace")
	w.wait(time.Second)
	want[access.Certificate](w, w.ask(root, access.Sign{Identity: agent("s"), Key: csr(t), Replace: true}))
	if judged := w.judge(got.Certificate); judged != "the certificate of agent/s was revoked" {
		t.Errorf("got %s", judged)
	}
	nodes := want[access.Certificate](w, w.ask(root, access.Sign{Identity: identity.Identity{Kind: identity.Node, Name: "s"}, Key: csr(t)}))
	if judged := w.judge(nodes.Certificate); !strings.Contains(judged, "none of our authorities") {
		t.Errorf("nodes: %s", judged)
	}
	w.refused(w.ask(root, access.Sign{Identity: user("ann"), Key: csr(t)}), access.NotFound, "is unknown here")
	w.refused(w.ask(root, access.Sign{Identity: agent("t"), Key: []byte("x")}), access.Invalid, "no signing request")
	w.refused(w.ask(root, access.Sign{Identity: agent("t"), Key: csr(t), Hosts: []string{"a b"}}), access.Invalid, "is neither a host name nor an IP address")
	w.refused(w.ask(root, access.Sign{Identity: agent("t"), Key: csr(t), Life: 11 * 365 * 24 * time.Hour}), access.Invalid, "a certificate is valid for a time")
	w.refused(w.ask(root, access.Sign{Identity: identity.Identity{Kind: "god", Name: "t"}, Key: csr(t)}), access.Invalid, "is not a kind of identity")
	w.refused(w.ask(root, access.RevokeCertificate{}), access.Invalid, "name a certificate or its owner")
	w.refused(w.ask(root, access.RevokeCertificate{Serial: "77"}), access.NotFound, `there is no certificate "77"`)
	w.refused(w.ask(root, access.RevokeCertificate{Identity: agent("t")}), access.NotFound, "agent/t has no valid certificate")
	w.refused(w.ask(root, access.RevokeCertificate{Serial: got.Serial}), access.NotFound, "was revoked already")
	list := want[access.Certificates](w, w.ask(root, access.ListCertificates{}))
	if len(list) != 4 || list[0].Serial != got.Serial || list[0].Revoked.IsZero() || list[2].Identity.Kind != identity.Controller {
		t.Errorf("the certificates are %+v", list)
	}
}

func TestOrganisationSignsTheCertificates(t *testing.T) {
	org, err := identity.NewAuthority("org", epoch, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	rule, err := identity.ParseRule("cn:*=user/*")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Config{Foreign: []*x509.Certificate{org.Cert}, Rules: []identity.Rule{rule}})
	if w.own.Cert != nil {
		t.Error("the controller has a certificate of its own")
	}
	for _, req := range []access.Request{
		access.CreateToken{Instance: "s"}, access.Join{}, access.Sign{Identity: agent("s")}, access.Renew{Identity: agent("s")},
		access.Login{}, access.RotateAuthority{}, access.LoginSSO{Name: "s", Role: mgmt.Viewer, Key: csr(t)},
	} {
		w.refused(w.ask(root, req), access.Unavailable, "this controller has no authority of its own")
	}
	made := want[access.Token](w, w.ask(root, access.AddUser{Name: "ann", Role: mgmt.Operator}))
	if made.Text != "" || made.ID != "" || !strings.HasSuffix(made.Instead, "the user shows a certificate of the organisation with the name cn:ann (tls.identities has cn:*=user/*)") {
		t.Errorf("the token is %+v", made)
	}
	if list := want[access.Tokens](w, w.ask(root, access.ListTokens{})); len(list) != 0 {
		t.Errorf("the tokens are %+v", list)
	}
	if w.view.Directory.Roles["ann"] != mgmt.Operator {
		t.Errorf("the roles are %v", w.view.Directory.Roles)
	}
	want[access.Token](w, w.ask(root, access.CreateAPIToken{User: "ann", Name: "ci"}))
	if list := w.authorities(); len(list) != 1 || list[0].Signing || list[0].Fingerprint != identity.Fingerprint(org.Cert) {
		t.Errorf("the authorities are %+v", list)
	}
	w.wait(time.Hour)
	w.restart()
}

func TestUserWhoseCertificateNothingNames(t *testing.T) {
	org, err := identity.NewAuthority("org", epoch, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, Config{Foreign: []*x509.Certificate{org.Cert}})
	made := want[access.Token](w, w.ask(root, access.AddUser{Name: "ann", Role: mgmt.Operator}))
	if made.Text != "" || !strings.Contains(made.Instead, "set tls.identities so that it names the certificate of this user, as in cn:ann=user/ann") {
		t.Errorf("the token is %+v", made)
	}
}

func TestAnotherProcessHasChangedTheState(t *testing.T) {
	w := newWorld(t, Config{})
	w.depose = true
	w.refused(w.ask(root, access.CreateToken{Instance: "s"}), access.Failed, "another process has changed the stored state")
	w.depose = false
	w.refused(w.ask(root, access.CreateToken{Instance: "s"}), access.Failed, "this controller no longer leads")
	if _, ok := w.m.NextWake(); ok {
		t.Error("it wakes")
	}
}

// Nothing that a user asks for stops the authority, not even a request without any of its
// fields.
func TestEveryRequestIsDecided(t *testing.T) {
	org, err := identity.NewAuthority("organisation", epoch, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{"own authority": {}, "authority of an organisation": {Foreign: []*x509.Certificate{org.Cert}}} {
		for _, req := range access.Requests() {
			if answer := newWorld(t, cfg).ask(root, req); answer == nil {
				t.Errorf("%s: %T has no answer", name, req)
			}
		}
	}
}

// TestRevokingAUserEndsUnusedLogins revokes a user who holds a certificate and a token to
// log in, and one who has a token alone.
func TestRevokingAUserEndsUnusedLogins(t *testing.T) {
	w := newWorld(t, Config{})
	w.login("ann", mgmt.Operator)
	for _, name := range []string{"ann", "bob"} {
		left := want[access.Token](w, w.ask(root, access.AddUser{Name: name, Role: mgmt.Operator}))
		want[access.Done](w, w.ask(root, access.RevokeCertificate{Identity: user(name)}))
		w.refused(w.ask(nobody, access.Login{Token: left.Text, Key: csr(t)}), access.Unproved, "was revoked")
	}
	w.refused(w.ask(root, access.RevokeCertificate{Identity: user("bob")}), access.NotFound, "user/bob has no valid certificate")
}

func TestNamesThatMislead(t *testing.T) {
	w := newWorld(t, Config{Reserved: []string{"root"}})
	w.refused(w.ask(root, access.AddUser{Name: "root", Role: mgmt.Viewer}), access.Invalid, `"root" is an account of this host`)
	w.refused(w.ask(nobody, access.LoginSSO{Name: "root", Role: mgmt.Admin, Subject: "1"}), access.Invalid, `"root" is an account of this host`)
	w.refused(w.ask(root, access.CreateToken{Instance: "probe-*"}), access.Invalid, "has a star")
}
