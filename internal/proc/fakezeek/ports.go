package fakezeek

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// open opens the node's ports and starts their servers. The servers are parts and end
// with ctx.
func (n *node) open(ctx context.Context, parts *sync.WaitGroup) error {
	if err := n.serveMetrics(ctx, parts); err != nil {
		return err
	}
	if !n.clustered {
		return nil
	}
	if n.zeroMQ() {
		if err := n.serveZeroMQ(ctx, parts); err != nil {
			return err
		}
	}
	cfg, err := n.brokerConfig()
	if err != nil {
		return err
	}
	endpoint, err := bus.New(cfg)
	if err != nil {
		return err
	}
	n.endpoint = endpoint
	if n.member.port != 0 && !n.zeroMQ() {
		parts.Go(func() { n.serveBroker(ctx) })
	}
	return nil
}

// brokerConfig returns the configuration of Broker's encryption from the options.
func (n *node) brokerConfig() (bus.Config, error) {
	cert, key, ca := n.file("Broker::ssl_certificate"), n.file("Broker::ssl_keyfile"), n.file("Broker::ssl_cafile")
	if cert == "" {
		return bus.Config{}, nil
	}
	id, err := bus.LoadTLS(cert, key, ca)
	return bus.Config{TLS: id}, err
}

func (n *node) brokerTransport() bus.Transport {
	if n.values["Broker::disable_ssl"] == "T" {
		return bus.TransportPlain
	}
	return bus.TransportTLS
}

// serveMetrics opens the metrics port. If it cannot, the error ends Zeek.
func (n *node) serveMetrics(ctx context.Context, parts *sync.WaitGroup) error {
	port := n.port("Telemetry::metrics_port")
	if port == 0 {
		port = n.member.metricsPort
	}
	if port == 0 || !n.version.atLeast(7, 0) {
		return nil
	}
	addr := n.str("Telemetry::metrics_address")
	if addr == "" {
		addr = "0.0.0.0"
	}
	at := net.JoinHostPort(addr, fmt.Sprint(port))
	ln, err := net.Listen("tcp", at)
	if err != nil {
		return fatal{"fatal error in <params>, line 1: Failed to setup Prometheus endpoint: null context when constructing " +
			"CivetServer. Possible problem binding to port. Attempted to bind to " + at + "."}
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(n.metrics)}
	context.AfterFunc(ctx, func() { server.Close() })
	parts.Go(func() { server.Serve(ln) })
	return nil
}

func (n *node) metrics(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "# TYPE zeek_process_up gauge\nzeek_process_up{endpoint=%q} 1\n", n.name)
}

// serveBroker listens for cluster peers. If it cannot, it prints an error and tries
// again, as Zeek does.
func (n *node) serveBroker(ctx context.Context) {
	addr := n.str("Broker::default_listen_address")
	at := net.JoinHostPort(addr, fmt.Sprint(n.member.port))
	for ctx.Err() == nil {
		ln, err := net.Listen("tcp", at)
		if err == nil {
			n.endpoint.Serve(ctx, ln, bus.ListenConfig{Transport: n.brokerTransport()})
			return
		}
		fmt.Fprintf(n.err, "error: Failed to listen on %s:%d: %v\n", addr, n.member.port, err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// serveZeroMQ opens the ports of the ZeroMQ backend, and joins the cluster: the manager
// opens those of the proxy, and a node that receives logs opens the port for logs.
func (n *node) serveZeroMQ(ctx context.Context, parts *sync.WaitGroup) error {
	keys, err := n.curveKeys()
	if err != nil {
		return err
	}
	var proxies []string
	if n.member.nodeType == "Cluster::MANAGER" {
		const module = "Cluster::Backend::ZeroMQ::"
		for _, option := range []string{"listen_xpub_endpoint", "listen_xsub_endpoint"} {
			proxies = append(proxies, strings.TrimPrefix(n.str(module+option), "tcp://"))
		}
	}
	for _, addr := range proxies {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return fatalf("ZeroMQ: Failed to bind %s: Address already in use", addr)
		}
		parts.Go(func() { n.serveProxy(ctx, ln, keys) })
	}
	if n.takesZeroMQLogs() {
		ln, err := net.Listen("tcp", n.logAddr())
		if err != nil {
			return fatalf("ZeroMQ: Failed to bind %s: Address already in use", n.logAddr())
		}
		parts.Go(func() {
			<-ctx.Done()
			ln.Close()
		})
	}
	parts.Go(func() { n.join(ctx, keys) })
	return nil
}

// takesZeroMQLogs tells whether the node receives logs of other nodes with ZeroMQ.
func (n *node) takesZeroMQLogs() bool {
	logger := n.member.nodeType == "Cluster::LOGGER" ||
		n.member.nodeType == "Cluster::MANAGER" && n.values["Cluster::manager_is_logger"] == "T"
	return n.zeroMQ() && logger && n.member.port != 0
}

func (n *node) logAddr() string { return netip.AddrPortFrom(n.member.ip, n.member.port).String() }
