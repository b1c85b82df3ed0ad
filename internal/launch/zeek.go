package launch

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// ZeekConfig says how Zeek processes are launched.
type ZeekConfig struct {
	Install zeek.Install
	// Backend, NodeScript and AgentProtocol are as in zeek.Deployment.
	Backend       zeek.Backend
	NodeScript    zeek.NodeScript
	AgentProtocol zeek.AgentProtocol
	// Site.ZeroMQ has what the settings name: ports that are not zero, and the keys of
	// the cluster's secret.
	Site zeek.Site
	// ZeroMQ chooses ports and keys for a cluster whose nodes are all on this instance,
	// unless the settings name them. Nil chooses nothing.
	ZeroMQ *ZeroMQState
	// NoCurve says that nodes have no CURVE keys, whatever else could give them some.
	NoCurve bool
	// Broker makes certificates for a cluster with the Broker backend whose nodes are all on
	// this instance, unless Site.BrokerTLS names some. Nil makes none.
	Broker *BrokerState
	// NoBrokerTLS says that Broker makes none, because the settings say so.
	NoBrokerTLS bool
	// AgentShows says that the agent's listener for nodes shows Zeek.AgentCertificate.
	// Nodes that peer with their agent get certificates only then.
	AgentShows bool
	// LastBackend keeps the backend with which nodes were launched last. Nil keeps none.
	LastBackend *LastBackend
	// Programs says how nodes with a Command are launched.
	Programs ProgramConfig
	// RecordDir holds the facts of launches. GeneratedDir holds the generated files.
	// No other part of the program uses these directories.
	RecordDir, GeneratedDir string
	// Stdout and Stderr name the files in a node's directory for the node's output.
	// Empty means no file.
	Stdout, Stderr string
	Limits         proc.Limits
	// User is the user as whom nodes run, and Zeek when it is asked something. Nil means that
	// of this process.
	User *proc.User
}

// Zeek launches nodes as Zeek processes.
type Zeek struct {
	cfg   ZeekConfig
	files *launchFiles
	// living has the nodes of any backend.
	living livingNodes
	ports  map[mgmt.NodeName]uint16 // the ports on which nodes served the agent last
}

// NewZeek returns a launcher of Zeek processes. It neither reads nor writes files.
func NewZeek(cfg ZeekConfig) *Zeek {
	return &Zeek{
		cfg:   cfg,
		files: newLaunchFiles(cfg.RecordDir, cfg.GeneratedDir),
		ports: map[mgmt.NodeName]uint16{},
	}
}

// servesAgent reports whether the agent connects to the plan's node, over a
// WebSocket. If not, the node dials the agent.
func (z *Zeek) servesAgent(plan mgmt.Plan) bool {
	return z.deployment(plan, 0, "").ChosenAgentProtocol() == zeek.AgentWebSocket
}

func (z *Zeek) deployment(plan mgmt.Plan, webSocketPort uint16, secret mgmt.Secret) zeek.Deployment {
	return zeek.Deployment{
		Install:       z.cfg.Install,
		Plan:          plan,
		Backend:       z.backend(plan),
		NodeScript:    z.cfg.NodeScript,
		AgentProtocol: z.cfg.AgentProtocol,
		WebSocketPort: webSocketPort,
		Secret:        secret,
		Site:          z.cfg.Site,
	}
}

// backend returns the backend of the plan's node. The plan's own choice counts first, then
// what the agent has chosen, then the settings. Nothing is the default of the Zeek.
func (z *Zeek) backend(plan mgmt.Plan) zeek.Backend {
	return cmp.Or(zeek.Backend(plan.Backend()), z.cfg.Backend)
}

// DefaultBackend returns the backend of plans whose configuration chooses none, and who has
// chosen it, in words for people.
func (z *Zeek) DefaultBackend() (mgmt.Backend, string) {
	d := z.deployment(mgmt.Plan{}, 0, "")
	used := mgmt.Backend(d.ChosenBackend())
	v := z.cfg.Install.Version
	switch {
	case z.cfg.Backend != "":
		return used, "zeek.backend is " + string(used) + " on this host"
	case z.cfg.NodeScript == zeek.UpstreamNodeScript:
		return used, "upstream's node script knows " + used.Title() + " alone"
	case len(z.cfg.Install.Backends) == 1:
		return used, fmt.Sprintf("Zeek %s of this host has %s alone", v, used.Title())
	}
	return used, fmt.Sprintf("Zeek %d.%d's default backend is %s", v.Major, v.Minor, used.Title())
}

