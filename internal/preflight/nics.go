package preflight

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/nic"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// Kernel tells of interfaces and memory. Tests have others than that of the host.
type Kernel struct {
	// Interface returns the number of an interface, and whether it is a loopback.
	Interface func(name string) (index int, loopback bool, err error)
	Settings  func(name string) nic.Settings
	Sockets   func() ([]nic.Socket, error)
	// Holders returns the processes that have a socket open.
	Holders func(inode uint64) []sockowner.Process
	// Sys and Meminfo are paths. Empty means /sys and /proc/meminfo.
	Sys, Meminfo string
}

func (k Kernel) withDefaults() Kernel {
	if k.Interface == nil {
		k.Interface = func(name string) (int, bool, error) {
			link, err := net.InterfaceByName(name)
			if err != nil {
				return 0, false, err
			}
			return link.Index, link.Flags&net.FlagLoopback != 0, nil
		}
	}
	if k.Settings == nil {
		k.Settings = nic.Look
	}
	if k.Sockets == nil {
		k.Sockets = nic.Sockets
	}
	if k.Holders == nil {
		k.Holders = sockowner.Holders
	}
	k.Sys, k.Meminfo = cmp.Or(k.Sys, "/sys"), cmp.Or(k.Meminfo, "/proc/meminfo")
	return k
}

// Fanout is a fan-out group of AF_PACKET.
type Fanout struct {
	// ID is zero if the node's arguments name none. Then it is Zeek's own, unless a script
	// sets another one.
	ID int
	// Mode is how packets are shared, as Zeek's option has it. Empty is as ID.
	Mode string
}

// zeeksFanout is the group of a node that sets nothing.
var zeeksFanout = Fanout{23, "AF_Packet::FANOUT_HASH"}

// fanout returns the group of a node that captures with AF_PACKET.
func (c Check) fanout() Fanout {
	return Fanout{cmp.Or(c.Fanout.ID, zeeksFanout.ID), cmp.Or(c.Fanout.Mode, zeeksFanout.Mode)}
}

// byAFPacket reports whether the node captures with AF_PACKET.
func (c Check) byAFPacket() bool { return strings.HasPrefix(c.Interface, "af_packet::") }

// captureDoubts returns what may be wrong where nodes capture. Nothing of it keeps a node from
// running.
func captureDoubts(cfg Config, checks []Check) []string {
	devices := map[string][]mgmt.NodeName{}
	for _, c := range checks {
		if name, known := device(c.Interface); c.Interface != "" && known {
			devices[name] = append(devices[name], c.Node)
		}
	}
	if len(devices) == 0 {
		return nil
	}
	var doubts []string
	for _, name := range slices.Sorted(maps.Keys(devices)) {
		_, loopback, err := cfg.Kernel.Interface(name)
		if err != nil || loopback {
			continue // a finding says that it is missing; a loopback has no card
		}
		doubts = append(doubts, cardDoubts(cfg.Kernel, name)...)
	}
	doubts = append(doubts, fanoutDoubts(cfg, checks)...)
	if !slices.ContainsFunc(checks, usesOtherSource) {
		doubts = append(doubts, hugePages(cfg.Kernel.Meminfo)...)
	}
	var lacking []mgmt.NodeName
	for _, c := range checks {
		if c.LacksAFPacket && c.byAFPacket() {
			lacking = append(lacking, c.Node)
		}
	}
	if len(lacking) > 0 {
		doubts = append(doubts, fmt.Sprintf("the Zeek of this host has no plugin for AF_PACKET (zeek -N), with which %s would capture: install zeek-af_packet-plugin, or a newer Zeek", nodeList(lacking)))
	}
	return doubts
}

// usesOtherSource reports whether a node captures with a packet source of which nothing is
// known here.
func usesOtherSource(c Check) bool {
	_, known := device(c.Interface)
	return c.Interface != "" && !known && !needsPermission(c.Interface)
}

