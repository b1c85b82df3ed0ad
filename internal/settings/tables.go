package settings

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A setting is one field of T that an operator can set.
type setting[T any] struct {
	// key names the setting in the file (a dot is one level), in messages and
	// in the output of `zeekfleet config`.
	key string
	// also, if set, is another key of the file. It counts if the file does not
	// have key.
	also string
	// follows, if set, is the key of an earlier setting of the table. This
	// setting takes the value of that one if nobody has set it.
	follows string
	// unless, if set, is the key that it follows instead if instead says so.
	unless    string
	instead   func(*T) bool
	flag, env string
	// initial is the default, as one would write it.
	initial string
	// initialFrom is the origin of initial. Empty means that it is a default.
	initialFrom string
	// packages says that the default comes from Defaults instead.
	packages bool
	// hostly says that the default depends on the host.
	hostly bool
	doc    string
	field  func(*T) value
}

// The bounds of settings that are times.
const (
	minRetry, maxRetry     = 10 * time.Millisecond, time.Hour
	minTimeout, maxTimeout = 100 * time.Millisecond, 10 * time.Minute
	minSilence, maxSilence = time.Second, time.Hour
)

// maxCertificateLife bounds the life of certificates.
const maxCertificateLife = 3650 * 24 * time.Hour

// maxOutputLines bounds the lines that are kept of a node's output.
const maxOutputLines = 10_000

// parts have the values of settings that are no fields of T. Fields of T are made
// from them.
type parts struct {
	defaultAddress netip.Addr
	// controllerHost and controllerPort become Agent.Controller.
	controllerHost string
	controllerPort uint16
	// controllers become Agent.Controllers. Each is a host, perhaps with a port.
	controllers []string
}

// commonTable lists the settings that both daemons have.
func commonTable(src Sources, p *parts) []setting[Common] {
	return []setting[Common]{
		{key: "state_dir", hostly: true, flag: "state-dir", env: "ZEEK_MANAGEMENT_STATE_DIR", initial: stateDir(src),
			doc:   "directory below which daemons and nodes keep their files (default: zeekfleet in the user's state directory, or /var/lib/zeekfleet)",
			field: func(c *Common) value { return pathAt(&c.StateDir, "dir") }},
		{key: "default_address", flag: "default-address", env: "ZEEKFLEET_DEFAULT_ADDRESS", initial: "127.0.0.1",
			doc:   "IP address of listeners that have no address of their own",
			field: func(*Common) value { return addressAt(&p.defaultAddress) }},
		{key: "insecure", flag: "insecure", env: "ZEEKFLEET_INSECURE", initial: "false",
			doc:   "allow listening beyond loopback addresses without mutual TLS: everyone who reaches these ports controls the cluster",
			field: func(c *Common) value { return boolAt(&c.Insecure) }},
		{key: "local_users", flag: "local-users", env: "ZEEKFLEET_LOCAL_USERS",
			doc:   "users of this host, by name or number, who may connect, besides root and the daemon's own user, and groups with % before the name; =viewer, =operator or =admin may follow (default: admin); names are looked up in /etc/passwd and /etc/group alone",
			field: func(c *Common) value { return wordsAt(&c.LocalUsers, "users") }},
		{key: "transport", flag: "transport", env: "ZEEKFLEET_TRANSPORT", initial: string(TransportAuto),
			doc: "protection of Broker peerings: auto (TLS with certificates; without any, both TLS and plain, but only TLS beyond loopback addresses), tls, or plain",
			field: func(c *Common) value {
				return choiceAt(&c.Transport, "mode", TransportAuto, TransportTLS, TransportPlain)
			}},
		{key: "tls.cert", flag: "tls-cert", env: "ZEEKFLEET_TLS_CERT",
			doc:   "PEM file with the certificate for Broker peerings (default: a controller makes an authority for its cluster, which signs all certificates)",
			field: func(c *Common) value { return pathAt(&c.TLS.Cert, "file") }},
		{key: "tls.key", flag: "tls-key", env: "ZEEKFLEET_TLS_KEY",
			doc:   "PEM file with the certificate's private key",
			field: func(c *Common) value { return pathAt(&c.TLS.Key, "file") }},
		{key: "tls.ca", flag: "tls-ca", env: "ZEEKFLEET_TLS_CA",
			doc:   "PEM file with the authorities whose certificates Broker peers must show",
			field: func(c *Common) value { return pathAt(&c.TLS.CA, "file") }},
		{key: "tls.identities", flag: "tls-identities", env: "ZEEKFLEET_TLS_IDENTITIES",
			doc:   "SUBJECT=IDENTITY, for certificates of another authority: SUBJECT is uri:, dns: or cn: and a name in the certificate, IDENTITY is controller, agent, node or user, a slash and a name; one star in both stands for any text, as in cn:sensor-*.example.org=agent/sensor-*",
			field: func(c *Common) value { return rulesAt(&c.Identities) }},
		{key: "connect_retry", flag: "connect-retry", env: "ZEEK_DEFAULT_CONNECT_RETRY", packages: true,
			doc:   "pause between attempts to connect to a peer",
			field: func(c *Common) value { return durationAt(&c.ConnectRetry, minRetry, maxRetry) }},
		{key: "peer_silence", flag: "peer-silence", env: "ZEEKFLEET_PEER_SILENCE", packages: true,
			doc:   "how long a peer may leave pings unanswered before it counts as lost",
			field: func(c *Common) value { return durationAt(&c.PeerSilence, minSilence, maxSilence) }},
		{key: "log_level", flag: "log-level", env: "ZEEKFLEET_LOG_LEVEL", initial: "info",
			doc:   "lowest level that is logged: debug, info, warn or error",
			field: func(c *Common) value { return levelAt(&c.LogLevel) }},
		{key: "topics.controller", flag: "topic-controller", env: "ZEEKFLEET_TOPIC_CONTROLLER", initial: mgmt.ControllerTopic,
			doc:   "topic of requests to the controller and its responses",
			field: func(c *Common) value { return topicAt(&c.Topics.Controller) }},
		{key: "topics.agent", flag: "topic-agent", env: "ZEEKFLEET_TOPIC_AGENT", initial: mgmt.AgentTopics,
			doc:   "prefix of agents' topics; a slash and the agent's name follow",
			field: func(c *Common) value { return topicAt(&c.Topics.Agent) }},
		{key: "topics.node", flag: "topic-node", env: "ZEEKFLEET_TOPIC_NODE", initial: mgmt.NodeTopic,
			doc:   "topic of requests to nodes and their responses",
			field: func(c *Common) value { return topicAt(&c.Topics.Node) }},
	}
}

