package launch

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/runoption"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// Embedded launches nodes as `zeekfleet node`. Such a node speaks Zeek's Node API
// and captures nothing. It is for hosts without Zeek.
type Embedded struct {
	// Program is the path of the zeekfleet binary.
	Program string
	// Agent is the host:port of the nodes' agent.
	Agent string
	// StateDir is the state directory. Each node has a directory below
	// StateDir/nodes.
	StateDir string
	// Stdout and Stderr name the files in a node's directory for the node's output.
	// Empty means no file.
	Stdout, Stderr string
	// MetricsAddr is where nodes serve metrics. Zero means the node's address in the
	// layout, as with Zeek.
	MetricsAddr netip.Addr
	// Args are further arguments of the node command.
	Args []string
	// NoZeek says that nobody has chosen embedded nodes: no Zeek was found.
	NoZeek bool
	// Environ is the agent's environment, name=value, which nodes inherit.
	Environ []string
	// Programs says how nodes with a Command are launched.
	Programs ProgramConfig
	// User is as in ZeekConfig.
	User *proc.User
}

// Launch implements Launcher.
func (l Embedded) Launch(plan mgmt.Plan, _ uint64) (Process, error) {
	n := plan.Node
	if len(n.Command) > 0 {
		return l.Programs.launch(plan)
	}
	cpus, err := nodeCPUs(n)
	if err != nil {
		return Process{}, err
	}
	dir := NodeDir(l.StateDir, n.Name)
	bundles, err := bundlesInPlace(l.StateDir, n)
	if err != nil {
		return Process{}, err
	}
	start := runoption.Start{Options: n.RunOptions, Bundles: n.Bundles}
	if err := l.prepare(dir, start); err != nil {
		return Process{}, fmt.Errorf("node %s: %w", n.Name, err)
	}
	facts := l.facts(dir)
	facts.Bundles = n.Bundles
	return Process{
		Spec: proc.Spec{
			Argv:   l.argv(plan),
			Env:    environment(l.Environ, n, bundles),
			Dir:    dir,
			Stdout: l.Stdout,
			Stderr: l.Stderr,
			CPUs:   cpus,
			Limits: proc.Limits{}.With(n.Limits),
			User:   l.User,
		},
		Facts:    facts,
		Warnings: reservedVariables(n),
	}, nil
}

// prepare makes a node's directory, with what the node is given.
func (l Embedded) prepare(dir string, start runoption.Start) error {
	if l.User != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := start.Write(startPath(dir)); err != nil || l.User == nil {
		return err
	}
	return errors.Join(l.User.Own(dir), l.User.Take(startPath(dir)))
}

// startPath returns the file in a node's directory that has what the node was given.
func startPath(dir string) string { return filepath.Join(dir, ".zeekfleet-start.json") }

// Recall implements Launcher.
func (l Embedded) Recall(node mgmt.NodeName, _ uint64) (Facts, error) {
	f := l.facts(NodeDir(l.StateDir, node))
	if _, err := os.Lstat(filepath.Join(f.Dir, zeek.StatusFile)); err == nil {
		f.StatusFile = zeek.StatusFile // a program of the site has written it
	}
	start, err := runoption.ReadStart(startPath(f.Dir))
	f.Bundles = start.Bundles
	return f, err
}

func (l Embedded) facts(dir string) Facts {
	f := Facts{Program: l.Program, Dir: dir}
	if l.NoZeek {
		f.NoCapture = "embedded nodes capture nothing: no Zeek was found on this host; install Zeek or set zeek.path, and restart the agent and the nodes " +
			"(zeek.kind = embedded says that it is meant so)"
	}
	return f
}

// LayoutUse implements Launcher.
func (Embedded) LayoutUse() mgmt.LayoutUse { return mgmt.OwnEntry }

// Limits implements Launcher. The host has no limits for embedded nodes.
func (Embedded) Limits(_ Facts, node mgmt.Limits) proc.Limits { return proc.Limits{}.With(node) }

// Forget implements Launcher.
func (Embedded) Forget(mgmt.NodeName, uint64) {}

