package launch

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// Launcher turns a plan into the process that carries it out. Its methods are
// called by one goroutine at a time, except Check, which any goroutine may call.
type Launcher interface {
	// Launch prepares a launch of the plan's node. No process of that node
	// lives. The number is as in proc.Spec.
	Launch(plan mgmt.Plan, number uint64) (Process, error)
	// Recall returns the facts of a launch that an earlier life of the agent
	// made. Every Recall precedes the first Launch. An error says that the facts
	// are lost. The Facts then have what is known without them. A
	// *form.NewerError says that a newer zeekfleet wrote the facts, and that
	// this newer one must be run.
	Recall(node mgmt.NodeName, number uint64) (Facts, error)
	// Forget says that the process of a launch is gone. Its facts are needed no
	// longer.
	Forget(node mgmt.NodeName, number uint64)
	// Check returns the conditions for a launch of the plan to succeed. It
	// writes what the check needs below scratch.
	Check(plan mgmt.Plan, scratch string) (preflight.Check, error)
}

// Process is a process that can be started.
type Process struct {
	// Spec lacks the node's name, the launch's number and the plan's
	// fingerprint.
	Spec  proc.Spec
	Facts Facts
	// Warnings are for a person to read. ClusterWarnings concern the whole
	// cluster, and are the same for all of its nodes.
	Warnings, ClusterWarnings []string
}

// Facts are what the agent must know of a launch for as long as its process
// lives. A field that does not apply is zero.
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
	// Secret is the key with which the process and its agent prove their
	// messages. Empty means that they prove nothing.
	Secret mgmt.Secret
	// Generated names the directory of its generated files.
	Generated string
	// KeepsLogs says that logs which the process leaves in Dir are to be
	// archived, with LogSuffix in their names.
	KeepsLogs bool
	LogSuffix string
	// Zone is the entry TZ=… of the environment. Empty means that there is none.
	Zone string
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
