package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// openAuthority opens the authority of the cluster. If files have the certificates, it
// knows users and API tokens, and signs nothing. With insecure there is none.
func (c *Controller) openAuthority(ctx context.Context, set settings.Controller, log *slog.Logger) error {
	if set.Insecure {
		return nil
	}
	cfg := daemon.AuthorityConfig{
		Core:      authorityCore(set),
		Directory: set.Directory, Name: set.Name, Hosts: certifiedHosts(set), Audit: c.Audit.Record, Logger: log,
	}
	if !set.OwnAuthority() {
		var err error
		if cfg.Core.Foreign, err = readAuthorities(set.TLS.CA); err != nil {
			return err
		}
	}
	a, err := daemon.OpenAuthority(ctx, cfg)
	if err != nil {
		return err
	}
	if a.Founded() {
		warnOfOthers(set, log)
	}
	if a.Founded() && set.OwnAuthority() {
		if err := c.warnOfLostAuthority(ctx, set, log); err != nil {
			a.Close()
			return err
		}
	}
	c.Authority, c.registry = a, a
	if set.OwnAuthority() {
		c.Bus.TLS = &bus.TLS{Certificate: a.Certificate, Judge: a.Judge, Authorities: a.Authorities, PlainHere: true}
		return nil
	}
	judge := orNobody(c.Bus.TLS.Judge, a.Judge)
	if len(set.Admit) > 0 { // Judge alone decides, and not the authorities of the file
		c.Bus.TLS = &bus.TLS{Certificate: c.Bus.TLS.Certificate, Authorities: c.Bus.TLS.Authorities}
	}
	c.Bus.TLS.Judge = judge
	return nil
}

// authorityCore is the configuration of the core of an authority of its own.
func authorityCore(set settings.Controller) authority.Config {
	return authority.Config{Rules: set.Identities, Pins: identity.Pins(set.Admit), CertificateLife: set.CertificateLife, Reserved: superusers()}
}

// admitting returns t, which also takes the certificates of single controllers.
func admitting(t *bus.TLS, pins []identity.Pin) (*bus.TLS, error) {
	if len(pins) == 0 {
		return t, nil
	}
	if t == nil {
		return nil, errors.New("agent.admit names the certificate of a controller, and the agent has none of its own to show: join the cluster, or set tls.cert")
	}
	pinned := &identity.Trust{Pins: identity.Pins(pins)}
	judge := judgeOf(pinned)
	return &bus.TLS{
		Certificate: t.Certificate,
		Judge: func(chain []*x509.Certificate) (string, error) {
			if _, ok := pinned.Pins[identity.Fingerprint(chain[0])]; !ok {
				return t.Judge(chain)
			}
			return judge(chain)
		},
		Authorities: t.Authorities,
		PlainHere:   t.PlainHere,
	}, nil
}

// Greeting tells a person that a controller is live which other hosts can reach, and what
// to do next. It is empty for every other controller.
func (c Controller) Greeting() string {
	if c.Authority == nil || c.Authority.Foreign() || !reachable(c.Broker) && !reachable(c.WebSocket) {
		return ""
	}
	text := fmt.Sprintf("controller %s is live: agents connect to %s, clients and agents that join to %s\n",
		c.Core.Rules.Controller.Name, place(c.Broker), place(c.WebSocket))
	if c.Authority.Founded() {
		text += fmt.Sprintf("it has made the authority of a new cluster, with the fingerprint %s\n", identity.Fingerprint(c.Authority.Directory().Trust.Authorities[0]))
	}
	return text + "to add a sensor, run on this host: zeekfleet token create sensor-1\n"
}

// reachable reports whether other hosts can reach a listener.
func reachable(ln net.Listener) bool {
	return ln != nil && !netip.MustParseAddrPort(ln.Addr().String()).Addr().IsLoopback()
}

// place names the address of a listener.
func place(ln net.Listener) string {
	if ln == nil {
		return "no port"
	}
	return ln.Addr().String()
}

// warnOfOthers warns if the state directory has the authority of another controller. The
// name of a controller may follow that of its host. A controller that has moved to another
// host then begins anew, and no agent believes it.
func warnOfOthers(set settings.Controller, log *slog.Logger) {
	found, err := filepath.Glob(filepath.Join(filepath.Dir(set.Directory), "*", "authority.db"))
	if err != nil {
		return // the pattern has a character of a directory's name; nothing depends on this warning
	}
	for _, path := range found {
		if dir := filepath.Dir(path); dir != set.Directory {
			log.Warn("a new authority was made, and the state directory has that of another controller: if this controller was moved from another host, end it and give it its old name (--name)",
				"name", filepath.Base(dir))
		}
	}
}

