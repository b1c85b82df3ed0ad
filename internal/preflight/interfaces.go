package preflight

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"golang.org/x/sys/unix"
)

// checkInterfaces compares the interfaces on which nodes capture with those of the
// host.
func checkInterfaces(checks []Check) []mgmt.Finding {
	if !slices.ContainsFunc(checks, func(c Check) bool { return c.Interface != "" }) {
		return nil
	}
	has, err := net.Interfaces()
	if err != nil {
		return []mgmt.Finding{{Problem: fmt.Sprintf("the interfaces of this host cannot be listed: %v", err)}}
	}
	var found []mgmt.Finding
	for _, c := range checks {
		if problem := interfaceProblem(c.Interface, has, byAnyName); problem != "" {
			found = append(found, mgmt.Finding{Node: c.Node, Problem: problem})
		}
	}
	return found
}

// byAnyName asks the kernel for an interface by one of its names, and tells whether
// the interface is up. An interface can have alternative names ("altname"), which
// lists of interfaces do not show.
func byAnyName(name string) (up, ok bool) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return false, false // the name is too long for every program that captures
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false, false
	}
	defer unix.Close(fd)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err != nil {
		return false, false
	}
	return request.Uint16()&unix.IFF_UP != 0, true
}

// interfaceProblem returns the problem of the interface on which a node captures, or
// "". It calls other for names that are not in has.
func interfaceProblem(spec string, has []net.Interface, other func(name string) (up, ok bool)) string {
	name, known := device(spec)
	if !known {
		return ""
	}
	var up, ok bool
	if i := slices.IndexFunc(has, func(h net.Interface) bool { return h.Name == name }); i >= 0 {
		up, ok = has[i].Flags&net.FlagUp != 0, true
	} else {
		up, ok = other(name)
	}
	switch {
	case !ok:
		names := make([]string, len(has))
		for i, h := range has {
			names[i] = h.Name
		}
		return fmt.Sprintf("interface %s does not exist; there are %s", name, strings.Join(slices.Sorted(slices.Values(names)), ", "))
	case !up:
		return fmt.Sprintf("interface %s is down", name)
	}
	return ""
}

// notInterfaces are names that libpcap accepts and that are not interfaces of the host.
// A name that ends in "*" is a prefix.
var notInterfaces = []string{"any", "bluetooth*", "dag*", "dbus-*", "nflog*", "nfqueue*", "nt*", "usbmon*"}

// device returns the interface that spec names. known is false if only the packet
// source can interpret the name. The packet source is the text before "::"; device
// knows pcap and af_packet. libpcap interprets a name with a colon, and the names in
// notInterfaces, itself.
func device(spec string) (name string, known bool) {
	source, name, has := strings.Cut(spec, "::")
	if !has {
		source, name = "pcap", spec
	}
	switch {
	case source != "pcap" && source != "af_packet", name == "", strings.Contains(name, ":"):
		return "", false
	}
	special := slices.ContainsFunc(notInterfaces, func(s string) bool {
		prefix, isPrefix := strings.CutSuffix(s, "*")
		return name == s || isPrefix && strings.HasPrefix(name, prefix)
	})
	return name, !special
}

// needsPermission reports whether capturing on spec uses a raw socket, which needs a
// permission. Other packet sources have their own devices and rules.
func needsPermission(spec string) bool {
	_, known := device(spec)
	return known || strings.TrimPrefix(spec, "pcap::") == "any"
}
