package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// measuredNode is a node that runs and uses some of its host.
func measuredNode(name, role string, cpu float64, memory uint64) api.NodeSample {
	return api.NodeSample{
		Node: name, Role: role, State: "RUNNING", PID: 4000 + len(name), Started: noon.Add(-76 * time.Hour), CPU: cpu, Memory: memory, Threads: 7, Files: 40,
	}
}

// measuredWorker is a worker that captures.
func measuredWorker(name, iface string, cpu float64, packets, dropped float64, lag float64) api.NodeSample {
	n := measuredNode(name, "WORKER", cpu, 1<<30+300<<20)
	n.Interface = iface
	n.Zeek = &api.ZeekSample{
		Received: uint64(packets) * 1000, Dropped: uint64(dropped) * 900, Link: uint64(packets+dropped) * 1000, Bytes: uint64(packets) * 700_000, Lag: &lag,
		Rates: &api.NodeRates{Packets: packets, Bytes: packets * 700, Dropped: dropped},
	}
	if all := packets + dropped; all > 0 {
		n.Zeek.Rates.DropShare = dropped / all
	}
	return n
}

// measuredFleet has two sensors that tell figures, and three that tell none.
func measuredFleet() api.Samples {
	manager := measuredNode("manager", "MANAGER", 0.12, 210<<20)
	manager.Peers = []api.PeerSample{
		{Peer: "logger", Addr: "127.0.0.1:41000", Kind: "broker", Since: noon.Add(-76 * time.Hour), Limit: 10_000, Sent: new(uint64(120_000)), Received: new(uint64(130_400)), Dropped: new(uint64(0))},
		{Peer: "worker-2", Addr: "10.0.0.2:41002", Kind: "broker", Since: noon.Add(-time.Hour), Queued: 6200, Limit: 10_000, Sent: new(uint64(500_000)), Received: new(uint64(900)), Dropped: new(uint64(0))},
		{Peer: "worker-3", Addr: "10.0.0.2:41003", Kind: "broker", Since: noon.Add(-2 * time.Minute), Queued: 10_000, Limit: 10_000, Dropped: new(uint64(4096))},
	}
	logger := measuredNode("logger", "LOGGER", 0.4, 600<<20)
	started := measuredWorker("worker-4", "eth2", 0.3, 10, 0, 0)
	started.Started, started.Zeek.Rates, started.Zeek.Lag = noon.Add(-3*time.Second), nil, nil
	silent := measuredNode("worker-5", "WORKER", 0.01, 12<<20)
	silent.Interface = "eth2"
	stopped := api.NodeSample{Node: "worker-6", Role: "WORKER", State: "STOPPED", Interface: "eth2"}
	iface := func(name string, packets, bytes, errors, dropped float64) api.InterfaceSample {
		i := api.InterfaceSample{
			Name: name, Capture: true, Up: true, Link: true, Speed: 10_000_000_000, Promiscuous: true, Packets: uint64(packets) * 2000, Bytes: uint64(bytes) * 2000,
			Errors: uint64(errors) * 10, Dropped: uint64(dropped) * 100, Rates: &api.InterfaceRates{Packets: packets, Bytes: bytes, Errors: errors, Dropped: dropped},
		}
		if packets+dropped > 0 {
			i.Rates.DropShare = dropped / (packets + dropped)
		}
		return i
	}
	down := iface("eth2", 0, 0, 0, 0)
	down.Link, down.Speed = false, 0
	office := iface("eno1", 12, 1400, 0, 0)
	office.Capture, office.Speed = false, 2_500_000_000
	fresh := iface("eth9", 0, 0, 0, 0)
	fresh.Rates = nil
	return api.Samples{Time: noon, Items: []api.HostSample{
		{
			Instance: "sensor-1", Heard: noon.Add(-2 * time.Second), CPUs: 32, Busy: 9, Memory: api.Memory{Total: 128 << 30, Available: 60 << 30},
			Nodes:      []api.NodeSample{manager, logger, measuredWorker("worker-1", "eth1", 0.981, 812_345, 0, 0.2)},
			Interfaces: []api.InterfaceSample{office, iface("eth1", 815_000, 612e6, 0, 40)},
			Disks: []api.Disk{
				{Use: "state", Path: "/var/lib/zeekfleet", Total: 1 << 40, Free: 1 << 39}, {Use: "spool", Path: "/var/spool/zeekfleet", Total: 1 << 40, Free: 150 << 30},
				{Use: "archive", Path: "/data/zeek", Total: 8 << 40, Free: 200 << 30},
			},
			Peers: []api.PeerSample{{Peer: "controller", Addr: "10.0.0.1:2150", Kind: "broker", Since: noon.Add(-80 * time.Hour), Limit: 1024, Sent: new(uint64(9000)), Received: new(uint64(120)), Dropped: new(uint64(0))}},
		},
		{
			Instance: "sensor-2", Heard: noon.Add(-4 * time.Second), CPUs: 8, Busy: 7,
			Nodes: []api.NodeSample{
				measuredWorker("worker-2", "eth1", 1, 120_000, 2100, 12), measuredWorker("worker-3", "eth1", 1.43, 99_000, 21_000, 95), started, silent, stopped,
				{Node: "worker-7", Role: "WORKER", State: "PENDING", Err: "its agent has not measured it yet"},
			},
			Interfaces: []api.InterfaceSample{iface("eth1", 250_000, 300e6, 3, 9000), down, fresh},
			Disks:      []api.Disk{{Use: "spool", Path: "/var/spool/zeekfleet", Err: "input/output error"}, {Use: "state", Path: "/var/lib/zeekfleet", Total: 100 << 30, Free: 60 << 30}},
		},
		{Instance: "sensor-3", Err: "its agent is Zeek's own", Nodes: []api.NodeSample{{Node: "worker-8", Role: "WORKER", State: "RUNNING", Err: "its agent is Zeek's own"}}},
		{Instance: "sensor-4", Err: "its agent is not connected"},
		{Instance: "sensor-5", Err: "its agent is not connected"},
	}}
}