// cardDoubts returns what may be wrong with the settings of an interface.
func cardDoubts(k Kernel, name string) []string {
	var doubts []string
	s := k.Settings(name)
	if len(s.Offloads) > 0 {
		off := strings.Join(s.Offloads, " off ") + " off"
		doubts = append(doubts, fmt.Sprintf("interface %s changes packets before Zeek sees them, with %s: ethtool -K %s %s", name, strings.Join(s.Offloads, ", "), name, off))
	}
	if s.RxRing < s.RxRingMax {
		doubts = append(doubts, fmt.Sprintf("interface %s has a ring for %d received packets, and its card can have one for %d: ethtool -G %s rx %d", name, s.RxRing, s.RxRingMax, name, s.RxRingMax))
	}
	if _, err := os.Stat(filepath.Join(k.Sys, "class/net", name, "device/physfn")); err == nil {
		doubts = append(doubts, fmt.Sprintf("interface %s is a virtual function (SR-IOV): it gets no packets for other hosts unless the host of the card trusts it: ip link set CARD vf NUMBER trust on", name))
	}
	if _, err := os.Stat(filepath.Join(k.Sys, "class/net", name, "phy80211")); err == nil {
		doubts = append(doubts, fmt.Sprintf("interface %s is wireless: it gets no packets for other hosts unless it is in monitor mode: iw dev %s set type monitor", name, name))
	}
	return doubts
}

// fanoutDoubts returns where the kernel refuses a node's fan-out group, and where a program that
// is no node takes packets from it.
func fanoutDoubts(cfg Config, checks []Check) []string {
	type group struct {
		device, mode string
		nodes        []mgmt.NodeName
	}
	groups := map[int][]*group{}
	for _, c := range checks {
		name, known := device(c.Interface)
		if !c.byAFPacket() || !known {
			continue
		}
		f := c.fanout()
		i := slices.IndexFunc(groups[f.ID], func(g *group) bool { return g.device == name && g.mode == f.Mode })
		if i < 0 {
			i = len(groups[f.ID])
			groups[f.ID] = append(groups[f.ID], &group{device: name, mode: f.Mode})
		}
		groups[f.ID][i].nodes = append(groups[f.ID][i].nodes, c.Node)
	}
	var doubts []string
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		first := groups[id][0]
		for _, other := range groups[id][1:] {
			if first.device != other.device {
				doubts = append(doubts, fmt.Sprintf("fan-out ID %d is that of %s on %s, and of %s on %s: the kernel refuses it on a second interface; set another fanout_id",
					id, nodeList(first.nodes), first.device, nodeList(other.nodes), other.device))
			} else {
				doubts = append(doubts, fmt.Sprintf("fan-out group %d on %s has %s with %s, and %s with %s: the kernel refuses the second; set one fanout_mode",
					id, first.device, nodeList(first.nodes), first.mode, nodeList(other.nodes), other.mode))
			}
		}
	}
	if len(groups) == 0 {
		return nil
	}
	sockets, err := cfg.Kernel.Sockets()
	if err != nil {
		return doubts // the kernel does not show them
	}
	for _, s := range sockets {
		if !s.Fanout || groups[int(s.FanoutID)] == nil {
			continue
		}
		g := groups[int(s.FanoutID)][0]
		stranger, ok := cfg.stranger(s)
		if !ok {
			continue
		}
		what := "the kernel refuses it on a second interface"
		if index, _, err := cfg.Kernel.Interface(g.device); err == nil && index == s.Interface {
			what = "each would get a part of the packets of " + g.device
		}
		doubts = append(doubts, fmt.Sprintf("%v captures with fan-out ID %d, and so would %s: %s; set another fanout_id", stranger, s.FanoutID, nodeList(g.nodes), what))
	}
	return doubts
}

// stranger returns the process that has a packet socket open, if it is none of our nodes. If
// this process may not see who has it open, ok is false.
func (c Config) stranger(s nic.Socket) (p sockowner.Process, ok bool) {
	for _, p := range c.Kernel.Holders(s.Inode) {
		if !(holder{Process: p}).isOf(c.Ours()) {
			return p, true
		}
	}
	return sockowner.Process{}, false
}

// maxHugePages is the share of the memory, as a divisor, that may be reserved as huge pages
// and not used. Zeek uses none: neither with AF_PACKET nor with libpcap.
const maxHugePages = 20

// hugePages returns a doubt if much memory is reserved for huge pages that nobody uses.
func hugePages(meminfo string) []string {
	text, err := os.ReadFile(meminfo)
	if err != nil {
		return nil
	}
	values := map[string]uint64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		values[name], _ = strconv.ParseUint(number, 10, 48)
	}
	// Reserved pages are free, and promised to a program.
	unused := values["HugePages_Free"] - min(values["HugePages_Rsvd"], values["HugePages_Free"])
	free := unused * values["Hugepagesize"] // kB
	if free <= values["MemTotal"]/maxHugePages {
		return nil
	}
	return []string{fmt.Sprintf("%d MiB of memory are reserved as huge pages that nobody uses, and Zeek uses none: sysctl -w vm.nr_hugepages=%d",
		free>>10, values["HugePages_Total"]-min(unused, values["HugePages_Total"]))}
}
