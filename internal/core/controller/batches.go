package controller

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// batch is a set of nodes that a rolling restart restarts together.
type batch struct {
	nodes   []mgmt.Node
	because string // why it has a single node, if that is not what the user asked for
}

// captureGroup says which workers share the packets of an interface. A worker is in the
// group of its interface, and in the group of its fan-out ID on that interface. If all
// workers of a group restart at once, packets are lost.
type captureGroup struct {
	instance mgmt.InstanceName
	device   string
	fanout   string // empty: all workers of the interface
}

// groupsOf returns the groups of a node. A node that captures nothing has none.
func groupsOf(n mgmt.Node) []captureGroup {
	if n.Role != mgmt.Worker || n.Interface == nil || *n.Interface == "" {
		return nil
	}
	device := *n.Interface
	if _, name, ok := strings.Cut(device, "::"); ok {
		device = name
	}
	groups := []captureGroup{{instance: n.Instance, device: device}}
	for _, o := range n.Options {
		if o.Name == "AF_Packet::fanout_id" {
			groups = append(groups, captureGroup{n.Instance, device, o.Value})
		}
	}
	return groups
}

// candidate is a node that is to be restarted with others.
type candidate struct {
	node   mgmt.Node
	groups []captureGroup
	taken  bool
}

// batchesOf divides nodes into batches of at most size nodes. Loggers come first, then
// managers and proxies, one at a time, as a cluster starts: the cluster has few of them,
// and all others need them. Workers and other nodes follow. A batch never has all workers
// of a group, if the group has several; all are the nodes that count for that. A worker
// that is alone in its group is alone in its batch.
func batchesOf(nodes, all []mgmt.Node, size int) []batch {
	var batches []batch
	var left []*candidate
	members := membersOf(all)
	for _, n := range sortedNodes(nodes, inOrder) {
		groups := groupsOf(n)
		switch alone := slices.IndexFunc(groups, func(g captureGroup) bool { return members[g] < 2 }); {
		case n.Role == mgmt.Logger || n.Role == mgmt.Manager || n.Role == mgmt.Proxy:
			batches = append(batches, batch{nodes: []mgmt.Node{n}})
		case alone >= 0:
			batches = append(batches, batch{nodes: []mgmt.Node{n}, because: groups[alone].lost()})
		default:
			left = append(left, &candidate{node: n, groups: groups})
		}
	}
	for len(left) > 0 {
		batches = append(batches, batch{nodes: takeBatch(left, members, max(1, size))})
		left = slices.DeleteFunc(left, func(c *candidate) bool { return c.taken })
	}
	return batches
}

// lost says what nobody captures while the only worker of a group restarts.
func (g captureGroup) lost() string {
	if g.fanout != "" {
		return fmt.Sprintf("it is the only worker of fan-out group %s on %s of instance '%s'", g.fanout, g.device, g.instance)
	}
	return fmt.Sprintf("it is the only worker on %s of instance '%s'", g.device, g.instance)
}

// membersOf counts the members of each group.
func membersOf(nodes []mgmt.Node) map[captureGroup]int {
	members := map[captureGroup]int{}
	for _, n := range nodes {
		for _, g := range groupsOf(n) {
			members[g]++
		}
	}
	return members
}

// takeBatch takes at most size of the candidates, and at least one. It takes one of each
// interface, then another one of each, and so on, so that no interface bears more than its
// share.
func takeBatch(left []*candidate, members map[captureGroup]int, size int) []mgmt.Node {
	var taken []mgmt.Node
	used := map[captureGroup]int{}
	for round, more := 1, true; more; round++ {
		more = false
		for _, c := range left {
			full := func(g captureGroup) bool { return used[g] >= members[g]-1 }
			if c.taken || slices.ContainsFunc(c.groups, full) {
				continue
			}
			if len(c.groups) > 0 && used[c.groups[0]] >= round {
				more = true
				continue
			}
			for _, g := range c.groups {
				used[g]++
			}
			c.taken, taken = true, append(taken, c.node)
			if len(taken) == size {
				return taken
			}
		}
	}
	return taken
}

// inOrder orders nodes as a rolling restart takes them.
func inOrder(a, b mgmt.Node) int {
	return cmp.Or(cmp.Compare(rankOf(a.Role), rankOf(b.Role)), cmp.Compare(a.Name, b.Name))
}

func rankOf(role mgmt.ClusterRole) int {
	switch role {
	case mgmt.Logger:
		return 0
	case mgmt.Manager:
		return 1
	case mgmt.Proxy:
		return 2
	}
	return 3
}

// batchSize returns how many of count nodes a batch has.
func batchSize(batch, percent, count int) int {
	if percent > 0 {
		return max(1, count*percent/100)
	}
	return max(1, batch)
}
