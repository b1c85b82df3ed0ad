package zeek

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// NodeScript is the script with which a node talks to its agent.
type NodeScript string

// The node scripts.
const (
	// OurNodeScript has our dispatches and speaks both agent protocols.
	OurNodeScript NodeScript = "zeekfleet"
	// UpstreamNodeScript is the node script of the Management framework. Zeek ships
	// it up to 9.0. It has one dispatch, get_id_value, and works only with the
	// Broker backend.
	UpstreamNodeScript NodeScript = "upstream"
)

// Deployment is everything that decides how one node is launched: the installation
// of Zeek, the node's plan, and the settings of the host.
type Deployment struct {
	Install Install
	Plan    mgmt.Plan

	// Backend is the same for all nodes of a cluster. Empty means Broker with
	// upstream's node script, and Install.DefaultBackend otherwise.
	Backend Backend
	// NodeScript empty means OurNodeScript.
	NodeScript NodeScript
	// AgentProtocol empty means that ChosenAgentProtocol chooses.
	AgentProtocol AgentProtocol
	// WebSocketPort is the port on 127.0.0.1 where the node serves its agent. The
	// agent chooses it. Only AgentWebSocket needs it.
	WebSocketPort uint16
	// SocketTLS makes the node serve its agent with TLS, and refuse every other client.
	// Nil means plain text. Only a node for which ServesWithTLS is true can have it.
	SocketTLS *SocketTLS
	// Secret proves to the node that a request comes from its agent, and to the
	// agent that an answer comes from the node. It has at least 32 letters and
	// digits and is new for each launch. Only OurNodeScript needs it.
	Secret mgmt.Secret
	// Bundles are the plan's bundles with scripts, in its order.
	Bundles []BundleDir
	// DataDir, absolute, is where the plan's bundles with data are, each under its name.
	// Empty means that the plan has no bundles.
	DataDir string

	Site Site
}

// BundleDir is a bundle with scripts on this host.
type BundleDir struct {
	Name string
	Dir  string // absolute
	// HasPlugins says that its directory BundlePlugins has plugins of Zeek.
	HasPlugins bool
}

// BundlePlugins is the directory of a bundle in which Zeek looks for plugins.
const BundlePlugins = "plugins"

// Site holds the settings that all nodes of an instance share.
type Site struct {
	// StateDir is the agent's directory of durable state, absolute. Nodes keep
	// their data stores in its directory "stores".
	StateDir string
	// SpoolDir holds the directory "log-queue", to which nodes rotate their logs.
	// It is absolute. Zeek rotates a log by renaming it, so SpoolDir must be on the
	// file system of the nodes' working directories.
	SpoolDir string

	// AgentAddr is the address and port where the agent listens for Broker
	// peerings. AgentBroker needs it.
	AgentAddr netip.AddrPort
	// BrokerTLS holds for every Broker connection of a node, to other nodes and to
	// the agent. The zero value leaves Zeek's default: encryption without
	// authentication. But if all addresses involved are loopback addresses, the
	// zero value turns encryption off.
	BrokerTLS BrokerTLS
	// BrokerOpen says in ClusterWarnings why BrokerTLS is zero and what to do about it.
	// Empty means a text about zeek.tls_cert.
	BrokerOpen string
	// AgentTLS says that the agent accepts no unencrypted connections.
	AgentTLS bool
	// ListenAddr is the address where nodes listen for their cluster peers with
	// the Broker backend. Zero means the node's own address if it is a loopback
	// address, and all addresses otherwise.
	ListenAddr netip.Addr
	// MetricsAddr is the address where nodes serve metrics. Zero means the node's
	// address in the layout; the manager's list of metrics services names that one.
	MetricsAddr netip.Addr

	ZeroMQ ZeroMQSite

	// HashSeed is a secret of the cluster. Zeek seeds its hashes with it, so that
	// they are the same on all nodes and after restarts. Empty means no seed.
	HashSeed string
	// RotationInterval is the time between two rotations of a log, in whole
	// seconds. Zero means DefaultRotation.
	RotationInterval time.Duration

	// Args are Zeek's arguments between the backend's script and our scripts:
	// scripts, options, or name=value. Nil means "local".
	Args []string
	// Prefixes are script prefixes, each the value of an option -p of Zeek.
	Prefixes []string
	// ScriptPath are directories of scripts besides those of the installation.
	ScriptPath []string
	// PluginPath replaces Install.PluginPath. Empty keeps Install.PluginPath.
	PluginPath string
	// Environ is the environment that nodes inherit, as name=value. Command leaves
	// out the variables of Environ that this package sets or reserves.
	Environ []string
}

