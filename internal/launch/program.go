package launch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// The variables that tell a program of the site how to speak with its agent. Package node
// reads them.
const (
	envName      = "CLUSTER_NODE"
	envAgent     = "ZEEKFLEET_NODE_AGENT"     // host:port
	envRole      = "ZEEKFLEET_NODE_ROLE"      // such as WORKER
	envTopic     = "ZEEKFLEET_NODE_TOPIC"     // of the Node API
	envTransport = "ZEEKFLEET_NODE_TRANSPORT" // auto, tls or plain
)

// ProgramConfig says how the program of a node's Command is launched.
type ProgramConfig struct {
	// Agent is the host:port of the nodes' agent. Topic is the topic of the Node API, and
	// Transport the transport of the peering: auto, tls or plain.
	Agent, Topic, Transport string
	// StateDir, Stdout and Stderr are as in Embedded.
	StateDir, Stdout, Stderr string
	// Environ is the agent's environment, name=value, which programs inherit. Variables
	// that zeekfleet reserves are left out.
	Environ []string
	Limits  proc.Limits
	// User is as in ZeekConfig.
	User *proc.User
}

// launch prepares a launch of the plan's program. Such a program is up when it says hello,
// or when it writes the status file as Zeek does.
func (p ProgramConfig) launch(plan mgmt.Plan) (Process, error) {
	n := plan.Node
	cpus, err := nodeCPUs(n)
	if err != nil {
		return Process{}, err
	}
	facts := Facts{Program: n.Command[0], Dir: NodeDir(p.StateDir, n.Name), StatusFile: zeek.StatusFile, Zone: zoneOf(p.environ(n))}
	if err := prepareDirs(p.User, facts, nil); err != nil {
		return Process{}, err
	}
	return Process{
		Spec: proc.Spec{
			Argv: n.Command, Env: p.environ(n), Dir: facts.Dir, Stdout: p.Stdout, Stderr: p.Stderr, CPUs: cpus, Limits: p.Limits.With(n.Limits), User: p.User,
		},
		Facts:    facts,
		Warnings: reservedVariables(n),
	}, nil
}

// check returns the conditions for a launch to succeed: the program is there and can be
// run.
func (p ProgramConfig) check(plan mgmt.Plan) (preflight.Check, error) {
	n := plan.Node
	cpus, err := nodeCPUs(n)
	if err != nil {
		return preflight.Check{}, err
	}
	return preflight.Check{
		Node: n.Name, Program: n.Command[0], Env: p.environ(n), WorkDir: NodeDir(p.StateDir, n.Name), CPUs: cpus,
	}, nil
}

func (p ProgramConfig) environ(n mgmt.Node) []string {
	vars := map[string]string{}
	for _, entry := range p.Environ {
		if name, value, ok := strings.Cut(entry, "="); ok && !zeek.Reserved(name) {
			vars[name] = value
		}
	}
	for name, value := range n.Env {
		if !zeek.Reserved(name) {
			vars[name] = value
		}
	}
	maps.Copy(vars, map[string]string{
		envName: string(n.Name), envAgent: p.Agent, envRole: string(n.Role), envTopic: p.Topic, envTransport: p.Transport,
	})
	env := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return env
}

// isProgram reports whether these are the facts of a program of the site: every Zeek node
// has generated files.
func (f Facts) isProgram() bool { return f.Program != "" && f.Generated == "" }

// ProgramOf says in get-nodes that the plan's node is a program of the site. It is empty
// for others.
func ProgramOf(plan mgmt.Plan) string {
	if len(plan.Node.Command) == 0 {
		return ""
	}
	return fmt.Sprintf("node %s is no Zeek node: it runs %s", plan.Node.Name, plan.Node.Command[0])
}
