package mgmt_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestNodesAreBoundToProcessors(t *testing.T) {
	bound := func(list string) mgmt.Node {
		return mgmt.Node{Env: map[string]string{mgmt.CPUsEnv: list}}
	}
	both := bound("1")
	both.CPUAffinity = new(int64(1))
	for name, tc := range map[string]struct {
		node mgmt.Node
		want []int
		err  string
	}{
		"to any":                            {node: mgmt.Node{}},
		"to one":                            {node: mgmt.Node{CPUAffinity: new(int64(3))}, want: []int{3}},
		"to a list of one":                  {node: bound("0"), want: []int{0}},
		"to several, in any order, once":    {node: bound("4-6,0,5,1023"), want: []int{0, 4, 5, 6, 1023}},
		"not to what is below zero":         {node: mgmt.Node{CPUAffinity: new(int64(-1))}, err: "cpu_affinity -1 is no processor"},
		"not in two ways":                   {node: both, err: "exclude each other"},
		"not to an empty list":              {node: bound(""), err: "no list of processors"},
		"not to a range that is backwards":  {node: bound("3-1"), err: "no list of processors"},
		"not to a list with blanks":         {node: bound("0, 1"), err: "no list of processors"},
		"not to a list with signs":          {node: bound("+1"), err: "no list of processors"},
		"not to more than the kernel names": {node: bound("0-1024"), err: "no list of processors"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tc.node.CPUs()
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("processors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestListOfProcessorsIsCheckedWithTheConfiguration(t *testing.T) {
	for list, mistakes := range map[string]int{"0-1": 0, "all": 1} {
		c := mgmt.Configuration{
			Instances: []mgmt.Instance{{Name: "host"}},
			Nodes: []mgmt.Node{{
				Name: "worker", Instance: "host", Role: mgmt.Worker, Env: map[string]string{mgmt.CPUsEnv: list},
			}},
		}
		errs, _ := c.Check(mgmt.Rules{})
		found := 0
		for _, e := range errs {
			if strings.Contains(e, mgmt.CPUsEnv) {
				found++
			}
		}
		if found != mistakes {
			t.Errorf("%q: mistakes %q, want %d about it", list, errs, mistakes)
		}
	}
}
