package settings

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// directory returns a daemon's directory. It is where upstream places it (spec
// management-api 1.2).
func (c Common) directory(given, name string) string {
	if given == "" {
		given = name
	}
	if filepath.IsAbs(given) {
		return filepath.Clean(given)
	}
	return filepath.Join(c.StateDir, "nodes", given)
}

// controller returns the host:port of the controller that the agent dials. It is
// empty if the agent waits for a controller.
func (p parts) controller() string {
	if addr, err := netip.ParseAddr(p.controllerHost); err == nil && addr.IsUnspecified() {
		return ""
	}
	return net.JoinHostPort(p.controllerHost, strconv.Itoa(int(p.controllerPort)))
}

// allControllers returns the host:port of the controller that the agent dials, and of all of
// them if there are several.
func (p parts) allControllers(o origins) (first string, all []string, err error) {
	const one, several = "agent.controller_address", "agent.controllers"
	if len(p.controllers) == 0 {
		return p.controller(), nil, nil
	}
	if from := o.from(one); from != originDefault && !strings.HasPrefix(from, originJoined) {
		return "", nil, fmt.Errorf("%s from %s and %s from %s: name all controllers with one of them", several, o.from(several), one, from)
	}
	for _, addr := range p.controllers {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			addr = net.JoinHostPort(addr, strconv.Itoa(int(p.controllerPort)))
		}
		if !slices.Contains(all, addr) {
			all = append(all, addr)
		}
	}
	return all[0], all, nil
}

// defaultController is where an agent dials its controller if nobody says where.
const defaultController = "127.0.0.1"

// origins says where the value of a setting came from and how to set it. Messages
// to a person need both.
type origins interface {
	setBy(key string) string
	from(key string) string
}

func (c Controller) check(o origins) error {
	if err := c.Common.check(o); err != nil {
		return err
	}
	if err := c.SSO.check(o); err != nil {
		return err
	}
	if c.Insecure && c.SSO.Issuer != "" {
		return fmt.Errorf("with insecure from %s nobody logs in, and %s from %s has no effect: remove one of them", o.from("insecure"), ssoIssuer, o.from(ssoIssuer))
	}
	if err := c.WebSocketTLS.check("controller.websocket_tls.cert", "controller.websocket_tls.key", o); err != nil {
		return err
	}
	if c.WebSocketVerify && (c.WebSocketTLS.Cert == "" || c.WebSocketTLS.CA == "") {
		return fmt.Errorf("controller.websocket_tls.verify from %s needs controller.websocket_tls.cert, .key and .ca",
			o.from("controller.websocket_tls.verify"))
	}
	if err := c.checkCluster(o); err != nil {
		return err
	}
	if c.OwnAuthority() {
		return c.checkOwnAuthority(o)
	}
	if err := c.exposed(c.Broker, "controller.listen_address", c.mutual(), mutualBroker, o); err != nil {
		return err
	}
	return c.exposed(c.WebSocket, "controller.websocket_address", c.WebSocketVerify, mutualWebSocket, o)
}

// OwnAuthority reports whether the controller signs the certificates of its cluster
// itself.
func (c Controller) OwnAuthority() bool { return c.TLS.Cert == "" && !c.Insecure }

// noAuthority reports whether files have the certificates of the cluster, or nobody
// needs any.
func noAuthority(c *Controller) bool { return !c.OwnAuthority() }

// checkOwnAuthority finds settings with which the certificates would protect nobody.
func (c Controller) checkOwnAuthority(o origins) error {
	if c.Transport == TransportPlain && !c.Broker.Off && !c.Broker.Addr.IsLoopback() {
		return fmt.Errorf("controller.listen_address: %v from %s would let everyone who reaches it control the cluster, with transport plain from %s: remove that, or allow it with %s",
			c.Broker.Addr, o.from("controller.listen_address"), o.from("transport"), o.setBy("insecure"))
	}
	return nil
}

func (a Agent) check(o origins) error {
	if err := a.Common.check(o); err != nil {
		return err
	}
	if err := a.Zeek.TLS.check(nodeCert, nodeKey, o); err != nil {
		return err
	}
	if a.Zeek.TLS.Cert != "" && a.Zeek.TLS.CA == "" {
		return fmt.Errorf("zeek.tls_cert from %s needs the authorities: set %s", o.from("zeek.tls_cert"), o.setBy("zeek.tls_ca"))
	}
	if a.Zeek.TLS.Key != "" && a.Zeek.TLS.Key == a.TLS.Key {
		return fmt.Errorf("zeek.tls_key from %s is the agent's own key: a node with it could act as the agent; make a key for nodes", o.from("zeek.tls_key"))
	}
	return a.exposed(a.Broker, "agent.listen_address", a.mutual() || a.Joined != "", mutualAgent, o)
}

func (c Common) check(o origins) error {
	if c.StateDir == "" {
		return fmt.Errorf("state_dir from %s is empty", o.from("state_dir"))
	}
	if err := c.TLS.check("tls.cert", "tls.key", o); err != nil {
		return err
	}
	if c.TLS.Cert == "" && c.TLS.CA != "" {
		return fmt.Errorf("tls.ca from %s needs tls.cert and tls.key", o.from("tls.ca"))
	}
	if c.Transport == TransportPlain && c.TLS.Cert != "" {
		return fmt.Errorf("with transport plain from %s, tls.cert from %s has no effect: remove one of them", o.from("transport"), o.from("tls.cert"))
	}
	if c.TLS.Cert != "" && c.TLS.CA == "" {
		return fmt.Errorf("tls.cert from %s needs the authorities that are trusted: set %s", o.from("tls.cert"), o.setBy("tls.ca"))
	}
	return nil
}

// The keys of the settings for the nodes' certificate and for its key.
const nodeCert, nodeKey = "zeek.tls_cert", "zeek.tls_key"

// check returns an error if there is a certificate without a key, or a key
// without a certificate. The keys of the two settings are for the message.
func (t TLS) check(cert, key string, o origins) error {
	switch {
	case t.Cert != "" && t.Key == "":
		return fmt.Errorf("%s from %s needs a key: set %s", cert, o.from(cert), o.setBy(key))
	case t.Cert == "" && t.Key != "":
		return fmt.Errorf("%s from %s needs a certificate: set %s", key, o.from(key), o.setBy(cert))
	}
	return nil
}

// mutual reports whether Broker peers must show a certificate.
func (c Common) mutual() bool {
	return c.TLS.Cert != "" && c.TLS.CA != ""
}

// The settings that make a listener safe to reach from other hosts.
const (
	mutualBroker    = "tls.cert, tls.key and tls.ca"
	mutualAgent     = mutualBroker + ", join a cluster (--join)"
	mutualWebSocket = "controller.websocket_tls.cert, .key, .ca and .verify"
)

// exposed returns an error if others can reach the listener and need not show a
// certificate. It returns nil if insecure allows such listeners.
func (c Common) exposed(l Listen, key string, mutual bool, remedy string, o origins) error {
	if l.Off || l.Addr.IsLoopback() || mutual || c.Insecure {
		return nil
	}
	return fmt.Errorf("%s: %v from %s would let everyone who reaches it control the cluster; set %s, or allow it with %s",
		key, l.Addr, o.from(key), remedy, o.setBy("insecure"))
}
