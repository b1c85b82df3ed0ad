package mgmt

import (
	"fmt"
	"path"
	"strings"
)

// CommandOption is the option in which a Command travels: Zeek's record of a node has no
// field for it. An agent of upstream gives the option to a Zeek, which does not know it
// and ends: so nothing else runs in the program's place.
const CommandOption = "Fleet::command"

// BundlesOption and RunOptionsOption are the same for Bundles and RunOptions.
const (
	BundlesOption    = "Fleet::bundles"
	RunOptionsOption = "Fleet::run_options"
)

// These constants bound a Command.
const (
	MaxCommandWords = 100
	MaxCommandBytes = 8 << 10 // of all words together
)

// isProgram reports whether the node is a program of the site, and no Zeek node.
func (n Node) isProgram() bool { return len(n.Command) > 0 }

// listens reports whether the node accepts cluster peers, and so needs a port.
func (n Node) listens() bool { return n.Role.listens() && !n.isProgram() }

// CheckCommand returns why the node's Command cannot be run, and nothing if it can or if
// there is none.
func (n Node) CheckCommand() string {
	if n.Command == nil {
		return ""
	}
	if len(n.Command) == 0 || n.Command[0] == "" {
		return "has an empty command"
	}
	bytes := 0
	for _, word := range n.Command {
		bytes += len(word)
		if strings.ContainsRune(word, 0) {
			return "has a command with a NUL character"
		}
	}
	program := n.Command[0]
	switch {
	case !path.IsAbs(program) || path.Clean(program) != program:
		return fmt.Sprintf("has the command '%s', whose program is not an absolute path such as /opt/site/bin/feeder", printable(program))
	case len(n.Command) > MaxCommandWords:
		return fmt.Sprintf("has a command of %d words, more than the limit of %d", len(n.Command), MaxCommandWords)
	case bytes > MaxCommandBytes:
		return fmt.Sprintf("has a command of %d bytes, more than the limit of %d", bytes, MaxCommandBytes)
	case len(n.Scripts) > 0:
		return "has a command and scripts; a command is run in place of Zeek and loads no scripts"
	case len(n.Options) > 0:
		return "has a command and options; a command is run in place of Zeek: give it arguments"
	case len(n.Bundles) > 0:
		return "has a command and bundles; a command is run in place of Zeek and loads no scripts"
	case len(n.RunOptions) > 0:
		return "has a command and options of the configuration framework; a command is run in place of Zeek: give it arguments"
	case n.Interface != nil:
		return "has a command and an interface; a command is run in place of Zeek: give it the interface as an argument"
	}
	return ""
}

// commands refuses commands that cannot be run. It warns of all others, because a host
// accepts them only with its operator's permission.
func (k *checker) commands() {
	for _, n := range k.nodes {
		if why := n.CheckCommand(); why != "" {
			k.refuse("node '%s' %s", printable(string(n.Name)), why)
		} else if n.isProgram() {
			k.doubt("node '%s' runs '%s' in place of Zeek: its agent takes it only if agent.allow_commands there names it", n.Name, printable(n.Command[0]))
		}
	}
}

// checkCommand returns why the host must not run the node's Command, or nothing.
func (p Permits) checkCommand(n Node) string {
	if n.Command == nil {
		return ""
	}
	if why := n.CheckCommand(); why != "" {
		return fmt.Sprintf("node '%s' %s", n.Name, why)
	}
	if !MatchesAny(p.Commands, n.Command[0]) {
		return fmt.Sprintf("node '%s' runs the command '%s'; the operator of this host can allow that with agent.allow_commands", n.Name, printable(n.Command[0]))
	}
	return ""
}
