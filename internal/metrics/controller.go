package metrics

import (
	"context"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// ControllerConfig says where the figures of a controller come from. Snapshot is required.
type ControllerConfig struct {
	Snapshot func(context.Context) (*mgmt.Snapshot, error)
	// Samples returns what agents have measured. Nil means nothing.
	Samples func(time.Time) []samples.Host
	// Peers returns the controller's connections. Nil means none.
	Peers func(context.Context) ([]mgmt.PeerSample, error)
	// Certificates returns the certificates that are valid, or were until lately. Nil means none.
	Certificates func(context.Context) []Certificate
	// Alerts returns the alerts that are pending or fire. Nil means none.
	Alerts func() []mgmt.Alert
	// Controllers returns what is known of all controllers of the cluster. Nil means that this
	// one has no others.
	Controllers func(context.Context) (*mgmt.ControllersReport, error)
	// Counts are what was counted. Nil means nothing.
	Counts *Counts
	// Version is the program's version.
	Version string
	// MaxSeries bounds the series of a scrape. Those beyond it are left out, and
	// zeekfleet_series_left_out says how many. Zero means DefaultMaxSeries.
	MaxSeries int
}

// Certificate is a certificate that ends.
type Certificate struct {
	Identity string
	Expires  time.Time
}

// Controller gathers the figures of a controller and of its cluster.
type Controller struct{ cfg ControllerConfig }

// NewController returns a Controller.
func NewController(cfg ControllerConfig) *Controller { return &Controller{cfg} }

// Text returns the text for Prometheus.
func (c *Controller) Text(ctx context.Context) ([]byte, error) {
	snap, err := c.cfg.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := newSheet(c.cfg.MaxSeries)
	s.add(&buildInfo, 1, built(c.cfg.Version))
	s.cluster(snap)
	if c.cfg.Samples != nil {
		for _, h := range c.cfg.Samples(now) {
			s.host(&h)
		}
	}
	if c.cfg.Peers != nil {
		list, err := c.cfg.Peers(ctx)
		if err != nil {
			return nil, err
		}
		s.peers(list)
	}
	if c.cfg.Certificates != nil {
		// An identity may have several while one replaces another: the one that lasts counts.
		latest := map[string]time.Time{}
		for _, cert := range c.cfg.Certificates(ctx) {
			if now.Sub(cert.Expires) < endedLately && cert.Expires.After(latest[cert.Identity]) {
				latest[cert.Identity] = cert.Expires
			}
		}
		for identity, expires := range latest {
			s.add(&certificateExpiry, seconds(expires), labels("identity", identity))
		}
	}
	if c.cfg.Alerts != nil {
		s.alerts(c.cfg.Alerts())
	}
	if err := s.controllers(ctx, c.cfg.Controllers); err != nil {
		return nil, err
	}
	s.counts(c.cfg.Counts)
	left := s.leftOut
	s.room = 1
	s.add(&seriesLeftOut, float64(left), "")
	return s.text(), nil
}

// endedLately is for how long a certificate is told of that has ended: somebody may still miss
// it.
const endedLately = 24 * time.Hour

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// nodeKey is what nodes of an instance are counted by.
type nodeKey struct {
	role  mgmt.ClusterRole
	state mgmt.State
}

// cluster adds what the controller knows of its cluster.
func (s *sheet) cluster(snap *mgmt.Snapshot) {
	roles := map[mgmt.NodeName]mgmt.ClusterRole{}
	if snap.Deployed != nil {
		for _, n := range snap.Deployed.Config.Nodes {
			roles[n.Name] = n.Role
		}
		s.add(&deployedRevision, float64(snap.Deployed.Revision), "")
	}
	for _, in := range snap.Instances {
		of := labels("instance", string(in.Name))
		s.add(&instanceConnected, truth(in.Peer != ""), of)
		s.add(&instanceStanding, 1, of.with("standing", string(in.Standing)))
		states := map[nodeKey]int{}
		for i := range in.Nodes {
			n := &in.Nodes[i]
			if n.MgmtRole == mgmt.RoleAgent || n.MgmtRole == mgmt.RoleController {
				continue // they are no nodes of the cluster
			}
			role, ok := roles[n.Node]
			if !ok {
				role = n.ClusterRole
			}
			states[nodeKey{role, n.State}]++
			s.add(&nodeUp, truth(n.State == mgmt.Running), of.with("node", string(n.Node)).with("role", string(role)))
		}
		for key, n := range states {
			s.add(&nodes, float64(n), of.with("role", string(key.role)).with("state", string(key.state)))
		}
	}
	running := 0
	for _, o := range snap.Operations {
		if !o.State.Ends() {
			running++
		}
	}
	s.add(&operationsRunning, float64(running), "")
	s.add(&nodesStopped, float64(len(snap.Stopped)), "")
	s.add(&nodesPaused, float64(len(snap.Paused)), "")
}

// peers adds the connections of the controller. Clients have names of their own choice, so the
// figures are those of all peers of a kind.
func (s *sheet) peers(list []mgmt.PeerSample) {
	type sum struct{ peers, queued, longest float64 }
	kinds := map[string]sum{}
	for i := range list {
		p := &list[i]
		one := kinds[p.Kind]
		one.peers++
		one.queued += float64(p.Queued)
		one.longest = max(one.longest, float64(p.Queued))
		kinds[p.Kind] = one
	}
	for kind, one := range kinds {
		of := labels("kind", kind)
		s.add(&peers, one.peers, of)
		s.add(&peersQueued, one.queued, of)
		s.add(&peersQueuedMost, one.longest, of)
	}
}

func (s *sheet) alerts(list []mgmt.Alert) {
	type key struct{ rule, state, severity string }
	counts := map[key]int{}
	for i := range list {
		counts[key{string(list[i].Rule), string(list[i].State), string(list[i].Severity)}]++
	}
	for k, n := range counts {
		s.add(&alerts, float64(n), labels("rule", k.rule, "state", k.state, "severity", k.severity))
	}
}

// maxPerHost bounds what one host tells in a sample: nodes, interfaces, disks.
const maxPerHost = 4096

// host adds the newest sample of a host. An agent may tell a thing twice; the first one counts.
func (s *sheet) host(h *samples.Host) {
	is := h.Sample
	of := labels("instance", string(h.Instance))
	s.add(&sampleTime, seconds(is.Time), of)
	s.add(&clockSkew, h.Skew.Seconds(), of)
	s.add(&hostCPUs, float64(is.CPUs), of)
	s.add(&hostBusy, is.Busy, of)
	s.add(&hostLoad1, is.Load[0], of)
	s.add(&hostMemory, float64(is.Memory.Total), of)
	s.add(&hostMemoryAvailable, float64(is.Memory.Available), of)
	seen := map[string]bool{}
	fresh := func(kind, name string) bool {
		key := kind + clean(name)
		if seen[key] || len(seen) >= maxPerHost {
			return false
		}
		seen[key] = true
		return true
	}
	for i := range is.Disks {
		if d := &is.Disks[i]; d.Err == "" && fresh("d", d.Use) {
			of := of.with("use", d.Use)
			s.add(&diskSize, float64(d.Total), of)
			s.add(&diskFree, float64(d.Free), of)
		}
	}
	for i := range is.Interfaces {
		if in := &is.Interfaces[i]; fresh("i", in.Name) {
			s.networkInterface(in, of.with("interface", in.Name))
		}
	}
	for i := range is.Nodes {
		if n := &is.Nodes[i]; fresh("n", string(n.Node)) {
			s.node(n, &h.Nodes[i], of.with("node", string(n.Node)))
		}
	}
}

func (s *sheet) networkInterface(in *mgmt.InterfaceSample, of pairs) {
	s.add(&interfaceUp, truth(in.Up && in.Link), of)
	s.add(&interfaceCaptures, truth(in.Capture), of)
	if in.Speed > 0 {
		s.add(&interfaceSpeed, float64(in.Speed)/8, of)
	}
	s.add(&interfacePackets, float64(in.Packets), of)
	s.add(&interfaceBytes, float64(in.Bytes), of)
	s.add(&interfaceErrors, float64(in.Errors), of)
	s.add(&interfaceDropped, float64(in.Dropped), of)
}

func (s *sheet) node(n *mgmt.NodeSample, rates *samples.NodeRates, of pairs) {
	s.add(&nodeRestarts, float64(n.Restarts), of)
	if n.PID == 0 {
		return
	}
	if !n.Started.IsZero() {
		s.add(&nodeStart, seconds(n.Started), of)
	}
	s.add(&nodeCPU, n.CPU, of)
	s.add(&nodeMemory, float64(n.Memory), of)
	s.add(&nodeThreads, float64(n.Threads), of)
	s.add(&nodeFiles, float64(n.Files), of)
	z := n.Zeek
	if z == nil {
		return
	}
	s.add(&nodePackets, float64(z.Received), of)
	s.add(&nodeDropped, float64(z.Dropped), of)
	s.add(&nodeLink, float64(z.Link), of)
	s.add(&nodeBytes, float64(z.Bytes), of)
	s.add(&nodeEvents, float64(z.Dispatched), of)
	s.add(&nodeEventsWaiting, float64(rates.Waiting), of)
	if z.Lag != nil {
		s.add(&nodeLag, *z.Lag, of)
	}
}
