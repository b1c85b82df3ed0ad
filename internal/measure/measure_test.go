package measure_test

import (
	"os"
	"os/exec"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/machine"
	"github.com/zeekfleet/zeekfleet/internal/measure"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/procfs"
)

func TestThisProcessAndHost(t *testing.T) {
	s := measure.NewSampler(measure.Config{Dirs: []machine.Dir{{Use: "state", Path: t.TempDir()}}})
	nodes := func() []mgmt.NodeSample {
		return []mgmt.NodeSample{{Node: "w", PID: os.Getpid(), Restarts: 3, Interface: "af_packet::lo"}, {Node: "gone"}}
	}
	now := time.Now()
	s.Take(now, nodes())
	got := s.Take(now.Add(time.Second), nodes())
	n := got.Nodes[0]
	if n.Memory < 1<<20 || n.Threads < 1 || n.Files < 3 || n.CPU < 0 || n.Started.IsZero() || n.Restarts != 3 || n.Interface != "lo" {
		t.Errorf("this process: %+v", n)
	}
	if !reflect.DeepEqual(got.Nodes[1], mgmt.NodeSample{Node: "gone"}) {
		t.Errorf("a node without a process: %+v", got.Nodes[1])
	}
	if got.CPUs < 1 || got.Busy < 0 || got.Busy > float64(got.CPUs) || got.Memory.Total == 0 || len(got.Disks) != 1 || got.Disks[0].Total == 0 {
		t.Errorf("this host: %+v", got)
	}
	i := slices.IndexFunc(got.Interfaces, func(i mgmt.InterfaceSample) bool { return i.Name == "lo" })
	if i != 0 || !got.Interfaces[0].Capture || !got.Interfaces[0].Up {
		t.Errorf("interfaces: %+v", got.Interfaces)
	}
}

func TestAProcessThatEndsIsLeftOut(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	got := measure.NewSampler(measure.Config{}).Take(time.Now(), []mgmt.NodeSample{{Node: "w", PID: cmd.Process.Pid}})
	if n := got.Nodes[0]; n.PID != 0 || n.Memory != 0 {
		t.Errorf("got %+v", n)
	}
}

func TestProcessorsBetweenTwoSamples(t *testing.T) {
	root := t.TempDir()
	stat := func(used string, all string) {
		t.Helper()
		if err := os.MkdirAll(root+"/7", 0o700); err != nil {
			t.Fatal(err)
		}
		for path, text := range map[string]string{
			"/7/stat": "7 (zeek) S 1 7 6 0 -1 0 1 2 3 4 " + used + " 0 9 9 20 0 2 0 0 9 3 0", "/stat": "cpu " + all + "\n",
		} {
			if err := os.WriteFile(root+path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := measure.NewSampler(measure.Config{Proc: procfs.Dir(root)})
	at := machine.Booted().Add(10 * time.Second)
	stat("500", "100 0 0 300 0")
	first := s.Take(at, []mgmt.NodeSample{{Node: "w", PID: 7}})
	if n := first.Nodes[0]; n.CPU != 0.5 {
		t.Errorf("since its start: %v processors, want 0.5", n.CPU)
	}
	stat("750", "200 0 0 500 0")
	second := s.Take(at.Add(5*time.Second), []mgmt.NodeSample{{Node: "w", PID: 7}})
	if n := second.Nodes[0]; n.CPU != 0.5 || second.Busy != float64(second.CPUs)/3 {
		t.Errorf("since the sample before: %v processors, %v busy of %d", n.CPU, second.Busy, second.CPUs)
	}
}

func TestDevicesThatZeekNames(t *testing.T) {
	for spec, want := range map[string][]string{
		"eth0":             {"eth0"},
		"af_packet::eth0":  {"eth0"},
		"netmap::eth0-0/R": {"eth0"},
		"netmap::zeek}1":   {"zeek"},
		"netmap::br-lan":   {"br-lan"},
		"myricom::p7p1":    {"p7p1"},
		"zc:eth3@1":        {"eth3"},
		"-i eth0 -i eth1":  {"eth0", "eth1"},
		"-ieth0":           {"eth0"},
		"eth0,eth1":        {"eth0", "eth1"},
		"":                 nil,
		"af_packet::":      nil,
		"pcap::en-us.100":  {"en-us.100"},
	} {
		if got := measure.Devices(spec); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", spec, got, want)
		}
	}
}

func TestInterfacesAreBounded(t *testing.T) {
	got := measure.NewSampler(measure.Config{MaxInterfaces: 1}).Take(time.Now(), []mgmt.NodeSample{{Node: "w", Interface: "lo"}})
	if len(got.Interfaces) != 1 || got.Interfaces[0].Name != "lo" {
		t.Errorf("got %+v, want lo alone", got.Interfaces)
	}
}
