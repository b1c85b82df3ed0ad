package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"zeekfleet/internal/bus"
	"zeekfleet/internal/core/agent"
	"zeekfleet/internal/core/controller"
	"zeekfleet/internal/mgmt"
	"zeekfleet/internal/proc"
	"zeekfleet/internal/settings"
	"zeekfleet/internal/store/boltstore"
)

// PortFlags names the flags that choose ports, for messages about ports that
// are taken.
type PortFlags struct{ Broker, WebSocket string }

// Controller is a controller that has its file and its ports, and can run.
type Controller struct {
	ControllerConfig
	store *boltstore.Store
}

// Close gives up a controller that is not run.
func (c Controller) Close() {
	for _, ln := range []net.Listener{c.Broker, c.WebSocket} {
		if ln != nil {
			ln.Close()
		}
	}
	c.store.Close()
}

// Run is RunController; it closes the controller's file.
func (c Controller) Run(ctx context.Context) error {
	defer c.store.Close()
	return RunController(ctx, c.ControllerConfig)
}

// OpenController opens what a controller needs: its file and its ports. After
// an error nothing is open.
func OpenController(
	ctx context.Context, set settings.Controller, log *slog.Logger, flags PortFlags,
) (c Controller, err error) {
	var opened closers
	defer opened.closeOn(&err)

	if c.Bus, err = busConfig(set.Common); err != nil {
		return c, err
	}
	if c.WebSocketServer, err = websocketConfig(set); err != nil {
		return c, err
	}
	if c.store, err = openState(ctx, set.Directory); err != nil {
		return c, err
	}
	opened.add(c.store)
	c.Store = c.store
	if !set.Broker.Off {
		if c.Broker, err = Listen(ctx, set.Broker.AddrPort().String(), flags.Broker+" (ZEEK_CONTROLLER_PORT)"); err != nil {
			return c, err
		}
		opened.add(c.Broker)
	}
	if !set.WebSocket.Off {
		if c.WebSocket, err = Listen(ctx, set.WebSocket.AddrPort().String(), flags.WebSocket+" (ZEEK_CONTROLLER_WEBSOCKET_PORT)"); err != nil {
			return c, err
		}
		opened.add(c.WebSocket)
	}
	c.Core = controller.Config{
		Rules: mgmt.Rules{
			AssignBroker:  set.BrokerPorts.Enabled,
			BrokerStart:   set.BrokerPorts.Start,
			AssignMetrics: set.MetricsPorts.Enabled,
			MetricsStart:  set.MetricsPorts.Start,
			Controller: mgmt.ControllerSite{
				Name:      set.Name,
				Hosts:     hostAddrs(),
				Broker:    tcpPort(c.Broker),
				WebSocket: tcpPort(c.WebSocket),
			},
		},
		RequestTimeout: set.RequestTimeout,
	}
	c.BrokerAccepts = bus.ListenConfig{Transport: transport(set.Transport)}
	c.AgentDial = bus.DialConfig{Transport: transport(set.Transport), Retry: set.ConnectRetry}
	c.Topic, c.AgentTopics = set.Topics.Controller, set.Topics.Agent
	c.Logger = log
	warnExposed(log, set.Common, set.Broker, "controller.listen_address")
	warnExposed(log, set.Common, set.WebSocket, "controller.websocket_address")
	return c, nil
}

// hostAddrs returns the addresses of this host, as far as they can be seen.
func hostAddrs() []netip.Addr {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil // loopback addresses count as this host's anyway
	}
	var addrs []netip.Addr
	for _, a := range found {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, prefix.Addr().Unmap())
		}
	}
	return addrs
}

// Agent is an agent that has its file, its port and the records of its
// processes, and can run.
type Agent struct {
	AgentConfig
	store *boltstore.Store
}

// Run is RunAgent; it closes the agent's file.
func (a Agent) Run(ctx context.Context) error {
	defer a.store.Close()
	return RunAgent(ctx, a.AgentConfig)
}

