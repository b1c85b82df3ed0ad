package app

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// Joined returns the settings that follow from an agent's credentials below a state
// directory. It is for settings.Sources.
func Joined(stateDir string) (settings.Joined, error) {
	dir := joined.DirIn(stateDir)
	held, err := dir.Load()
	if errors.Is(err, joined.ErrNone) {
		return settings.Joined{}, nil
	}
	if err != nil {
		return settings.Joined{}, err
	}
	host, text, err := net.SplitHostPort(held.Controller)
	var port uint64
	if err == nil {
		port, err = strconv.ParseUint(text, 10, 16)
	}
	if err != nil {
		return settings.Joined{}, fmt.Errorf("read the agent's credentials %s: %q is not the address of a controller", dir.File(), held.Controller)
	}
	return settings.Joined{
		Dir: string(dir), File: dir.File(), Name: held.Instance, ControllerHost: host, ControllerPort: uint16(port),
	}, nil
}

// adviceToJoined says what to do if an agent that has joined and its controller do not take
// each other's certificates.
func adviceToJoined(held *joined.Held) bus.Advice {
	host, _, err := net.SplitHostPort(held.Controller)
	if err != nil || host == "" {
		host = "HOST" // Load has checked the address
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	again := fmt.Sprintf("its nodes go on; to join again run on the controller: zeekfleet token create %s, and here: zeekfleet agent --join %s --token … --replace", held.Instance, host)
	return bus.Advice{
		OursRefused:   fmt.Sprintf("the controller does not take the certificate of %s any more: it was revoked or has expired, or another host has joined with this name; %s", held.Instance, again),
		TheirsUnknown: "this agent does not know the authority of whoever answers there: the authority of the cluster was replaced while the agent was away, or that is another cluster; " + again,
	}
}

// identify reads the certificate with which the agent shows who it is: that of the
// settings, or that of the cluster which it has joined. It returns the settings with the
// certificate of the nodes, unless they have another.
func (a *Agent) identify(set settings.Agent) (settings.Agent, error) {
	err := ownDirectories(set)
	if err == nil {
		err = refuseSharedKey(set.Zeek.TLS.Key, set.TLS.Key)
	}
	if err == nil {
		a.Bus, err = busConfig(set.Common)
	}
	if err == nil && set.Joined != "" {
		if a.Credentials, err = daemon.OpenCredentials(joined.Dir(set.Joined)); err == nil {
			a.Bus.TLS = a.Credentials.TLS()
		}
	}
	if err == nil {
		a.Bus.TLS, err = admitting(a.Bus.TLS, set.Admit)
	}
	if err != nil || set.Joined == "" {
		return set, err
	}
	dir := joined.Dir(set.Joined)
	if err := refuseSharedKey(set.Zeek.TLS.Key, dir.Path(joined.AgentKeyFile)); err != nil {
		return set, err
	}
	return withNodeCertificate(set)
}

// withNodeCertificate returns the settings of an agent that has joined, with the
// certificate that its nodes have from the cluster, unless the settings name another or
// say that nodes have none. A
// node reads it when it starts; nodes that run go on with what they have.
func withNodeCertificate(set settings.Agent) (settings.Agent, error) {
	if set.Joined == "" || set.Zeek.TLS.Cert != "" || set.Zeek.BrokerTLS == settings.Off {
		return set, nil
	}
	dir := joined.Dir(set.Joined)
	held, err := dir.Load()
	if err != nil || len(held.NodeCertificate) == 0 {
		return set, err
	}
	set.Zeek.TLS = settings.TLS{
		Cert: dir.Path(joined.NodeCertificateFile), Key: dir.Path(joined.NodeKeyFile), CA: dir.Path(joined.NodeAuthoritiesFile),
	}
	return set, nil
}

// nodeTLS returns the files of nodes' certificates, as package zeek names them.
func nodeTLS(set settings.Agent) zeek.BrokerTLS {
	tls := zeek.BrokerTLS{CertFile: set.Zeek.TLS.Cert, KeyFile: set.Zeek.TLS.Key, CAFile: set.Zeek.TLS.CA}
	if dir := joined.Dir(set.Joined); set.Joined != "" && tls.CAFile == dir.Path(joined.NodeAuthoritiesFile) {
		tls.AgentCAFile = dir.Path(joined.NodeAndAgentAuthoritiesFile)
	}
	return tls
}
