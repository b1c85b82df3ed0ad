package authority_test

import (
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	. "github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestAgentJoinsWithItsToken(t *testing.T) {
	w := newWorld(t, Config{})
	made := want[access.Token](w, w.ask(root, access.CreateToken{Instance: "sensor-1"}))
	if made.For != agent("sensor-1") || made.Uses != 1 || !made.Expires.Equal(epoch.Add(time.Hour)) || made.By != root.Name {
		t.Errorf("the token is %+v", made)
	}
	joined := want[access.Joined](w, w.ask(nobody, access.Join{Token: made.Text, Key: csr(t), NodeKey: csr(t), Clock: epoch.Add(9 * time.Minute)}))
	if joined.Cluster != "testcluster" || joined.Instance != "sensor-1" {
		t.Errorf("joined %q as %q", joined.Cluster, joined.Instance)
	}
	if got := w.judge(joined.Certificate); got != "agent/sensor-1" {
		t.Errorf("the certificate is that of %s", got)
	}
	if got := w.judge(joined.NodeCertificate); !strings.Contains(got, "none of our authorities") {
		t.Errorf("the certificate of nodes opens the controller: %s", got)
	}
	nodes := identity.Trust{Cluster: "testcluster", Authorities: parse(t, joined.NodeAuthorities)}
	if id, err := nodes.Judge(parse(t, joined.NodeCertificate), w.now.Add(9*365*24*time.Hour)); err != nil || id.String() != "node/sensor-1" {
		t.Errorf("nodes: got %v, %v", id, err)
	}
	if got := want[access.Tokens](w, w.ask(root, access.ListTokens{})); len(got) != 0 {
		t.Errorf("a used token is listed: %v", got)
	}
	const audited = `root (uid 0) (admin, 127.0.0.1:1) token create agent/sensor-1: done 
unknown at 192.0.2.9 (nobody, 192.0.2.9:1) join agent/sensor-1: done 
`
	if got := w.outcomes(); got != audited {
		t.Errorf("the audit is\n%s", got)
	}
	for key, value := range w.disk {
		if secret := strings.Split(made.Text, "-")[3]; strings.Contains(string(value), secret) {
			t.Errorf("the secret is stored in %s", key)
		}
	}
}

// badTokens are tokens that do not count when they are shown.
var badTokens = map[string]struct {
	// text returns the token that is shown.
	text  func(w *world) string
	clock time.Time
	login bool
	part  string
}{
	"no token":  {text: func(w *world) string { return "secret" }, part: "this is not a token"},
	"of nobody": {text: func(w *world) string { return "" }, part: "this is not a token"},
	"unknown":   {text: func(w *world) string { return strings.Replace(w.token("s"), "secret", "secrex", 1) }, part: `the token secrexab is not known here`},
	"misspelt":  {text: func(w *world) string { text := w.token("s"); return text[:len(text)-2] + "zz" }, part: "the token secretab is not known here"},
	"of another cluster": {
		text: func(w *world) string { return newWorld(w, Config{}).token("s") }, part: "is of another cluster",
	},
	"used": {
		text: func(w *world) string {
			text := w.token("s")
			want[access.Joined](w, w.ask(nobody, access.Join{Token: text, Key: csr(w)}))
			w.wait(time.Minute)
			return text
		},
		part: "the token secretab has been used, at 2026-03-01 12:00:00 UTC: make another",
	},
	"expired": {
		text: func(w *world) string { text := w.token("s"); w.wait(time.Hour); return text },
		part: "the token secretab expired at 2026-03-01 13:00:00 UTC: make another",
	},
	"revoked": {
		text: func(w *world) string {
			made := want[access.Token](w, w.ask(root, access.CreateToken{Instance: "s"}))
			want[access.Done](w, w.ask(root, access.RevokeToken{ID: made.ID}))
			return made.Text
		},
		part: "the token secretab was revoked, at 2026-03-01 12:00:00 UTC",
	},
	"forgotten": {
		text: func(w *world) string { text := w.token("s"); w.wait(25 * time.Hour); return text },
		part: "the token secretab is not known here",
	},
	"of a user": {
		text: func(w *world) string {
			return want[access.Token](w, w.ask(root, access.AddUser{Name: "ann", Role: mgmt.Viewer})).Text
		},
		part: "is for a user to log in with (zeekfleet login), and no agent can join with it",
	},
	"of an agent": {
		text: func(w *world) string { return w.token("s") }, login: true,
		part: "is for an agent to join with (zeekfleet agent --join), and no user can log in with it",
	},
	"of the API": {
		text: func(w *world) string {
			w.login("ann", mgmt.Viewer)
			return want[access.Token](w, w.ask(root, access.CreateAPIToken{User: "ann", Name: "ci"})).Text
		},
		part: "this is not a token",
	},
	"with a clock that is behind": {
		text: func(w *world) string { return w.token("s") }, clock: epoch.Add(-3*time.Hour - 10*time.Second),
		part: "the clocks differ by 3h0m: that of agent/s says 2026-03-01 08:59:50 UTC, and the controller's says 2026-03-01 12:00:00 UTC",
	},
	"with a clock that is ahead": {
		text: func(w *world) string { return w.token("s") }, clock: epoch.Add(10*time.Minute + time.Second),
		part: "the clocks differ by 10m1s",
	},
}

