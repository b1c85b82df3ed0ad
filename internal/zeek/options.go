package zeek

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// script collects the text of a Zeek script.
type script struct{ strings.Builder }

// section begins a group of settings with a comment.
func (s *script) section(comment string) { fmt.Fprintf(s, "\n# %s\n", comment) }

// redef sets name to value, which is a literal.
func (s *script) redef(name, value string) { fmt.Fprintf(s, "redef %s = %s;\n", name, value) }

// options renders the options script. Zeek loads it after the site's scripts, so
// its values win.
func (d *Deployment) options(c *cluster) string {
	s := &script{}
	fmt.Fprintf(s, "# Options of node %s, made by zeekfleet for Zeek %d.%d.\n",
		quote(string(c.self)), d.version().Major, d.version().Minor)
	s.logging(d.logQueue(), c.logSuffix(), cmp.Or(d.Site.RotationInterval, DefaultRotation))
	if dir := d.storeDir(); dir != "" {
		s.section("Data stores.")
		s.redef("Cluster::default_store_dir", quote(dir))
	}
	if d.Site.HashSeed != "" {
		s.section("The same hashes on all nodes, and after restarts.")
		s.redef("global_hash_seed", quote(d.Site.HashSeed))
	}
	s.metrics(d.version(), d.metricsAddr(c))
	s.broker(d, c)
	if d.backend() == ZeroMQ {
		s.zeroMQ(d.zeroMQ(c), d.version())
	}
	s.output()
	s.upstream(d)
	s.agent(d)
	return s.String()
}

// output makes Zeek write its standard output line by line. Without it the C
// library collects some kilobytes before it writes to a file, and a killed process
// loses them.
func (s *script) output() {
	s.section("Standard output is written line by line.")
	s.WriteString("event zeek_init() &priority=1000000\n\t{\n\tset_buf(open(\"-\"), F);\n\t}\n")
}

// upstream renders the options for upstream's node script, which expects a node
// of Zeek's Supervisor. Its log messages below the level of errors ask for the
// Supervisor's process, and our nodes have none (management/log.zeek, the same from
// 5.0 to 9.0).
func (s *script) upstream(d *Deployment) {
	if d.nodeScript() != UpstreamNodeScript {
		return
	}
	s.section("Only errors are logged: the other messages need Zeek's Supervisor.")
	s.WriteString("@load policy/frameworks/management/log\n")
	s.redef("Management::Log::level", "Management::Log::ERROR")
}

// logging makes Zeek rotate its logs into the queue, under the names that
// zeek-archiver reads: <path>__<open>__<close>__[log_suffix=<suffix>__]. Without it
// Zeek's cluster scripts run commands that only ZeekControl has (spec zeek-launch
// 2.1).
func (s *script) logging(queue, suffix string, interval time.Duration) {
	name := `%s__%s__%s__`
	if suffix != "" {
		name += "log_suffix=" + suffix + "__"
	}
	s.section("Rotated logs wait in the queue for the agent to archive them.")
	s.redef("Log::default_rotation_postprocessor_cmd", `""`)
	s.redef("Log::default_rotation_dir", quote(queue))
	s.redef("Log::default_rotation_interval", fmt.Sprintf("%d secs", int64(interval/time.Second)))
	s.redef("LogAscii::enable_leftover_log_rotation", "T")
	fmt.Fprintf(s, `
module Fleet;

function rotation_path(ri: Log::RotationFmtInfo): Log::RotationPath
	{
	local opened = strftime("%%Y-%%m-%%d-%%H-%%M-%%S", ri$open);
	local closed = strftime("%%Y-%%m-%%d-%%H-%%M-%%S", ri$close);
	local path = subst_string(ri$path, "/", "-");
	return Log::RotationPath($dir=%s, $file_basename=fmt(%s, path, opened, closed));
	}

redef Log::rotation_format_func = rotation_path;

module GLOBAL;
`, quote(queue), quote(name))
}

// logSuffix returns the suffix that distinguishes the logs of this node from those
// of other nodes in the archive. It is "" for the only node that writes the
// cluster's logs.
func (c *cluster) logSuffix() string {
	if c.writesLogs() && c.loggers <= 1 {
		return ""
	}
	return suffixFor(string(c.self))
}

// suffixFor returns a suffix for the file names in the queue. It is name itself if
// name cannot be taken for another part of the file name. Otherwise it is name with
// "-" for each problematic character, followed by a hash.
func suffixFor(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || isAlnum(r) {
			return r
		}
		return '-'
	}, name)
	if plain == strings.ReplaceAll(name, "_", "-") && !strings.Contains(name, "__") && !strings.HasSuffix(name, "_") {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return plain + "-" + hex.EncodeToString(sum[:4])
}