// Check implements Launcher. An embedded node captures nothing, so its interface
// need not exist. Its scripts must exist, as with Zeek.
func (l Embedded) Check(plan mgmt.Plan, _ string) (preflight.Check, error) {
	if len(plan.Node.Command) > 0 {
		return l.Programs.check(plan)
	}
	cpus, err := nodeCPUs(plan.Node)
	if err != nil {
		return preflight.Check{}, err
	}
	bundles, err := findBundles(l.StateDir, plan.Node)
	if err != nil {
		return preflight.Check{}, err
	}
	if err := wrongOptions(plan.Node); err != nil {
		return preflight.Check{}, err
	}
	check := preflight.Check{
		Node:    plan.Node.Name,
		Env:     environment(l.Environ, plan.Node, bundles),
		Scripts: plan.Node.Scripts,
		WorkDir: NodeDir(l.StateDir, plan.Node.Name),
		CPUs:    cpus,
	}
	if plan.Node.Port != nil {
		at := netip.MustParseAddrPort(listenAddress(plan))
		check.Ports = []preflight.Port{{Addr: at.Addr(), Number: at.Port(), Use: "cluster"}}
	}
	if plan.Node.MetricsPort != nil {
		at := netip.MustParseAddrPort(l.metricsAddress(plan))
		check.Ports = append(check.Ports, preflight.Port{Addr: at.Addr(), Number: at.Port(), Use: "metrics"})
	}
	return check, nil
}

func (l Embedded) argv(plan mgmt.Plan) []string {
	n := plan.Node
	argv := []string{l.Program, "node", "--name", string(n.Name), "--agent", l.Agent}
	if n.Port != nil {
		argv = append(argv, "--listen", listenAddress(plan))
	}
	if n.MetricsPort != nil {
		argv = append(argv, "--metrics-listen", l.metricsAddress(plan))
	}
	if n.Interface != nil {
		argv = append(argv, "--interface", *n.Interface)
	}
	for _, script := range n.Scripts {
		argv = append(argv, "--script", script)
	}
	if len(n.RunOptions) > 0 {
		argv = append(argv, "--options", startPath(NodeDir(l.StateDir, n.Name)))
	}
	return append(argv, l.Args...)
}

// listenAddress returns the host:port on which the node listens for other nodes. The
// host is the node's host in the cluster's layout, or loopback if the layout has no
// address for it.
func listenAddress(plan mgmt.Plan) string {
	return net.JoinHostPort(layoutHost(plan).String(), strconv.Itoa(int(plan.Node.Port.Number)))
}

func layoutHost(plan mgmt.Plan) netip.Addr {
	host := plan.Cluster[plan.Node.Name].Host
	if !host.IsValid() || host.IsUnspecified() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return host
}

// metricsAddress returns the host:port on which the node serves metrics.
func (l Embedded) metricsAddress(plan mgmt.Plan) string {
	host := layoutHost(plan)
	if l.MetricsAddr.IsValid() {
		host = l.MetricsAddr.Unmap()
	}
	return net.JoinHostPort(host.String(), strconv.Itoa(int(plan.Node.MetricsPort.Number)))
}

// wrongOptions returns an error if an embedded node refuses one of the node's options.
func wrongOptions(n mgmt.Node) error {
	if err := runoption.New(runoption.Zeek(), runoption.ZeekConstants()).SetAll(n.RunOptionArguments()); err != nil {
		return fmt.Errorf("an option cannot be set: %w", err)
	}
	return nil
}

// environment returns base with the node's own variables, CLUSTER_NODE and where its
// bundles are. It leaves out the node's variables that a node cannot set. Each variable
// occurs once: a program that finds a variable twice may take either value.
func environment(base []string, n mgmt.Node, bundles nodeBundles) []string {
	vars := map[string]string{}
	for _, entry := range base {
		if name, value, ok := strings.Cut(entry, "="); ok {
			vars[name] = value
		}
	}
	for name, value := range n.Env {
		if !zeek.Reserved(name) {
			vars[name] = value
		}
	}
	vars["CLUSTER_NODE"] = string(n.Name)
	if bundles.data != "" {
		vars[zeek.DataEnv] = bundles.data
	}
	if path := bundles.path(vars["ZEEKPATH"]); path != "" {
		vars["ZEEKPATH"] = path
	}
	env := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return env
}

// reservedVariables returns a warning for each variable that the configuration
// sets and a node cannot set (spec management-api 7.2, G-A20).
func reservedVariables(n mgmt.Node) []string {
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(n.Env)) {
		if zeek.Reserved(name) && name != mgmt.CPUsEnv {
			warnings = append(warnings, fmt.Sprintf("node %s cannot set the environment variable %s, which is left out", n.Name, name))
		}
	}
	return warnings
}
