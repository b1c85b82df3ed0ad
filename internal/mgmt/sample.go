package mgmt

import (
	"slices"
	"time"
)

// A HostSample is what an agent measured on its host at one time. The agent sends one line of
// JSON for each interval in a stream of kind StreamSamples. Counters count from a start that
// the sampled thing has: of the process, of the interface. Readers make rates of two samples.
type HostSample struct {
	// Time is the host's clock when the sample was taken.
	// Unsynced says that nothing keeps that clock right. Older agents do not tell it.
	Time     time.Time `json:"time"`
	Unsynced bool      `json:"unsynced,omitempty"`
	// CPUs is the number of processors, and Busy how many of them were at work since the
	// sample before (0 to CPUs).
	CPUs   int        `json:"cpus"`
	Busy   float64    `json:"busy"`
	Load   [3]float64 `json:"load"` // of 1, 5, 15 minutes
	Memory Memory     `json:"memory"`
	Disks  []Disk     `json:"disks,omitempty"`
	// Interfaces are those on which nodes capture, and the others of the host that are up.
	Interfaces []InterfaceSample `json:"interfaces,omitempty"`
	Nodes      []NodeSample      `json:"nodes,omitempty"`
	// Peers are the connections of the agent itself.
	Peers []PeerSample `json:"peers,omitempty"`
}

// A NodeSample is what was measured of one node. PID is 0 if it has no process; then nothing
// else is known but Restarts and Interface.
type NodeSample struct {
	Node      NodeName  `json:"node"`
	PID       int       `json:"pid,omitempty"`
	Started   time.Time `json:"started,omitzero"`
	Restarts  uint64    `json:"restarts,omitempty"`  // since the agent itself started
	CPU       float64   `json:"cpu"`                 // processors used since the sample before
	Memory    uint64    `json:"memory"`              // resident, bytes
	Threads   int       `json:"threads"`             //
	Files     int       `json:"files"`               // open
	Interface string    `json:"interface,omitempty"` // on which it captures
	// Zeek is what the node itself told, and nil if it told nothing in this interval.
	Zeek *ZeekSample `json:"zeek,omitempty"`
	// Peers are the node's connections, if it tells them.
	Peers []PeerSample `json:"peers,omitempty"`
	// Metrics is the port of the node's own Prometheus endpoint, or 0.
	Metrics uint16 `json:"metrics,omitempty"`
}

// A ZeekSample is a node's answer to the dispatch get_stats.
type ZeekSample struct {
	// Time is when the node told it, by the host's clock. Rates are those between two
	// such times.
	Time       time.Time `json:"time,omitzero"`
	Received   uint64    `json:"packets_received"`
	Dropped    uint64    `json:"packets_dropped"`
	Link       uint64    `json:"packets_on_link"`
	Bytes      uint64    `json:"bytes_received"`
	Queued     uint64    `json:"events_queued"`     // since the node started
	Dispatched uint64    `json:"events_dispatched"` // since the node started
	// Lag is how far the last packet's time is behind the clock, in seconds. It is nil for a
	// node that captures nothing.
	Lag *float64 `json:"lag,omitempty"`
}

// NodeStats is what get_stats returns. A node that does not tell Peers has nil.
type NodeStats struct {
	ZeekSample
	Peers []NodePeer `json:"peers,omitempty"`
}

// A NodePeer is a connection as a node tells it. Peer may be empty.
type NodePeer struct {
	Peer    NodeName `json:"peer"`
	Address string   `json:"address"`
	Kind    string   `json:"kind"`
	Queued  uint64   `json:"queued"`
	Limit   uint64   `json:"limit"`
	Dropped uint64   `json:"dropped"`
}

// An InterfaceSample is what the kernel and the network card told of an interface.
type InterfaceSample struct {
	Name    string `json:"name"`
	Up      bool   `json:"up"`                // it is switched on
	Link    bool   `json:"link"`              // and has a link
	Speed   uint64 `json:"speed,omitempty"`   // bits per second, 0: unknown
	Capture bool   `json:"capture,omitempty"` // nodes of the host capture on it
	Packets uint64 `json:"packets"`           // received
	Bytes   uint64 `json:"bytes"`
	Errors  uint64 `json:"errors"`
	// Dropped are the packets that the kernel or the card had to drop: the kernel's count, and
	// missed packets that only the card counts.
	Dropped uint64 `json:"dropped"`
	// Promiscuous says whether it takes packets that are for others.
	Promiscuous bool `json:"promiscuous,omitempty"`
}

