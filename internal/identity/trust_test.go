package identity_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

var sensor1 = identity.Identity{Kind: identity.Agent, Name: "sensor-1"}

func TestJudge(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	cert := issue(t, ours, sensor1)
	trust := identity.Trust{Cluster: cluster, Authorities: []*x509.Certificate{ours.Cert}}
	revoked := trust
	revoked.Revoked = map[string]bool{identity.Serial(cert): true}
	both := trust
	both.Authorities = []*x509.Certificate{others.Cert, ours.Cert}
	behind, err := ours.Issue(identity.Leaf{Cluster: cluster, Identity: sensor1, Key: newKey(t).Public(), Life: 24 * time.Hour}, noon.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	pinned := identity.Trust{Cluster: cluster, Pins: map[string]identity.Identity{identity.Fingerprint(cert): {Kind: identity.Agent, Name: "sensor-9"}}}

	for name, tt := range map[string]struct {
		trust identity.Trust
		chain []*x509.Certificate
		at    time.Duration // after noon
		want  string        // the identity, or a part of the error
	}{
		"ours":                         {trust: trust, chain: []*x509.Certificate{cert}, want: "agent/sensor-1"},
		"with its authority":           {trust: trust, chain: []*x509.Certificate{cert, ours.Cert}, want: "agent/sensor-1"},
		"while two are trusted":        {trust: both, chain: []*x509.Certificate{cert}, want: "agent/sensor-1"},
		"none":                         {trust: trust, want: "no certificate was shown"},
		"of another authority":         {trust: trust, chain: []*x509.Certificate{issue(t, others, sensor1)}, want: "none of our authorities has signed the certificate of agent/sensor-1"},
		"that brings its authority":    {trust: trust, chain: []*x509.Certificate{issue(t, others, sensor1), others.Cert}, want: "none of our authorities"},
		"revoked":                      {trust: revoked, chain: []*x509.Certificate{cert}, want: "the certificate of agent/sensor-1 was revoked"},
		"of another cluster":           {trust: trust, chain: []*x509.Certificate{issueLeaf(t, ours, identity.Leaf{Cluster: "zzz", Identity: sensor1, Life: time.Hour})}, want: "is of cluster zzz, and this cluster is " + cluster},
		"a little too early":           {trust: trust, chain: []*x509.Certificate{cert}, at: -5 * time.Minute, want: "agent/sensor-1"},
		"an hour too early":            {trust: trust, chain: []*x509.Certificate{cert}, at: -time.Hour, want: "agent/sensor-1"},
		"made by a clock behind":       {trust: trust, chain: []*x509.Certificate{behind}, at: -time.Hour, want: "agent/sensor-1"},
		"as early as may be":           {trust: trust, chain: []*x509.Certificate{cert}, at: -2*time.Hour - 5*time.Minute, want: "agent/sensor-1"},
		"a second more":                {trust: trust, chain: []*x509.Certificate{cert}, at: -2*time.Hour - 5*time.Minute - time.Second, want: "one of the two clocks is wrong by 2h0m or more"},
		"hours too early":              {trust: trust, chain: []*x509.Certificate{cert}, at: -5 * time.Hour, want: "one of the two clocks is wrong by 4h55m or more"},
		"expired an hour ago":          {trust: trust, chain: []*x509.Certificate{cert}, at: 25 * time.Hour, want: "expired at 2026-12-01 12:00:00 UTC, and this host's clock says 2026-12-01 13:00:00 UTC: it was not renewed in time, or a clock is wrong by 1h0m"},
		"expired a week ago":           {trust: trust, chain: []*x509.Certificate{cert}, at: 8 * 24 * time.Hour, want: "expired at 2026-12-01 12:00:00 UTC (this host's clock says"},
		"pinned":                       {trust: pinned, chain: []*x509.Certificate{cert}, want: "agent/sensor-9"},
		"pinned and an hour too early": {trust: pinned, chain: []*x509.Certificate{cert}, at: -time.Hour, want: "agent/sensor-9"},
		"pinned and hours too early":   {trust: pinned, chain: []*x509.Certificate{cert}, at: -5 * time.Hour, want: "one of the two clocks is wrong by 4h55m or more"},
		"revoked, and too early":       {trust: revoked, chain: []*x509.Certificate{cert}, at: -time.Hour, want: "the certificate of agent/sensor-1 was revoked"},
		"an authority of others early": {trust: trust, chain: []*x509.Certificate{issue(t, others, sensor1)}, at: -time.Hour, want: "none of our authorities"},
		"expired a second ago":         {trust: trust, chain: []*x509.Certificate{cert}, at: 24*time.Hour + time.Second, want: "expired at 2026-12-01 12:00:00 UTC"},
		"pinned and expired":           {trust: pinned, chain: []*x509.Certificate{cert}, at: 25 * time.Hour, want: "expired"},
		"another one than that pinned": {trust: pinned, chain: []*x509.Certificate{issue(t, ours, sensor1)}, want: "none of our authorities"},
		"the authority's own":          {trust: trust, chain: []*x509.Certificate{ours.Cert}, want: "nothing says whose certificate this is"},
	} {
		id, err := tt.trust.Judge(tt.chain, noon.Add(tt.at))
		got := id.String()
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != tt.want || err != nil && (!strings.Contains(got, tt.want) || strings.Contains(got, "\n")) {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// organisation returns a certificate without the URI of a cluster.
func organisation(t *testing.T, by identity.Authority, template x509.Certificate) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(7)
	template.NotBefore, template.NotAfter = noon, noon.Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, &template, by.Cert, newKey(t).Public(), by.Key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestRulesGiveIdentitiesToCertificatesOfAnOrganisation(t *testing.T) {
	authority := newAuthority(t)
	uri := &url.URL{Scheme: "spiffe", Host: "example.org", Path: "/fleet/hub"}
	trust := identity.Trust{
		Cluster: cluster, Authorities: []*x509.Certificate{authority.Cert},
		Rules: []identity.Rule{
			{Subject: "dns:sensor-*.example.org", Identity: identity.Identity{Kind: identity.Agent, Name: "s-*"}},
			{Subject: "cn:Ann Example", Identity: identity.Identity{Kind: identity.User, Name: "ann"}},
			{Subject: "uri:spiffe://example.org/fleet/hub", Identity: identity.Identity{Kind: identity.Controller, Name: "hub"}},
			{Subject: "cn:*", Identity: identity.Identity{Kind: identity.User, Name: "*"}},
		},
	}
	for name, tt := range map[string]struct {
		cert x509.Certificate
		want string // "" for none
	}{
		"a DNS name with the star":   {x509.Certificate{DNSNames: []string{"sensor-12.example.org"}}, "agent/s-12"},
		"in capitals":                {x509.Certificate{DNSNames: []string{"Sensor-12.EXAMPLE.org"}}, "agent/s-12"},
		"nothing in the star":        {x509.Certificate{DNSNames: []string{"sensor-.example.org"}}, ""},
		"the end is not the name's":  {x509.Certificate{DNSNames: []string{"sensor-1.example.org.evil.net"}}, ""},
		"a common name":              {x509.Certificate{Subject: pkix.Name{CommonName: "Ann Example"}}, "user/ann"},
		"a common name for the star": {x509.Certificate{Subject: pkix.Name{CommonName: "bob"}}, "user/bob"},
		"a common name with a slash": {x509.Certificate{Subject: pkix.Name{CommonName: "a/b"}}, ""},
		"a DNS name as common name":  {x509.Certificate{Subject: pkix.Name{CommonName: "sensor-1.example.org"}}, "user/sensor-1.example.org"},
		"a URI":                      {x509.Certificate{URIs: []*url.URL{uri}}, "controller/hub"},
		"no name":                    {x509.Certificate{}, ""},
	} {
		id, err := trust.Judge([]*x509.Certificate{organisation(t, authority, tt.cert)}, noon)
		if got := id.String(); err == nil && got != tt.want || err != nil && tt.want != "" {
			t.Errorf("%s: %s, %v; want %q", name, got, err, tt.want)
		}
	}
}

// An organisation's authority may sign any URI, and a certificate of another cluster
// must not become someone of this cluster through its other names.
func TestRulesSayWhichNameGivesAnIdentity(t *testing.T) {
	for _, c := range []struct {
		rule, id, want string
	}{
		{"cn:*=user/*", "user/ann", "cn:ann"},
		{"uri:spiffe://example.org/people/*=user/*", "user/ann", "uri:spiffe://example.org/people/ann"},
		{"cn:a-*=user/ann", "user/ann", "cn:a-*"},
		{"cn:ann=user/ann", "user/ann", "cn:ann"},
		{"cn:x-*=user/dev-*", "user/dev-ann", "cn:x-ann"},
		{"cn:x-*=user/dev-*", "user/dev-", ""},
		{"cn:x-*=user/dev-*", "user/ann", ""},
		{"cn:bob=user/bob", "user/ann", ""},
		{"cn:*=agent/*", "user/ann", ""},
	} {
		rule, err := identity.ParseRule(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		id, err := identity.Parse(c.id)
		if err != nil {
			id = identity.Identity{Kind: identity.User, Name: "dev-"} // no name
		}
		if name, ok := rule.NameOf(id); name != c.want || ok != (c.want != "") {
			t.Errorf("%s for %s: got %q, %t", c.rule, c.id, name, ok)
		}
	}
}

func TestURIOfAClusterComesBeforeRules(t *testing.T) {
	authority := newAuthority(t)
	trust := identity.Trust{
		Cluster: cluster, Authorities: []*x509.Certificate{authority.Cert},
		Rules: []identity.Rule{{Subject: "cn:*", Identity: identity.Identity{Kind: identity.User, Name: "*"}}},
	}
	cert := organisation(t, authority, x509.Certificate{
		Subject: pkix.Name{CommonName: "root"}, URIs: []*url.URL{sensor1.URI("other")},
	})
	if id, err := trust.Judge([]*x509.Certificate{cert}, noon); err == nil {
		t.Errorf("it is of %v, want an error", id)
	}
}

func TestParseRule(t *testing.T) {
	for text, want := range map[string]string{
		"cn:sensor-*.example.org=agent/sensor-*": "",
		"dns:hub.example=controller/hub":         "",
		"uri:https://id.example/?a=b=user/ann":   "",
		"cn:*=user/*":                            "",
		"cn:*.example=user/ann":                  "",
		"":                                       `"" is not of the form SUBJECT=IDENTITY, as in cn:sensor-*.example.org=agent/sensor-*`,
		"cn:ann":                                 `"cn:ann" is not of the form SUBJECT=IDENTITY, as in cn:sensor-*.example.org=agent/sensor-*`,
		"ann=user/ann":                           `"ann" is not a name in a certificate: write uri:NAME, dns:NAME or cn:NAME`,
		"ip:192.0.2.1=user/ann":                  `"ip:192.0.2.1" is not a name in a certificate: write uri:NAME, dns:NAME or cn:NAME`,
		"cn:=user/ann":                           `"cn:" is not a name in a certificate: write uri:NAME, dns:NAME or cn:NAME`,
		"cn:ann=ann":                             `"ann" is not an identity: write a kind and a name, as in agent/sensor-1`,
		"cn:ann=god/ann":                         `"god" is not a kind of identity: it is controller, agent, node or user`,
		"cn:ann=user/*":                          `"cn:ann=user/*" has a star in the identity, and none in the name of the certificate`,
		"cn:*-*=user/*":                          `"cn:*-*=user/*" has more than one star`,
		"cn:*=user/*-*":                          `"cn:*=user/*-*" has more than one star`,
	} {
		rule, err := identity.ParseRule(text)
		switch {
		case want == "" && (err != nil || rule.String() != text):
			t.Errorf("%q: got %v, %v", text, rule, err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestRenewalIsDueAfterTwoThirdsOfALife(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a, err := identity.NewAuthority("a", now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if made, renew := identity.MadeAt(a.Cert), identity.RenewAt(a.Cert); !made.Equal(now) || !renew.Equal(now.Add(40*time.Minute)) {
		t.Errorf("made at %v, renewed at %v", made, renew)
	}
}
