package fakezeek

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// member is a node's entry in the layout of its cluster.
type member struct {
	nodeType    string // "Cluster::WORKER"
	ip          netip.Addr
	port        uint16 // 0: does not listen
	metricsPort uint16 // 0: none
	manager     string
}

var (
	entryLine  = regexp.MustCompile(`(?m)^\s*\[("(?:[^"\\]|\\.)*")\]\s*=\s*\[(.*)\],?\s*$`)
	entryField = regexp.MustCompile(`\$(\w+)=("(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^,\s]+)`)
)

// parseLayout reads the entries of Cluster::nodes that are on one line each.
func parseLayout(text string) map[string]member {
	layout := map[string]member{}
	for _, entry := range entryLine.FindAllStringSubmatch(text, -1) {
		name, err := strconv.Unquote(entry[1])
		if err != nil {
			continue
		}
		var m member
		for _, f := range entryField.FindAllStringSubmatch(entry[2], -1) {
			m.set(f[1], f[2])
		}
		layout[name] = m
	}
	return layout
}

// set sets a field of the entry. It ignores fields that fakezeek does not need.
func (m *member) set(field, value string) {
	switch field {
	case "node_type":
		m.nodeType = value
	case "ip":
		m.ip, _ = netip.ParseAddr(strings.Trim(value, "[]")) // the zero Addr for a name
	case "p":
		m.port = portNumber(value)
	case "metrics_port":
		m.metricsPort = portNumber(value)
	case "manager":
		m.manager, _ = strconv.Unquote(value)
	}
}