// LastBackend returns the backend with which nodes were launched last, also before a reboot of
// the host. Nothing means that it does not count: the settings choose one, Zeek does not have it
// any more, or nobody knows it.
func (z *Zeek) LastBackend() mgmt.Backend {
	if z.cfg.LastBackend == nil || z.cfg.Backend != "" {
		return ""
	}
	last := z.cfg.LastBackend.current()
	if !z.cfg.Install.Has(zeek.Backend(last)) {
		return ""
	}
	return last
}

// LayoutUse implements Launcher.
func (z *Zeek) LayoutUse() mgmt.LayoutUse { return z.deployment(mgmt.Plan{}, 0, "").LayoutUse() }

// Launch implements Launcher.
func (z *Zeek) Launch(plan mgmt.Plan, number uint64) (Process, error) {
	if len(plan.Node.Command) == 0 {
		return z.launch(plan, number)
	}
	p, err := z.cfg.Programs.launch(plan)
	if err != nil {
		return Process{}, err
	}
	return p, z.files.keep(plan.Node.Name, number, p.Facts)
}

// launch prepares a launch of a Zeek process.
func (z *Zeek) launch(plan mgmt.Plan, number uint64) (Process, error) {
	cpus, err := nodeCPUs(plan.Node)
	if err != nil {
		return Process{}, err
	}
	port, err := z.webSocketPort(plan)
	if err != nil {
		return Process{}, err
	}
	secret := z.secret(plan)
	d := z.deployment(plan, port, secret)
	if err := z.addBundles(&d); err != nil {
		return Process{}, err
	}
	d, broker, err := z.joining(plan, d)
	if err != nil {
		return Process{}, err
	}
	var agentTLS SocketTLS
	if d.ServesWithTLS() {
		if d.SocketTLS, agentTLS, err = newSocketTLS(); err != nil {
			return Process{}, fmt.Errorf("make the certificates of node %s: %w", plan.Node.Name, err)
		}
	}
	generated, command, err := z.generate(d)
	if err != nil {
		return Process{}, err
	}
	suffix, err := d.LogSuffix()
	if err != nil {
		return Process{}, err
	}
	facts := Facts{
		Program:       z.cfg.Install.Path,
		Version:       z.cfg.Install.Version.String(),
		Dir:           NodeDir(z.cfg.Site.StateDir, plan.Node.Name),
		StatusFile:    zeek.StatusFile,
		WebSocketPort: port,
		SocketTLS:     agentTLS,
		ZeroMQ:        zeroMQFacts(d),
		Broker:        broker,
		Secret:        secret,
		Mute:          muteText(d.ChosenAgentProtocol() == zeek.AgentNone),
		Generated:     generated.Hash,
		KeepsLogs:     true,
		LogSuffix:     suffix,
		Zone:          zoneOf(command.Env),
		Bundles:       plan.Node.Bundles,
	}
	if err := prepareDirs(z.cfg.User, facts, generated.Dirs); err != nil {
		return Process{}, err
	}
	if err := z.record(plan.Node.Name, number, facts); err != nil {
		return Process{}, err
	}
	return Process{
		Spec: z.spec(plan.Node, command, facts.Dir, cpus), Facts: facts,
		Warnings: generated.Warnings, ClusterWarnings: generated.ClusterWarnings,
	}, nil
}

// spec returns how the process of a node is started.
func (z *Zeek) spec(n mgmt.Node, command zeek.Command, dir string, cpus []int) proc.Spec {
	return proc.Spec{
		Argv: command.Argv, Env: command.Env, Dir: dir, Stdout: z.cfg.Stdout, Stderr: z.cfg.Stderr, CPUs: cpus,
		Limits: z.cfg.Limits.With(n.Limits),
		User:   z.cfg.User, Captures: n.Interface != nil,
	}
}

// secret returns the secret of a launch. Upstream's node script knows none.
// A node that does not speak with its agent needs none.
func (z *Zeek) secret(plan mgmt.Plan) mgmt.Secret {
	if z.cfg.NodeScript == zeek.UpstreamNodeScript || z.deployment(plan, 0, "").ChosenAgentProtocol() == zeek.AgentNone {
		return ""
	}
	return newSecret()
}

