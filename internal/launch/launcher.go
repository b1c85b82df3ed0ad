package launch

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// Launcher turns the plan of a node into a process. One goroutine at a time may call
// its methods. Only Check may be called by any goroutine at any time.
type Launcher interface {
	// Launch prepares a launch of the plan's node. The caller makes sure that no
	// process of that node lives. The number is as in proc.Spec.
	Launch(plan mgmt.Plan, number uint64) (Process, error)
	// Recall returns the facts of a launch that the agent made before it was
	// restarted. It must not be called after the first Launch. An error says that
	// the facts are lost; the returned Facts then have only what the Launcher knows
	// without them. A *form.NewerError says that a newer zeekfleet wrote the facts.
	// The user must run that newer zeekfleet.
	Recall(node mgmt.NodeName, number uint64) (Facts, error)
	// Forget says that the process of a launch is gone. The Launcher may delete the
	// facts of the launch.
	Forget(node mgmt.NodeName, number uint64)
	// LayoutUse says how nodes use the layout of their cluster.
	LayoutUse() mgmt.LayoutUse
	// Limits returns the limits of a launched process whose node is to have these.
	Limits(f Facts, node mgmt.Limits) proc.Limits
	// Check returns the conditions for a launch of the plan to succeed. It
	// writes what the check needs below scratch.
	Check(plan mgmt.Plan, scratch string) (preflight.Check, error)
}

// Process is a process that can be started.
type Process struct {
	// Spec has no node name, no launch number and no fingerprint. The caller sets
	// them.
	Spec  proc.Spec
	Facts Facts
	// Warnings are texts for people. ClusterWarnings concern the whole cluster, and
	// are the same for all of its nodes.
	Warnings, ClusterWarnings []string
}

// Facts are what the agent must know about a launch while its process lives. A field
// that does not apply is zero.
type Facts struct {
	// Program is the path of the executable, Version its version, and Dir the
	// working directory.
	Program string
	Version string
	Dir     string
	// StatusFile is the file in Dir in which the process writes its state.
	StatusFile string
	// WebSocketPort is where the process serves its agent. Zero means that the
	// process dials the agent.
	WebSocketPort uint16
	// SocketTLS is how the agent connects to WebSocketPort. The zero value means plain
	// text.
	SocketTLS SocketTLS
	// ZeroMQ is how the process finds the other nodes of its cluster. Zero means that the
	// backend is another one, or that a zeekfleet launched the process that recorded only
	// the fields above and below.
	ZeroMQ ZeroMQ
	// Broker is how the process and the other nodes of its cluster recognise each other over
	// Broker. It is zero with another backend.
	Broker Broker
	// Secret is the key with which the process and its agent prove their
	// messages. Empty means that they prove nothing.
	Secret mgmt.Secret
	// NoCapture says why the process captures nothing if it has an interface. Empty means
	// that it captures, or that somebody has chosen that it does not.
	NoCapture string
	// Mute says why the process does not speak with its agent. Empty means that it does.
	Mute string
	// Generated names the directory of its generated files.
	Generated string
	// KeepsLogs says that the agent archives the logs that the process leaves in Dir.
	// The names of these logs have LogSuffix.
	KeepsLogs bool
	LogSuffix string
	// Zone is the entry TZ=… of the environment. Empty means that there is none.
	Zone string
	// Bundles are the bundles with which the process was launched.
	Bundles []mgmt.Bundle
}

// zoneOf returns the entry TZ=… of an environment.
func zoneOf(env []string) (zone string) {
	for _, kv := range env {
		if strings.HasPrefix(kv, "TZ=") {
			zone = kv // the last one counts
		}
	}
	return zone
}

// NodeDir returns a node's working directory (spec management-api 1.9).
func NodeDir(stateDir string, node mgmt.NodeName) string {
	return filepath.Join(stateDir, "nodes", string(node))
}

// nodeCPUs returns the processors to which the node's process is bound. Nil means
// all.
func nodeCPUs(n mgmt.Node) ([]int, error) {
	cpus, err := n.CPUs()
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	return cpus, nil
}