// among makes settings of a T of settings that both daemons have. The function at returns
// their place in a T. The table itself is not generic, because the compiler copies its functions for
// each T: 0.1 MB of the program.
func among[T any](common []setting[Common], at func(*T) *Common) []setting[T] {
	table := make([]setting[T], len(common))
	for i, s := range common {
		table[i] = setting[T]{
			key: s.key, also: s.also, follows: s.follows, unless: s.unless, flag: s.flag, env: s.env, initial: s.initial,
			initialFrom: s.initialFrom, packages: s.packages, hostly: s.hostly, doc: s.doc,
			field: func(t *T) value { return s.field(at(t)) },
		}
		if s.instead != nil {
			table[i].instead = func(t *T) bool { return s.instead(at(t)) }
		}
	}
	return table
}

func controllerTable(src Sources, p *parts) []setting[Controller] {
	table := append(among(commonTable(src, p), func(c *Controller) *Common { return &c.Common }), []setting[Controller]{
		{key: "controller.name", hostly: true, flag: "name", env: "ZEEK_CONTROLLER_NAME", initial: "controller-" + src.hostname(),
			doc:   "name of the controller (default: controller-<hostname>)",
			field: func(c *Controller) value { return nameAt(&c.Name) }},
		{key: "controller.directory", flag: "directory", env: "ZEEKFLEET_CONTROLLER_DIRECTORY",
			doc:   "directory of the controller's files, below nodes in the state directory unless absolute (default: its name)",
			field: func(c *Controller) value { return pathAt(&c.Directory, "dir") }},
		{key: "controller.listen_address", follows: "default_address", flag: "listen-address", env: "ZEEK_CONTROLLER_ADDR",
			doc:   "IP address where agents connect; the controller also listens on 127.0.0.1, unless it has certificates from files",
			field: func(c *Controller) value { return addressAt(&c.Broker.Addr) }},
		{key: "controller.listen_port", flag: "listen-port", env: "ZEEK_CONTROLLER_PORT", initial: strconv.Itoa(mgmt.ControllerPort),
			doc:   "port where agents connect; 0 for any, off for none",
			field: func(c *Controller) value { return listenPortAt(&c.Broker) }},
		{key: "controller.websocket_address", follows: "controller.listen_address", unless: "default_address", instead: noAuthority, flag: "websocket-address", env: "ZEEK_CONTROLLER_WEBSOCKET_ADDR",
			doc:   "IP address where clients connect, and agents that join; with certificates from files, or with insecure, the default is default_address",
			field: func(c *Controller) value { return addressAt(&c.WebSocket.Addr) }},
		{key: "controller.websocket_port", flag: "websocket-port", env: "ZEEK_CONTROLLER_WEBSOCKET_PORT", initial: strconv.Itoa(mgmt.ClientPort),
			doc:   "port where clients connect; 0 for any, off for none",
			field: func(c *Controller) value { return listenPortAt(&c.WebSocket) }},
		{key: "controller.host_names", flag: "host-names", env: "ZEEKFLEET_CONTROLLER_HOST_NAMES",
			doc:   "names by which clients may call the controller's host, besides IP addresses, localhost, the host's own name and the names in its certificate",
			field: func(c *Controller) value { return wordsAt(&c.HostNames, "names") }},
		{key: "controller.certificate_life", flag: "certificate-life", env: "ZEEKFLEET_CONTROLLER_CERTIFICATE_LIFE", packages: true,
			doc:   "how long the certificates are valid that the controller signs for agents, users and itself; they are renewed after two thirds of it",
			field: func(c *Controller) value { return durationAt(&c.CertificateLife, time.Second, maxCertificateLife) }},
		{key: "controller.agent_names", flag: "agent-names", env: "ZEEKFLEET_CONTROLLER_AGENT_NAMES",
			doc:   "CERTIFICATE=INSTANCE, for each instance that is not one of the names in its agent's certificate; CERTIFICATE=* for all instances",
			field: func(c *Controller) value { return pairsAt(&c.AgentNames) }},
		{key: "controller.admit", flag: "admit", env: "ZEEKFLEET_CONTROLLER_ADMIT",
			doc:   "INSTANCE=sha256:HEX, the fingerprint of an agent's certificate: it is admitted as that instance, whoever has signed the certificate; for agents of Zeek",
			field: func(c *Controller) value { return pinsAt(&c.Admit, identity.Agent) }},
		{key: "controller.websocket_tls.cert", flag: "websocket-tls-cert", env: "ZEEKFLEET_WEBSOCKET_TLS_CERT",
			doc:   "PEM file with the certificate shown to clients; with it clients must use TLS, without it plain connections are accepted",
			field: func(c *Controller) value { return pathAt(&c.WebSocketTLS.Cert, "file") }},
		{key: "controller.websocket_tls.key", flag: "websocket-tls-key", env: "ZEEKFLEET_WEBSOCKET_TLS_KEY",
			doc:   "PEM file with that certificate's private key",
			field: func(c *Controller) value { return pathAt(&c.WebSocketTLS.Key, "file") }},
		{key: "controller.websocket_tls.ca", flag: "websocket-tls-ca", env: "ZEEKFLEET_WEBSOCKET_TLS_CA",
			doc:   "PEM file with the authorities of clients' certificates",
			field: func(c *Controller) value { return pathAt(&c.WebSocketTLS.CA, "file") }},
		{key: "controller.websocket_tls.verify", flag: "websocket-tls-verify", env: "ZEEKFLEET_WEBSOCKET_TLS_VERIFY", initial: "false",
			doc:   "demand a certificate of each client",
			field: func(c *Controller) value { return boolAt(&c.WebSocketVerify) }},
		{key: "controller.auto_assign_broker_ports", flag: "auto-assign-broker-ports", env: "ZEEKFLEET_AUTO_ASSIGN_BROKER_PORTS", initial: "true",
			doc:   "give Broker ports to managers, loggers and proxies that have none",
			field: func(c *Controller) value { return boolAt(&c.BrokerPorts.Enabled) }},
		{key: "controller.auto_assign_broker_start_port", flag: "auto-assign-broker-start-port", env: "ZEEKFLEET_AUTO_ASSIGN_BROKER_START_PORT", initial: "2200",
			doc:   "first Broker port to give",
			field: func(c *Controller) value { return portAt(&c.BrokerPorts.Start, 1) }},
		{key: "controller.auto_assign_metrics_ports", flag: "auto-assign-metrics-ports", env: "ZEEKFLEET_AUTO_ASSIGN_METRICS_PORTS", initial: "true",
			doc:   "give metrics ports to nodes that have none",
			field: func(c *Controller) value { return boolAt(&c.MetricsPorts.Enabled) }},
		{key: "controller.auto_assign_metrics_start_port", flag: "auto-assign-metrics-start-port", env: "ZEEKFLEET_AUTO_ASSIGN_METRICS_START_PORT", initial: "9000",
			doc:   "first metrics port to give",
			field: func(c *Controller) value { return portAt(&c.MetricsPorts.Start, 1) }},
		{key: "controller.shown_port", flag: "shown-port", env: "ZEEKFLEET_CONTROLLER_SHOWN_PORT", initial: "0",
			doc:   "port that get-nodes shows for the controller; Zeek's agent shows its own, 2151; 0 for the port where agents connect",
			field: func(c *Controller) value { return portAt(&c.ShownPort, 0) }},
		{key: "controller.request_timeout", flag: "request-timeout", env: "ZEEKFLEET_CONTROLLER_REQUEST_TIMEOUT", packages: true,
			doc:   "longest wait for agents' answers to a request",
			field: func(c *Controller) value { return durationAt(&c.RequestTimeout, minTimeout, maxTimeout) }},
		{key: "controller.deploy_timeout", flag: "deploy-timeout", env: "ZEEKFLEET_CONTROLLER_DEPLOY_TIMEOUT", packages: true,
			doc:   "longest wait for agents' answers to a deployment or a restart; zeek-client gives up after 20 s",
			field: func(c *Controller) value { return durationAt(&c.DeployTimeout, minTimeout, maxTimeout) }},
	}...)
	return fill(slices.Concat(table, controllerMetricsTable(), auditTable(), eventsTable(), bundlesTable(), alertsTable(), ssoTable(), clusterTable()), src.Defaults.Controller)
}

