package daemon

import (
	"cmp"
	"context"
	"sort"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// ends knows who is at the other end of an agent's connections. The agent's loop writes it.
type ends struct {
	mu       sync.Mutex
	nodes    map[mgmt.PeerID]mgmt.NodeName
	sessions map[mgmt.PeerID]*socketSession
}

func newEnds() *ends {
	return &ends{nodes: map[mgmt.PeerID]mgmt.NodeName{}, sessions: map[mgmt.PeerID]*socketSession{}}
}

// areNodes notes which peers are nodes.
func (e *ends) areNodes(nodes map[mgmt.PeerID]mgmt.NodeName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nodes = nodes
}

// connected notes a connection with a node that serves its agent.
func (e *ends) connected(s *socketSession) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sessions[s.peer] = s
}

// lost notes the end of a connection of either kind.
func (e *ends) lost(peer mgmt.PeerID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.nodes, peer)
	delete(e.sessions, peer)
}

// peers returns all connections of an agent.
func (e *ends) peers(endpoint *bus.Endpoint) (list []mgmt.PeerSample) {
	for _, p := range endpoint.Peers() {
		one := peerSample(p)
		e.mu.Lock()
		node := e.nodes[mgmt.PeerID(p.ID)]
		e.mu.Unlock()
		switch {
		case node != "":
			one.Peer = string(node)
		case p.Identity == "" && announces(endpoint, p.Peer, fleetController):
			one.Peer = "controller"
		}
		list = append(list, one)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sessions {
		list = append(list, s.sample())
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Peer < list[j].Peer })
	return list
}

// peerSample describes a peer of the bus by its identity, its program, or its address.
func peerSample(p bus.Traffic) mgmt.PeerSample {
	one := mgmt.PeerSample{
		Kind: "broker", Since: p.Since, Queued: uint64(p.Queued), Limit: uint64(p.Limit),
		Sent: &p.Sent, Received: &p.Received, Dropped: &p.Lost,
	}
	if p.Kind == bus.WebSocket {
		one.Kind = "websocket"
	}
	if p.Addr.IsValid() {
		one.Addr = p.Addr.String()
	}
	one.Peer = cmp.Or(p.Identity, mgmt.CutText(p.App, maxPeerName), one.Addr)
	return one
}

// Known returns how many agents are connected and known. Any goroutine may call it.
func (c *Controller) Known() int {
	if f := c.port.fetching.Load(); f != nil {
		return f.endpoint.Known()
	}
	return 0
}

// Connections returns the connections of a controller that follows.
func Connections(endpoint *bus.Endpoint) []mgmt.PeerSample {
	all := endpoint.Peers()
	list := make([]mgmt.PeerSample, len(all))
	for i, p := range all {
		list[i] = peerSample(p)
	}
	return list
}

// maxPeerName bounds the name that a client gives itself, in bytes.
const maxPeerName = 100

// Peers returns the connections of the controller: with agents, by the names of their
// instances, and with clients. Any goroutine may call it while Run runs.
func (c *Controller) Peers(ctx context.Context) ([]mgmt.PeerSample, error) {
	snap, err := c.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	instances := map[string]mgmt.InstanceName{}
	for _, in := range snap.Instances {
		if in.Peer != "" {
			instances[string(in.Peer)] = in.Name
		}
	}
	all := c.port.fetching.Load().endpoint.Peers() // it is set before the first Snapshot
	list := make([]mgmt.PeerSample, 0, len(all))
	for _, p := range all {
		one := peerSample(p)
		if instance := instances[p.ID]; instance != "" {
			one.Peer = string(instance)
		}
		list = append(list, one)
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Peer < list[j].Peer })
	return list, nil
}
