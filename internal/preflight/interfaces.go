package preflight

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// checkInterfaces compares what nodes capture on with what the host has.
func checkInterfaces(checks []Check) []Finding {
	if !slices.ContainsFunc(checks, func(c Check) bool { return c.Interface != "" }) {
		return nil
	}
	has, err := net.Interfaces()
	if err != nil {
		return []Finding{{Problem: fmt.Sprintf("the interfaces of this host cannot be listed: %v", err)}}
	}
	var found []Finding
	for _, c := range checks {
		if problem := interfaceProblem(c.Interface, has); problem != "" {
			found = append(found, Finding{Node: c.Node, Problem: problem})
		}
	}
	return found
}

// interfaceProblem says what is wrong with what a node captures on, or nothing.
func interfaceProblem(spec string, has []net.Interface) string {
	name, known := device(spec)
	if !known {
		return ""
	}
	i := slices.IndexFunc(has, func(h net.Interface) bool { return h.Name == name })
	switch {
	case i < 0:
		names := make([]string, len(has))
		for i, h := range has {
			names[i] = h.Name
		}
		return fmt.Sprintf("interface %s does not exist; there are %s", name, strings.Join(slices.Sorted(slices.Values(names)), ", "))
	case has[i].Flags&net.FlagUp == 0:
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
