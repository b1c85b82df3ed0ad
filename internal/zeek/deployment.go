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
	// OurNodeScript has our dispatches, and both protocols.
	OurNodeScript NodeScript = "zeekfleet"
	// UpstreamNodeScript is the Management framework's, which Zeek ships up to
	// 9.0. It knows get_id_value alone, and only the Broker backend.
	UpstreamNodeScript NodeScript = "upstream"
)

// Deployment is everything that decides how one node is launched: which Zeek,
// what the cluster is to be, and what this host is like.
type Deployment struct {
	Install Install
	Plan    mgmt.Plan

	// Backend is the same for all nodes of a cluster. Empty means
	// DefaultBackend.
	Backend Backend
	// NodeScript empty means OurNodeScript.
	NodeScript NodeScript
	// AgentProtocol empty means what ChosenAgentProtocol says.
	AgentProtocol AgentProtocol
	// WebSocketPort is the port on 127.0.0.1 where the node serves its agent,
	// chosen by the agent. AgentWebSocket needs it, nothing else uses it.
	WebSocketPort uint16
	// Secret proves to the node that a request is its agent's, and to the agent
	// that an answer is the node's: at least 32 letters and digits, chosen anew
	// for each launch. OurNodeScript needs it, nothing else uses it.
	Secret mgmt.Secret

	Site Site
}

// Site is what is the same for all nodes of an instance.
type Site struct {
	// StateDir is the agent's directory of durable state, absolute. Data stores
	// are kept in its directory "stores".
	StateDir string
	// SpoolDir holds "log-queue", to which nodes rotate their logs; absolute.
	// Zeek renames, so it is to be on the file system of the nodes' working
	// directories.
	SpoolDir string

	// AgentAddr is where the agent listens for Broker peerings.
	// AgentBroker needs it.
	AgentAddr netip.AddrPort
	// BrokerTLS is for every Broker connection of a node, to other nodes and to
	// the agent. The zero value leaves Zeek's own default, encryption without
	// authentication, except where every address involved is a loopback
	// address: there nothing is encrypted.
	BrokerTLS BrokerTLS
	// AgentTLS says that the agent takes no plain connections.
	AgentTLS bool
	// ListenAddr is where nodes listen for their cluster peers with the Broker
	// backend. Zero means all addresses, or the node's own where that is a
	// loopback address.
	ListenAddr netip.Addr
	// MetricsAddr is where nodes serve metrics. Zero means the node's address
	// in the layout, which is where the manager's list of services sends others.
	MetricsAddr netip.Addr

	ZeroMQ ZeroMQSite

	// HashSeed is a secret of the cluster from which Zeek seeds its hashes, so
	// that they are the same on all nodes and after restarts. Empty means none.
	HashSeed string
	// RotationInterval is how often logs are rotated, in whole seconds. Zero
	// means an hour.
	RotationInterval time.Duration

	// Args are Zeek's arguments between the backend's script and ours: scripts,
	// options, or name=value. Nil means "local".
	Args []string
	// Prefixes are Zeek's script prefixes, as its -p takes them.
	Prefixes []string
	// ScriptPath are directories of scripts beyond the installation's.
	ScriptPath []string
	// PluginPath replaces the installation's (Install.PluginPath). Empty keeps
	// that.
	PluginPath string
	// Environ is the environment that nodes inherit, as name=value. Variables
	// that this package sets, and those of the program itself, are left out.
	Environ []string
}

// BrokerTLS names files in PEM format, absolute. Certificate and key belong
// together.
type BrokerTLS struct{ CertFile, KeyFile, CAFile string }

// LogQueue is the directory in SpoolDir to which logs are rotated.
const LogQueue = "log-queue"

// DefaultRotation is how often logs are rotated where the site does not say.
const DefaultRotation = time.Hour

// version returns the version whose facts hold.
func (d *Deployment) version() Version { return d.Install.Version }

func (d *Deployment) backend() Backend { return cmp.Or(d.Backend, DefaultBackend(d.version())) }

func (d *Deployment) nodeScript() NodeScript { return cmp.Or(d.NodeScript, OurNodeScript) }

func (d *Deployment) agentProtocol() AgentProtocol { return d.ChosenAgentProtocol() }

// ChosenAgentProtocol returns the protocol that the node and its agent speak:
// AgentBroker where the node cannot have WebSocket clients, else AgentProtocol,
// else AgentBroker where the node script is upstream's, else that of the
// version.
func (d Deployment) ChosenAgentProtocol() AgentProtocol {
	if d.AgentProtocol == "" && d.nodeScript() == UpstreamNodeScript || d.takesZeroMQLogs() {
		return AgentBroker
	}
	return cmp.Or(d.AgentProtocol, DefaultAgentProtocol(d.version()))
}

// takesZeroMQLogs tells whether the node listens for the cluster's logs with the
// ZeroMQ backend. Zeek makes a backend of its own for each client of a WebSocket
// server. In such a node that one, too, wants to listen for logs, on the same
// port; it cannot, and the client never gets an answer.
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

// cluster returns the plan as its node sees it, and reports what makes d
// impossible to launch.
func (d *Deployment) cluster() (*cluster, error) {
	if _, err := d.version().Check(); err != nil {
		return nil, err
	}
	if _, err := d.backend().script(d.version()); err != nil {
		return nil, err
	}
	if err := d.checkTalk(); err != nil {
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

// checkTalk checks how node and agent are to find each other.
func (d *Deployment) checkTalk() error {
	script, protocol := d.nodeScript(), d.agentProtocol()
	if err := protocol.check(d.version()); err != nil {
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
		return errors.New("the agent's address and port are not known, to which nodes connect")
	case protocol == AgentWebSocket && d.WebSocketPort == 0:
		return errors.New("no port was chosen for the node's WebSocket server")
	case script == OurNodeScript && !d.Secret.Usable():
		return errors.New("no secret was chosen for the node and its agent")
	}
	return nil
}

func (s *Site) check() error {
	tls := s.BrokerTLS
	for _, f := range []struct{ what, path string }{
		{"state directory", s.StateDir}, {"spool directory", s.SpoolDir},
		{"Broker certificate", cmp.Or(tls.CertFile, "/")}, {"Broker key", cmp.Or(tls.KeyFile, "/")},
		{"Broker CA", cmp.Or(tls.CAFile, "/")},
	} {
		if !path.IsAbs(f.path) || strings.ContainsRune(f.path, 0) {
			return fmt.Errorf("the path of the %s, %.200q, is not absolute", f.what, f.path)
		}
	}
	if (tls.CertFile == "") != (tls.KeyFile == "") {
		return errors.New("the Broker certificate and its key need each other, and one of them is missing")
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