// OpenAgent opens what an agent needs: its file, its port, and the records of
// its processes. After an error nothing is open.
func OpenAgent(
	ctx context.Context, set settings.Agent, log *slog.Logger, flags PortFlags,
) (a Agent, err error) {
	var opened closers
	defer opened.closeOn(&err)

	if a.Bus, err = busConfig(set.Common); err != nil {
		return a, err
	}
	if a.store, err = openState(ctx, set.Directory); err != nil {
		return a, err
	}
	opened.add(a.store)
	a.Store = a.store
	if a.Broker, err = Listen(ctx, set.Broker.AddrPort().String(), flags.Broker+" (ZEEK_AGENT_PORT)"); err != nil {
		return a, err
	}
	opened.add(a.Broker)
	host, err := proc.New(proc.Config{
		RecordDir: filepath.Join(set.Directory, "processes"),
		Logger:    log,
		TailLines: set.OutputLines,
	})
	if err != nil {
		return a, err
	}
	program, err := os.Executable()
	if err != nil {
		return a, fmt.Errorf("find this program's own path: %w", err)
	}
	a.Core = agent.Config{
		Name:           mgmt.InstanceName(set.Name),
		Connecting:     set.Controller != "",
		ListenPort:     tcpPort(a.Broker),
		PID:            int64(os.Getpid()),
		RequestTimeout: set.RequestTimeout,
		OutputLines:    set.OutputLines,
	}
	a.BrokerAccepts = bus.ListenConfig{Transport: transport(set.Transport)}
	a.Controller = set.Controller
	a.ControllerDial = bus.DialConfig{Transport: transport(set.Transport), Retry: set.ConnectRetry}
	a.Processes = host
	a.Launch = Embedded{
		Program:  program,
		Agent:    Reachable(a.Broker.Addr().String()),
		StateDir: set.StateDir,
		Stdout:   set.StdoutFile,
		Stderr:   set.StderrFile,
		Args:     nodeTLSArgs(set.Common),
		Environ:  os.Environ(),
	}
	a.AgentTopics, a.NodeTopic = set.Topics.Agent, set.Topics.Node
	a.Logger = log
	warnExposed(log, set.Common, set.Broker, "agent.listen_address")
	return a, nil
}

// nodeTLSArgs are the arguments that make an embedded node speak to its agent
// as the agent expects.
func nodeTLSArgs(set settings.Common) []string {
	args := []string{"--topic", set.Topics.Node, "--transport", string(set.Transport)}
	if set.TLS.Cert != "" {
		args = append(args, "--tls-cert", set.TLS.Cert, "--tls-key", set.TLS.Key, "--tls-ca", set.TLS.CA)
	}
	return args
}

// Reachable returns where a process of this host reaches a listener: a wildcard
// address is none.
func Reachable(listening string) string {
	ap, err := netip.ParseAddrPort(listening)
	if err != nil || !ap.Addr().Unmap().IsUnspecified() {
		return listening
	}
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if ap.Addr().Is6() {
		loopback = netip.IPv6Loopback()
	}
	return netip.AddrPortFrom(loopback, ap.Port()).String()
}

func openState(ctx context.Context, directory string) (*boltstore.Store, error) {
	return boltstore.Open(ctx, filepath.Join(directory, "state.db"), boltstore.Config{})
}

func busConfig(set settings.Common) (bus.Config, error) {
	cfg := bus.Config{MaxSilence: set.PeerSilence}
	if set.TLS.Cert == "" {
		return cfg, nil
	}
	var err error
	cfg.TLS, err = bus.LoadTLS(set.TLS.Cert, set.TLS.Key, set.TLS.CA)
	return cfg, err
}

// zeekVersion is what WebSocket clients are told: that of the Zeek whose
// protocols this program speaks, with a mark that it is not that Zeek.
const zeekVersion = "8.2.2-zeekfleet"

func websocketConfig(set settings.Controller) (bus.WebSocketConfig, error) {
	cfg := bus.WebSocketConfig{Version: zeekVersion}
	if set.WebSocketTLS.Cert == "" {
		return cfg, nil
	}
	authorities := ""
	if set.WebSocketVerify {
		authorities = set.WebSocketTLS.CA
	}
	var err error
	cfg.TLS, err = bus.WebSocketTLS(set.WebSocketTLS.Cert, set.WebSocketTLS.Key, authorities)
	return cfg, err
}

func transport(t settings.Transport) bus.Transport {
	switch t {
	case settings.TransportTLS:
		return bus.TransportTLS
	case settings.TransportPlain:
		return bus.TransportPlain
	}
	return bus.TransportAuto
}

// tcpPort returns the port that a listener has, and the zero Port without one.
func tcpPort(ln net.Listener) mgmt.Port {
	if ln == nil {
		return mgmt.Port{}
	}
	return mgmt.TCPPort(netip.MustParseAddrPort(ln.Addr().String()).Port())
}

func warnExposed(log *slog.Logger, set settings.Common, l settings.Listen, key string) {
	if set.Insecure && !l.Off && !l.Addr.IsLoopback() {
		log.Warn("listening for everyone: whoever reaches this port controls the cluster", "setting", key, "addr", l.AddrPort().String())
	}
}

// closers closes what was opened before an error.
type closers []io.Closer

func (c *closers) add(x io.Closer) { *c = append(*c, x) }

func (c *closers) closeOn(err *error) {
	if *err == nil {
		return
	}
	for _, x := range *c {
		x.Close()
	}
}
