package preflight

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"golang.org/x/sys/unix"
)

// checkInterfaces compares what nodes capture on with what the host has.
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

// byAnyName asks the kernel for an interface, which may have further names that
// no list of interfaces shows ("altname"), and tells whether it is up.
func byAnyName(name string) (up, ok bool) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return false, false // too long: programs that capture could not name it either
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

// interfaceProblem says what is wrong with what a node captures on, or nothing.
// The other names of interfaces are asked for.
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

// notInterfaces are names that libpcap takes and that are no interfaces of the
// host; those that end in "*" are prefixes.
var notInterfaces = []string{"any", "bluetooth*", "dag*", "dbus-*", "nflog*", "nfqueue*", "nt*", "usbmon*"}

// device returns the interface that spec names, and false where that is for a
// packet source to know of which we do not: what stands before "::" is one, and
// a name with a colon is one of libpcap's own.
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

// takesPermission reports whether capturing on spec is capturing by a raw socket,
// which takes permission. Other sources have devices and rules of their own.
func takesPermission(spec string) bool {
	_, known := device(spec)
	return known || strings.TrimPrefix(spec, "pcap::") == "any"
}