// record makes the facts of a launch outlive the agent.
func (z *Zeek) record(node mgmt.NodeName, number uint64, facts Facts) error {
	if err := z.cfg.LastBackend.note(facts.backend()); err != nil {
		return err
	}
	if err := z.files.keep(node, number, facts); err != nil {
		return err
	}
	z.living.lives(node, factsRecord{number, facts})
	return nil
}

// muteText returns the text of Facts.Mute.
func muteText(mute bool) string {
	if mute {
		return zeek.Mute
	}
	return ""
}

// addBundles gives a deployment its node's bundles, which must be in place.
func (z *Zeek) addBundles(d *zeek.Deployment) error {
	bundles, err := bundlesInPlace(z.cfg.Site.StateDir, d.Plan.Node)
	d.Bundles, d.DataDir = bundles.scripts, bundles.data
	return err
}

// joining returns the deployment with how the node joins its cluster, and what the record
// says of that for Broker.
func (z *Zeek) joining(plan mgmt.Plan, d zeek.Deployment) (zeek.Deployment, Broker, error) {
	zeroMQ, err := z.zeroMQ(plan, d)
	if err != nil {
		return d, Broker{}, err
	}
	use, err := z.broker(plan, d)
	if err != nil {
		return d, Broker{}, err
	}
	d.Site.ZeroMQ = zeroMQ
	d.Site.BrokerTLS, d.Site.BrokerOpen = use.site()
	if err := z.copyFiles(&d); err != nil {
		return d, Broker{}, err
	}
	return d, use.facts(d), nil
}

// newSecret returns a secret for one launch.
func newSecret() mgmt.Secret {
	var random [32]byte
	rand.Read(random[:])
	return mgmt.Secret(hex.EncodeToString(random[:]))
}

// checkSecret is the secret in every check. It need not be secret: during a check no
// program can connect to the node. The same secret gives equal checks equal files.
const checkSecret = mgmt.Secret("0000000000000000000000000000000000000000000000000000000000000000")

// prepareDirs makes the directories of a launch, gives them to the user of nodes, and removes the status file of
// the process before.
func prepareDirs(user *proc.User, f Facts, more []string) error {
	for _, dir := range append([]string{f.Dir}, more...) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make directory of a node: %w", err)
		}
		if err := user.Own(dir); err != nil {
			return fmt.Errorf("directory of a node: %w", err)
		}
	}
	remove := os.Remove
	if user != nil {
		remove = os.RemoveAll // a directory would keep the node from starting ever again
	}
	err := remove(filepath.Join(f.Dir, f.StatusFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove status file: %w", err)
	}
	return nil
}

// webSocketPort returns the port on which the node will serve the agent. It is the
// port of the previous launch, so that the generated files stay the same. If another
// program uses that port now, it is another one. It is 0 if the node dials the agent.
func (z *Zeek) webSocketPort(plan mgmt.Plan) (uint16, error) {
	if !z.servesAgent(plan) {
		return 0, nil
	}
	maps.DeleteFunc(z.ports, func(node mgmt.NodeName, _ uint16) bool {
		_, ok := plan.Cluster[node]
		return !ok
	})
	taken := portsOf(plan.Cluster)
	for node, port := range z.ports {
		taken[port] = taken[port] || node != plan.Node.Name
	}
	port := z.ports[plan.Node.Name]
	if port == 0 || taken[port] || !isFree(port) {
		var err error
		if port, err = freePort(taken); err != nil {
			return 0, fmt.Errorf("choose a port for node %s to serve its agent: %w", plan.Node.Name, err)
		}
	}
	z.ports[plan.Node.Name] = port
	return port, nil
}

// Limits implements Launcher.
func (z *Zeek) Limits(f Facts, node mgmt.Limits) proc.Limits {
	if f.isProgram() {
		return z.cfg.Programs.Limits.With(node)
	}
	return z.cfg.Limits.With(node)
}