// orNobody returns a judgement of certificates that an organisation has signed. One that
// gives its owner no identity counts all the same, if counts says so.
func orNobody(counts, judge func([]*x509.Certificate) (string, error)) func([]*x509.Certificate) (string, error) {
	return func(chain []*x509.Certificate) (string, error) {
		id, err := judge(chain)
		if _, foreign := errors.AsType[x509.UnknownAuthorityError](err); foreign || errors.Is(err, identity.ErrNobody) {
			return counts(chain)
		}
		return id, err
	}
}

// withIdentities makes the rules of a setting give identities to certificates.
func withIdentities(t *bus.TLS, set settings.Common) error {
	if len(set.Identities) == 0 {
		return nil
	}
	authorities, err := readAuthorities(set.TLS.CA)
	if err != nil {
		return err
	}
	trust := &identity.Trust{Authorities: authorities, Rules: set.Identities}
	t.Judge = orNobody(t.Judge, judgeOf(trust))
	return nil
}

// judgeOf returns the judgement of a trust, now.
func judgeOf(trust *identity.Trust) func([]*x509.Certificate) (string, error) {
	return func(chain []*x509.Certificate) (string, error) {
		id, err := trust.Judge(chain, time.Now())
		if err != nil {
			return "", err
		}
		return id.String(), nil
	}
}

// readAuthorities reads the certificates in a file. There may be more than in a chain.
func readAuthorities(file string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load authorities: %w", err)
	}
	var list []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		// crypto/x509 reads such files in the same way: it passes over what it cannot read.
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			list = append(list, cert)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("load authorities: no certificate in %s", file)
	}
	return list, nil
}

// certifiedHosts returns the names and addresses in the controller's own certificate, in
// an order that does not depend on that of the host.
func certifiedHosts(set settings.Controller) []string {
	hosts := append(hostNames(set.HostNames), "localhost", "127.0.0.1", "::1")
	if set.Cluster.Advertise != "" {
		hosts = append(hosts, set.Cluster.Advertise)
	}
	for _, l := range []settings.Listen{set.Broker, set.WebSocket} {
		switch addr := l.Addr.Unmap().WithZone(""); {
		case l.Off:
		case addr.IsUnspecified():
			for _, a := range hostAddrs() {
				hosts = append(hosts, a.WithZone("").String())
			}
		default:
			hosts = append(hosts, addr.String())
		}
	}
	hosts = slices.DeleteFunc(hosts, func(host string) bool { return !certifiable(host) })
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// certifiable reports whether a certificate may hold the name of a host.
func certifiable(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' })
}

// judging returns the settings of the port for clients with which a client may show a
// certificate, which the authority judges. shown has the port's own certificate.
func (c *Controller) judging(set settings.Controller, shown *tls.Config) (*tls.Config, error) {
	if shown == nil || c.registry == nil {
		return shown, nil
	}
	own := shown.Certificates[0]
	switch {
	case set.WebSocketVerify:
		return c.verifying(set, own)
	case !set.OwnAuthority() && len(set.Identities) == 0:
		return shown, nil
	}
	return bus.ServerTLS(&bus.TLS{
		Certificate: func() (*tls.Certificate, error) { return &own, nil }, Judge: c.registry.Judge,
	}, false), nil
}

// verifying returns the settings of the port for clients that demands certificates of
// controller.websocket_tls.ca. A certificate of the cluster's own authority has the
// identity that this authority has given it, and tls.identities says whose others are.
func (c *Controller) verifying(set settings.Controller, own tls.Certificate) (*tls.Config, error) {
	authorities, err := readAuthorities(set.WebSocketTLS.CA)
	if err != nil {
		return nil, err
	}
	judge := c.registry.Judge
	if !set.OwnAuthority() {
		trust := &identity.Trust{Cluster: c.registry.Directory().Trust.Cluster, Authorities: authorities, Rules: set.Identities}
		judge = judgeOf(trust)
	}
	t := bus.FixedTLS(own, identity.Pool(authorities))
	t.Judge = orNobody(t.Judge, judge)
	cfg := bus.ServerTLS(t, true)
	cfg.Certificates = []tls.Certificate{own} // for those who want to read its names
	return cfg, nil
}

// superusers returns the names of the accounts that are root.
func superusers() []string {
	names := []string{"root"}
	if root, err := user.LookupId("0"); err == nil && root.Username != "root" {
		names = append(names, root.Username)
	}
	return names
}
