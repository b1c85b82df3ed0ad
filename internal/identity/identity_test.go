package identity_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

func TestIdentityIsAURIAndBack(t *testing.T) {
	for _, id := range []identity.Identity{
		{Kind: identity.Controller, Name: "hub"},
		{Kind: identity.Agent, Name: "sensor-1"},
		{Kind: identity.Node, Name: "Sensor_2.example.org"},
		{Kind: identity.User, Name: "ann@example.org"},
		{Kind: identity.User, Name: "zoë%2F?#[]"},
	} {
		uri, err := url.Parse(id.URI("abc").String())
		if err != nil {
			t.Fatal(err)
		}
		got, cluster, ok := identity.FromURI(uri)
		if got != id || cluster != "abc" || !ok {
			t.Errorf("%v became %v of %q, %t", id, got, cluster, ok)
		}
	}
}

func TestURIsOfOthersAreNoIdentities(t *testing.T) {
	for _, text := range []string{
		"https://abc/agent/a", "zeekfleet:///agent/a", "zeekfleet://abc/agent/", "zeekfleet://abc/agent/a/b",
		"zeekfleet://abc/agent/a%2Fb", "zeekfleet://abc/agent/..", "zeekfleet://abc/root/a", "zeekfleet://abc/agent",
		"zeekfleet://u@abc/agent/a", "zeekfleet://abc/agent/a?x=1", "zeekfleet://abc/agent/a#x", "zeekfleet://abc/agent/a%20b",
		"zeekfleet://abc//agent/a", "zeekfleet:agent/a", "zeekfleet://abc/agent/%61",
	} {
		uri, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if id, _, ok := identity.FromURI(uri); ok {
			t.Errorf("%s is %v, want no identity", text, id)
		}
	}
}

func TestNamesOfIdentities(t *testing.T) {
	for name, wrong := range map[string]bool{
		"a": false, "a.b": false, "é": false, strings.Repeat("x", identity.MaxName): false,
		"": true, ".": true, "..": true, "a/b": true, "a b": true, "a\nb": true, "a\x00": true, "\xff": true,
		"root\u00a0(uid\u00a00)": true, "root\u2800(uid)": true, "ann\u202e": true, "an\u200bn": true, "ann\u0085": true, "\u3164": true, "安娜": false,
		strings.Repeat("x", identity.MaxName+1): true,
	} {
		if err := identity.CheckName(name); (err != nil) != wrong {
			t.Errorf("CheckName(%.20q): %v", name, err)
		}
	}
}

// Whatever is accepted has one spelling.
func FuzzFromURI(f *testing.F) {
	f.Add("zeekfleet://abc/agent/sensor-1")
	f.Add("zeekfleet://abc/agent/%61")
	f.Fuzz(func(t *testing.T, text string) {
		uri, err := url.Parse(text)
		if err != nil {
			return
		}
		id, cluster, ok := identity.FromURI(uri)
		if !ok {
			return
		}
		if err := id.Check(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if again, c, ok := identity.FromURI(id.URI(cluster)); !ok || again != id || c != cluster {
			t.Errorf("%q is %v, and its URI is %v", text, id, again)
		}
	})
}
