package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// put puts a fleet on a board, as renew does.
func (b *board) put(list ...fleetInstance) {
	b.seq++
	b.place(list)
	b.summary.set("summary", b.seq)
}

func sensor(name, standing string, nodes ...string) fleetInstance {
	one := fleetInstance{FleetHost: ui.FleetHost{Instance: name, Standing: standing}}
	for _, n := range nodes {
		node, state, _ := strings.Cut(n, " ")
		one.nodes = append(one.nodes, ui.FleetNode{Instance: name, Name: node, State: state})
	}
	return one
}

// told says in short what news tell.
func told(n boardNews) string {
	return fmt.Sprintf("all %v, %d parts, %d rows, gone %v", n.all, len(n.parts), len(n.rows), n.gone)
}

func TestTheBoardTellsWhatHasChanged(t *testing.T) {
	b := newBoard()
	b.put(sensor("a", "READY", "w1 RUNNING", "w2 RUNNING"), sensor("b", "READY", "w3 RUNNING"))
	first := b.news("")
	if got := told(first); got != "all true, 3 parts, 0 rows, gone []" {
		t.Fatalf("at first: %s", got)
	}
	for i, step := range []struct {
		fleet []fleetInstance
		want  string
	}{
		{[]fleetInstance{sensor("a", "READY", "w1 RUNNING", "w2 RUNNING"), sensor("b", "READY", "w3 RUNNING")}, "all false, 0 parts, 0 rows, gone []"},
		{[]fleetInstance{sensor("a", "READY", "w1 CRASHED", "w2 RUNNING"), sensor("b", "READY", "w3 RUNNING")}, "all false, 0 parts, 1 rows, gone []"},
		{[]fleetInstance{sensor("a", "ABSENT", "w1 UNKNOWN", "w2 UNKNOWN"), sensor("b", "READY", "w3 RUNNING")}, "all false, 1 parts, 2 rows, gone []"},
		{[]fleetInstance{sensor("a", "ABSENT", "w2 UNKNOWN"), sensor("b", "READY", "w3 RUNNING")}, "all false, 1 parts, 0 rows, gone []"},
		{[]fleetInstance{sensor("a", "ABSENT", "w2 UNKNOWN"), sensor("c", "READY")}, "all false, 1 parts, 0 rows, gone [i/b]"},
	} {
		seen := b.news("").seen
		b.put(step.fleet...)
		if got := told(b.news(seen)); got != step.want {
			t.Errorf("step %d: got %s, want %s", i+1, got, step.want)
		}
	}
	if got := told(b.news(first.seen)); got != "all false, 2 parts, 0 rows, gone [i/b]" {
		t.Errorf("all steps at once: %s", got)
	}
	if got := told(b.news("other-1")); !strings.HasPrefix(got, "all true") {
		t.Errorf("of another run of the program: %s", got)
	}
}

func TestTheBoardForgetsWhatHasLeftLongAgo(t *testing.T) {
	b := newBoard()
	b.put()
	seen := b.news("").seen
	for i := range maxGone + 1 {
		b.put(sensor(fmt.Sprint(i), "READY"))
	}
	if len(b.gone) > maxGone {
		t.Errorf("the board remembers %d instances that are gone", len(b.gone))
	}
	b.put()
	if n := b.news(seen); !n.all {
		t.Errorf("what is forgotten is told as %s", told(n))
	}
}

func TestTheFleetShowsFiguresOfNodesThatRun(t *testing.T) {
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	node := func(name string, role mgmt.ClusterRole, state mgmt.State) mgmt.ObservedNode {
		return mgmt.ObservedNode{Since: since, NodeStatus: mgmt.NodeStatus{Node: mgmt.NodeName(name), ClusterRole: role, State: state}}
	}
	deployed := mgmt.Configuration{Nodes: []mgmt.Node{{Name: "w1", Instance: "a"}, {Name: "w2", Instance: "a"}, {Name: "feeder", Instance: "a", Role: mgmt.ClusterNone}}}
	snap := &mgmt.Snapshot{
		Deployed: &mgmt.ConfigRevision{Config: deployed}, Stopped: []mgmt.NodeName{"w2"}, Paused: []mgmt.NodeName{"w1"},
		Instances: []*mgmt.ObservedInstance{{Name: "a", Standing: mgmt.Ready, Nodes: []mgmt.ObservedNode{
			node("a", mgmt.ClusterNone, mgmt.Running), node("feeder", mgmt.ClusterNone, mgmt.Running), node("w1", mgmt.Worker, mgmt.Running), node("w2", mgmt.Worker, mgmt.Stopped),
		}}},
	}
	sample := samples.Host{
		Sample: &mgmt.HostSample{CPUs: 4, Busy: 1.25, Memory: mgmt.Memory{Total: 100, Available: 25}, Nodes: []mgmt.NodeSample{
			{Node: "w1", PID: 7, CPU: 0.5, Memory: 3 << 20, Interface: "eth0", Zeek: &mgmt.ZeekSample{Lag: new(0.25)}}, {Node: "w2", PID: 8},
		}, Interfaces: []mgmt.InterfaceSample{{Name: "eth0", Capture: true}, {Name: "eth1"}}},
		Nodes:      []samples.NodeRates{{Known: true, Packets: 12345, DropShare: 0.05, Waiting: 3}, {}},
		Interfaces: []samples.InterfaceRates{{Known: true, Packets: 20000, Bytes: 1e6}, {Known: true, Packets: 5}},
	}
	got := fleetOf(snap, map[mgmt.InstanceName]samples.Host{"a": sample}, nil)
	if len(got) != 1 || len(got[0].nodes) != 3 {
		t.Fatalf("got %+v", got)
	}
	if h := got[0].FleetHost; h.Busy != "1.2 of 4 processors" || h.Memory != "75 %" || h.Traffic != "20.0 k packets/s, 8.00 Mbit/s" {
		t.Errorf("the host: %+v", h)
	}
	w1 := ui.FleetNode{
		Instance: "a", Name: "w1", Role: "WORKER", State: "RUNNING", Since: since, Mark: "paused",
		Packets: "12.3 k", Dropped: "5.0 %", CPU: "50 %", Memory: "3.00 MiB", Lag: "0.2 s", Waiting: "3", Worrying: true,
	}
	if got[0].nodes[1] != w1 {
		t.Errorf("w1: %+v", got[0].nodes[1])
	}
	if n := got[0].nodes[2]; n.Mark != "stopped by a user" || n.CPU != "" {
		t.Errorf("w2: %+v", n)
	}
}
