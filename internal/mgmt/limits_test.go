package mgmt_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestLimitsAreChecked(t *testing.T) {
	for name, tt := range map[string]struct {
		limits mgmt.Limits
		want   string
	}{
		"none":                   {mgmt.Limits{}, ""},
		"the greatest":           {mgmt.Limits{Memory: math.MaxInt64, CPUWeight: 10000, Nice: 19}, ""},
		"the least":              {mgmt.Limits{Memory: 16 << 20, CPUWeight: 1, Nice: -20}, ""},
		"too little memory":      {mgmt.Limits{Memory: 1<<24 - 1}, "the memory limit of 16777215 bytes is below 16MiB"},
		"too much memory":        {mgmt.Limits{Memory: math.MaxInt64 + 1}, "or too large"},
		"too great a weight":     {mgmt.Limits{CPUWeight: 10001}, "the CPU weight 10001 is not from 1 to 10000"},
		"too low a nice value":   {mgmt.Limits{Nice: -21}, "the nice value -21 is not from -20 to 19"},
		"too great a nice value": {mgmt.Limits{Nice: 20}, "the nice value 20 is not from -20 to 19"},
	} {
		n := mgmt.Node{Name: "w", Instance: "x", Role: mgmt.Worker, Limits: tt.limits}
		errs, _ := mgmt.Configuration{Instances: []mgmt.Instance{{Name: "x"}}, Nodes: []mgmt.Node{n}}.Check(mgmt.Rules{})
		all := strings.Join(errs, "; ")
		if tt.want == "" && strings.Contains(all, "limit") || !strings.Contains(all, tt.want) {
			t.Errorf("%s: the controller says %q, want %q", name, all, tt.want)
		}
		if got := (mgmt.Permits{}).Check(n); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: the host says %q, want %q", name, got, tt.want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "16MiB": 16 << 20, "8 GiB": 8 << 30, " 33554432 ": 32 << 20, "1TiB": 1 << 40, "16777217B": 16777217} {
		got, err := mgmt.ParseSize(text, 16<<20)
		if err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", text, got, err, want)
		}
		if again, err := mgmt.ParseSize(mgmt.SizeText(got), 0); err != nil || again != got {
			t.Errorf("%q is written as %q, which is read as %d, %v", text, mgmt.SizeText(got), again, err)
		}
	}
	for _, text := range []string{"", "1", "8G", "-8GiB", "8.5GiB", "99999999TiB", "GiB", "0x10"} {
		if got, err := mgmt.ParseSize(text, 16<<20); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func TestLimitsAreComparedByName(t *testing.T) {
	before := mgmt.Node{Limits: mgmt.Limits{Memory: 4 << 30, CPUWeight: 50}}
	after := mgmt.Node{Limits: mgmt.Limits{Memory: 8 << 30, Nice: -5}}
	want := []string{"the memory limit is 8GiB, was 4GiB", "the CPU weight 50 was removed", "the nice value is -5 now"}
	if diff := cmp.Diff(want, mgmt.LimitsDifference(before, after)); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
	if got := mgmt.LimitsDifference(after, after); len(got) > 0 {
		t.Errorf("the same limits differ: %v", got)
	}
}