func measuredPages() map[string]fleetPage {
	page := func(s api.Samples, run func(*testing.T, cli.Measured) int, selectors ...string) fleetPage {
		return fleetPage{map[string]any{"GET /api/v1/samples": s}, func(t *testing.T, f cli.Fleet) int {
			return run(t, cli.Measured{Fleet: f, Selectors: selectors})
		}}
	}
	top := func(order string) func(t *testing.T, m cli.Measured) int {
		return func(t *testing.T, m cli.Measured) int { return m.Top(t.Context(), cli.TopRequest{Sort: order}) }
	}
	netstats := func(t *testing.T, m cli.Measured) int { return m.NetStats(t.Context()) }
	capstats := func(t *testing.T, m cli.Measured) int { return m.CapStats(t.Context(), false) }
	everything := func(t *testing.T, m cli.Measured) int { return m.CapStats(t.Context(), true) }
	peers := func(t *testing.T, m cli.Measured) int { return m.Peers(t.Context()) }
	df := func(t *testing.T, m cli.Measured) int { return m.DF(t.Context()) }
	all := measuredFleet()
	none := api.Samples{Time: noon, Items: []api.HostSample{}}
	untold := api.Samples{Time: noon, Items: all.Items[2:3]}
	idle := api.Samples{Time: noon, Items: []api.HostSample{{Instance: "sensor-1", Heard: noon}}}
	young := api.Samples{Time: noon, Items: []api.HostSample{{Instance: "sensor-1", Heard: noon, Nodes: []api.NodeSample{{Node: "worker-1", Role: "WORKER", State: "RUNNING", Err: "its agent has not measured it yet"}}}}}
	return map[string]fleetPage{
		"top-young": page(young, top("")), "top": page(all, top("")), "top-drops": page(all, top("drops"), "@workers"), "top-none": page(none, top("")), "top-untold": page(untold, top("lag")),
		"top-unknown": page(all, top(""), "worker-99"), "top-misuse": page(all, top(""), "@workrs"),
		"netstats": page(all, netstats), "netstats-one": page(all, netstats, "worker-1"), "netstats-manager": page(all, netstats, "manager"), "netstats-idle": page(idle, netstats),
		"capstats": page(all, capstats), "capstats-all": page(all, everything, "%sensor-1"), "capstats-nodes": page(all, capstats, "worker-2"),
		"capstats-idle": page(idle, capstats), "capstats-none": page(none, capstats),
		"peers": page(all, peers), "peers-manager": page(all, peers, "manager"), "peers-idle": page(idle, peers), "peers-untold": page(untold, peers),
		"df": page(all, df), "df-idle": page(idle, df), "df-worker": page(all, df, "worker-2"),
	}
}

// Instance and role bound what is shown, and the controller is asked for the instance alone.
func TestFiguresOfAnInstanceAndARole(t *testing.T) {
	all := measuredFleet()
	all.Items = all.Items[1:2]
	f := &fakeController{answers: map[string]any{"GET /api/v1/samples": all}}
	f.start(t, nil)
	a, stdout, _ := admin(t, f.address)
	a.Output = show.Settings{Format: show.AsJSON}
	m := cli.Measured{Fleet: cli.Fleet{Commands: a.Commands}, Instance: "sensor-2", Role: mgmt.Manager}
	if status := m.Top(t.Context(), cli.TopRequest{}); status != cli.StatusDone {
		t.Errorf("status %d", status)
	}
	var got cli.TopResult
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil || len(got.Nodes) != 0 {
		t.Errorf("a role that no node has: got %+v, %v", got, err)
	}
	if asked := f.seen(); len(asked) != 1 || asked[0] != "GET /api/v1/samples?instance=sensor-2" {
		t.Errorf("asked %q", asked)
	}
}

func TestFiguresOfAnUnknownInstance(t *testing.T) {
	f := &fakeController{answers: map[string]any{"GET /api/v1/samples": api.Samples{Time: noon}}}
	f.start(t, nil)
	a, _, stderr := admin(t, f.address)
	m := cli.Measured{Fleet: cli.Fleet{Commands: a.Commands}, Instance: "nope"}
	if status := m.DF(t.Context()); status != cli.StatusFailed || !strings.Contains(stderr.String(), `there is no instance "nope": zeekfleet hosts lists all`) {
		t.Errorf("status %d, %s", status, stderr)
	}
}

func TestAmounts(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.01: "<0.1", 0.5: "0.5", 2: "2", 9.94: "9.9", 9.96: "10", 999.4: "999", 999.6: "1.00k", 12_345: "12.3k", 99_960: "100k", 999_600: "1.00M", 1.5e9: "1.50G", 3e21: "3000E",
	} {
		if got := cli.Amount(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}
