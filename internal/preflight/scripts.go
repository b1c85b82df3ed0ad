package preflight

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// checkScripts has each node's program check the node's scripts. For nodes
// without such a program it looks whether their scripts exist.
func checkScripts(ctx context.Context, cfg Config, checks []Check) []Finding {
	problems := make([]Finding, len(checks))
	slots := make(chan struct{}, cfg.Parallel)
	var running sync.WaitGroup
	for i, c := range checks {
		if len(c.Argv) == 0 {
			problems[i] = Finding{Node: c.Node, Problem: missingScripts(c)}
			continue
		}
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			problems[i] = checkByProgram(ctx, cfg, c)
		})
	}
	running.Wait()
	var found []Finding
	for _, f := range problems {
		if f.Problem != "" {
			found = append(found, f)
		}
	}
	return found
}

func checkByProgram(ctx context.Context, cfg Config, c Check) Finding {
	out, err := capture(ctx, cfg, c)
	if err == nil {
		return Finding{}
	}
	problem := fmt.Sprintf("its scripts do not load: %v", err)
	if missing := missingScripts(c); missing != "" {
		problem = missing
	} else if said := out.TellingLine(); said != "" {
		problem = "its scripts do not load: " + said
	}
	return Finding{Node: c.Node, Problem: problem, Outputs: out}
}

// missingScripts says which of the node's scripts do not exist, or nothing.
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

// findScript tells whether Zeek would find the script: by its path, relative to
// the working directory if it starts with a dot, otherwise in a directory of
// its path; as a file, with .zeek behind it, or as a directory with a
// __load__.zeek.
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
