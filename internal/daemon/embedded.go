package daemon

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"zeekfleet/internal/mgmt"
	"zeekfleet/internal/proc"
)

// Embedded launches nodes as `zeekfleet node`: cluster nodes with Zeek's Node
// API that capture nothing, for hosts without Zeek.
type Embedded struct {
	// Program is the path of the zeekfleet binary.
	Program string
	// Agent is the host:port at which nodes find their agent.
	Agent string
	// StateDir is the directory in whose "nodes" each node has its own.
	StateDir string
	// Stdout and Stderr name the files in a node's directory that take what it
	// prints; empty means none.
	Stdout, Stderr string
	// Args are further arguments of the node command, such as those that name
	// its certificates.
	Args []string
	// Environ is the agent's environment, name=value, which nodes inherit.
	Environ []string
}

// Spec implements Launcher.
func (l Embedded) Spec(plan mgmt.Plan) (proc.Spec, error) {
	n := plan.Node
	argv := []string{l.Program, "node", "--name", string(n.Name), "--agent", l.Agent}
	if n.Port != nil {
		argv = append(argv, "--listen", listenAddress(plan))
	}
	if n.Interface != nil {
		argv = append(argv, "--interface", *n.Interface)
	}
	for _, script := range n.Scripts {
		argv = append(argv, "--script", script)
	}
	spec := proc.Spec{
		Argv:   append(argv, l.Args...),
		Env:    environment(l.Environ, n),
		Dir:    NodeDir(l.StateDir, n.Name),
		Stdout: l.Stdout,
		Stderr: l.Stderr,
	}
	if n.CPUAffinity != nil {
		if *n.CPUAffinity < 0 {
			return proc.Spec{}, fmt.Errorf("node %s: cpu_affinity %d is no processor", n.Name, *n.CPUAffinity)
		}
		spec.CPUs = []int{int(*n.CPUAffinity)}
	}
	return spec, nil
}

// NodeDir returns a node's working directory (spec management-api 1.9).
func NodeDir(stateDir string, node mgmt.NodeName) string {
	return filepath.Join(stateDir, "nodes", string(node))
}

// listenAddress is where the node listens for its cluster peers: at its host's
// address in the layout, or on loopback where that is not known.
func listenAddress(plan mgmt.Plan) string {
	host := plan.Cluster[plan.Node.Name].Host
	if !host.IsValid() || host.IsUnspecified() {
		host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return net.JoinHostPort(host.String(), strconv.Itoa(int(plan.Node.Port.Number)))
}

// environment is base with the node's own variables on top, and CLUSTER_NODE,
// which nothing overrides. Each variable is there once, because a program that
// finds two may take either.
func environment(base []string, n mgmt.Node) []string {
	vars := map[string]string{}
	for _, entry := range base {
		if name, value, ok := strings.Cut(entry, "="); ok {
			vars[name] = value
		}
	}
	maps.Copy(vars, n.Env)
	vars["CLUSTER_NODE"] = string(n.Name)
	env := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return env
}
