package clusterfile

import (
	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// clusterSection is the section that describes the cluster as a whole.
const clusterSection = "cluster"

// isCluster reports whether s describes the cluster. A section of that name with a key of
// nodes describes a node.
func (p *clusterParser) isCluster(s *ini.Section) bool {
	return s.Name == clusterSection && p.file.Lookup(s, "role") == nil && p.file.Lookup(s, "type") == nil &&
		p.file.Lookup(s, "command") == nil && (!p.AsZeekClient || s.ByKey["backend"] != nil)
}

// cluster reads the section of the cluster.
func (p *clusterParser) cluster(s *ini.Section) error {
	for _, e := range s.Entries {
		if e.Key != "backend" && !e.Referred {
			return p.file.ErrorAt(e.Line, "[%s] has no key %s: it has \"backend\"", clusterSection, ini.Quote(e.Key))
		}
	}
	e := s.ByKey["backend"]
	if e == nil {
		return nil
	}
	value, err := p.value(s, e)
	if err != nil {
		return err
	}
	switch {
	case value == nil:
		return p.file.ErrorAt(e.Line, "[%s]: \"backend\" has no value: say broker, zeromq or auto", clusterSection)
	case *value == "auto":
		p.backend = ""
	case *value == string(mgmt.BrokerBackend) || *value == string(mgmt.ZeroMQBackend):
		p.backend = mgmt.Backend(*value)
	default:
		return p.file.ErrorAt(e.Line, "[%s]: backend %s: say broker, zeromq or auto", clusterSection, ini.Quote(*value))
	}
	return nil
}

// useBackend gives the Zeek nodes the backend of the cluster.
func (p *clusterParser) useBackend() {
	for i, n := range p.config.Nodes {
		if len(n.Command) == 0 {
			p.config.Nodes[i].Backend = p.backend
		}
	}
}

// backendOf returns the backend that all Zeek nodes of c have. Nothing means that they have
// none, or not the same.
func backendOf(c mgmt.Configuration) (backend mgmt.Backend) {
	first := true
	for _, n := range c.Nodes {
		switch {
		case len(n.Command) > 0:
		case first:
			backend, first = n.Backend, false
		case n.Backend != backend:
			return ""
		}
	}
	return backend
}
