package app

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/sso"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// PortFlags names the flags that choose ports. Messages about a taken port name
// them.
type PortFlags struct{ Broker, WebSocket string }

// Controller is a controller whose file and ports are open. It is ready to run.
type Controller struct {
	daemon.ControllerConfig
	// AuditLog is where Audit writes.
	AuditLog *audit.Log
	// HappeningsLog is where Happenings writes.
	HappeningsLog *happenings.Log
	// Counts are what the controller counts for its metrics.
	Counts *metrics.Counts
	// MetricsAnonymous lets everybody read metrics.
	MetricsAnonymous bool
	// SSO is the provider of identities, or nil.
	SSO *sso.Provider
	// Members are the controllers of the cluster. Nil means that this one has no others.
	Members web.Controllers
	// Contents has the contents of bundles.
	Contents *blob.Store
	// registry knows who belongs to the cluster. It is nil if there is no authority.
	registry daemon.Registry
	store    *boltstore.Store
	// directory has the files. bundle bounds the content of a bundle.
	directory string
	bundle    bundle.Config
}

// Close closes a controller that is not run.
func (c Controller) Close() {
	for _, ln := range []net.Listener{c.Broker, c.WebSocket} {
		if ln != nil {
			ln.Close()
		}
	}
	c.closeFiles()
}

func (c Controller) closeFiles() {
	if c.Authority != nil {
		c.Authority.Close()
	}
	c.AuditLog.Close()
	c.HappeningsLog.Close()
	c.store.Close()
}

// Run runs the controller as daemon.Controller.Run does, with the HTTP API on the port
// for clients, and then closes the controller's files.
func (c Controller) Run(ctx context.Context) error {
	defer c.closeFiles()
	if c.WebSocket == nil {
		return daemon.NewController(c.ControllerConfig).Run(ctx)
	}
	return c.runWithHTTP(ctx)
}

// OpenController opens the file and the ports of a controller. After an error
// nothing is open.
func OpenController(
	ctx context.Context, set settings.Controller, log *slog.Logger, flags PortFlags,
) (c Controller, err error) {
	var opened closers
	defer opened.closeOn(&err)

	if err = c.configure(&set); err != nil {
		return c, err
	}
	if c.Bus, err = busConfig(set.Common); err != nil {
		return c, err
	}
	if err = takeBack(ctx, set, log); err != nil {
		return c, err
	}
	if c.store, err = daemon.OpenControllerState(ctx, set.Directory, log); err != nil {
		return c, err
	}
	opened.add(c.store)
	c.Store = c.store
	if err = c.openLogs(&opened, set, log, sharing{}); err != nil {
		return c, err
	}
	if err = c.openPorts(ctx, &opened, set, flags); err != nil {
		return c, err
	}
	if err = c.openAuthority(ctx, set, log); err != nil {
		return c, err
	}
	if c.Authority != nil {
		opened.add(c.Authority)
	}
	if err = c.openAlerts(set, log, alertKeeping{}); err != nil {
		return c, err
	}
	c.warnOfAbsentAgents(log)
	c.SharedAuthority = set.WebSocketVerify && sharedAuthority(set.TLS.CA, set.WebSocketTLS.CA)
	if c.WebSocketServer, err = c.websocketConfig(set); err != nil {
		return c, err
	}
	c.finish(set, log)
	c.warnOfStrangers(set, log)
	return c, nil
}

// configure sets what follows from the settings alone, and adds to them the names of the
// host that follow from others.
func (c *Controller) configure(set *settings.Controller) (err error) {
	c.Insecure, c.directory, c.bundle = set.Insecure, set.Directory, bundleBounds(*set)
	if c.SSO, err = openSSO(set.SSO); err != nil {
		return err
	}
	set.HostNames = withSSOHost(set.HostNames, set.SSO)
	c.Counts, c.MetricsAnonymous = metrics.NewCounts(), set.MetricsAnonymous
	c.Tally = c.Counts
	c.Callers, err = localUsers(set.LocalUsers)
	return err
}

// openLogs opens the audit, the log of what happens, and the contents of bundles.
func (c *Controller) openLogs(opened *closers, set settings.Controller, log *slog.Logger, how sharing) (err error) {
	if c.AuditLog, c.Audit, err = openControllerAudit(set, log, how); err != nil {
		return err
	}
	opened.add(c.AuditLog)
	if c.HappeningsLog, c.Happenings, err = openControllerHappenings(set, log, how, c.Counts.Records); err != nil {
		return err
	}
	opened.add(c.HappeningsLog)
	return c.openBundles(set, log, how)
}

// openPorts opens the ports for agents and for clients.
func (c *Controller) openPorts(ctx context.Context, opened *closers, set settings.Controller, flags PortFlags) (err error) {
	if !set.Broker.Off {
		if c.Broker, err = listenHereToo(ctx, set, set.Broker, flags.Broker+" (ZEEK_CONTROLLER_PORT)"); err != nil {
			return err
		}
		opened.add(c.Broker)
	}
	if !set.WebSocket.Off {
		if c.WebSocket, err = listenHereToo(ctx, set, set.WebSocket, flags.WebSocket+" (ZEEK_CONTROLLER_WEBSOCKET_PORT)"); err != nil {
			return err
		}
		opened.add(c.WebSocket)
	}
	return nil
}

