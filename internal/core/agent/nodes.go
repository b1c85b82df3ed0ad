package agent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// nodes are the cluster nodes of this instance.
type nodes struct {
	named map[mgmt.NodeName]*node
	tiers [tierCount][]*node // the same nodes, each tier sorted by name
}

// The tiers, in the order in which they start. They stop in the reverse order.
const (
	loggers = iota
	managers
	proxies
	workers // and nodes of any other role
	tierCount
)

func tierOf(role mgmt.ClusterRole) int {
	switch role {
	case mgmt.Logger:
		return loggers
	case mgmt.Manager:
		return managers
	case mgmt.Proxy:
		return proxies
	default:
		return workers
	}
}

// sortTiers rebuilds the tiers after nodes were added, were removed or changed their
// role.
func (s *nodes) sortTiers() {
	clear(s.tiers[:])
	for _, n := range s.named {
		t := tierOf(n.plan.Node.Role)
		s.tiers[t] = append(s.tiers[t], n)
	}
	for _, tier := range s.tiers {
		slices.SortFunc(tier, byName)
	}
}

func byName(a, b *node) int { return cmp.Compare(a.name(), b.name()) }

// forget drops a node that is not desired and has no process.
func (s *nodes) forget(n *node) {
	delete(s.named, n.name())
	s.sortTiers()
}

// sorted returns the nodes for which keep reports true, by name.
func (s *nodes) sorted(keep func(*node) bool) []*node {
	var list []*node
	for _, n := range s.named {
		if keep(n) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, byName)
	return list
}

func (s *nodes) all() []*node { return s.sorted(func(*node) bool { return true }) }

// targets returns the desired nodes among names, or all desired nodes if there are no
// names. A kept node counts as desired.
func (s *nodes) targets(names []mgmt.NodeName) []*node {
	return s.sorted(func(n *node) bool {
		return (n.wanted || n.kept) && (len(names) == 0 || slices.Contains(names, n.name()))
	})
}

// allEnded reports whether no process is left except those that cannot be stopped.
func (s *nodes) allEnded() bool {
	for _, n := range s.named {
		if n.proc != nil && n.stuck() == "" {
			return false
		}
	}
	return true
}

// obstacles returns the obstacles of all nodes, by the names of the nodes.
func (s *nodes) obstacles() []string {
	var list []string
	for _, n := range s.sorted(func(n *node) bool { return n.obstacle() != "" }) {
		list = append(list, n.obstacle())
	}
	return list
}

// exposures returns who else can act as a node. It names each text once: it is the same
// for all nodes of a cluster.
func (s *nodes) exposures() []string {
	var texts []string
	for _, n := range s.sorted(func(n *node) bool { return n.proc != nil && n.proc.exposed != "" }) {
		texts = append(texts, n.proc.exposed)
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// unaware returns a text that names the kept nodes, or nothing if there are none.
func (s *nodes) unaware() string {
	kept := s.sorted(func(n *node) bool { return n.kept })
	if len(kept) == 0 {
		return ""
	}
	return "the agent does not know what it should run: its state is missing. It keeps " + names(kept) +
		" running, and starts and stops nothing until a controller tells it what should run (deploy)"
}

func names(nodes []*node) string {
	var list []string
	for _, n := range nodes {
		list = append(list, string(n.name()))
	}
	return strings.Join(list, ", ")
}

// remarks returns what a person should know about the nodes beside their states. options
// are the remarks about options.
func (s *nodes) remarks(now time.Time, options []string) string {
	var texts []string
	if why := s.unaware(); why != "" {
		texts = append(texts, why)
	}
	texts = append(texts, s.marks()...)
	texts = append(texts, s.obstacles()...)
	texts = append(texts, s.exposures()...)
	texts = append(texts, s.untold()...)
	texts = append(texts, options...)
	if crashes := s.crashes(now); crashes != "" {
		texts = append(texts, crashes)
	}
	return strings.Join(slices.Compact(texts), "\n")
}

// maxCrashes bounds the crashes that get-nodes shows. It shows the newest.
const maxCrashes = 20

// crashes says how nodes ended by themselves last, newest first. A NodeStatus has no
// field for it. It goes into the error text of a successful result, which no client
// of upstream reads (spec management-api, appendix B).
func (s *nodes) crashes(now time.Time) string {
	crashed := s.sorted(func(n *node) bool { return n.last != crash{} })
	slices.SortStableFunc(crashed, func(a, b *node) int { return b.last.at.Compare(a.last.at) })
	var texts []string
	for _, n := range crashed[:min(len(crashed), maxCrashes)] {
		texts = append(texts, fmt.Sprintf("%s (%s ago)", n.last.how, now.Sub(n.last.at).Round(time.Second)))
	}
	return strings.Join(texts, "\n")
}