// BrokerTLS names files in PEM format, absolute. Certificate and key belong
// together. AgentCAFile, if set, takes the place of CAFile for a node that peers with its
// agent: it also has the authority of the agent's certificate. Own, if not nil, takes the
// place of all files.
type BrokerTLS struct {
	CertFile, KeyFile, CAFile, AgentCAFile string
	Own                                    *ClusterTLS
}

// LogQueue is the directory in SpoolDir to which logs are rotated.
const LogQueue = "log-queue"

// DefaultRotation is the rotation interval of a site that names none.
const DefaultRotation = time.Hour

func (d *Deployment) version() Version { return d.Install.Version }

func (d *Deployment) backend() Backend {
	if d.Backend == "" && d.nodeScript() == UpstreamNodeScript {
		return Broker
	}
	return cmp.Or(d.Backend, d.Install.DefaultBackend())
}

// ChosenBackend returns the backend of the cluster.
func (d Deployment) ChosenBackend() Backend { return d.backend() }

func (d *Deployment) nodeScript() NodeScript { return cmp.Or(d.NodeScript, OurNodeScript) }

func (d *Deployment) agentProtocol() AgentProtocol { return d.ChosenAgentProtocol() }

// ChosenAgentProtocol returns the protocol that the node and its agent speak. That is
// d.AgentProtocol if it is set; else AgentBroker if the node script is upstream's; else
// DefaultAgentProtocol, or AgentWebSocket if Zeek lacks Broker. But a node that cannot
// have WebSocket clients uses AgentBroker, or AgentNone if Zeek lacks Broker.
func (d Deployment) ChosenAgentProtocol() AgentProtocol {
	chosen := cmp.Or(d.AgentProtocol, DefaultAgentProtocol(d.version()))
	switch {
	case d.AgentProtocol != "":
	case d.nodeScript() == UpstreamNodeScript:
		chosen = AgentBroker
	case !d.Install.Has(Broker) && d.version().AtLeast(8, 0):
		chosen = AgentWebSocket
	}
	switch {
	case chosen != AgentWebSocket || !d.takesZeroMQLogs() || d.Install.FreesLogPort:
		return chosen
	case d.Install.Has(Broker):
		return AgentBroker
	}
	return AgentNone
}

// Mute says of a node with AgentNone what that means, in a sentence for people.
const Mute = "it does not speak with its agent, so it answers no requests and has no statistics: this Zeek has no Broker, and a node of this Zeek that receives logs over ZeroMQ cannot serve WebSocket clients"

// speaks tells whether the node loads our node script.
func (d *Deployment) speaks() bool {
	return d.nodeScript() == OurNodeScript && d.agentProtocol() != AgentNone
}

// takesZeroMQLogs tells whether the node listens for the cluster's logs with the
// ZeroMQ backend. Such a node can have WebSocket clients only with freeLogPort.
func (d *Deployment) takesZeroMQLogs() bool {
	own := d.Plan.Cluster[d.Plan.Node.Name]
	if d.backend() != ZeroMQ || listeningPort(own.Port) == 0 {
		return false
	}
	for _, e := range d.Plan.Cluster {
		if e.Role == mgmt.Logger {
			return own.Role == mgmt.Logger
		}
	}
	return own.Role == mgmt.Manager
}