// finish sets what needs open ports.
func (c *Controller) finish(set settings.Controller, log *slog.Logger) {
	c.Core = c.core(set)
	c.MaxAgents = set.MaxAgents
	c.BrokerAccepts = bus.ListenConfig{Transport: transport(set.Transport)}
	c.AgentDial = bus.DialConfig{Transport: transport(set.Transport), Retry: set.ConnectRetry}
	c.AgentNames = pairs(set.AgentNames)
	c.Topic, c.AgentTopics = set.Topics.Controller, set.Topics.Agent
	c.Logger = log
}

// warnOfStrangers warns of settings that let in whom the operator may not mean.
func (c *Controller) warnOfStrangers(set settings.Controller, log *slog.Logger) {
	warnExposed(log, set.Common, set.Broker, "controller.listen_address", demandsCertificates(set.Common))
	warnExposed(log, set.Common, set.WebSocket, "controller.websocket_address", set.WebSocketVerify)
	if c.SharedAuthority {
		log.Warn("the same authority signs certificates of clients and of agents: a client's certificate counts only if tls.identities says that it is a user's",
			"agents", set.TLS.CA, "clients", set.WebSocketTLS.CA)
	}
}

// core returns the configuration of the core. The ports must be open.
func (c *Controller) core(set settings.Controller) controller.Config {
	cfg := controller.Config{
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
		PID:            int64(os.Getpid()),
		RequestTimeout: set.RequestTimeout,
		DeployTimeout:  set.DeployTimeout,
	}
	if set.ShownPort != 0 {
		cfg.ShownPort = mgmt.TCPPort(set.ShownPort)
	}
	return cfg
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

// Reachable returns the address at which a process of this host reaches a
// listener. For a wildcard address this is a loopback address.
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

func busConfig(set settings.Common) (bus.Config, error) {
	cfg := bus.Config{MaxSilence: set.PeerSilence}
	if set.TLS.Cert == "" {
		return cfg, nil
	}
	var err error
	if cfg.TLS, err = bus.LoadTLS(set.TLS.Cert, set.TLS.Key, set.TLS.CA); err != nil {
		return cfg, err
	}
	return cfg, withIdentities(cfg.TLS, set)
}

// zeekVersion is the version that the controller sends to WebSocket clients. It names
// the version of Zeek whose protocols this program speaks, and this program.
const zeekVersion = "8.2.2-zeekfleet"

// websocketConfig returns the configuration of the port for clients. With an authority,
// clients of other hosts must use TLS, and those of this host may use plain text. Without
// one, all clients must use TLS if there is a certificate for clients. Otherwise they may
// use plain text, or TLS with the daemon's certificate. If the daemon has none, TLS is
// anonymous.
func (c *Controller) websocketConfig(set settings.Controller) (bus.WebSocketConfig, error) {
	cfg := bus.WebSocketConfig{Version: zeekVersion, HostNames: hostNames(set.HostNames)}
	authorities := ""
	if set.WebSocketVerify {
		authorities = set.WebSocketTLS.CA
	}
	var shown *tls.Config
	var err error
	switch {
	case set.WebSocketTLS.Cert != "":
		if shown, err = bus.WebSocketTLS(set.WebSocketTLS.Cert, set.WebSocketTLS.Key, authorities); err == nil {
			cfg.TLS, err = c.judging(set, shown)
			cfg.PlainHere = c.SharedAuthority // or nobody could add the first user
		}
	case set.TLS.Cert != "":
		if shown, err = bus.WebSocketTLS(set.TLS.Cert, set.TLS.Key, ""); err == nil {
			cfg.OptionalTLS, err = c.judging(set, shown)
		}
	case c.registry != nil:
		cfg.TLS, cfg.PlainHere = bus.ServerTLS(c.Bus.TLS, false), true
	default:
		cfg.OptionalTLS, err = bus.AnonymousTLS()
	}
	cfg.HostNames = append(cfg.HostNames, shownNames(shown)...)
	return cfg, err
}

// shownNames returns the names in the certificate of a listener. A client that
// verifies the certificate calls the host by one of these names. A nil config has
// none.
func shownNames(cfg *tls.Config) []string {
	if cfg == nil {
		return nil
	}
	var names []string
	for _, cert := range cfg.Certificates {
		names = append(names, daemon.CertificateNames(cert.Leaf)...)
	}
	return names
}

// pairs returns the values of each name, from words of the form NAME=VALUE. A
// name may contain an equals sign. A value does not.
func pairs(words []string) map[string][]string {
	m := map[string][]string{}
	for _, word := range words {
		if i := strings.LastIndexByte(word, '='); i >= 0 {
			m[word[:i]] = append(m[word[:i]], word[i+1:])
		}
	}
	return m
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

// tcpPort returns the port of a listener. Without a listener it is the zero Port.
func tcpPort(ln net.Listener) mgmt.Port {
	if ln == nil {
		return mgmt.Port{}
	}
	return mgmt.TCPPort(netip.MustParseAddrPort(ln.Addr().String()).Port())
}

// demandsCertificates reports whether Broker peers must show a certificate.
func demandsCertificates(set settings.Common) bool {
	return set.TLS.Cert != "" && set.TLS.CA != "" && set.Transport != settings.TransportPlain
}

// warnExposed warns of a listener that other hosts can reach and that demands no
// certificates.
func warnExposed(log *slog.Logger, set settings.Common, l settings.Listen, key string, demanding bool) {
	if set.Insecure && !demanding && !l.Off && !l.Addr.IsLoopback() {
		log.Warn("this port accepts everyone: every program that can reach it controls the cluster", "setting", key, "addr", l.AddrPort().String())
	}
}

// closers are closed if an error follows.
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
