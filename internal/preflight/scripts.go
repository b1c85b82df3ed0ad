package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// group is a group of nodes with the same scripts. One check holds for all of them.
type group struct {
	check Check // the first node's
	nodes []mgmt.NodeName
}

// groups returns the groups of nodes, in the order of the checks.
func groups(checks []Check) []*group {
	var list []*group
	by := map[string]*group{}
	for _, c := range checks {
		g := by[c.Group]
		if g == nil || c.Group == "" {
			g = &group{check: c}
			by[c.Group] = g
			list = append(list, g)
		}
		g.nodes = append(g.nodes, c.Node)
	}
	return list
}

// findings returns the problem of the first node as a finding for each node of the
// group. Only the first finding has the output.
func (g *group) findings(problem string, out mgmt.NodeOutputs) []mgmt.Finding {
	if len(g.nodes) > 1 {
		problem += fmt.Sprintf(" (checked once for %d nodes: %s)", len(g.nodes), nodeList(g.nodes))
	}
	var list []mgmt.Finding
	for _, n := range g.nodes {
		list = append(list, mgmt.Finding{Node: n, Problem: problem, Outputs: out})
		out = mgmt.NodeOutputs{}
	}
	return list
}

// errUnfinished says that a check was interrupted.
var errUnfinished = errors.New("not finished in time")

// checkScripts runs a node's program to check the node's scripts, once for each group
// of nodes. For nodes without such a program it checks whether their scripts exist.
// unfinished are the nodes whose check was interrupted.
func checkScripts(ctx context.Context, cfg Config, checks []Check) (found []mgmt.Finding, unfinished []mgmt.NodeName) {
	type outcome struct {
		findings []mgmt.Finding
		err      error
	}
	list := groups(checks)
	outcomes := make([]outcome, len(list))
	slots := make(chan struct{}, cfg.Parallel)
	seen := newStats()
	var running sync.WaitGroup
	for i, g := range list {
		if len(g.check.Argv) == 0 {
			if problem := missingScripts(g.check); problem != "" {
				outcomes[i].findings = g.findings(problem, mgmt.NodeOutputs{})
			}
			continue
		}
		key := cfg.Memory.key(g.check, seen)
		if cfg.Memory.passed(key) {
			continue
		}
		if prepare := g.check.Prepare; prepare != nil {
			if err := prepare(); err != nil {
				outcomes[i].findings = g.findings(err.Error(), mgmt.NodeOutputs{})
				continue
			}
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			findings, err := g.run(ctx, cfg)
			outcomes[i] = outcome{findings, err}
			if len(findings) == 0 && err == nil {
				cfg.Memory.pass(key)
			}
		})
	}
	running.Wait()
	cfg.Memory.Save()
	for i, o := range outcomes {
		found = append(found, o.findings...)
		if o.err != nil {
			unfinished = append(unfinished, list[i].nodes...)
		}
	}
	return found, unfinished
}

// run checks the scripts of a group. Its only error is errUnfinished.
func (g *group) run(ctx context.Context, cfg Config) ([]mgmt.Finding, error) {
	c := g.check
	if ctx.Err() != nil {
		return nil, errUnfinished
	}
	out, err := captureTwice(ctx, cfg, c)
	switch {
	case errors.Is(err, errUnfinished):
		return nil, err
	case err == nil:
		return nil, nil
	}
	problem := fmt.Sprintf("its scripts do not load: %v", err)
	if missing := missingScripts(c); missing != "" {
		problem = missing
	} else if said := out.TellingLine(); said != "" {
		if _, why, ours := strings.Cut(said, ourWords); ours {
			return g.findings(why, mgmt.NodeOutputs{}), nil
		}
		problem = "its scripts do not load: " + c.inBundles(said)
	}
	out.Stdout, out.Stderr = c.inBundles(out.Stdout), c.inBundles(out.Stderr)
	return g.findings(problem, out), nil
}

// ourWords begins an error of our own scripts, which says all that a person must know.
const ourWords = ": zeekfleet: "

// inBundles returns text, in which files of bundles are named by the bundle and by their
// path within it.
func (c Check) inBundles(text string) string {
	for _, b := range c.Bundles {
		text = strings.ReplaceAll(text, b.Dir+"/./", b.Dir+"/")
		text = strings.ReplaceAll(text, b.Dir+"/", "bundle "+b.Name+": ")
		text = strings.ReplaceAll(text, b.Dir, "bundle "+b.Name)
	}
	return text
}

// missingScripts returns a problem that names the node's scripts that do not exist, or
// "".
func missingScripts(c Check) string {
	var missing, dirs []string
	for _, kv := range c.Env {
		if list, ok := strings.CutPrefix(kv, "ZEEKPATH="); ok {
			dirs = filepath.SplitList(list)
		}
	}
	for _, s := range c.Scripts {
		if !findScript(s, dirs, c.WorkDir) {
			missing = append(missing, s)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return "can't find " + strings.Join(missing, ", ")
}

// findScript tells whether Zeek would find the script. Zeek looks for an absolute path
// as it is, for a path that starts with a dot in the working directory, and for any
// other name in dirs. It finds a file of that name, a file with .zeek appended, or a
// directory with a __load__.zeek.
func findScript(script string, dirs []string, workDir string) bool {
	switch {
	case filepath.IsAbs(script):
		dirs = []string{""}
	case strings.HasPrefix(script, "."):
		dirs = []string{workDir}
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, script)
		for _, candidate := range []string{path, path + ".zeek", filepath.Join(path, "__load__.zeek")} {
			if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() {
				return true
			}
		}
	}
	return false
}