// Recall implements Launcher.
func (z *Zeek) Recall(node mgmt.NodeName, number uint64) (Facts, error) {
	facts, err := z.files.recall(node, number)
	if err != nil {
		// A process other than Zeek has no facts.
		return Facts{Dir: NodeDir(z.cfg.Site.StateDir, node), StatusFile: zeek.StatusFile}, err
	}
	if facts.isProgram() {
		return facts, nil
	}
	if facts.Broker == (Broker{}) {
		facts.Broker = z.brokerBefore(facts)
	}
	z.living.lives(node, factsRecord{number, facts})
	_ = z.cfg.LastBackend.note(facts.backend())                           // if it fails, the next launch saves it
	facts.Mute = muteText(facts.ZeroMQ != ZeroMQ{} && facts.Secret == "") // only such a node has neither
	if d := z.deployment(mgmt.Plan{}, 0, ""); facts.ZeroMQ == (ZeroMQ{}) && z.cfg.Backend == zeek.ZeroMQ && facts.Broker == (Broker{}) {
		// A zeekfleet that recorded neither ports nor keys has launched it.
		d.Site.ZeroMQ.Curve = nil
		facts.ZeroMQ = zeroMQFacts(d)
	}
	if facts.WebSocketPort != 0 {
		z.ports[node] = facts.WebSocketPort
	}
	return facts, nil
}

// Forget implements Launcher.
func (z *Zeek) Forget(node mgmt.NodeName, number uint64) {
	z.files.forget(node, number)
	z.living.ended(node, number)
}

// Check implements Launcher. It does not check the port on which the node serves
// its agent, nor ports of the ZeroMQ proxy that are not chosen yet: those ports are
// chosen at the launch, among the free ones.
func (z *Zeek) Check(plan mgmt.Plan, scratch string) (preflight.Check, error) {
	if len(plan.Node.Command) > 0 {
		return z.cfg.Programs.check(plan)
	}
	return z.check(plan, scratch)
}

// check returns the conditions for a launch of a Zeek process to succeed.
func (z *Zeek) check(plan mgmt.Plan, scratch string) (preflight.Check, error) {
	var port uint16
	if z.servesAgent(plan) {
		port = 1 // nothing listens during a check
	}
	d := z.deployment(plan, port, checkSecret)
	if d.ServesWithTLS() {
		d.SocketTLS = new(zeek.SocketTLS) // the same for equal checks, as checkSecret
	}
	bundles, err := z.checkBundles(plan.Node)
	if err != nil {
		return preflight.Check{}, err
	}
	d.Bundles, d.DataDir = bundles.scripts, bundles.data
	d = z.checkBroker(plan, d)
	zeroMQ, missing := z.zeroMQNow(plan, d)
	keyless := d.UsesZeroMQ() && (zeroMQ.Curve == nil || !d.CanEncryptZeroMQ())
	zeroMQ.Curve = nil // a check speaks with nobody
	d.Site.ZeroMQ = zeroMQ
	generated, err := d.Generate()
	if err != nil {
		return preflight.Check{}, err
	}
	command, err := d.Command(generated.Dir(scratch))
	if err != nil {
		return preflight.Check{}, err
	}
	group, err := z.checkGroup(d)
	if err != nil {
		return preflight.Check{}, err
	}
	reads, err := d.CheckReads()
	if err != nil {
		return preflight.Check{}, err
	}
	cpus, err := nodeCPUs(plan.Node)
	if err != nil {
		return preflight.Check{}, err
	}
	listens, err := d.Listens()
	if err != nil {
		return preflight.Check{}, err
	}
	command = command.Check()
	workDir := NodeDir(z.cfg.Site.StateDir, plan.Node.Name)
	check := preflight.Check{
		Node:       plan.Node.Name,
		Argv:       absoluteIn(workDir, command.Argv),
		Env:        command.Env,
		Credential: z.cfg.User.Credential(),
		Prepare:    func() error { return writeShared(generated, scratch, z.cfg.User) },
		Group:      group,
		Reads:      reads,
		Scripts:    plan.Node.Scripts,
		Bundles:    bundles.named(),
		WorkDir:    workDir,
		Dirs:       generated.Dirs,
		CPUs:       cpus,
	}
	if keyless || !d.UsesZeroMQ() { // with keys, only this check has none
		check.Doubts = generated.ClusterWarnings
	}
	if plan.Node.Interface != nil {
		check.Interface = *plan.Node.Interface
	}
	check.Fanout, check.LacksAFPacket = fanoutOf(plan.Node.Options), z.cfg.Install.LacksAFPacket
	check.Ports = checkedPorts(listens, missing && zeroMQ.XPubPort == 0, keyless && plan.OneInstance)
	return check, nil
}

