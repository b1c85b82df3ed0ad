package mgmt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func optionedCluster() mgmt.Configuration {
	return mgmt.Configuration{Nodes: []mgmt.Node{
		{Name: "l", Instance: "x", Role: mgmt.Logger},
		{Name: "w1", Instance: "x", Role: mgmt.Worker, RunOptions: []mgmt.Option{{Name: "A::b", Value: "1"}, {Name: "C::d", Value: "2"}}},
		{Name: "w2", Instance: "y", Role: mgmt.Worker, RunOptions: []mgmt.Option{{Name: "A::b", Value: "1"}}},
		{Name: "feeder", Instance: "y", Command: []string{"/bin/feeder"}},
	}}
}

func optionsText(c mgmt.Configuration) string {
	var parts []string
	for _, n := range c.Nodes {
		parts = append(parts, fmt.Sprint(n.Name, n.RunOptions))
	}
	return strings.Join(parts, " ")
}

func TestWithOptions(t *testing.T) {
	set := func(name, value string) []mgmt.Option { return []mgmt.Option{{Name: name, Value: value}} }
	for name, tt := range map[string]struct {
		change mgmt.OptionChange
		want   string
	}{
		"set on all nodes of Zeek": {mgmt.OptionChange{Set: set("B::c", "x")}, "l[{B::c x}] w1[{A::b 1} {B::c x} {C::d 2}] w2[{A::b 1} {B::c x}] feeder[]"},
		"set on some":              {mgmt.OptionChange{Selectors: []string{"%y"}, Set: set("A::b", "3")}, "l[] w1[{A::b 1} {C::d 2}] w2[{A::b 3}] feeder[{A::b 3}]"},
		"unset where it is":        {mgmt.OptionChange{Unset: []string{"C::d"}}, "l[] w1[{A::b 1}] w2[{A::b 1}] feeder[]"},
		"unset and set":            {mgmt.OptionChange{Selectors: []string{"w1"}, Unset: []string{"A::b"}, Set: set("A::b", "9")}, "l[] w1[{A::b 9} {C::d 2}] w2[{A::b 1}] feeder[]"},
		"no such node":             {mgmt.OptionChange{Selectors: []string{"w3"}, Set: set("A::b", "1")}, "there is no node 'w3' (did you mean 'w1'?)"},
		"no such selector":         {mgmt.OptionChange{Selectors: []string{"@wrokers"}}, "'@wrokers' is no role; the roles are @managers, @loggers, @proxies and @workers (did you mean '@workers'?)"},
		"a name that cannot be":    {mgmt.OptionChange{Set: set("A-b", "1")}, `"A-b" cannot be the name of an option`},
		"unset where it is not":    {mgmt.OptionChange{Selectors: []string{"w2"}, Unset: []string{"C::d"}}, `option "C::d" is not set on any of these nodes`},
		"unset a misspelt one":     {mgmt.OptionChange{Unset: []string{"A::c"}}, `option "A::c" is not set on any of these nodes (did you mean 'A::b'?)`},
	} {
		before := optionedCluster()
		got, err := before.WithOptions(tt.change)
		text := optionsText(got)
		if err != nil {
			text = err.Error()
		}
		if text != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", name, text, tt.want)
		}
		if diff := cmp.Diff(optionedCluster(), before); diff != "" {
			t.Errorf("%s has changed the configuration itself:\n%s", name, diff)
		}
	}
	if _, err := (mgmt.Configuration{}).WithOptions(mgmt.OptionChange{Set: set("A::b", "1")}); err == nil || err.Error() != "the configuration has no nodes of Zeek" {
		t.Errorf("without nodes: %v", err)
	}
}

func TestOptionDifferences(t *testing.T) {
	after := optionedCluster()
	after.Nodes[0].RunOptions = []mgmt.Option{{Name: "A::b", Value: "1"}}
	after.Nodes[1].RunOptions = []mgmt.Option{{Name: "A::b", Value: "2"}}
	after.Nodes[2].RunOptions = []mgmt.Option{{Name: "A::b", Value: "3"}}
	after.Nodes = append(after.Nodes[:3:3], mgmt.Node{Name: "new", Role: mgmt.Worker, RunOptions: []mgmt.Option{{Name: "A::b", Value: "1"}}})
	want := []mgmt.OptionDifference{
		{Name: "A::b", How: mgmt.OptionChanged, Nodes: []mgmt.NodeName{"w1", "w2"}},
		{Name: "A::b", How: mgmt.OptionSet, Nodes: []mgmt.NodeName{"l", "new"}},
		{Name: "C::d", How: mgmt.OptionUnset, Nodes: []mgmt.NodeName{"w1"}},
	}
	if diff := cmp.Diff(want, mgmt.OptionDifferences(optionedCluster(), after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := mgmt.OptionDifferences(after, after); got != nil {
		t.Errorf("the same: got %v", got)
	}
}

func TestBundleDifferences(t *testing.T) {
	cluster := func(bundles ...mgmt.Bundle) mgmt.Configuration {
		return mgmt.Configuration{Nodes: []mgmt.Node{{Name: "b", Bundles: bundles}, {Name: "a", Bundles: bundles}, {Name: "c"}}}
	}
	same := mgmt.Bundle{Name: "same", Kind: mgmt.ScriptBundle, Hash: "sha256:0"}
	before := cluster(same, mgmt.Bundle{Name: "site", Kind: mgmt.ScriptBundle, Hash: "sha256:1"}, mgmt.Bundle{Name: "gone", Kind: mgmt.DataBundle, Hash: "sha256:2"})
	after := cluster(mgmt.Bundle{Name: "site", Kind: mgmt.ScriptBundle, Hash: "sha256:3"}, same, mgmt.Bundle{Name: "added", Kind: mgmt.DataBundle, Hash: "sha256:4"})
	nodes := []mgmt.NodeName{"a", "b"}
	want := []mgmt.BundleDifference{
		{Name: "added", Kind: mgmt.DataBundle, Now: "sha256:4", Nodes: nodes},
		{Name: "gone", Kind: mgmt.DataBundle, Was: "sha256:2", Nodes: nodes},
		{Name: "site", Kind: mgmt.ScriptBundle, Was: "sha256:1", Now: "sha256:3", Nodes: nodes},
	}
	if diff := cmp.Diff(want, mgmt.BundleDifferences(before, after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