func TestTokensThatDoNotCount(t *testing.T) {
	for name, test := range badTokens {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			text, before := test.text(w), len(w.view.Directory.Roles)
			saves := w.saves
			var got access.Answer
			if test.login {
				got = w.ask(nobody, access.Login{Token: text, Key: csr(t), Clock: test.clock})
			} else {
				got = w.ask(nobody, access.Join{Token: text, Key: csr(t), Clock: test.clock})
			}
			w.refused(got, access.Unproved, test.part)
			if w.saves != saves || len(w.view.Directory.Roles) != before {
				t.Error("something was changed")
			}
			if last := w.audit[len(w.audit)-1]; last.Outcome != mgmt.AuditRefused || last.Source != nobody.Source || last.Reason == "" {
				t.Errorf("the audit has %+v", last)
			}
		})
	}
}

// A browser logs in for a session: its token counts once, and there is no certificate.
func TestLoginWithoutAKey(t *testing.T) {
	w := newWorld(t, Config{})
	made := want[access.Token](w, w.ask(root, access.AddUser{Name: "ann", Role: mgmt.Viewer}))
	got := want[access.Certificate](w, w.ask(nobody, access.Login{Token: made.Text}))
	if got.Identity != (identity.Identity{Kind: identity.User, Name: "ann"}) || got.Serial != "" || len(got.Certificate) > 0 {
		t.Errorf("got %+v", got)
	}
	w.refused(w.ask(nobody, access.Login{Token: made.Text}), access.Unproved, "token")
	for _, c := range want[access.Certificates](w, w.ask(root, access.ListCertificates{})) {
		if c.Identity.Kind == identity.User {
			t.Errorf("there is the certificate %+v", c)
		}
	}
}

func TestTokenWorksAfterAWrongClockIsSet(t *testing.T) {
	w := newWorld(t, Config{})
	text := w.token("s")
	w.refused(w.ask(nobody, access.Join{Token: text, Key: csr(t), Clock: epoch.Add(time.Hour)}), access.Unproved, "clocks differ")
	w.refused(w.ask(nobody, access.Join{Token: text, Key: []byte("no key")}), access.Invalid, "no signing request")
	want[access.Joined](w, w.ask(nobody, access.Join{Token: text, Key: csr(t), Clock: epoch.Add(time.Minute)}))
}

