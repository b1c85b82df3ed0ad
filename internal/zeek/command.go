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

// Command is the argument vector and the environment of a node's process.
type Command struct {
	Argv []string
	// Env is the complete environment, sorted, as name=value. It may hold
	// secrets: CURVE keys.
	Env []string
}

// Command renders the argument vector and the environment of the node. The node
// reads its generated files in dir, which must be absolute.
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

// Check returns the command that checks the node's scripts and ends. Its process
// exits with 0, or prints what is wrong to stderr. It writes StatusFile into its
// working directory, so it must not run in the working directory of a running node.
func (c Command) Check() Command {
	env := newEnviron(c.Env)
	env.set("ZEEKCTL_CHECK_CONFIG", "1")
	env.set("ZEEKCTL_DISABLE_LISTEN", "1")
	return Command{Argv: slices.Insert(slices.Clone(c.Argv), 1, "-a"), Env: env.list()}
}

// argv renders the argument vector in this order: Zeek's options, the backend's
// script (upstream puts it first too), the site's arguments, our scripts, the node's
// scripts, its RunOptions, which can be options of these scripts, and its options. It names our scripts without their directory, because
// a path may contain "=" or "::", and Zeek does not take such an argument for a script.
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
	} else if d.speaks() {
		argv = append(argv, strings.TrimSuffix(nodeFile, ".zeek"))
	}
	argv = append(argv, node.Scripts...)
	if len(node.RunOptions) > 0 {
		argv = append(argv, strings.TrimSuffix(startFile, ".zeek"))
	}
	for _, o := range node.Options {
		argv = append(argv, o.Name+"="+o.Value)
	}
	return argv
}

// scriptPath renders ZEEKPATH. ZEEKPATH replaces Zeek's built-in search path, so it
// lists the directories of that path too. Bundles come directly before the scripts of the
// site: they cannot replace Zeek's own.
func (d *Deployment) scriptPath(dir string) (string, error) {
	s := d.Install.ScriptDir
	dirs := []string{dir, s, path.Join(s, "policy")}
	for _, b := range d.Bundles {
		dirs = append(dirs, b.Dir)
	}
	dirs = append(dirs, path.Join(s, "site"), path.Join(s, "builtin-plugins"))
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
