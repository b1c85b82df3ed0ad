package clusterfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestLimitsAreReadAndWritten(t *testing.T) {
	text := "[instances]\nx\n[DEFAULT]\nnice = 5\n[w1]\ninstance = x\nrole = worker\nmemory_limit = 8192 MiB\ncpu_weight = 200\nnice = -5\n[w2]\ninstance = x\nrole = worker\nmemory_limit = 0\n"
	got, err := clusterfile.Parse("c.ini", []byte(text), clusterfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[mgmt.NodeName]mgmt.Limits{"w1": {Memory: 8 << 30, CPUWeight: 200, Nice: -5}, "w2": {Nice: 5}}
	limits := map[mgmt.NodeName]mgmt.Limits{}
	for _, n := range got.Config.Nodes {
		limits[n.Name] = n.Limits
	}
	if diff := cmp.Diff(want, limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	written := clusterfile.Text(got.Config)
	if entries := "memory_limit = 8GiB\ncpu_weight = 200\nnice = -5\n"; !strings.Contains(written, entries) {
		t.Errorf("written as\n%s\nwant %q in it", written, entries)
	}
	again, err := clusterfile.Parse("c.ini", []byte(written), clusterfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.Config.Nodes, again.Config.Nodes); diff != "" {
		t.Errorf("written and read again (-want +got):\n%s", diff)
	}
}

func TestImpossibleLimitsAreRefused(t *testing.T) {
	for entry, want := range map[string]string{
		"memory_limit = 8G":  `memory_limit "8G" is neither 0 nor at least 16MiB, such as 512MiB or 8GiB`,
		"memory_limit = 1":   "neither 0 nor at least 16MiB",
		"cpu_weight = 0":     "cpu_weight 0 is not from 1 to 10000",
		"cpu_weight = 10001": "cpu_weight 10001 is not from 1 to 10000",
		"cpu_weight = much":  "cannot convert",
		"nice = 20":          "nice 20 is not from -20 to 19",
		"memory_limits = 1":  `did you mean "memory_limit"?`,
	} {
		_, err := clusterfile.Parse("c.ini", []byte("[instances]\nx\n[w1]\ninstance = x\nrole = worker\n"+entry+"\n"), clusterfile.Options{})
		if err == nil || !strings.Contains(err.Error(), "c.ini:6") || !strings.Contains(strings.ReplaceAll(err.Error(), "'", `"`), want) {
			t.Errorf("%s: got %v, want line 6 and %q", entry, err, want)
		}
	}
}

func TestTemplatesHaveLimits(t *testing.T) {
	got, err := clusterfile.Parse("c.ini", []byte("[instances]\nx\n[workers]\ninstance = x\ninterface = eth0\nworkers = 2\nmemory_limit = 1GiB\n"), clusterfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range got.Config.Nodes {
		if n.Limits != (mgmt.Limits{Memory: 1 << 30}) {
			t.Errorf("%s has limits %+v", n.Name, n.Limits)
		}
	}
}
