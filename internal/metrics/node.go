package metrics

// NodeFamilies are those of an embedded node, beside those of Go and of processes.
func NodeFamilies() []*Family { return []*Family{&nodeInfo} }

var nodeInfo = Family{
	Name: "zeekfleet_embedded_node_info", Type: Gauge, Labels: []string{"node", "version", "goversion"},
	Help: "1. This node is a stand-in that captures nothing; its other metrics are those of its process.",
}

// Node returns the text of an embedded node.
func Node(name, version string) ([]byte, error) {
	s := newSheet(0)
	s.add(&nodeInfo, 1, labels("node", name)+","+built(version))
	return s.text(), nil
}
