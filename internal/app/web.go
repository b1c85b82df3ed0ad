package app

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// runWithHTTP runs the controller, with its HTTP API on the port for clients, until ctx is
// done or one of the two fails. It returns the first error.
func (c Controller) runWithHTTP(ctx context.Context) error {
	var api *web.Server
	who := daemon.NewWho(c.ControllerConfig)
	c.WebSocketServer.HTTP = func(conn bus.HTTPConn) {
		if !api.Take(httpConnection(conn, who)) {
			conn.Close()
		}
	}
	controller := daemon.NewController(c.ControllerConfig)
	api, err := web.New(c.webConfig(controller))
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	serving.Go(func() { stop(api.Serve(ctx)) })
	serving.Go(func() { followMemory(ctx, controller.Known) })
	return controller.Run(ctx)
}

// webConfig returns the configuration of the HTTP API of a controller.
func (c Controller) webConfig(controller *daemon.Controller) web.Config {
	cfg := web.Config{
		Cluster:        controller,
		Agents:         controller,
		SSO:            c.SSO,
		Samples:        c.Samples,
		Refused:        c.Audit.Refused,
		Recorded:       c.Audit.Record,
		Name:           c.Core.Rules.Controller.Name,
		Version:        c.Version,
		Addresses:      joinAddresses(c.WebSocket, c.WebSocketServer.HostNames),
		BrokerPort:     c.Core.Rules.Controller.Broker.Number,
		HostNames:      c.WebSocketServer.HostNames,
		PlainElsewhere: c.Insecure,
		Ready:          map[string]func() error{"store": controller.Unsaved, "audit": c.Audit.Err},
		Logger:         cmp.Or(c.Logger, slog.New(slog.DiscardHandler)),
	}
	cfg.Metrics, cfg.MetricsAnonymous, cfg.Counted = metrics.NewController(c.metricsConfig(controller)).Text, c.MetricsAnonymous, c.Counts.HTTP
	if c.AuditLog != nil {
		cfg.Audit = c.AuditLog
	}
	if c.HappeningsLog != nil {
		cfg.Happenings = c.HappeningsLog
		cfg.Ready["events"] = c.Happenings.Err
	}
	if c.Alerts != nil {
		cfg.Alerts = c.Alerts
	}
	if c.Members != nil {
		cfg.Controllers = c.Members
	}
	if c.Contents != nil {
		cfg.Bundles = c.Contents
	}
	if c.store != nil {
		cfg.Backup = c.Backup
	}
	if c.Authority != nil {
		cfg.Authority = c.Authority
		cfg.Ready["authority"] = c.Authority.Unsaved
	}
	return cfg
}

// metricsConfig says where the figures of the controller come from.
func (c Controller) metricsConfig(controller *daemon.Controller) metrics.ControllerConfig {
	cfg := metrics.ControllerConfig{Snapshot: controller.Snapshot, Peers: controller.Peers, Counts: c.Counts, Version: c.Version}
	if c.Samples != nil {
		cfg.Samples = c.Samples.Latest
	}
	if c.Members != nil {
		cfg.Controllers = c.Members.Report
	}
	if c.Alerts != nil {
		cfg.Alerts = func() []mgmt.Alert { return c.Alerts.Book().Alerts }
	}
	if c.Authority != nil {
		cfg.Certificates = c.certificates
	}
	return cfg
}

// ownWho asks the authority for what the controller's metrics tell.
var ownWho = mgmt.Principal{Name: "metrics of the controller", Role: mgmt.Admin}

// certificates returns the certificates that count, and the authorities.
func (c Controller) certificates(ctx context.Context) (list []metrics.Certificate) {
	answer, err := c.Authority.Ask(ctx, ownWho, access.ListCertificates{})
	if found, ok := answer.(access.Certificates); ok && err == nil {
		for _, cert := range found {
			if cert.Revoked.IsZero() {
				list = append(list, metrics.Certificate{Identity: cert.Identity.String(), Expires: cert.Expires})
			}
		}
	}
	answer, err = c.Authority.Ask(ctx, ownWho, access.ListAuthorities{})
	if found, ok := answer.(access.Authorities); ok && err == nil {
		for _, a := range found {
			list = append(list, metrics.Certificate{Identity: "authority", Expires: a.Expires})
		}
	}
	return list
}

// httpConnection tells the HTTP API what the endpoint knows of a connection.
func httpConnection(conn bus.HTTPConn, who *daemon.Who) web.Connection {
	caller := conn.Peer.Caller
	return web.Connection{
		For:         func(header string) (web.Connection, error) { return passedConnection(conn, who, header) },
		Conn:        conn.Conn,
		Remote:      conn.Peer.Addr,
		Secure:      conn.Secure,
		Here:        caller.Local,
		Own:         caller.Own,
		Certificate: conn.Peer.Certificate,
		Who:         func(bearer string) (mgmt.Principal, error) { return who.Principal(conn.Peer, conn.Denied, bearer) },
	}
}

// passedConnection tells the HTTP API what another controller knows of the connection of the
// user for whom it asks.
func passedConnection(conn bus.HTTPConn, who *daemon.Who, header string) (web.Connection, error) {
	passed, err := who.Passed(conn.Peer, header)
	return web.Connection{
		Remote: passed.Source, Secure: passed.Secure, Here: passed.Here, Certificate: passed.Certificate,
		Who: passed.Principal, By: passed.By,
	}, err
}

// joinAddresses returns where agents of other hosts can reach a listener: by the names of
// this host if it listens on all addresses.
func joinAddresses(ln net.Listener, names []string) []string {
	at, err := netip.ParseAddrPort(ln.Addr().String())
	if err != nil || at.Addr().IsLoopback() {
		return nil
	}
	if !at.Addr().IsUnspecified() {
		return []string{at.String()}
	}
	var list []string
	for _, name := range names {
		if name != "" && name != "localhost" && !strings.HasPrefix(name, "*") {
			list = append(list, net.JoinHostPort(name, strconv.Itoa(int(at.Port()))))
		}
	}
	for _, addr := range hostAddrs() {
		if !addr.IsLoopback() && !addr.IsLinkLocalUnicast() {
			list = append(list, netip.AddrPortFrom(addr, at.Port()).String())
		}
	}
	return list
}
