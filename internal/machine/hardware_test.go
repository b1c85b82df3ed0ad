package machine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/machine"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// sysfs makes a directory as the kernel shows hardware.
func sysfs(t *testing.T, files map[string]string, links map[string]string) string {
	t.Helper()
	sys := t.TempDir()
	for path, text := range files {
		path = filepath.Join(sys, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, to := range links {
		path = filepath.Join(sys, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	return sys
}

func TestHardware(t *testing.T) {
	sys := sysfs(t, map[string]string{
		"devices/system/cpu/online":                             "0-2,4-5000",
		"devices/system/cpu/isolated":                           "2",
		"devices/system/cpu/cpu0/topology/thread_siblings_list": "0,4",
		"devices/system/cpu/cpu4/topology/thread_siblings_list": "0,4",
		"devices/system/node/node0/cpulist":                     "0-1,4",
		"devices/system/node/node3/cpulist":                     "2",
		"devices/system/node/nodes/cpulist":                     "9",
		"class/net/eth0/device/numa_node":                       "3",
		"class/net/eth0/queues/rx-0/rps_cpus":                   "0",
		"class/net/eth0/queues/rx-1/rps_cpus":                   "0",
		"class/net/eth0/queues/tx-0/xps_cpus":                   "0",
		"class/net/veth/queues/rx-0/rps_cpus":                   "0",
		"class/net/vf/device/numa_node":                         "-1",
		"class/net/vf/queues/rx-0/rps_cpus":                     "0",
	}, map[string]string{"class/net/eth0/device/driver": "../../../bus/pci/drivers/ixgbe"})
	got := machine.Hardware(sys, []string{"vf", "eth0", "veth", "elsewhere"})
	if len(got.Processors) != mgmt.MaxProcessors-1 {
		t.Errorf("%d processors", len(got.Processors))
	}
	got.Processors = got.Processors[:5]
	want := mgmt.Hardware{
		Processors: []mgmt.Processor{
			{Number: 0, NUMANode: 0, Core: 0},
			{Number: 1, NUMANode: 0, Core: 1},
			{Number: 2, NUMANode: 3, Core: 2, Isolated: true},
			{Number: 4, NUMANode: 0, Core: 0},
			{Number: 5, NUMANode: mgmt.NoNUMANode, Core: 5},
		},
		Interfaces: []mgmt.NIC{
			{Name: "elsewhere", NUMANode: mgmt.NoNUMANode},
			{Name: "eth0", NUMANode: 3, Driver: "ixgbe", Queues: 2},
			{Name: "veth", NUMANode: mgmt.NoNUMANode, Queues: 1},
			{Name: "vf", NUMANode: mgmt.NoNUMANode, Queues: 1},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hardware (-want +got):\n%s", diff)
	}
	if got := machine.Hardware(t.TempDir(), nil); !got.None() {
		t.Errorf("of nothing: %+v", got)
	}
}

// Of very many interfaces those of cards are not left out.
func TestHardwareIsBounded(t *testing.T) {
	names := []string{"z"}
	for i := range mgmt.MaxNICs + 9 {
		names = append(names, fmt.Sprintf("veth%d", i))
	}
	got := machine.Hardware(sysfs(t, nil, map[string]string{"class/net/z/device/driver": "../ice"}), names)
	if last := got.Interfaces[len(got.Interfaces)-1]; len(got.Interfaces) != mgmt.MaxNICs || got.MoreInterfaces != 10 || last.Name != "z" {
		t.Errorf("%d interfaces and %d more, the last one is %v", len(got.Interfaces), got.MoreInterfaces, last)
	}
}

func TestHardwareOfThisHost(t *testing.T) {
	got := machine.ThisHardware()
	if _, ok := got.NIC("lo"); !ok || len(got.Processors) == 0 {
		t.Errorf("got %+v", got)
	}
}
