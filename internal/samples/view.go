package samples

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A Host is the newest sample of an instance.
type Host struct {
	Instance mgmt.InstanceName
	// Heard is when the sample came, by the clock of the controller, and Skew how far the
	// clock of the host was before the controller's then (its delay on the way counts as if
	// the host were behind).
	Heard time.Time
	Skew  time.Duration
	// Sample is as the agent sent it. It must not be changed.
	Sample *mgmt.HostSample
	// Nodes and Interfaces are those of Sample in the same order.
	Nodes      []NodeRates
	Interfaces []InterfaceRates
}

// NodeRates are the rates of a node since it told its figures before. They are known if it has
// told them again as the same process. A node that hung and goes on has rates over all of that
// time: what it has lost meanwhile is in them.
type NodeRates struct {
	Known bool
	// Packets, Bytes and Dropped are per second.
	Packets, Bytes, Dropped float64
	// DropShare is the share of packets that were dropped, from 0 to 1.
	DropShare float64
	// Events are those that the node handled, per second.
	Events float64
	// Waiting are the events that are queued in the node.
	Waiting uint64
}

// InterfaceRates are the rates of an interface since the sample before. They are known if the
// interface was in both samples and its counters did not begin anew.
type InterfaceRates struct {
	Known                           bool
	Packets, Bytes, Errors, Dropped float64 // per second
	DropShare                       float64 // of Packets and Dropped together, from 0 to 1
}

// told is what a process of a node told last, and the time of that sample.
type told struct {
	pid     int
	started time.Time
	at      time.Time
	zeek    *mgmt.ZeekSample
}

// toldOf returns what the nodes of a sample have told last. before is the same of the sample
// before: a process that tells nothing now has told that last.
func toldOf(now *mgmt.HostSample, before map[mgmt.NodeName]told) map[mgmt.NodeName]told {
	last := make(map[mgmt.NodeName]told, len(now.Nodes))
	for i := range now.Nodes {
		n := &now.Nodes[i]
		if n.Zeek != nil {
			zeek := *n.Zeek // and not the whole sample
			last[n.Node] = told{n.PID, n.Started, now.Time, &zeek}
		} else if b, ok := before[n.Node]; ok && b.sameProcess(n) {
			last[n.Node] = b
		}
	}
	return last
}

func (t told) sameProcess(n *mgmt.NodeSample) bool {
	return n.PID == t.pid && n.Started.Equal(t.started)
}

// rates returns a host with the rates since the sample before, which may be nil, and since the
// nodes have told something before.
func rates(instance mgmt.InstanceName, heard time.Time, now, before *mgmt.HostSample, last map[mgmt.NodeName]told) Host {
	h := Host{
		Instance: instance, Heard: heard, Skew: now.Time.Sub(heard), Sample: now,
		Nodes: make([]NodeRates, len(now.Nodes)), Interfaces: make([]InterfaceRates, len(now.Interfaces)),
	}
	for i := range now.Nodes {
		n := &now.Nodes[i]
		if n.Zeek != nil && n.Zeek.Queued >= n.Zeek.Dispatched {
			h.Nodes[i].Waiting = n.Zeek.Queued - n.Zeek.Dispatched
		}
		if b, ok := last[n.Node]; ok && n.Zeek != nil && b.sameProcess(n) {
			h.Nodes[i].since(n.Zeek, b.zeek, now.Time.Sub(b.at).Seconds())
		}
	}
	if before == nil {
		return h
	}
	seconds := now.Time.Sub(before.Time).Seconds()
	if seconds <= 0 {
		return h // the host's clock was set back
	}
	interfaces := map[string]*mgmt.InterfaceSample{}
	for i := range before.Interfaces {
		interfaces[before.Interfaces[i].Name] = &before.Interfaces[i]
	}
	for i := range now.Interfaces {
		if b := interfaces[now.Interfaces[i].Name]; b != nil {
			h.Interfaces[i] = interfaceRates(&now.Interfaces[i], b, seconds)
		}
	}
	return h
}

// since fills in the rates. seconds are those between the samples; when a node has told its
// figures is more exact.
func (r *NodeRates) since(n, b *mgmt.ZeekSample, seconds float64) {
	if n.Received < b.Received || n.Bytes < b.Bytes || n.Dropped < b.Dropped || n.Dispatched < b.Dispatched {
		return
	}
	if !n.Time.IsZero() && !b.Time.IsZero() {
		seconds = n.Time.Sub(b.Time).Seconds()
	}
	if seconds <= 0 {
		return // the host's clock was set back
	}
	r.Known = true
	r.Packets = float64(n.Received-b.Received) / seconds
	r.Bytes = float64(n.Bytes-b.Bytes) / seconds
	r.Dropped = float64(n.Dropped-b.Dropped) / seconds
	r.Events = float64(n.Dispatched-b.Dispatched) / seconds
	r.DropShare = share(r.Dropped, r.Packets)
}

func interfaceRates(now, before *mgmt.InterfaceSample, seconds float64) (r InterfaceRates) {
	if now.Packets < before.Packets || now.Bytes < before.Bytes || now.Errors < before.Errors || now.Dropped < before.Dropped {
		return r
	}
	r.Known = true
	r.Packets = float64(now.Packets-before.Packets) / seconds
	r.Bytes = float64(now.Bytes-before.Bytes) / seconds
	r.Errors = float64(now.Errors-before.Errors) / seconds
	r.Dropped = float64(now.Dropped-before.Dropped) / seconds
	r.DropShare = share(r.Dropped, r.Packets)
	return r
}

// share returns which share of all packets was dropped.
func share(dropped, received float64) float64 {
	if all := dropped + received; all > 0 {
		return dropped / all
	}
	return 0
}
