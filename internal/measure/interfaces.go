package measure

import (
	"encoding/binary"
	"os"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// speed is what was last read of an interface. It changes with the link alone.
type speed struct {
	bits uint64
	age  int // samples since it was read
	link bool
}

// speedSamples is after how many samples a speed is read anew. Reading it may ask the card,
// and holds a lock of the kernel.
const speedSamples = 60

// link is an interface with its other names.
type link struct {
	mgmt.InterfaceSample
	others []string
}

// interfaces returns the interfaces on which nodes capture, and the others that are up. It
// replaces the Interface of each node by the name of the device.
func (s *Sampler) interfaces(nodes []mgmt.NodeSample) []mgmt.InterfaceSample {
	all := links()
	byName := map[string]*link{}
	for i := range all {
		for _, name := range append(all[i].others, all[i].Name) {
			byName[name] = &all[i]
		}
	}
	for i := range nodes {
		devices := Devices(nodes[i].Interface)
		for _, device := range devices {
			if l := byName[device]; l != nil {
				l.Capture = true
			}
		}
		if len(devices) > 0 {
			nodes[i].Interface = devices[0]
			if l := byName[devices[0]]; l != nil {
				nodes[i].Interface = l.Name
			}
		}
	}
	var list []mgmt.InterfaceSample
	for _, l := range all {
		if l.Capture || l.Up {
			list = append(list, l.InterfaceSample)
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		if a.Capture != b.Capture {
			return a.Capture
		}
		return a.Name < b.Name
	})
	list = list[:min(len(list), s.cfg.MaxInterfaces)]
	known := make(map[string]speed, len(list))
	for i := range list {
		known[list[i].Name] = s.speed(&list[i])
		list[i].Speed = known[list[i].Name].bits
	}
	s.speeds = known
	return list
}

func (s *Sampler) speed(i *mgmt.InterfaceSample) speed {
	was, ok := s.speeds[i.Name]
	was.age++
	if ok && was.link == i.Link && was.age < speedSamples {
		return was
	}
	now := speed{link: i.Link}
	if i.Link && filepathSafe(i.Name) {
		text, err := os.ReadFile("/sys/class/net/" + i.Name + "/speed")
		if megabits, parse := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && parse == nil && megabits > 0 {
			now.bits = uint64(megabits) * 1_000_000
		}
	}
	return now
}

// filepathSafe reports whether a name can be an element of a path. The kernel gives no other
// names.
func filepathSafe(name string) bool {
	return name != "" && name[0] != '.' && !strings.Contains(name, "/")
}

// The attributes of rtnetlink that are read, and the place of counters in
// rtnl_link_stats64 (linux/if_link.h). The kernel only ever adds counters at the end.
const (
	attrCarrier     = 33
	attrPromiscuity = 30
	attrProperties  = 52
	attrAltName     = 53

	statPackets = 0
	statBytes   = 2
	statErrors  = 4
	statDropped = 6
	statMissed  = 14
	statsNeeded = statMissed + 1
)

// links asks the kernel for all interfaces.
func links() []link {
	answer, err := syscall.NetlinkRIB(unix.RTM_GETLINK, unix.AF_UNSPEC)
	if err != nil {
		return nil
	}
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil {
		return nil
	}
	var list []link
	for i := range messages {
		if messages[i].Header.Type != unix.RTM_NEWLINK || len(messages[i].Data) < unix.SizeofIfInfomsg {
			continue
		}
		if l, ok := readLink(&messages[i]); ok {
			list = append(list, l)
		}
	}
	return list
}

// readLink reads one interface.
func readLink(m *syscall.NetlinkMessage) (l link, ok bool) {
	flags := (*unix.IfInfomsg)(unsafe.Pointer(&m.Data[0])).Flags
	l.Up, l.Link, l.Promiscuous = flags&unix.IFF_UP != 0, flags&unix.IFF_LOWER_UP != 0, flags&unix.IFF_PROMISC != 0
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return l, false
	}
	for _, a := range attrs {
		switch a.Attr.Type &^ unix.NLA_F_NESTED {
		case unix.IFLA_IFNAME:
			l.Name = text(a.Value)
		case attrCarrier:
			l.Link = len(a.Value) > 0 && a.Value[0] != 0
		case attrPromiscuity:
			// A program that captures does not set the flag: it raises this count.
			l.Promiscuous = len(a.Value) >= 4 && binary.NativeEndian.Uint32(a.Value) > 0
		case unix.IFLA_STATS64:
			count(&l.InterfaceSample, a.Value)
		case attrProperties:
			l.others = altNames(a.Value)
		}
	}
	l.Link = l.Link && l.Up
	return l, l.Name != ""
}

func text(value []byte) string { return strings.TrimRight(string(value), "\x00") }

// count reads the counters. Dropped is what /proc/net/dev calls drop: what the kernel has
// dropped, and what the card has missed because the host was too slow.
func count(s *mgmt.InterfaceSample, stats []byte) {
	if len(stats) < 8*statsNeeded {
		return
	}
	at := func(i int) uint64 { return binary.NativeEndian.Uint64(stats[8*i:]) }
	s.Packets, s.Bytes, s.Errors = at(statPackets), at(statBytes), at(statErrors)
	s.Dropped = at(statDropped) + at(statMissed)
}

// altNames reads the alternative names in the properties of an interface.
func altNames(list []byte) (names []string) {
	for len(list) >= unix.SizeofRtAttr {
		size, kind := int(binary.NativeEndian.Uint16(list)), binary.NativeEndian.Uint16(list[2:])
		if size < unix.SizeofRtAttr || size > len(list) {
			break
		}
		if kind == attrAltName {
			names = append(names, text(list[unix.SizeofRtAttr:size]))
		}
		list = list[min((size+3)&^3, len(list)):]
	}
	return names
}

// Devices returns the devices that the interface of a node names. Zeek writes a packet
// source before a name (af_packet::eth0), and some sources write a queue or a ring after it
// (netmap::eth0-0/R, eth0@1). Several are separated by spaces, commas or -i.
func Devices(spec string) (devices []string) {
	for _, word := range strings.FieldsFunc(spec, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '\t' }) {
		if word == "-i" {
			continue
		}
		word = strings.TrimPrefix(word, "-i")
		source, name, has := strings.Cut(word, "::")
		if !has {
			source, name = "", word
		}
		name = strings.TrimPrefix(name, "zc:")
		if i := strings.IndexAny(name, "@/{}*^"); i > 0 {
			name = name[:i]
		}
		if source == "netmap" {
			if i := strings.LastIndexByte(name, '-'); i > 0 && strings.Trim(name[i+1:], "0123456789") == "" {
				name = name[:i]
			}
		}
		if name != "" {
			devices = append(devices, name)
		}
	}
	return devices
}
