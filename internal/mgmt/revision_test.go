package mgmt_test

import (
	"net/netip"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestARevisionThatIsNotThereIsExplained(t *testing.T) {
	deployed := &mgmt.ConfigRevision{Revision: 9}
	snap := &mgmt.Snapshot{Deployed: deployed, History: []mgmt.PastConfig{{Revision: 2}, {Revision: 5, Kept: true}, {Revision: 7, Kept: true}}}
	for _, tt := range []struct {
		snap     *mgmt.Snapshot
		revision uint64
		want     string
	}{
		{snap, 5, ""},
		{snap, 2, "revision 2 is described in the history, but its configuration is not kept any more: the oldest that is kept is 5"},
		{snap, 1, "revision 1 is not there: the oldest that is known is 2"},
		{snap, 6, "revision 6 was never deployed"},
		{snap, 12, "revision 12 is not there: the newest is 9"},
		{&mgmt.Snapshot{}, 1, "revision 1 is not there: nothing was deployed yet"},
		{&mgmt.Snapshot{Deployed: deployed}, 1, "revision 1 is not there: the only one that is known is 9"},
		{&mgmt.Snapshot{Deployed: deployed, History: []mgmt.PastConfig{{Revision: 2}}}, 2,
			"revision 2 is described in the history, but its configuration is not kept any more: only 9 is"},
	} {
		got := ""
		if _, err := tt.snap.Past(tt.revision); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("Past(%d): got %q, want %q", tt.revision, got, tt.want)
		}
	}
}

// A rollback must not send the nodes to the address that an agent had long ago.
func TestHostsThatTheUserLeftOpenAreOpenAgain(t *testing.T) {
	host := netip.MustParseAddr("10.0.0.1")
	r := mgmt.ConfigRevision{
		Config: mgmt.Configuration{Instances: []mgmt.Instance{{Name: "a", Host: host}, {Name: "b", Host: host}}},
		Found:  []mgmt.InstanceName{"b"},
	}
	given := r.Given()
	if given.Instances[0].Host != host || given.Instances[1].Host != mgmt.UnknownHost || r.Config.Instances[1].Host != host {
		t.Errorf("given is %v, and the revision has %v", given.Instances, r.Config.Instances)
	}
}

func TestPortsThatTheUserLeftOpenAreOpenAgain(t *testing.T) {
	nodes := []mgmt.Node{{Name: "a", Port: tcp(2200), MetricsPort: tcp(9900)}}
	r := mgmt.ConfigRevision{Config: mgmt.Configuration{Nodes: nodes}, Assigned: mgmt.AssignedPorts{Broker: []mgmt.NodeName{"a"}}}
	given := r.Given().Nodes[0]
	if given.Port != nil || given.MetricsPort == nil || nodes[0].Port == nil {
		t.Errorf("given is %+v, and the revision has %+v", given, nodes[0])
	}
}
