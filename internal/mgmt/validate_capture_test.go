package mgmt_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestCaptureDoubts(t *testing.T) {
	on := func(iface string) func(*mgmt.Node) { return func(n *mgmt.Node) { n.Interface = &iface } }
	crowd := func(count int) (nodes []mgmt.Node) {
		for i := range count {
			nodes = append(nodes, node(mgmt.NodeName(fmt.Sprintf("w-%d", i)), "i", mgmt.Worker))
		}
		return nodes
	}
	for name, tt := range map[string]struct {
		nodes []mgmt.Node
		want  []string
	}{
		"each worker captures from an interface of its own": {nodes: []mgmt.Node{
			node("m", "i", mgmt.Manager), node("a", "i", mgmt.Worker, on("eth0")), node("b", "i", mgmt.Worker, on("eth1")),
		}},
		"interfaces of different instances are different": {nodes: []mgmt.Node{
			node("a", "i", mgmt.Worker, on("eth0")), node("b", "j", mgmt.Worker, on("eth0")),
		}},
		"packet sources share among their workers": {nodes: []mgmt.Node{
			node("a", "i", mgmt.Worker, on("af_packet::eth0")), node("b", "i", mgmt.Worker, on("af_packet::eth0")),
			node("c", "i", mgmt.Worker, on("netmap::eth1}0")), node("d", "i", mgmt.Worker, on("netmap::eth1}0")),
		}},
		"libpcap does not": {
			[]mgmt.Node{node("b", "i", mgmt.Worker, on("pcap::eth0")), node("a", "i", mgmt.Worker, on("eth0"))},
			[]string{"workers 'a', 'b' on instance 'i' would each analyze all packets of eth0; to share them, write af_packet::eth0"},
		},
		"a worker without an interface": {
			[]mgmt.Node{node("a", "i", mgmt.Worker), node("b", "i", mgmt.Worker, on(""))},
			[]string{"no interface for workers 'a', 'b' to capture from"},
		},
		"another node with one": {
			[]mgmt.Node{node("m", "i", mgmt.Manager, on("eth0"))},
			[]string{"node 'm' would capture from an interface, and only workers should"},
		},
		"many are counted": {crowd(8), []string{"no interface for workers 'w-0', 'w-1', 'w-2', 'w-3', 'w-4' and 3 more to capture from"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mgmt.Configuration{Nodes: tt.nodes}.CaptureDoubts()); diff != "" {
				t.Errorf("doubts (-want +got):\n%s", diff)
			}
		})
	}
}
