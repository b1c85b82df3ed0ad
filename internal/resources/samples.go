package resources

import (
	"math"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// HostSample returns the JSON of the newest sample of an instance.
func HostSample(h samples.Host) api.HostSample {
	s := h.Sample
	one := api.HostSample{
		Instance: string(h.Instance), Heard: utc(h.Heard), Skew: h.Skew.Seconds(),
		CPUs: s.CPUs, Busy: s.Busy, Load: s.Load, Memory: api.Memory(s.Memory),
		Disks: make([]api.Disk, 0, len(s.Disks)), Interfaces: make([]api.InterfaceSample, 0, len(s.Interfaces)),
		Nodes: make([]api.NodeSample, 0, len(s.Nodes)), Peers: peers(s.Peers),
	}
	for _, d := range s.Disks {
		one.Disks = append(one.Disks, api.Disk(d))
	}
	for i, in := range s.Interfaces {
		one.Interfaces = append(one.Interfaces, interfaceSample(in, h.Interfaces[i]))
	}
	for i, n := range s.Nodes {
		one.Nodes = append(one.Nodes, nodeSample(n, h.Nodes[i]))
	}
	return one
}

// NoSample returns the JSON of an instance of which nothing is known.
func NoSample(instance mgmt.InstanceName, why string) api.HostSample {
	return api.HostSample{
		Instance: string(instance), Err: why,
		Disks: []api.Disk{}, Interfaces: []api.InterfaceSample{}, Nodes: []api.NodeSample{}, Peers: []api.PeerSample{},
	}
}

func interfaceSample(in mgmt.InterfaceSample, r samples.InterfaceRates) api.InterfaceSample {
	one := api.InterfaceSample{
		Name: in.Name, Capture: in.Capture, Up: in.Up, Link: in.Link, Speed: in.Speed, Promiscuous: in.Promiscuous,
		Packets: in.Packets, Bytes: in.Bytes, Errors: in.Errors, Dropped: in.Dropped,
	}
	if r.Known {
		one.Rates = &api.InterfaceRates{Packets: r.Packets, Bytes: r.Bytes, Errors: r.Errors, Dropped: r.Dropped, DropShare: r.DropShare}
	}
	return one
}

func nodeSample(n mgmt.NodeSample, r samples.NodeRates) api.NodeSample {
	one := api.NodeSample{
		Node: string(n.Node), PID: n.PID, Started: utc(n.Started), Restarts: n.Restarts, CPU: n.CPU, Memory: n.Memory,
		Threads: n.Threads, Files: n.Files, Interface: n.Interface, Metrics: n.Metrics,
	}
	if len(n.Peers) > 0 {
		one.Peers = peers(n.Peers)
	}
	if z := n.Zeek; z != nil {
		one.Zeek = &api.ZeekSample{
			Received: z.Received, Dropped: z.Dropped, Link: z.Link, Bytes: z.Bytes, Waiting: r.Waiting, Lag: z.Lag,
		}
		if r.Known {
			one.Zeek.Rates = &api.NodeRates{Packets: r.Packets, Bytes: r.Bytes, Dropped: r.Dropped, DropShare: r.DropShare, Events: r.Events}
		}
	}
	return one
}

func peers(list []mgmt.PeerSample) []api.PeerSample {
	all := make([]api.PeerSample, 0, len(list))
	for _, p := range list {
		p.Since = utc(p.Since)
		all = append(all, api.PeerSample(p))
	}
	return all
}

// units are what the points of figures count.
var units = map[samples.Figure]string{
	samples.CPU: "processors", samples.Busy: "processors", samples.Memory: "bytes", samples.Packets: "1/s", samples.Dropped: "1/s",
	samples.DropShare: "1", samples.Lag: "s", samples.Events: "1/s", samples.Bits: "bit/s",
}

// Series returns the JSON of a figure over some time.
func Series(s samples.Series) api.Series {
	one := api.Series{Figure: string(s.Figure), Unit: units[s.Figure], Points: make([]*float64, len(s.Points))}
	for i, v := range s.Points {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			one.Points[i] = &v
		}
	}
	return one
}

// utc returns a time in UTC. The zero time stays as it is, and so becomes a time of an agent whose
// year JSON cannot have.
func utc(t time.Time) time.Time {
	if t = t.UTC(); t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}
