package mgmt_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func bundle(name string, kind mgmt.BundleKind, digit string) mgmt.Bundle {
	return mgmt.Bundle{Name: name, Kind: kind, Hash: mgmt.BundleHash("sha256:" + strings.Repeat(digit, 64))}
}

func TestBundlesAndRunOptionsAreChecked(t *testing.T) {
	site, feed := bundle("site", mgmt.ScriptBundle, "a"), bundle("intel", mgmt.DataBundle, "b")
	for name, tt := range map[string]struct {
		node mgmt.Node
		want string // a part of the mistake; empty: there is none
	}{
		"nothing":            {mgmt.Node{}, ""},
		"two bundles":        {mgmt.Node{Bundles: []mgmt.Bundle{site, feed}}, ""},
		"a bad name":         {mgmt.Node{Bundles: []mgmt.Bundle{bundle("../x", mgmt.DataBundle, "a")}}, `"../x" cannot be the name of a bundle`},
		"capital letters":    {mgmt.Node{Bundles: []mgmt.Bundle{bundle("Site", mgmt.DataBundle, "a")}}, "cannot be the name"},
		"a bad kind":         {mgmt.Node{Bundles: []mgmt.Bundle{bundle("site", "x", "a")}}, `has kind "x"`},
		"a bad hash":         {mgmt.Node{Bundles: []mgmt.Bundle{bundle("site", mgmt.DataBundle, "A")}}, "is not the hash of a bundle"},
		"one twice":          {mgmt.Node{Bundles: []mgmt.Bundle{site, site}}, "two bundles named site"},
		"another content":    {mgmt.Node{Bundles: []mgmt.Bundle{bundle("other", mgmt.DataBundle, "c")}}, "another bundle named other"},
		"options":            {mgmt.Node{RunOptions: []mgmt.Option{{Name: "A::b", Value: "1"}, {Name: "A::c"}}}, ""},
		"options unsorted":   {mgmt.Node{RunOptions: []mgmt.Option{{Name: "A::c", Value: "1"}, {Name: "A::b"}}}, "not in the order of names"},
		"an option twice":    {mgmt.Node{RunOptions: []mgmt.Option{{Name: "A::b", Value: "1"}, {Name: "A::b"}}}, "option A::b is there twice"},
		"a bad option":       {mgmt.Node{RunOptions: []mgmt.Option{{Name: "A b", Value: "1"}}}, "cannot be the name of an option"},
		"a line break":       {mgmt.Node{RunOptions: []mgmt.Option{{Name: "A::b", Value: "1\n2"}}}, "cannot be printed"},
		"zeekfleet's own":    {mgmt.Node{RunOptions: []mgmt.Option{{Name: "Fleet::b", Value: "1"}}}, "is zeekfleet's own"},
		"a value too large":  {mgmt.Node{RunOptions: []mgmt.Option{{Name: "A::b", Value: strings.Repeat("x", mgmt.MaxRunOptionBytes+1)}}}, "longer than 65536 bytes"},
		"a program":          {mgmt.Node{Command: []string{"/bin/x"}, Bundles: []mgmt.Bundle{site}}, "a command and bundles"},
		"a tuned program":    {mgmt.Node{Command: []string{"/bin/x"}, RunOptions: []mgmt.Option{{Name: "A::b"}}}, "a command and options of the configuration framework"},
		"too many bundles":   {mgmt.Node{Bundles: many(mgmt.MaxBundles+1, site)}, "has 51 bundles, more than the limit of 50"},
		"too many options":   {mgmt.Node{RunOptions: manyOptions(mgmt.MaxRunOptions + 1)}, "201 options, more than the limit of 200"},
		"just enough of all": {mgmt.Node{RunOptions: manyOptions(mgmt.MaxRunOptions)}, ""},
	} {
		node := tt.node
		node.Name, node.Instance, node.Role = "w", "i", mgmt.Worker
		other := mgmt.Node{Name: "v", Instance: "i", Role: mgmt.Worker, Bundles: []mgmt.Bundle{bundle("other", mgmt.DataBundle, "b")}}
		errs, _ := mgmt.Configuration{Instances: []mgmt.Instance{{Name: "i", Host: mgmt.UnknownHost}}, Nodes: []mgmt.Node{node, other}}.Check(mgmt.Rules{})
		switch all := strings.Join(errs, "\n"); {
		case tt.want == "" && all != "":
			t.Errorf("%s: %s", name, all)
		case !strings.Contains(all, tt.want):
			t.Errorf("%s: got %q, want %q", name, all, tt.want)
		}
	}
}