func TestTokenIsNotUsedUpByAnAgentWithAnotherName(t *testing.T) {
	w := newWorld(t, Config{})
	text := w.token("sensor-1")
	w.refused(w.ask(nobody, access.Join{Token: text, Key: csr(t), Instance: "sensor-2"}), access.Conflict,
		`is for instance "sensor-1", and the agent that shows it is set up as "sensor-2" (agent.name, --name)`)
	want[access.Joined](w, w.ask(nobody, access.Join{Token: text, Key: csr(t), Instance: "sensor-1"}))
}

func TestNameThatHasJoinedIsReplacedOnlyOnRequest(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.join("sensor-1")
	text := w.token("sensor-1")
	w.refused(w.ask(nobody, access.Join{Token: text, Key: csr(t)}), access.Conflict,
		`an agent has joined as instance "sensor-1" already, at 2026-03-01 12:00:00 UTC: if this one takes its place, say --replace`)
	if got := w.judge(first.Certificate); got != "agent/sensor-1" {
		t.Errorf("the first agent: %s", got)
	}
	w.wait(time.Minute)
	second := want[access.Joined](w, w.ask(nobody, access.Join{Token: text, Key: csr(t), NodeKey: csr(t), Replace: true}))
	if got := w.judge(first.Certificate); got != "the certificate of agent/sensor-1 was revoked" {
		t.Errorf("the first agent: %s", got)
	}
	if got := w.judge(second.Certificate); got != "agent/sensor-1" {
		t.Errorf("the second agent: %s", got)
	}
	if !w.view.Directory.Trust.Revoked[serial(t, first.NodeCertificate)] {
		t.Error("the certificate of the first agent's nodes was not revoked")
	}
}

func TestNameIsFreeWhenItsCertificateHasExpired(t *testing.T) {
	w := newWorld(t, Config{})
	w.join("sensor-1")
	w.wait(identity.LeafLife)
	w.join("sensor-1")
}

func TestTokenWithSeveralUses(t *testing.T) {
	w := newWorld(t, Config{})
	made := want[access.Token](w, w.ask(root, access.CreateToken{Instance: "s", Uses: 2, TTL: 2 * time.Hour}))
	for range 2 {
		w.restart()
		want[access.Joined](w, w.ask(nobody, access.Join{Token: made.Text, Key: csr(t), Replace: true}))
	}
	w.refused(w.ask(nobody, access.Join{Token: made.Text, Key: csr(t), Replace: true}), access.Unproved, "has been used")
}

func TestNothingIsGivenThatCannotBeSaved(t *testing.T) {
	w := newWorld(t, Config{})
	text := w.token("s")
	w.full = true
	w.refused(w.ask(nobody, access.Join{Token: text, Key: csr(t)}), access.Failed, "nothing was changed, because it could not be saved: the disk is full")
	if last := w.audit[len(w.audit)-1]; last.Outcome != mgmt.AuditFailed {
		t.Errorf("the audit has %+v", last)
	}
	w.full = false
	want[access.Joined](w, w.ask(nobody, access.Join{Token: text, Key: csr(t)}))
}

func TestRefusedSigningChangesNothing(t *testing.T) {
	w := newWorld(t, Config{})
	w.join("s")
	text := w.token("s")
	w.maker.broken = 1
	w.refused(w.ask(nobody, access.Join{Token: text, Key: csr(t), Replace: true}), access.Failed, "no more ink")
	if n := len(w.view.Directory.Trust.Revoked); n != 0 {
		t.Errorf("%d certificates were revoked", n)
	}
	want[access.Joined](w, w.ask(nobody, access.Join{Token: text, Key: csr(t), Replace: true}))
}

