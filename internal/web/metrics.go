package web

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// ContentMetrics is the media type of Prometheus' text. What nodes say has it as well, whatever
// they call it.
const ContentMetrics = "text/plain; version=0.0.4; charset=utf-8"

// registerMetrics adds what Prometheus asks for.
func (a *routes) registerMetrics() {
	s := views{a.s}
	may := rowOfStream(mgmt.StreamMetrics)
	open := a.s.cfg.MetricsAnonymous
	registerText(a, operation{
		id: "metrics", method: http.MethodGet, path: api.PathMetrics, may: may, anybody: open,
		summary: "Read the metrics of the controller and of its cluster, for Prometheus",
		errors:  []int{http.StatusServiceUnavailable},
	}, s.ownMetrics)
	registerText(a, operation{
		id: "agent-metrics", method: http.MethodGet, path: api.PathMetrics + "/agents/{instance}", may: may, anybody: open,
		summary: "Read the metrics of an agent, for Prometheus",
		errors:  []int{http.StatusNotFound, http.StatusBadGateway},
	}, s.agentMetrics)
	registerText(a, operation{
		id: "node-metrics", method: http.MethodGet, path: api.PathMetrics + "/nodes/{instance}/{node}", may: may, anybody: open,
		summary: "Read what a node serves at its own metrics port, for Prometheus",
		details: "The agent asks its node, and the text is the node's own. If it is not whole, the connection ends without the end of the text.",
		errors:  []int{http.StatusNotFound, http.StatusBadGateway},
	}, s.nodeMetrics)
	register(a, operation{
		id: "service-discovery", method: http.MethodGet, path: api.PathServiceDiscovery, may: may, anybody: open,
		summary: "List what Prometheus can scrape, in the form of its HTTP service discovery",
		details: "Through the controller, all targets have the address that the asker has used. With via=direct they have addresses of their own.",
	}, s.serviceDiscovery)
}

// scraper returns who reads metrics: a user, or nobody in particular.
func (s *Server) scraper(ctx context.Context) mgmt.Principal {
	who := askerOf(ctx).Principal
	if s.cfg.MetricsAnonymous && who.Role == mgmt.NoUser {
		who.Role = mgmt.Viewer
	}
	return who
}

// mayScrape refuses whoever may not read metrics. The controller's own are asked of nobody who
// would refuse.
func (s views) mayScrape(ctx context.Context) error {
	who := s.scraper(ctx)
	if row := rowOfStream(mgmt.StreamMetrics); who.Role < row.May {
		why := row.Forbids(who)
		s.refusing(askerOf(ctx), row.Name, "", why)
		return problem(http.StatusForbidden, why)
	}
	return nil
}

func (s views) ownMetrics(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	if err := s.mayScrape(ctx); err != nil {
		return nil, err
	}
	if s.cfg.Metrics == nil {
		return nil, problem(http.StatusNotImplemented, "this controller has no metrics")
	}
	done, err := s.scrapes.enter(ctx, "", s.cfg.AgentWait)
	if err != nil {
		return nil, err
	}
	defer done()
	text, err := s.cfg.Metrics(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		_, w := humago.Unwrap(answer)
		w.Header().Set("Content-Type", ContentMetrics)
		w.Write(text)
	}}, nil
}

type agentMetricsInput struct {
	Instance string `path:"instance" maxLength:"300"`
}

func (s views) agentMetrics(ctx context.Context, in *agentMetricsInput) (*huma.StreamResponse, error) {
	return s.carried(ctx, in.Instance, mgmt.MetricsQuery{})
}

type nodeMetricsInput struct {
	Instance string `path:"instance" maxLength:"300"`
	Node     string `path:"node" maxLength:"300"`
}

func (s views) nodeMetrics(ctx context.Context, in *nodeMetricsInput) (*huma.StreamResponse, error) {
	return s.carried(ctx, in.Instance, mgmt.MetricsQuery{Node: mgmt.NodeName(in.Node)})
}