func many(n int, b mgmt.Bundle) []mgmt.Bundle {
	var list []mgmt.Bundle
	for range n {
		list = append(list, b)
	}
	return list
}

func manyOptions(n int) []mgmt.Option {
	var list []mgmt.Option
	for i := range n {
		list = append(list, mgmt.Option{Name: "A::" + string(rune('a'+i/26)) + string(rune('a'+i%26))})
	}
	return list
}

// Scripts can run any command, so the operator of a host says which bundles it takes.
func TestHostsPermitBundlesByName(t *testing.T) {
	node := mgmt.Node{Name: "w", Bundles: []mgmt.Bundle{bundle("site", mgmt.ScriptBundle, "a")}}
	if why := (mgmt.Permits{Bundles: []string{"si*"}}).Check(node); why != "" {
		t.Error(why)
	}
	if why := (mgmt.Permits{Bundles: []string{"other"}}).Check(node); !strings.Contains(why, "agent.allow_bundles") {
		t.Errorf("got %q", why)
	}
	command := mgmt.Node{Name: "w", RunOptions: []mgmt.Option{{Name: "Notice::sendmail", Value: "x"}}}
	if why := (mgmt.Permits{}).Check(command); !strings.Contains(why, "agent.allow_options") {
		t.Errorf("got %q", why)
	}
}

// Other content of scripts is another plan. Other content of data, or another option of the
// configuration framework, is not.
func TestContentOfScriptsIsPartOfThePlan(t *testing.T) {
	plan := func(n mgmt.Node) mgmt.Plan { n.Name = "w"; return mgmt.Plan{Node: n} }
	scripts := plan(mgmt.Node{Bundles: []mgmt.Bundle{bundle("site", mgmt.ScriptBundle, "a"), bundle("pkg", mgmt.ScriptBundle, "b")}})
	for name, tt := range map[string]struct {
		before, after mgmt.Plan
		want          []string
	}{
		"other scripts": {scripts, plan(mgmt.Node{Bundles: []mgmt.Bundle{bundle("site", mgmt.ScriptBundle, "c"), bundle("pkg", mgmt.ScriptBundle, "b")}}), []string{"bundle site has other content"}},
		"another order": {scripts, plan(mgmt.Node{Bundles: []mgmt.Bundle{bundle("pkg", mgmt.ScriptBundle, "b"), bundle("site", mgmt.ScriptBundle, "a")}}), []string{"the bundles have another order"}},
		"removed":       {scripts, plan(mgmt.Node{Bundles: []mgmt.Bundle{bundle("site", mgmt.ScriptBundle, "a")}}), []string{"bundle pkg was removed"}},
		"other data": {
			plan(mgmt.Node{Bundles: []mgmt.Bundle{bundle("intel", mgmt.DataBundle, "a")}}),
			plan(mgmt.Node{Bundles: []mgmt.Bundle{bundle("intel", mgmt.DataBundle, "b")}}), nil,
		},
		"data are added": {plan(mgmt.Node{}), plan(mgmt.Node{Bundles: []mgmt.Bundle{bundle("intel", mgmt.DataBundle, "b")}}), []string{"bundle intel was added"}},
		"another option": {plan(mgmt.Node{}), plan(mgmt.Node{RunOptions: []mgmt.Option{{Name: "A::b", Value: "c"}}}), nil},
	} {
		if diff := cmp.Diff(tt.want, mgmt.PlanDifference(tt.before, tt.after)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if same := tt.after.Is(tt.before.Fingerprint()); same != (tt.want == nil) {
			t.Errorf("%s: the fingerprints are the same: %t", name, same)
		}
	}
}
