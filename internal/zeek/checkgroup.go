package zeek

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// CheckGroup returns a digest of everything that decides whether the node's
// scripts load. Nodes with the same digest form a group, and the check of one
// node holds for the whole group. The nodes of a group may differ in name,
// interface, processors, ports and addresses, and in the other nodes of their
// clusters. CheckGroup returns "" for a node that loads scripts from its own
// directory, because no other node has that directory.
//
// CheckGroup does not notice a script of the site that reads the node's name, or
// counts nodes, while Zeek loads it.
func (d Deployment) CheckGroup() (string, error) {
	if slices.ContainsFunc(slices.Concat(d.Site.Args, d.Plan.Node.Scripts), isRelative) {
		return "", nil
	}
	d = d.representative()
	g, err := d.Generate()
	if err != nil {
		return "", err
	}
	command, err := d.Command("/generated")
	if err != nil {
		return "", err
	}
	command = command.Check()
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\x00%s\x00%q\x00", d.version(), g.Hash, command.Argv)
	for _, kv := range command.Env {
		if name, _, _ := strings.Cut(kv, "="); !mgmt.MatchesAny(fleetingVariables, name) {
			fmt.Fprintf(sum, "%q\x00", kv)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// isRelative tells whether Zeek looks for the script in the node's own directory.
func isRelative(script string) bool {
	return strings.HasPrefix(script, "./") || strings.HasPrefix(script, "../") || script == "." || script == ".."
}

// fleetingVariables are the variables that systemd sets anew for each run of an
// agent, or a shell for each session. Whether a script loads does not depend on
// them. A name that ends in "*" is a prefix.
var fleetingVariables = []string{
	"INVOCATION_ID", "JOURNAL_STREAM", "LISTEN_*", "MAINPID", "MANAGERPID", "NOTIFY_SOCKET", "OLDPWD", "PWD", "SHLVL",
	"SSH_*", "SYSTEMD_EXEC_PID", "WATCHDOG_*", "XDG_SESSION_*", "_",
}

// representative returns the deployment that stands for the whole check group of
// d. It is d with a fixed value in each field in which the nodes of a group may
// differ.
func (d Deployment) representative() Deployment {
	const self = "node"
	own := d.Plan.Cluster[d.Plan.Node.Name]
	node := d.Plan.Node
	node.Name, node.Port, node.MetricsPort = self, fixedPort(node.Port, 1), fixedPort(node.MetricsPort, 2)
	if node.Interface != nil && *node.Interface != "" {
		node.Interface = new("eth0")
	}
	cluster := map[mgmt.NodeName]mgmt.ClusterEndpoint{}
	for _, e := range d.Plan.Cluster {
		if e.Role != own.Role && (e.Role == mgmt.Manager || e.Role == mgmt.Logger) {
			cluster[mgmt.NodeName("the "+string(e.Role))] = mgmt.ClusterEndpoint{Role: e.Role, Host: loopback, Port: mgmt.TCPPort(3)}
		}
	}
	own.Host, own.MetricsPort, own.Interface = loopback, fixedPort(own.MetricsPort, 2), nil
	if listeningPort(own.Port) != 0 {
		own.Port = mgmt.TCPPort(1)
	}
	cluster[self] = own
	d.Plan = mgmt.Plan{Node: node, Cluster: cluster}
	if d.WebSocketPort != 0 {
		d.WebSocketPort = 1
	}
	if d.Site.AgentAddr.IsValid() {
		d.Site.AgentAddr = netip.AddrPortFrom(loopback, 1)
	}
	d.Site.ZeroMQ = ZeroMQSite{}
	if d.Site.BrokerTLS.Own != nil {
		d.Site.BrokerTLS = BrokerTLS{}
	}
	return d
}

// fixedPort returns a port with this number if p is a port, and p if p is none.
func fixedPort(p *mgmt.Port, number uint16) *mgmt.Port {
	if p == nil || p.Number == 0 {
		return p
	}
	return new(mgmt.TCPPort(number))
}

// CheckReads returns the files and directories that a check of the node's scripts
// reads besides the generated files: Zeek's executable, the directories where Zeek
// looks for scripts and plugins, and the directories of scripts that the plan or
// the site names by path. They need not exist. The list lacks files that a script
// loads by path.
func (d Deployment) CheckReads() ([]string, error) {
	const generated = "/generated"
	command, err := d.Command(generated)
	if err != nil {
		return nil, err
	}
	env := newEnviron(command.Env)
	plugins, ok := env["ZEEK_PLUGIN_PATH"]
	if !ok {
		plugins = d.Install.PluginPath
	}
	reads := []string{d.Install.Path}
	for dir := range strings.SplitSeq(env["ZEEKPATH"]+":"+plugins, ":") {
		if path.IsAbs(dir) && dir != generated {
			reads = append(reads, dir)
		}
	}
	for _, s := range slices.Concat(d.Site.Args, d.Plan.Node.Scripts) {
		if path.IsAbs(s) {
			reads = append(reads, s, path.Dir(s))
		}
	}
	return reads, nil
}