// carried answers with what an agent sends.
func (s views) carried(ctx context.Context, instance string, q mgmt.MetricsQuery) (*huma.StreamResponse, error) {
	if s.cfg.Agents == nil {
		return nil, untold(errNoAgents)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.AgentWait,
		&mgmt.StreamError{Code: mgmt.StreamLost, Text: fmt.Sprintf("instance %.100q did not answer within %v", instance, s.cfg.AgentWait)})
	done, err := s.scrapes.enter(ctx, instance, s.cfg.AgentWait)
	if err != nil {
		cancel()
		return nil, err
	}
	end := func() { done(); cancel() }
	stream, err := s.cfg.Agents.Stream(ctx, s.scraper(ctx), mgmt.InstanceName(instance), mgmt.StreamMetrics, q)
	if err != nil {
		end()
		return nil, untold(err)
	}
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		defer end()
		defer stream.Close()
		_, w := humago.Unwrap(answer)
		w.Header().Set("Content-Type", ContentMetrics)
		if _, err := io.Copy(w, io.LimitReader(stream, int64(s.cfg.MaxTold))); err != nil {
			// Prometheus takes a text that ends early for whole, unless the connection breaks.
			panic(http.ErrAbortHandler)
		}
		if _, err := stream.Read(make([]byte, 1)); err != io.EOF {
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// directly and throughUs are the ways to a target.
const (
	directly  = "direct"
	throughUs = "controller"
)

type discoveryInput struct {
	Via string `query:"via" enum:"controller,direct" default:"controller" doc:"How Prometheus reaches the targets: through the controller, or directly."`

	host   string
	secure bool
}

// Resolve implements huma.Resolver.
func (in *discoveryInput) Resolve(ctx huma.Context) []error {
	in.host = ctx.Host()
	return nil
}

func (s views) serviceDiscovery(ctx context.Context, in *discoveryInput) (*bodyOutput[[]api.ScrapeTargets], error) {
	if err := s.mayScrape(ctx); err != nil {
		return nil, err
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	d := discovery{in: in, snap: snap, facts: map[mgmt.InstanceName]mgmt.HostReport{}}
	in.secure = askerOf(ctx).conn.Secure
	if s.cfg.Agents != nil {
		if hosts, err := s.cfg.Agents.Hosts(ctx, s.scraper(ctx), false); err == nil {
			for _, h := range hosts {
				d.facts[h.Instance] = h
			}
		}
	}
	d.add(d.here(), api.PathMetrics, map[string]string{"instance": s.cfg.Name}, "controller")
	d.agents()
	d.nodes()
	return &bodyOutput[[]api.ScrapeTargets]{d.found}, nil
}

// discovery makes the list of what Prometheus can scrape.
type discovery struct {
	in    *discoveryInput
	snap  *mgmt.Snapshot
	facts map[mgmt.InstanceName]mgmt.HostReport
	found []api.ScrapeTargets
}

// target is an address and how to ask there.
type target struct{ addr, scheme string }

// here is this controller, by the name that the asker has for it.
func (d *discovery) here() target {
	if d.in.secure {
		return target{d.in.host, "https"}
	}
	return target{d.in.host, "http"}
}

// add adds a target. Its labels are those of its series; those that begin with __meta are for
// rules of relabelling.
func (d *discovery) add(at target, path string, names map[string]string, kind string) {
	labels := map[string]string{"__scheme__": at.scheme, "__metrics_path__": path, "__meta_zeekfleet_kind": kind, "__meta_zeekfleet_via": d.in.Via}
	for name, value := range names {
		labels[name], labels["__meta_zeekfleet_"+name] = value, value
	}
	d.found = append(d.found, api.ScrapeTargets{Targets: []string{at.addr}, Labels: labels})
}

func (d *discovery) agents() {
	hosts := d.hosts()
	for _, in := range d.snap.Instances {
		known := d.facts[in.Name]
		if in.Peer != "" && known.Facts == nil {
			continue // it is Zeek's own, or has not told yet what it is
		}
		names := map[string]string{"instance": string(in.Name), "role": "AGENT"}
		if d.in.Via == throughUs {
			d.add(d.here(), api.PathMetrics+"/agents/"+url.PathEscape(string(in.Name)), names, "agent")
			continue
		}
		if known.Facts == nil {
			continue // nobody knows whether it serves
		}
		// An agent says only at which port it serves: it must not send Prometheus elsewhere.
		if at, err := netip.ParseAddrPort(known.Facts.Metrics); err == nil {
			if addr := d.addressOf(in, hosts[in.Name], at.Port()); addr != "" {
				d.add(target{addr, "http"}, api.PathMetrics, names, "agent")
			}
		}
	}
}

// hosts returns the addresses of instances that users have deployed.
func (d *discovery) hosts() map[mgmt.InstanceName]netip.Addr {
	hosts := map[mgmt.InstanceName]netip.Addr{}
	if d.snap.Deployed != nil {
		for _, in := range d.snap.Deployed.Config.Instances {
			hosts[in.Name] = in.Host
		}
	}
	return hosts
}

// addressOf returns where a port of an instance is reached. An address that is none is the one
// that the controller sees.
func (d *discovery) addressOf(in *mgmt.ObservedInstance, addr netip.Addr, port uint16) string {
	if (!addr.IsValid() || addr.IsUnspecified()) && in != nil && in.Addr.IsValid() {
		addr = in.Addr.Addr().Unmap()
	}
	if !addr.IsValid() || addr.IsUnspecified() {
		return ""
	}
	return net.JoinHostPort(addr.String(), strconv.Itoa(int(port)))
}

func (d *discovery) nodes() {
	if d.snap.Deployed == nil {
		return
	}
	config := d.snap.Deployed.Config
	hosts := d.hosts()
	stopped := map[mgmt.NodeName]bool{}
	for _, name := range d.snap.Stopped {
		stopped[name] = true
	}
	for i := range config.Nodes {
		n := &config.Nodes[i]
		if n.MetricsPort == nil || stopped[n.Name] || !d.serves(n) {
			continue
		}
		names := map[string]string{"instance": string(n.Instance), "node": string(n.Name), "role": string(n.Role)}
		if n.Interface != nil {
			names["interface"] = *n.Interface
		}
		if d.in.Via == throughUs {
			d.add(d.here(), api.PathMetrics+"/nodes/"+url.PathEscape(string(n.Instance))+"/"+url.PathEscape(string(n.Name)), names, "node")
			continue
		}
		if addr := d.addressOf(d.snap.Instance(n.Instance), hosts[n.Instance], n.MetricsPort.Number); addr != "" {
			d.add(target{addr, "http"}, api.PathMetrics, names, "node")
		}
	}
}

// firstServing is the first major version of Zeek whose nodes serve metrics.
const firstServing = 7

// serves reports whether a node serves metrics, as far as is known.
func (d *discovery) serves(n *mgmt.Node) bool {
	known := d.facts[n.Instance].Facts
	if known == nil || known.ZeekVersion == "" || len(n.Command) > 0 {
		return true
	}
	first, _, _ := strings.Cut(known.ZeekVersion, ".")
	major, err := strconv.Atoi(first)
	return err != nil || major >= firstServing
}
