package zeek

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// StatusFile is where a node writes its state (ParseStatus), relative to its
// working directory.
const StatusFile = ".status"

// Command is how a node is started.
type Command struct {
	Argv []string
	// Env is the complete environment, sorted, as name=value. It may hold
	// secrets: CURVE keys.
	Env []string
}

// Command renders argument vector and environment of the node, which finds its
// generated files in dir, absolute.
func (d Deployment) Command(dir string) (Command, error) {
	c, err := d.cluster()
	if err != nil {
		return Command{}, fmt.Errorf("render the command of node %s: %w", d.Plan.Node.Name, err)
	}
	scriptPath, err := d.scriptPath(dir)
	if err != nil {
		return Command{}, fmt.Errorf("render the command of node %s: %w", d.Plan.Node.Name, err)
	}
	return Command{Argv: d.argv(), Env: d.env(c, scriptPath)}, nil
}

// Check returns the command that checks the node's scripts and ends: it exits
// with 0, or with a message on stderr. It writes StatusFile into its working
// directory, which must therefore not be that of a running node.
func (c Command) Check() Command {
	env := newEnviron(c.Env)
	env.set("ZEEKCTL_CHECK_CONFIG", "1")
	env.set("ZEEKCTL_DISABLE_LISTEN", "1")
	return Command{Argv: slices.Insert(slices.Clone(c.Argv), 1, "-a"), Env: env.list()}
}

// argv renders the argument vector: options, the backend's script first among
// scripts (upstream settled on that), what the site wants, what we want, what
// the node wants. Our scripts are named without a directory: as paths they
// could contain what Zeek takes for something else ("=", "::").
func (d *Deployment) argv() []string {
	node := d.Plan.Node
	argv := []string{d.Install.Path}
	if node.Interface != nil && *node.Interface != "" {
		argv = append(argv, "-i", *node.Interface)
	}
	argv = append(argv, "-U", StatusFile)
	for _, p := range d.Site.Prefixes {
		argv = append(argv, "-p", p)
	}
	if backend, _ := d.backend().script(d.version()); backend != "" {
		argv = append(argv, backend)
	}
	if d.Site.Args == nil {
		argv = append(argv, "local")
	}
	argv = append(argv, d.Site.Args...)
	argv = append(argv, strings.TrimSuffix(optionsFile, ".zeek"))
	if d.nodeScript() == UpstreamNodeScript {
		argv = append(argv, "policy/frameworks/management/node")
	} else {
		argv = append(argv, strings.TrimSuffix(nodeFile, ".zeek"))
	}
	argv = append(argv, node.Scripts...)
	for _, o := range node.Options {
		argv = append(argv, o.Name+"="+o.Value)
	}
	return argv
}

// scriptPath renders ZEEKPATH, which replaces the compiled-in one and so lists
// everything.
func (d *Deployment) scriptPath(dir string) (string, error) {
	s := d.Install.ScriptDir
	dirs := []string{dir, s, path.Join(s, "policy"), path.Join(s, "site"), path.Join(s, "builtin-plugins")}
	for _, more := range slices.Concat(d.Install.SearchPath, d.Site.ScriptPath) {
		if !slices.Contains(dirs, more) {
			dirs = append(dirs, more)
		}
	}
	for _, dir := range dirs {
		if !path.IsAbs(dir) || strings.ContainsAny(dir, ":\x00") {
			return "", fmt.Errorf("%.200q cannot be a directory of scripts: it must be absolute, and without a colon", dir)
		}
	}
	return strings.Join(dirs, ":"), nil
}