func TestRevocationEndsWhatWasRenewed(t *testing.T) {
	w := newWorld(t, Config{})
	stolen := serial(t, w.join("sensor-1").Certificate)
	renew := func(old string) string {
		t.Helper()
		return serial(t, want[access.Joined](w, w.ask(nobody, access.Renew{Identity: agent("sensor-1"), Serial: old, Key: csr(t)})).Certificate)
	}
	second := renew(stolen)
	third := renew(second)
	w.restart()
	other := serial(t, w.join("sensor-2").Certificate)
	want[access.Done](w, w.ask(root, access.RevokeCertificate{Serial: second}))
	revoked := w.view.Directory.Trust.Revoked
	if revoked[stolen] || !revoked[second] || !revoked[third] || revoked[other] {
		t.Errorf("the second of three was revoked; revoked are %v of %v", revoked, []string{stolen, second, third, other})
	}
	fourth := renew(stolen)
	want[access.Done](w, w.ask(root, access.RevokeCertificate{Serial: stolen}))
	if revoked := w.view.Directory.Trust.Revoked; !revoked[stolen] || !revoked[fourth] || revoked[other] {
		t.Errorf("the first was revoked; revoked are %v of %v", revoked, []string{stolen, fourth, other})
	}
}

func TestRevocationEndsWhatWasRenewedLongAgo(t *testing.T) {
	w := newWorld(t, Config{})
	want[access.Token](w, w.ask(root, access.AddUser{Name: "ann", Role: mgmt.Viewer}))
	ann := user("ann")
	first := want[access.Certificate](w, w.ask(root, access.Sign{Identity: ann, Key: csr(t), Life: 365 * 24 * time.Hour})).Serial
	latest := first
	for range 5 {
		latest = want[access.Certificate](w, w.ask(nobody, access.Renew{Identity: ann, Serial: latest, Key: csr(t)})).Serial
		w.wait(identity.LeafLife * 3 / 4)
	}
	want[access.Done](w, w.ask(root, access.RevokeCertificate{Serial: first}))
	if revoked := w.view.Directory.Trust.Revoked; !revoked[latest] {
		t.Errorf("revoked are %v, and not %s", revoked, latest)
	}
}

func TestRenewal(t *testing.T) {
	w := newWorld(t, Config{})
	joined := w.join("sensor-1")
	old := serial(t, joined.Certificate)
	w.wait(20 * 24 * time.Hour)
	renewed := want[access.Joined](w, w.ask(nobody, access.Renew{Identity: agent("sensor-1"), Serial: old, Key: csr(t), NodeKey: csr(t)}))
	for _, text := range [][]byte{joined.Certificate, renewed.Certificate} {
		if got := w.judge(text); got != "agent/sensor-1" {
			t.Errorf("got %s", got)
		}
	}
	if !renewed.Expires.Equal(w.now.Add(identity.LeafLife)) {
		t.Errorf("it expires at %v", renewed.Expires)
	}
	w.refused(w.ask(nobody, access.Renew{Identity: agent("sensor-1"), Serial: "77", Key: csr(t)}), access.Unproved,
		`the certificate "77" of agent/sensor-1 is not known here: join again (zeekfleet token create sensor-1)`)
	w.refused(w.ask(nobody, access.Renew{Identity: agent("sensor-2"), Serial: old, Key: csr(t)}), access.Unproved, "is that of agent/sensor-1, and not of agent/sensor-2")
	node := serial(t, joined.NodeCertificate)
	w.refused(w.ask(nobody, access.Renew{Identity: identity.Identity{Kind: identity.Node, Name: "sensor-1"}, Serial: node, Key: csr(t)}), access.Invalid, "renewed with that of their agent")
	other := serial(t, w.join("sensor-3").Certificate)
	want[access.Done](w, w.ask(root, access.RevokeCertificate{Serial: old}))
	w.refused(w.ask(nobody, access.Renew{Identity: agent("sensor-1"), Serial: old, Key: csr(t)}), access.Unproved, "was revoked at 2026-03-21 12:00:00 UTC")
	w.wait(identity.LeafLife)
	w.refused(w.ask(nobody, access.Renew{Identity: agent("sensor-3"), Serial: other, Key: csr(t)}), access.Unproved, "expired at 2026-04-20 12:00:00 UTC, and this clock says 2026-04-20 12:00:00 UTC")
}
