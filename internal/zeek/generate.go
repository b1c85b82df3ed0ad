package zeek

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The generated files.
const (
	layoutFile    = "cluster-layout.zeek" // a name that Zeek asks for
	optionsFile   = OptionsFile
	nodeFile      = "zeekfleet-node.zeek"
	proofFile     = "zeekfleet-proof.zeek"
	dispatchFile  = "zeekfleet-dispatch.zeek"
	startFile     = "zeekfleet-start-options.zeek" // only for nodes that have RunOptions
	runOptionFile = "zeekfleet-runoption.zeek"
	optionFile    = "zeekfleet-option.zeek"
	valueFile     = "zeekfleet-value.zeek"
	listFile      = "zeekfleet-list.zeek"
	changeFile    = "zeekfleet-layout.zeek"
	clusterFile   = "zeekfleet-cluster.zeek"
	apiFile       = "zeekfleet-api.zeek"
)

// File is a generated file.
type File struct {
	Name    string // without a directory
	Mode    fs.FileMode
	Content string
}

// Generated holds the files that a node reads besides those that Zeek ships. Equal
// deployments have equal files.
type Generated struct {
	Files []File
	// Hash is a hash of Files. It can be the name of a directory.
	Hash string
	// Dirs are directories that must exist before the node starts.
	Dirs []string
	// Warnings and ClusterWarnings are for the person who deploys. Warnings concern
	// the node. ClusterWarnings concern the whole cluster and are the same for all
	// of its nodes.
	Warnings, ClusterWarnings []string
}

// Dir returns the directory for the files, below base. Its name is g.Hash, so its
// content never changes, and a running node keeps the files with which it started.
func (g Generated) Dir(base string) string { return path.Join(base, g.Hash) }

// Generate renders the files of a node.
func (d Deployment) Generate() (Generated, error) {
	c, err := d.cluster()
	if err != nil {
		return Generated{}, fmt.Errorf("generate the scripts of node %s: %w", d.Plan.Node.Name, err)
	}
	g := Generated{Dirs: []string{d.logQueue()}, Warnings: d.warnings(c), ClusterWarnings: d.clusterWarnings(c)}
	if dir := d.storeDir(); dir != "" {
		g.Dirs = append(g.Dirs, dir)
	}
	g.Files = []File{
		{layoutFile, 0o644, c.layout(d.version())},
		{optionsFile, 0o600, d.options(c)}, // contains the hash seed and the node's secret
	}
	if d.speaks() {
		g.Files = append(g.Files, NodeScriptFiles(d.agentProtocol())...)
	}
	g.Files = append(g.Files, d.startFiles()...)
	if d.SocketTLS != nil {
		g.Files = append(g.Files, d.SocketTLS.files()...)
	}
	if own := d.ownTLS(); own != nil {
		g.Files = append(g.Files, own.files()...)
	}
	g.Hash = hashOf(g.Files)
	return g, nil
}

func hashOf(files []File) string {
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%s %o %d\n%s", f.Name, f.Mode, len(f.Content), f.Content)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

func (d *Deployment) logQueue() string { return path.Join(d.Site.SpoolDir, LogQueue) }

// storeDir is the directory for data stores, or "" if this Zeek has no data stores.
func (d *Deployment) storeDir() string {
	if !hasBrokerStores(d.version()) {
		return ""
	}
	return path.Join(d.Site.StateDir, "stores")
}

// warnings returns the warnings about the node: what the plan or the site asks for
// and the node will not have.
func (d *Deployment) warnings(c *cluster) []string {
	var w []string
	if newer, _ := d.version().Check(); newer != "" {
		w = append(w, newer)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Plan.Node.Env)) {
		if Reserved(name) && name != mgmt.CPUsEnv {
			w = append(w, fmt.Sprintf("node %s cannot set the environment variable %s, which is left out", c.self, name))
		}
	}
	if c.own().MetricsPort != nil && !hasMetricsPorts(d.version()) {
		w = append(w, fmt.Sprintf("node %s serves no metrics: that takes Zeek 7.0 or later", c.self))
	}
	switch {
	case d.agentProtocol() == AgentNone:
		w = append(w, fmt.Sprintf("node %s: %s", c.self, Mute))
	case d.takesZeroMQLogs() && d.AgentProtocol == AgentWebSocket && d.agentProtocol() == AgentBroker:
		w = append(w, fmt.Sprintf("node %s speaks with its agent over Broker: with ZeroMQ, a node of this Zeek that receives logs cannot serve WebSocket clients", c.self))
	case d.backend() == ZeroMQ && d.agentProtocol() == AgentBroker && !d.takesZeroMQLogs():
		w = append(w, fmt.Sprintf("node %s speaks with its agent over Broker beside ZeroMQ: upstream does not promise that this works; from Zeek 8.0 on, the WebSocket transport does", c.self))
	}
	return w
}

// clusterWarnings returns the warnings about a cluster that others can join.
func (d *Deployment) clusterWarnings(c *cluster) []string {
	switch {
	case d.UsesZeroMQ():
		return d.zeroMQWarnings(c)
	case d.Site.BrokerTLS != BrokerTLS{}:
		return nil
	}
	why := cmp.Or(d.Site.BrokerOpen, "set zeek.tls_cert, zeek.tls_key and zeek.tls_ca")
	switch {
	case !c.oneAddress:
		return []string{"nodes on different hosts do not authenticate each other, so anybody who reaches their ports can act as a node: " + why}
	case !c.loopback:
		return []string{"anybody who reaches the ports of this cluster can act as a node, because its nodes do not authenticate each other: " + why}
	}
	return []string{"any process of this host can join this cluster and act as a node, because its nodes do not authenticate each other: " + why}
}

func (d *Deployment) zeroMQWarnings(c *cluster) []string {
	why := ""
	switch {
	case !hasCurve(d.version()):
		why = "with ZeroMQ, that takes Zeek 8.2 or later"
	case d.Site.ZeroMQ.Curve == nil:
		why = cmp.Or(d.Site.ZeroMQ.Keyless, "it has no CURVE keys; set zeek.secret_file")
	default:
		return nil
	}
	if c.oneAddress {
		return []string{"any process of this host can join this cluster and act as a node, because its nodes do not encrypt their traffic: " + why}
	}
	return []string{"the traffic between the hosts of this cluster is not encrypted: " + why}
}
