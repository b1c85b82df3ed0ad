package mgmt

import "strings"

// ClusterLayout is the dispatch with which an agent tells a running node of its own the
// whole layout of the cluster, after it has changed. It is for agents alone.
const ClusterLayout = "cluster_layout"

// Telling is what an agent tells the nodes of a cluster.
type Telling struct {
	// Layout stands for the layout. Equal layouts have equal texts.
	Layout string
	layout *layout
}

// Telling returns what nodes are told of the layout. The plans share it.
func (p *Plans) Telling() Telling { return Telling{p.layout.digest(), &p.layout} }

// Action returns the dispatch. It is made when a node is told for the first time.
func (t Telling) Action() []string {
	l := t.layout
	if l == nil {
		return nil
	}
	if l.action == nil {
		l.action = make([]string, 1, 1+len(l.entries))
		l.action[0] = ClusterLayout
		manager := l.outlined().manager
		for _, name := range l.sorted() {
			l.action = append(l.action, l.entries[name].told(name, manager))
		}
	}
	return l.action
}

// told returns the entry as the node script reads it: name, role, address, zone, port,
// port of metrics, manager. A worker has no port, because no node connects to it. A dash
// stands for what there is not. Nodes whose hosts are not known are all on one host.
func (e ClusterEndpoint) told(name, manager NodeName) string {
	const none = "-"
	words := []string{string(name), string(e.Role), "127.0.0.1", none, none, none, none}
	if host := e.Host.Unmap(); KnownHost(host) {
		words[2] = host.WithZone("").String()
		if zone := host.Zone(); zone != "" {
			words[3] = zone
		}
	}
	if e.Port.Number != 0 && e.Role != Worker {
		words[4] = e.Port.String()
	}
	if e.MetricsPort != nil && e.MetricsPort.Number != 0 {
		words[5] = e.MetricsPort.String()
	}
	if manager != "" && name != manager {
		words[6] = string(manager)
	}
	return strings.Join(words, " ")
}