// fanoutOf returns the fan-out group that options of a node set.
func fanoutOf(options []mgmt.Option) (f preflight.Fanout) {
	for _, o := range options {
		switch o.Name {
		case "AF_Packet::fanout_id":
			f.ID, _ = strconv.Atoi(o.Value)
		case "AF_Packet::fanout_mode":
			f.Mode = "AF_Packet::" + strings.TrimPrefix(o.Value, "AF_Packet::")
		}
	}
	return f
}

// checkBundles returns the bundles of a node. An error says which one is not on this host,
// or why Zeek cannot use it.
func (z *Zeek) checkBundles(n mgmt.Node) (nodeBundles, error) {
	bundles, err := findBundles(z.cfg.Site.StateDir, n)
	if err == nil {
		err = bundles.checkPlugins(z.cfg.Install.Version)
	}
	return bundles, err
}

// checkedPorts returns the ports that must be free. Ports of the proxy may be chosen only
// at the launch. Nodes that are recognised by nothing share theirs with nobody: nodes of
// other instances may be processes of this host.
func checkedPorts(listens []zeek.Listen, proxyLater, oursAlone bool) []preflight.Port {
	var ports []preflight.Port
	for _, l := range listens {
		chosenLater := l.What == "websocket" || l.What == zeek.ListenProxy && proxyLater
		if !chosenLater {
			ports = append(ports, preflight.Port{
				Addr: l.Addr.Addr(), Number: l.Addr.Port(), Use: l.What,
				OursAlone: oursAlone && (l.What == zeek.ListenProxy || l.What == zeek.ListenLogs),
			})
		}
	}
	return ports
}

// checkGroup returns the group of a check. Another user of nodes may not read the scripts: the
// check is another one.
func (z *Zeek) checkGroup(d zeek.Deployment) (string, error) {
	group, err := d.CheckGroup()
	if group != "" {
		group += z.cfg.User.String()
	}
	return group, err
}

// usual returns checks of the scripts that a node without scripts of its own loads:
// one check for each role, in a cluster that has all roles and all ports.
func (z *Zeek) usual(scratch string) []preflight.Check {
	cluster := map[mgmt.NodeName]mgmt.ClusterEndpoint{}
	for i, role := range []mgmt.ClusterRole{mgmt.Manager, mgmt.Logger, mgmt.Proxy, mgmt.Worker} {
		cluster[mgmt.NodeName(role)] = mgmt.ClusterEndpoint{
			Role: role, Host: Loopback, Port: mgmt.TCPPort(uint16(1 + 2*i)), MetricsPort: new(mgmt.TCPPort(uint16(2 + 2*i))),
		}
	}
	var checks []preflight.Check
	for _, name := range slices.Sorted(maps.Keys(cluster)) {
		e := cluster[name]
		node := mgmt.Node{Name: name, Role: e.Role, Port: &e.Port, MetricsPort: e.MetricsPort}
		if e.Role == mgmt.Worker {
			node.Interface = new("lo")
		}
		c, err := z.Check(mgmt.Plan{Node: node, Cluster: cluster, OneInstance: true}, scratch)
		if err == nil && c.Group != "" { // a deployment reports an error in its own preflight
			checks = append(checks, preflight.Check{
				Node: name, Argv: c.Argv, Env: c.Env, Credential: c.Credential, Prepare: c.Prepare, Group: c.Group, Reads: c.Reads,
			})
		}
	}
	return checks
}

// absoluteIn returns argv for a process that runs in another directory than dir. It
// makes paths absolute that are relative to dir, such as those of scripts.
func absoluteIn(dir string, argv []string) []string {
	argv = slices.Clone(argv)
	for i, arg := range argv {
		if strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "../") {
			argv[i] = filepath.Join(dir, arg)
		}
	}
	return argv
}

// generate renders the files that the node reads, and writes them below base.
func (z *Zeek) generate(d zeek.Deployment) (zeek.Generated, zeek.Command, error) {
	base := z.cfg.GeneratedDir
	g, err := d.Generate()
	if err != nil {
		return g, zeek.Command{}, err
	}
	command, err := d.Command(g.Dir(base))
	if err != nil {
		return g, command, err
	}
	return g, command, writeShared(g, base, z.cfg.User)
}
