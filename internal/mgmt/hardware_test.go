package mgmt_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An agent that was taken over can tell anything of its host.
func TestHardwareThatAnAgentTellsIsBounded(t *testing.T) {
	facts := mgmt.HostFacts{Hardware: &mgmt.Hardware{
		Processors:     []mgmt.Processor{{Number: 3, NUMANode: -7}, {Number: 1}, {Number: 3}, {Number: -1}, {Number: mgmt.MaxProcessors}},
		Interfaces:     []mgmt.NIC{{Name: "b\n" + strings.Repeat("x", 100), NUMANode: -2, Driver: "\x1b[m", Queues: -1}, {Name: "a"}},
		MoreInterfaces: -1,
	}}
	facts.Cut(10)
	want := &mgmt.Hardware{
		Processors: []mgmt.Processor{{Number: 1}, {Number: 3, NUMANode: mgmt.NoNUMANode}},
		Interfaces: []mgmt.NIC{{Name: "a"}, {Name: "b?xxxxx…", NUMANode: mgmt.NoNUMANode, Driver: "?[m"}},
	}
	if diff := cmp.Diff(want, facts.Hardware); diff != "" {
		t.Errorf("bounded (-want +got):\n%s", diff)
	}
	many := mgmt.Hardware{Interfaces: make([]mgmt.NIC, mgmt.MaxNICs+3), MoreInterfaces: 2}
	many.Bound(10)
	if len(many.Interfaces) != mgmt.MaxNICs || many.MoreInterfaces != 5 {
		t.Errorf("%d interfaces, %d more", len(many.Interfaces), many.MoreInterfaces)
	}
}
