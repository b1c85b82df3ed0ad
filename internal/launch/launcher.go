package launch

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// Launcher turns plans into the processes that carry them out. Its methods are
// called by one goroutine at a time, except Check, which any may call.
type Launcher interface {
	// Launch prepares a launch of the plan's node, of which no process lives.
	// The number is as in proc.Spec.
	Launch(plan mgmt.Plan, number uint64) (Process, error)
	// Recall returns the facts of a launch that an earlier life of the agent
	// made. Those calls precede the first Launch. The error says that they are
	// lost; the Facts are then what is known nevertheless. A *form.NewerError says
	// that a newer zeekfleet knows them: that one is to be run.
	Recall(node mgmt.NodeName, number uint64) (Facts, error)
	// Forget says that the process of a launch is gone, and its facts are
	// needed no more.
	Forget(node mgmt.NodeName, number uint64)
	// Check returns what has to hold for a launch of the plan to succeed. It
	// writes what the check needs below scratch.
	Check(plan mgmt.Plan, scratch string) (preflight.Check, error)
}

// Process is a process to be started.
type Process struct {
	// Spec lacks the node's name, the launch's number and the plan's hash.
	Spec  proc.Spec
	Facts Facts
	// Warnings is what a person should know; ClusterWarnings concern the cluster as
	// a whole, and are the same for all of its nodes.
	Warnings, ClusterWarnings []string
}

// Facts are what must be known of a launch for as long as its process lives.
// What does not apply is zero.
type Facts struct {
	// Program is the executable, Version what it calls its version, Dir the
	// working directory.
	Program string
	Version string
	Dir     string
	// StatusFile is the file in Dir in which the process says how it is.
	StatusFile string
	// WebSocketPort is where the process serves its agent; 0: it dials the agent.
	WebSocketPort uint16
	// Secret is what the process and its agent prove their messages with; empty:
	// the process takes plain ones.
	Secret mgmt.Secret
	// Generated names the directory of its generated files.
	Generated string
	// KeepsLogs says that logs which it leaves in Dir are to be archived, with
	// LogSuffix in their names.
	KeepsLogs bool
	LogSuffix string
	// Zone is the entry TZ=… of its environment; empty: it has none.
	Zone string
}

// zoneOf returns the entry of an environment that says the time zone.
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

// nodeCPUs returns the processors for a node's process; nil is any.
func nodeCPUs(n mgmt.Node) ([]int, error) {
	cpus, err := n.CPUs()
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	return cpus, nil
}