// metrics renders the address where Zeek serves metrics. The layout has the port.
func (s *script) metrics(v Version, address netip.Addr) {
	switch {
	case hasMetricsPorts(v):
		s.section("Metrics; an empty address would mean all addresses.")
		// Zeek appends a colon and the port, so an IPv6 address needs brackets.
		s.redef("Telemetry::metrics_address", quote(addrLiteral(address)))
	case opensMetricsUnasked(v):
		s.section("No metrics on port 9911 of all addresses.")
		s.redef("Broker::metrics_port", "0/unknown")
	}
}

func (d *Deployment) metricsAddr(c *cluster) netip.Addr {
	if d.Site.MetricsAddr.IsValid() {
		return d.Site.MetricsAddr.Unmap()
	}
	return c.own().Host
}

// listenAddr returns the address where the node listens for Broker peers. The zero
// Addr means all addresses.
func (d *Deployment) listenAddr(c *cluster) netip.Addr {
	switch {
	case d.Site.ListenAddr.IsValid():
		return d.Site.ListenAddr.Unmap()
	case c.own().Host.IsLoopback():
		return c.own().Host
	}
	return netip.Addr{}
}

// broker renders the options of Broker connections, to other nodes and to the
// agent.
func (s *script) broker(d *Deployment, c *cluster) {
	peers, agent := d.backend() == Broker, d.agentProtocol() == AgentBroker
	if !peers && !agent {
		return
	}
	s.section("Broker.")
	tls := d.Site.BrokerTLS
	tls.Own = nil
	switch {
	case d.ownTLS() != nil:
		s.clusterTLS()
	case tls != BrokerTLS{}:
		if agent && tls.AgentCAFile != "" {
			tls.CAFile = tls.AgentCAFile
		}
		for _, f := range []struct{ option, path string }{
			{"ssl_certificate", tls.CertFile}, {"ssl_keyfile", tls.KeyFile}, {"ssl_cafile", tls.CAFile},
		} {
			if f.path != "" {
				s.redef("Broker::"+f.option, quote(f.path))
			}
		}
	case (!peers || c.loopback) && (!agent || d.Site.AgentAddr.Addr().Unmap().IsLoopback() && !d.Site.AgentTLS):
		s.redef("Broker::disable_ssl", "T")
	}
	if a := d.listenAddr(c); peers && a.IsValid() && !a.IsUnspecified() {
		s.redef("Broker::default_listen_address", quote(a.String()))
	}
	if retriesSlowly(d.version()) {
		s.redef("Broker::default_listen_retry", "1 sec")
		s.redef("Broker::default_connect_retry", "1 sec")
		s.redef("Cluster::retry_interval", "1 sec")
	}
}

// agent renders what our node script needs to know about the agent.
func (s *script) agent(d *Deployment) {
	if !d.speaks() {
		return
	}
	s.section("For the node script: how the node and its agent find each other.")
	if hasManagement(d.version()) && d.Install.Has(Broker) { // the framework needs Broker
		s.WriteString("@load policy/frameworks/management/node/api\n")
	}
	s.WriteString("\nmodule Fleet::Node;\n\nexport {\n")
	fmt.Fprintf(s, "\tconst secret = %s;\n", quote(string(d.Secret)))
	if d.agentProtocol() == AgentWebSocket {
		fmt.Fprintf(s, "\tconst websocket_port = %d/tcp;\n", d.WebSocketPort)
		if d.SocketTLS != nil {
			s.socketTLS()
		}
	} else {
		a := d.Site.AgentAddr
		fmt.Fprintf(s, "\tconst agent_address = %s;\n", quote(dialable(a.Addr()).String()))
		fmt.Fprintf(s, "\tconst agent_port = %d/tcp;\n", a.Port())
	}
	s.WriteString("}\n")
	if d.agentProtocol() == AgentWebSocket && d.takesZeroMQLogs() {
		s.freeLogPort()
	}
}

// dialable returns the address at which a node of this host reaches an agent that
// listens on a. If the agent listens on all addresses, that is a loopback address.
func dialable(a netip.Addr) netip.Addr {
	switch a = a.Unmap(); {
	case a.IsUnspecified() && a.Is6():
		return netip.IPv6Loopback()
	case a.IsUnspecified():
		return loopback
	}
	return a
}
