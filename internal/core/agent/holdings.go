package agent

import (
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// holdings are the ports and devices of processes that are to end. A node that
// needs one of them waits. If the agent does not know the settings of such a
// process, every node waits.
type holdings struct {
	everything bool
	ports      map[mgmt.Port]bool
	devices    map[string]bool
	manager    bool // a manager: it has ports that the configuration does not name
}

func (r *rollout) heldByEnding() holdings {
	var h holdings // its maps are made when something is held: that is rare
	for _, n := range r.nodes.named {
		if !n.stopping() || !r.blocks(n.proc) {
			continue
		}
		spec := n.proc.spec
		if spec == nil {
			h.everything = true
			continue
		}
		if h.ports == nil {
			h.ports, h.devices = map[mgmt.Port]bool{}, map[string]bool{}
		}
		for _, port := range ports(*spec) {
			h.ports[port] = true
		}
		h.devices[captures(*spec)] = true
		h.manager = h.manager || spec.Role == mgmt.Manager
	}
	delete(h.devices, "")
	return h
}

// have reports whether h has a port or device that n needs.
func (h holdings) have(n mgmt.Node) bool {
	return h.everything || h.devices[captures(n)] || h.manager && n.Role == mgmt.Manager ||
		slices.ContainsFunc(ports(n), func(p mgmt.Port) bool { return h.ports[p] })
}

// ports returns the ports on which n listens.
func ports(n mgmt.Node) []mgmt.Port {
	var list []mgmt.Port
	for _, p := range []*mgmt.Port{n.Port, n.MetricsPort} {
		if p != nil && p.Number != 0 {
			list = append(list, *p)
		}
	}
	return list
}

// captures returns the device on which n captures, without the packet source.
func captures(n mgmt.Node) string {
	if n.Interface == nil {
		return ""
	}
	if _, device, ok := strings.Cut(*n.Interface, "::"); ok {
		return device
	}
	return *n.Interface
}
