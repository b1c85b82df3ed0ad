package controller

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// BatchesOf is batchesOf, for tests: the names of each batch, and why it is alone.
func BatchesOf(nodes, all []mgmt.Node, size int) (names [][]mgmt.NodeName, because []string) {
	for _, b := range batchesOf(nodes, all, size) {
		var list []mgmt.NodeName
		for _, n := range b.nodes {
			list = append(list, n.Name)
		}
		names, because = append(names, list), append(because, b.because)
	}
	return names, because
}

// BatchSize is batchSize, for tests.
var BatchSize = batchSize
