package mgmt

import (
	"fmt"
	"slices"
	"strings"
)

// maxNamed is the greatest number of nodes that one doubt names.
const maxNamed = 5

// CaptureDoubts returns texts about likely mistakes in what nodes capture: workers
// without an interface, other nodes with an interface, and several workers that
// capture the same packets. Zeek accepts all of them, and a test, a replay or a
// second analysis needs them. Check does not warn of them, because a controller can
// only log its warnings. The command that stages a configuration shows these texts
// to its user.
func (c Configuration) CaptureDoubts() []string {
	type source struct {
		instance InstanceName
		iface    string
	}
	var idle, others []string
	readers := make(map[source][]string)
	for _, n := range c.Nodes {
		capturing := n.Interface != nil && *n.Interface != ""
		switch {
		case n.Role == Worker && !capturing:
			idle = append(idle, string(n.Name))
		case n.Role != Worker && capturing:
			others = append(others, string(n.Name))
		case n.Role == Worker && !sharesPackets(*n.Interface):
			from := source{n.Instance, strings.TrimPrefix(*n.Interface, "pcap::")}
			readers[from] = append(readers[from], string(n.Name))
		}
	}
	var doubts []string
	doubt := func(format string, args ...any) { doubts = append(doubts, fmt.Sprintf(format, args...)) }
	if len(idle) > 0 {
		doubt("no interface for %s to capture from", someNames("worker", idle))
	}
	if len(others) > 0 {
		doubt("%s would capture from an interface, and only workers should", someNames("node", others))
	}
	for from, names := range readers {
		if iface := printable(from.iface); len(names) > 1 {
			doubt("%s on instance '%s' would each analyze all packets of %s; to share them, write af_packet::%s",
				someNames("worker", names), from.instance, iface, iface)
		}
	}
	slices.Sort(doubts)
	return doubts
}

// sharesPackets reports whether several processes that capture from this interface
// may share its packets. Only a packet source other than libpcap can do that. The
// name of the packet source stands before "::".
func sharesPackets(iface string) bool {
	source, _, has := strings.Cut(iface, "::")
	return has && source != "pcap"
}

// someNames returns a text with the first maxNamed names, sorted.
func someNames(kind string, names []string) string {
	slices.Sort(names)
	var quoted []string
	for _, name := range names {
		quoted = append(quoted, "'"+printable(name)+"'")
	}
	if len(names) > 1 {
		kind += "s"
	}
	return kind + " " + FewNames(quoted, maxNamed)
}
