package main

import (
	"fmt"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// TestRollingRestartLeavesNoInterfaceWithoutAWorker counts the RUNNING workers of each
// interface of an instance, by the events of a rolling restart: these are complete and in
// order. An interface that has several workers always has one that is RUNNING.
func TestRollingRestartLeavesNoInterfaceWithoutAWorker(t *testing.T) {
	f := runFleet(t, "ZEEKFLEET_NODE_KIND=embedded")
	nodes := []api.ConfiguredNode{configured("manager", "left", "MANAGER"), configured("logger", "right", "LOGGER")}
	groups, size := map[string]string{}, map[string]int{}
	for i, place := range []string{
		"left eth0", "left eth1", "left eth0", "left eth2", "left eth0", "left eth1",
		"right eth0", "right eth1", "right eth2", "right eth2", "right eth1", "right eth2",
	} {
		n := configured(fmt.Sprintf("worker-%d", i+1), "", "WORKER")
		fmt.Sscan(place, &n.Instance, &n.Interface)
		n.Interface = "af_packet::" + n.Interface
		nodes = append(nodes, n)
		groups[n.Name] = place
		size[place]++
	}
	f.deploy(twoInstances(nodes...))

	for _, request := range []api.OperateRequest{{Percent: 50}, {Batch: 3}, {Batch: 12}, {Percent: 100}} {
		seq, before := f.lastEvent(), f.up()
		request.Kind, request.Rolling = api.KindRestart, true
		o, err := f.client.Operate(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		up, least, left := map[string]int{}, map[string]int{}, map[string]int{}
		for place, n := range size {
			up[place], least[place] = n, n
		}
		for e, err := range f.client.StreamEvents(t.Context(), api.EventQuery{After: seq}) {
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == api.EventOperation && e.Operation == o.ID && e.To != api.OperationRunning {
				break
			}
			place := groups[e.Node]
			if e.Kind != api.EventNode || place == "" {
				continue
			}
			if e.From == "RUNNING" {
				up[place]--
				left[e.Node]++
			}
			if e.To == "RUNNING" {
				up[place]++
			}
			least[place] = min(least[place], up[place])
		}
		if o = f.ended(o.ID); o.State != api.OperationDone {
			t.Fatalf("%+v", o)
		}
		for place, n := range size {
			if n > 1 && least[place] < 1 {
				t.Errorf("batch %d, percent %d: no worker was RUNNING on %s", request.Batch, request.Percent, place)
			}
		}
		for n, pid := range f.up() {
			if pid == before[n] || groups[n] != "" && left[n] != 1 {
				t.Errorf("batch %d, percent %d: %s left RUNNING %d times", request.Batch, request.Percent, n, left[n])
			}
		}
		t.Logf("batch %d, percent %d: the least of RUNNING workers: %v", request.Batch, request.Percent, least)
	}
	f.deploy(twoInstances())
}