func agentTable(src Sources, p *parts) []setting[Agent] {
	table := append(among(commonTable(src, p), func(a *Agent) *Common { return &a.Common }), []setting[Agent]{
		{key: "agent.name", hostly: true, flag: "name", env: "ZEEK_AGENT_NAME", initial: "agent-" + src.hostname(),
			doc:   "name of the agent and of its instance (default: the name with which it has joined, or agent-<hostname>)",
			field: func(a *Agent) value { return nameAt(&a.Name) }},
		{key: "agent.directory", flag: "directory", env: "ZEEKFLEET_AGENT_DIRECTORY",
			doc:   "directory of the agent's files, below nodes in the state directory unless absolute (default: its name)",
			field: func(a *Agent) value { return pathAt(&a.Directory, "dir") }},
		{key: "agent.listen_address", follows: "default_address", flag: "listen-address", env: "ZEEK_AGENT_ADDR",
			doc:   "IP address where nodes connect, and a controller that dials",
			field: func(a *Agent) value { return addressAt(&a.Broker.Addr) }},
		{key: "agent.listen_port", flag: "listen-port", env: "ZEEK_AGENT_PORT", initial: strconv.Itoa(mgmt.AgentPort),
			doc:   "port where nodes connect, and a controller that dials; 0 for any",
			field: func(a *Agent) value { return portAt(&a.Broker.Port, 0) }},
		{key: "agent.controller_address", flag: "controller-address", env: "ZEEKFLEET_AGENT_CONTROLLER_ADDRESS", initial: defaultController,
			doc:   "host of the controller that the agent dials; 0.0.0.0 to wait for the controller; an agent that has joined knows its controller",
			field: func(*Agent) value { return hostAt(&p.controllerHost) }},
		{key: "agent.controller_port", also: "controller.listen_port", flag: "controller-port", env: "ZEEK_CONTROLLER_PORT", initial: strconv.Itoa(mgmt.ControllerPort),
			doc:   "Broker port of that controller",
			field: func(*Agent) value { return portAt(&p.controllerPort, 1) }},
		{key: "agent.controllers", flag: "controllers", env: "ZEEKFLEET_AGENT_CONTROLLERS",
			doc:   "HOST or HOST:PORT of each controller, if the cluster has several: the agent connects to all of them, in place of controller_address, and to those that they tell it",
			field: func(*Agent) value { return controllersAt(&p.controllers) }},
		{key: "agent.controller_names", flag: "controller-names", env: "ZEEKFLEET_AGENT_CONTROLLER_NAMES",
			doc:   "names; a controller's certificate must have one of them (default: any name, for the controller that the agent dials)",
			field: func(a *Agent) value { return wordsAt(&a.ControllerNames, "names") }},
		{key: "agent.admit", flag: "admit", env: "ZEEKFLEET_AGENT_ADMIT",
			doc:   "NAME=sha256:HEX, the fingerprint of a controller's certificate: it may give orders, whoever has signed the certificate; for controllers of Zeek",
			field: func(a *Agent) value { return pinsAt(&a.Admit, identity.Controller) }},
		{key: "agent.foreign_nodes", flag: "foreign-nodes", env: "ZEEKFLEET_AGENT_FOREIGN_NODES",
			doc:   "names of nodes that programs may use to say hello although the agent has not started them, such as programs with package node",
			field: func(a *Agent) value { return wordsAt(&a.ForeignNodes, "names") }},
		{key: "agent.allow_options", flag: "allow-options", env: "ZEEKFLEET_AGENT_ALLOW_OPTIONS",
			doc:   "script options that nodes may set although they can run commands; a name that ends in * is a prefix",
			field: func(a *Agent) value { return wordsAt(&a.AllowOptions, "names") }},
		{key: "agent.allow_env", flag: "allow-env", env: "ZEEKFLEET_AGENT_ALLOW_ENV",
			doc:   "environment variables that nodes may set although they make programs load others; a name that ends in * is a prefix",
			field: func(a *Agent) value { return wordsAt(&a.AllowEnv, "names") }},
		{key: "agent.allow_commands", flag: "allow-commands", env: "ZEEKFLEET_AGENT_ALLOW_COMMANDS",
			doc:   "paths of programs that nodes may run in place of Zeek (command); a path that ends in * is a prefix",
			field: func(a *Agent) value { return wordsAt(&a.AllowCommands, "paths") }},
		{key: "agent.allow_bundles", flag: "allow-bundles", env: "ZEEKFLEET_AGENT_ALLOW_BUNDLES", initial: "*",
			doc:   "names of bundles that nodes may use, whose scripts can run anything; a name that ends in * is a prefix; empty for none",
			field: func(a *Agent) value { return wordsAt(&a.AllowBundles, "names") }},
		{key: "agent.bundles_max_bytes", flag: "bundles-max-bytes", env: "ZEEKFLEET_AGENT_BUNDLES_MAX_BYTES", initial: "10GiB",
			doc:   "what all bundles of this host may take of the disk; bundles that only older revisions need go first",
			field: func(a *Agent) value { return bytesAt(&a.Bundles.MaxBytes, minHostBundles) }},
		{key: "agent.bundles_rate", flag: "bundles-rate", env: "ZEEKFLEET_AGENT_BUNDLES_RATE", initial: "2MiB",
			doc:   "bytes a second with which bundles are fetched at most, so that requests do not wait for them; 0 for as fast as the line allows",
			field: func(a *Agent) value { return bytesAt(&a.Bundles.Rate, minBundleRate) }},
		{key: "agent.request_timeout", flag: "request-timeout", env: "ZEEKFLEET_AGENT_REQUEST_TIMEOUT", packages: true,
			doc:   "longest wait for nodes' answers to a request",
			field: func(a *Agent) value { return durationAt(&a.RequestTimeout, minTimeout, maxTimeout) }},
		{key: "agent.deploy_timeout", flag: "deploy-timeout", env: "ZEEKFLEET_AGENT_DEPLOY_TIMEOUT", packages: true,
			doc:   "longest wait before a deployment is answered; the deployment then continues. A restart may take 2 s more. Keep it 4 s below the controller's",
			field: func(a *Agent) value { return durationAt(&a.DeployTimeout, minTimeout, maxTimeout) }},
		{key: "agent.stdout_file", flag: "stdout-file", env: "ZEEKFLEET_STDOUT_FILE", initial: "stdout",
			doc:   "file in a node's directory for its standard output; empty for none",
			field: func(a *Agent) value { return fileNameAt(&a.StdoutFile) }},
		{key: "agent.stderr_file", flag: "stderr-file", env: "ZEEKFLEET_STDERR_FILE", initial: "stderr",
			doc:   "file in a node's directory for its standard error; empty for none",
			field: func(a *Agent) value { return fileNameAt(&a.StderrFile) }},
		{key: "agent.output_max_lines", flag: "output-max-lines", env: "ZEEKFLEET_OUTPUT_MAX_LINES", packages: true,
			doc:   "how many of the last lines of a node's stdout and stderr are kept for reports",
			field: func(a *Agent) value { return countAt(&a.OutputLines, 0, maxOutputLines) }},
	}...)
	return fill(slices.Concat(table, agentMetricsTable(), nodesTable(), archiveTable(), processTable(), execTable(), zeekTable()), src.Defaults.Agent)
}

// systemState is the state directory of the daemons that packages install.
const systemState = "/var/lib/zeekfleet"

// stateDir returns the default state directory: the system's for a daemon of the system and
// for a user without a home, else a directory of the user.
func stateDir(src Sources) string {
	if src.testing() {
		return "."
	}
	if src.ofSystem() {
		return systemState
	}
	if dir := src.env("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "zeekfleet")
	}
	if home := src.env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "zeekfleet")
	}
	return systemState
}
