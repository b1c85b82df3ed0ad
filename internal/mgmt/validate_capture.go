package mgmt

import (
	"fmt"
	"slices"
	"strings"
)

// maxNamed bounds the nodes that one doubt names.
const maxNamed = 5

// CaptureDoubts returns what is doubtful about which nodes capture what: workers
// without an interface, others with one, and workers that all capture the same
// packets. Zeek takes each of them, and a test, a replay or a second analysis
// means it; most of the time it is a slip. Check does not tell of them, for it is
// whoever stages that can.
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

// sharesPackets tells whether processes that capture from this interface may
// divide its packets among them: that is for a packet source other than libpcap
// to say, which stands before "::", and for nothing else.
func sharesPackets(iface string) bool {
	source, _, has := strings.Cut(iface, "::")
	return has && source != "pcap"
}

// someNames names the first few of names, sorted.
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
