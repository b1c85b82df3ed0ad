package preflight

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/nic"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
)

// host is a host with the interfaces eth0 (1) and eth1 (2), which are well.
func host(t *testing.T) Kernel {
	t.Helper()
	return Kernel{
		Interface: func(name string) (int, bool, error) {
			i := slices.Index([]string{"lo", "eth0", "eth1"}, name)
			if i < 0 {
				return 0, false, errors.New("no such interface")
			}
			return i, i == 0, nil
		},
		Settings: func(string) nic.Settings { return nic.Settings{RxRing: 4096, RxRingMax: 4096} },
		Sockets:  func() ([]nic.Socket, error) { return nil, nil },
		Holders:  func(uint64) []sockowner.Process { return nil },
		Sys:      t.TempDir(),
		Meminfo:  filepath.Join(t.TempDir(), "none"),
	}
}

func capturing(node mgmt.NodeName, iface string, f Fanout) Check {
	return Check{Node: node, Interface: iface, Fanout: f}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestDoubtsAboutCards(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Kernel)
		checks []Check
		want   []string
	}{
		"an interface that is well": {checks: []Check{capturing("w", "af_packet::eth0", Fanout{})}},
		"offloads and a small ring, once for all workers": {
			change: func(k *Kernel) {
				k.Settings = func(name string) nic.Settings {
					return nic.Settings{Offloads: []string{"gro", "lro"}, RxRing: 512, RxRingMax: 8192}
				}
			},
			checks: []Check{capturing("w1", "af_packet::eth0", Fanout{}), capturing("w2", "eth0", Fanout{}), capturing("w3", "lo", Fanout{}), capturing("w4", "gone", Fanout{})},
			want: []string{
				"interface eth0 changes packets before Zeek sees them, with gro, lro: ethtool -K eth0 gro off lro off",
				"interface eth0 has a ring for 512 received packets, and its card can have one for 8192: ethtool -G eth0 rx 8192",
			},
		},
		"cards that take no packets of others": {
			change: func(k *Kernel) {
				write(t, filepath.Join(k.Sys, "class/net/eth0/device/physfn"), "")
				write(t, filepath.Join(k.Sys, "class/net/eth1/phy80211"), "")
			},
			checks: []Check{capturing("w1", "eth0", Fanout{}), capturing("w2", "pcap::eth1", Fanout{})},
			want: []string{
				"interface eth0 is a virtual function (SR-IOV): it gets no packets for other hosts unless the host of the card trusts it: ip link set CARD vf NUMBER trust on",
				"interface eth1 is wireless: it gets no packets for other hosts unless it is in monitor mode: iw dev eth1 set type monitor",
			},
		},
		"huge pages that nobody uses": {
			change: func(k *Kernel) {
				write(t, k.Meminfo, "MemTotal:       10000000 kB\nHugePages_Total:    1000\nHugePages_Free:      900\nHugePages_Rsvd:      100\nHugepagesize:       2048 kB\n")
			},
			checks: []Check{capturing("w1", "eth0", Fanout{})},
			want:   []string{"1600 MiB of memory are reserved as huge pages that nobody uses, and Zeek uses none: sysctl -w vm.nr_hugepages=200"},
		},
		"huge pages that a packet source may use": {
			change: func(k *Kernel) {
				write(t, k.Meminfo, "MemTotal:       10000000 kB\nHugePages_Total:    1000\nHugePages_Free:      900\nHugepagesize:       2048 kB\n")
			},
			checks: []Check{capturing("w1", "eth0", Fanout{}), capturing("w2", "zc:eth1@0", Fanout{})},
		},
		"a Zeek without AF_PACKET": {
			checks: []Check{{Node: "w1", Interface: "eth0", LacksAFPacket: true}, {Node: "w2", Interface: "af_packet::eth0", LacksAFPacket: true}},
			want:   []string{"the Zeek of this host has no plugin for AF_PACKET (zeek -N), with which w2 would capture: install zeek-af_packet-plugin, or a newer Zeek"},
		},
		"nodes that do not capture": {
			change: func(k *Kernel) { k.Meminfo = "/proc/meminfo" },
			checks: []Check{{Node: "m"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := host(t)
			if tt.change != nil {
				tt.change(&k)
			}
			got := captureDoubts(Config{Kernel: k}.withDefaults(), tt.checks)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("doubts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDoubtsAboutFanoutGroups(t *testing.T) {
	qm := Fanout{ID: 5, Mode: "AF_Packet::FANOUT_QM"}
	for name, tt := range map[string]struct {
		sockets []nic.Socket
		checks  []Check
		want    []string
	}{
		"one group for each interface": {checks: []Check{
			capturing("w1", "af_packet::eth0", Fanout{ID: 5}), capturing("w2", "af_packet::eth0", Fanout{ID: 5}), capturing("w3", "af_packet::eth1", Fanout{ID: 6}), capturing("w4", "eth1", Fanout{}),
		}},
		"one ID on two interfaces": {
			checks: []Check{capturing("w1", "af_packet::eth0", Fanout{}), capturing("w2", "af_packet::eth1", Fanout{}), capturing("w3", "af_packet::eth1", Fanout{ID: 23})},
			want:   []string{"fan-out ID 23 is that of w1 on eth0, and of w2, w3 on eth1: the kernel refuses it on a second interface; set another fanout_id"},
		},
		"two modes in a group": {
			checks: []Check{capturing("w1", "af_packet::eth0", Fanout{ID: 5}), capturing("w2", "af_packet::eth0", qm)},
			want:   []string{"fan-out group 5 on eth0 has w1 with AF_Packet::FANOUT_HASH, and w2 with AF_Packet::FANOUT_QM: the kernel refuses the second; set one fanout_mode"},
		},
		"a program that is no node": {
			sockets: []nic.Socket{
				{Inode: 1, Interface: 1, Fanout: true, FanoutID: 5}, {Inode: 2, Interface: 1, Fanout: true, FanoutID: 5},
				{Inode: 2, Interface: 2, Fanout: true, FanoutID: 6}, {Inode: 2, Interface: 1, Fanout: true, FanoutID: 7}, {Inode: 2, Interface: 1}, {Inode: 3, Fanout: true, FanoutID: 5},
			},
			checks: []Check{capturing("w1", "af_packet::eth0", qm), capturing("w2", "af_packet::eth0", Fanout{ID: 6})},
			want: []string{
				"suricata (pid 200) captures with fan-out ID 5, and so would w1: each would get a part of the packets of eth0; set another fanout_id",
				"suricata (pid 200) captures with fan-out ID 6, and so would w2: the kernel refuses it on a second interface; set another fanout_id",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := host(t)
			k.Sockets = func() ([]nic.Socket, error) { return tt.sockets, nil }
			k.Holders = func(inode uint64) []sockowner.Process { // nobody may see the third one
				return map[uint64][]sockowner.Process{1: {{PID: 101, Session: 100, Name: "zeek"}}, 2: {{PID: 200, Session: 200, Name: "suricata"}}}[inode]
			}
			got := captureDoubts(Config{Kernel: k, Ours: func() []int { return []int{100} }}.withDefaults(), tt.checks)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("doubts (-want +got):\n%s", diff)
			}
		})
	}
}

// On an interface of the kernel, offloads that are on are found, and a program that captures.
func TestDoubtsAboutAnInterfaceOfTheKernel(t *testing.T) {
	roottest.Need(t, "makes interfaces in a network namespace")
	t.Run("in a namespace", func(t *testing.T) {
		sockownertest.OnAnotherThread(func() { doubtsInANamespace(t) }) // the namespace ends with the thread
	})
}

func doubtsInANamespace(t *testing.T) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	for _, argv := range [][]string{{"ip", "link", "add", "zfa", "type", "veth", "peer", "name", "zfb"}, {"ip", "link", "set", "zfa", "up"}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", argv, err, out)
		}
	}
	link, err := net.InterfaceByName("zfa")
	if err != nil {
		t.Fatal(err)
	}
	const all = unix.ETH_P_ALL << 8 // in network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index}),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, zeeksFanout.ID|unix.PACKET_FANOUT_HASH<<16),
	)
	if err != nil {
		t.Fatal(err)
	}
	checks := []Check{capturing("w", "af_packet::zfa", Fanout{})}
	report := Run(t.Context(), Config{}, checks)
	if !slices.ContainsFunc(report.Capture, func(text string) bool {
		return strings.HasPrefix(text, "interface zfa changes packets before Zeek sees them, with ") && strings.Contains(text, ": ethtool -K zfa ") && strings.Contains(text, "tso off")
	}) {
		t.Errorf("doubts: %q, findings: %v", report.Capture, report.Findings)
	}
	if _, err := nic.Sockets(); err != nil {
		t.Logf("this kernel does not tell of packet sockets: %v", err)
		return
	}
	want := fmt.Sprintf("(pid %d) captures with fan-out ID 23, and so would w: each would get a part of the packets of zfa; set another fanout_id", os.Getpid())
	if !slices.ContainsFunc(report.Capture, func(text string) bool { return strings.HasSuffix(text, want) }) {
		t.Errorf("doubts: %q, want %q", report.Capture, want)
	}
}
