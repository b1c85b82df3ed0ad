package alerting_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// BenchmarkCluster looks at 1,000 nodes on 100 hosts without any trouble.
func BenchmarkCluster(b *testing.B) {
	m, err := alerting.New(alerting.Config{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	snap := &mgmt.Snapshot{Deployed: &mgmt.ConfigRevision{}}
	config := &snap.Deployed.Config
	for i := range 100 {
		in := &mgmt.ObservedInstance{Name: mgmt.InstanceName(fmt.Sprintf("sensor-%03d", i)), Standing: mgmt.Ready}
		config.Instances = append(config.Instances, mgmt.Instance{Name: in.Name})
		for n := range 10 {
			node := mgmt.NodeName(fmt.Sprintf("worker-%03d-%d", i, n))
			config.Nodes = append(config.Nodes, mgmt.Node{Name: node, Instance: in.Name, Role: mgmt.Worker, State: mgmt.Running})
			in.Nodes = append(in.Nodes, mgmt.ObservedNode{NodeStatus: mgmt.NodeStatus{Node: node, State: mgmt.Running}})
		}
		snap.Instances = append(snap.Instances, in)
	}
	now := time.Unix(1_800_000_000, 0)
	for b.Loop() {
		m.Step(now, alerting.Seen{Snapshot: snap})
	}
}