// cluster returns the plan as its node sees it, or an error that says why d cannot
// be launched.
func (d *Deployment) cluster() (*cluster, error) {
	if _, err := d.version().Check(); err != nil {
		return nil, err
	}
	if err := d.Install.checkBackend(d.backend()); err != nil {
		return nil, err
	}
	if err := d.checkAgentProtocol(); err != nil {
		return nil, err
	}
	if err := d.Site.check(); err != nil {
		return nil, err
	}
	if err := checkNode(d.Plan.Node); err != nil {
		return nil, err
	}
	c, err := newCluster(d.Plan, d.version())
	if err == nil && d.backend() == ZeroMQ {
		err = c.checkZeroMQ(d.version())
	}
	return c, err
}

// checkAgentProtocol checks everything that the node and its agent need to find
// each other.
func (d *Deployment) checkAgentProtocol() error {
	script, protocol := d.nodeScript(), d.agentProtocol()
	if err := protocol.check(d.Install); err != nil {
		return err
	}
	switch {
	case script != OurNodeScript && script != UpstreamNodeScript:
		return fmt.Errorf("unknown node script %.40q: it is %q or %q", string(script), OurNodeScript, UpstreamNodeScript)
	case script == UpstreamNodeScript && protocol != AgentBroker:
		return fmt.Errorf("upstream's node script cannot use the node transport %q: it knows %q alone", protocol, AgentBroker)
	case script == UpstreamNodeScript && d.backend() != Broker:
		return fmt.Errorf("upstream's node script cannot use the cluster backend %q: it knows %q alone", d.backend(), Broker)
	case script == UpstreamNodeScript && !hasManagement(d.version()):
		return fmt.Errorf("zeek %s does not ship upstream's node script: 9.0 is the last that does", d.version())
	case protocol == AgentBroker && (!d.Site.AgentAddr.IsValid() || d.Site.AgentAddr.Port() == 0):
		return errors.New("the address and port of the agent, to which the node connects, are not known")
	case d.SocketTLS != nil && !d.ServesWithTLS():
		return fmt.Errorf("a node of Zeek %s that uses the node transport %q cannot serve its agent with TLS", d.version(), protocol)
	case protocol == AgentWebSocket && d.WebSocketPort == 0:
		return errors.New("no port was chosen for the node's WebSocket server")
	case d.speaks() && !d.Secret.Usable():
		return errors.New("no secret was chosen for the node and its agent")
	}
	return nil
}

func (s *Site) check() error {
	tls := s.BrokerTLS
	for _, f := range []struct{ what, path string }{
		{"state directory", s.StateDir}, {"spool directory", s.SpoolDir},
		{"Broker certificate", cmp.Or(tls.CertFile, "/")}, {"Broker key", cmp.Or(tls.KeyFile, "/")},
		{"Broker CA", cmp.Or(tls.CAFile, "/")}, {"Broker CA of agents", cmp.Or(tls.AgentCAFile, "/")},
	} {
		if !path.IsAbs(f.path) || strings.ContainsRune(f.path, 0) {
			return fmt.Errorf("the path of the %s, %.200q, is not absolute", f.what, f.path)
		}
	}
	if (tls.CertFile == "") != (tls.KeyFile == "") {
		return errors.New("the Broker certificate or its key is missing: both are needed")
	}
	for _, arg := range slices.Concat(s.Args, s.Prefixes) {
		if arg == "" || strings.ContainsRune(arg, 0) {
			return fmt.Errorf("%q cannot be an argument of Zeek", arg)
		}
	}
	if s.RotationInterval < 0 || s.RotationInterval%time.Second != 0 {
		return fmt.Errorf("the rotation interval %v is not a number of seconds", s.RotationInterval)
	}
	return s.ZeroMQ.check()
}
