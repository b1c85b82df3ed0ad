package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
)

// scratchPrefix begins the names of the directories in which preflights work.
const scratchPrefix = "preflight-"

// removeScratch removes what the preflights of an agent that was killed have
// left in dir, as far as it can be removed.
func removeScratch(dir string) {
	removeExcept(dir, func(name string) bool { return !strings.HasPrefix(name, scratchPrefix) })
}

// looking is a preflight.
type looking struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
}

// preflight looks at the nodes of a deployment. Of several preflights the latest
// counts; the others end first, so that they do not find each other.
func (a *agentShell) preflight(ctx context.Context, e agent.Preflight) {
	before := a.looking
	if before != nil {
		before.cancel()
	}
	look, cancel := context.WithDeadline(ctx, e.Deadline)
	now := &looking{cancel: cancel, done: make(chan struct{})}
	a.looking = now
	a.parts.task(func() {
		defer close(now.done)
		defer cancel()
		if before != nil {
			<-before.done
		}
		a.post(ctx, a.cfg.look(look, e))
	})
}

// lookAhead checks the scripts of nodes as they usually are, at a low priority,
// so that the first deployment need not wait for that. A preflight ends it. What
// it finds may not matter to any deployment, and so is only said.
func (a *agentShell) lookAhead(ctx context.Context) {
	launcher, ok := a.cfg.Launch.(interface {
		Usual(scratch string) []preflight.Check
	})
	if !ok || !a.cfg.LookAhead || a.cfg.Checked == nil {
		return
	}
	look, cancel := context.WithCancel(ctx)
	now := &looking{cancel: cancel, done: make(chan struct{})}
	a.looking = now
	a.parts.task(func() {
		defer close(now.done)
		defer cancel()
		scratch, err := os.MkdirTemp(a.cfg.ScratchDir, scratchPrefix)
		if err != nil {
			a.cfg.Logger.Warn("scripts are not checked ahead of deployments", "err", err)
			return
		}
		defer os.RemoveAll(scratch)
		cfg := preflight.Config{ScratchDir: scratch, OutputBytes: a.cfg.Core.OutputBytes, Memory: a.cfg.Checked}
		report := preflight.Run(look, cfg, launcher.Usual(filepath.Join(scratch, "generated")))
		for _, f := range report.Findings {
			a.cfg.Logger.Warn("nodes without scripts of their own could not be started now", "node", string(f.Node), "err", f.Problem)
		}
		if len(report.Findings) == 0 && len(report.Unfinished) == 0 {
			a.cfg.Logger.Info("the scripts that all nodes have load")
		}
	})
}

// look finds what would keep the deployment from succeeding. Only checks of
// scripts take so long that ctx can end them.
func (c AgentConfig) look(ctx context.Context, e agent.Preflight) agent.Preflighted {
	seen := agent.Preflighted{ID: e.ID}
	scratch, err := os.MkdirTemp(c.ScratchDir, scratchPrefix)
	if err != nil {
		seen.Findings = []agent.Finding{{Problem: fmt.Sprintf("make a directory for the preflight: %v", err)}}
		return seen
	}
	defer os.RemoveAll(scratch)
	cfg := preflight.Config{ScratchDir: scratch, OutputBytes: c.Core.OutputBytes, Memory: c.Checked}
	for _, pid := range e.Running {
		cfg.Ours = append(cfg.Ours, int(pid))
	}
	var checks []preflight.Check
	for _, plan := range e.Start {
		check, err := c.Launch.Check(plan, filepath.Join(scratch, "generated"))
		if err != nil {
			seen.Findings = append(seen.Findings, agent.Finding{Node: plan.Node.Name, Problem: err.Error()})
			continue
		}
		checks = append(checks, check)
	}
	report := preflight.Run(ctx, cfg, checks)
	for _, f := range report.Findings {
		seen.Findings = append(seen.Findings, agent.Finding{Node: f.Node, Problem: f.Problem, Outputs: f.Outputs})
	}
	seen.Unfinished = report.Unfinished
	return seen
}
