package launch

import (
	"maps"
	"slices"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// livingNodes knows with which facts each living node was launched. A node that is
// launched alone must find and recognise the living nodes in the way in which these were
// launched: otherwise it could not join them.
type livingNodes struct {
	mu  sync.Mutex
	all map[mgmt.NodeName]factsRecord
}

// lives notes a living process of a node.
func (l *livingNodes) lives(node mgmt.NodeName, rec factsRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[mgmt.NodeName]factsRecord{}
	}
	l.all[node] = rec
}

// ended notes that the process of a launch is gone.
func (l *livingNodes) ended(node mgmt.NodeName, number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all[node].Launch == number {
		delete(l.all, node)
	}
}

// others returns how the living nodes of the plan's cluster were launched, other than
// the plan's node, and false if none lives. If they differ, the manager counts: it runs
// the proxy of ZeroMQ, and every node peers with it over Broker.
func (l *livingNodes) others(plan mgmt.Plan) (Facts, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := Facts{}, false
	for _, name := range slices.Sorted(maps.Keys(plan.Cluster)) {
		rec, lives := l.all[name]
		if lives && name != plan.Node.Name && (!ok || plan.Cluster[name].Role == mgmt.Manager) {
			found, ok = rec.Facts, true
		}
	}
	return found, ok
}

// brokerTLS returns the certificates of living nodes that have some from their agent, and
// false if there are none.
func (l *livingNodes) brokerTLS() (BrokerTLS, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(l.all)) {
		if b := l.all[name].Facts.Broker; b.Peers == BrokerOwn {
			return b.TLS, true
		}
	}
	return BrokerTLS{}, false
}