// A PeerSample is one connection as one of its ends sees it.
type PeerSample struct {
	// Peer names the other end: a node, an agent, a controller, or an address.
	Peer string `json:"peer"`
	Addr string `json:"addr,omitempty"`
	// Kind is the protocol: broker, websocket, zeromq.
	Kind   string    `json:"kind,omitempty"`
	Since  time.Time `json:"since,omitzero"` // zero: unknown
	Queued uint64    `json:"queued"`         // messages that wait for the peer
	Limit  uint64    `json:"limit,omitempty"`
	// Sent, Received count messages; Dropped are those that were lost because too many waited.
	// Nil means that it is not known.
	Sent     *uint64 `json:"sent,omitempty"`
	Received *uint64 `json:"received,omitempty"`
	Dropped  *uint64 `json:"dropped,omitempty"`
}

// SampleInterval is the usual time between two samples.
const SampleInterval = 5 * time.Second

// The bounds of a HostSample.
const (
	MaxSampleNodes      = 1024
	MaxSampleInterfaces = 64
	MaxSampleDisks      = 16
	MaxSamplePeers      = 4096 // of the agent and all nodes together
	maxSampleText       = 256  // bytes
)

// The greatest values that make sense. A sum of many of them is still a number.
const (
	maxSampleCPUs = 1e6
	maxSampleLag  = 1e10 // seconds
)

// Cut keeps a sample within its bounds: lists and texts are shortened, what is told twice counts
// once, nodes without a proper name are left out, and so are times and values that nothing can
// have. Texts become one line of printable characters.
func (s *HostSample) Cut() {
	s.CPUs, s.Busy = between(s.CPUs, 0, maxSampleCPUs), between(s.Busy, 0, maxSampleCPUs)
	for i := range s.Load {
		s.Load[i] = between(s.Load[i], 0, maxSampleCPUs)
	}
	s.Disks = s.Disks[:min(len(s.Disks), MaxSampleDisks)]
	for i := range s.Disks {
		d := &s.Disks[i]
		d.Use, d.Path, d.Err = sampleText(d.Use), sampleText(d.Path), sampleText(d.Err)
	}
	for i := range s.Interfaces {
		s.Interfaces[i].Name = sampleText(s.Interfaces[i].Name)
	}
	s.Disks = once(s.Disks, func(d *Disk) string { return d.Use })
	s.Interfaces = once(s.Interfaces, func(in *InterfaceSample) string { return in.Name })
	s.Interfaces = s.Interfaces[:min(len(s.Interfaces), MaxSampleInterfaces)]
	s.Nodes = slices.DeleteFunc(s.Nodes, func(n NodeSample) bool { return CheckName(string(n.Node)) != nil })
	s.Nodes = once(s.Nodes, func(n *NodeSample) NodeName { return n.Node })
	s.Nodes = s.Nodes[:min(len(s.Nodes), MaxSampleNodes)]
	left := MaxSamplePeers
	s.Peers = cutPeers(s.Peers, &left)
	for i := range s.Nodes {
		s.Nodes[i].cut()
		s.Nodes[i].Peers = cutPeers(s.Nodes[i].Peers, &left)
	}
}

// cut keeps what was measured of a node within its bounds.
func (n *NodeSample) cut() {
	n.Interface = sampleText(n.Interface)
	n.PID, n.Threads, n.Files = max(n.PID, 0), max(n.Threads, 0), max(n.Files, 0)
	n.CPU = between(n.CPU, 0, maxSampleCPUs)
	if n.Zeek != nil && n.Zeek.Lag != nil {
		n.Zeek.Lag = new(between(*n.Zeek.Lag, -maxSampleLag, maxSampleLag))
	}
}

// cutPeers keeps peers within left, which it reduces.
func cutPeers(peers []PeerSample, left *int) []PeerSample {
	peers = peers[:min(len(peers), *left)]
	*left -= len(peers)
	for i := range peers {
		p := &peers[i]
		p.Peer, p.Addr, p.Kind = sampleText(p.Peer), sampleText(p.Addr), sampleText(p.Kind)
	}
	return peers
}

func between[N int | float64](n, least, most N) N { return min(max(n, least), most) }

// once returns the things of a list without those whose name has occurred before.
func once[T any, K comparable](list []T, name func(*T) K) []T {
	seen := make(map[K]bool, len(list))
	return slices.DeleteFunc(list, func(one T) bool {
		key := name(&one)
		again := seen[key]
		seen[key] = true
		return again
	})
}

// sampleText makes one bounded line of a text.
func sampleText(text string) string { return LineText(text, maxSampleText) }
