package daemon

import (
	"context"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/launch"
)

// looking is a preflight that runs, or has ended.
type looking struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
}

// preflight looks at the nodes of a deployment. Only the latest preflight counts.
// The one before is ended first, so that the two do not find each other's
// processes.
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

// lookAhead checks the scripts that nodes usually load, at a low priority. The
// first deployment need not wait for that check then. A preflight ends it. What
// it finds is only logged: it may not matter to any deployment.
func (a *agentShell) lookAhead(ctx context.Context) {
	nodes := a.cfg.preflight()
	if !a.cfg.LookAhead || !nodes.CanLookAhead() {
		return
	}
	look, cancel := context.WithCancel(ctx)
	now := &looking{cancel: cancel, done: make(chan struct{})}
	a.looking = now
	a.parts.task(func() {
		defer close(now.done)
		defer cancel()
		report, err := nodes.LookAhead(look)
		if err != nil {
			a.cfg.Logger.Warn("scripts are not checked ahead of deployments", "err", err)
			return
		}
		for _, f := range report.Findings {
			a.cfg.Logger.Warn("nodes without scripts of their own could not be started now", "node", string(f.Node), "err", f.Problem)
		}
		if len(report.Findings) == 0 && len(report.Unfinished) == 0 {
			a.cfg.Logger.Info("the scripts that all nodes have load")
		}
	})
}

// preflight returns how this agent looks at nodes.
func (c AgentConfig) preflight() launch.Preflight {
	return launch.Preflight{Launcher: c.Launch, ScratchDir: c.ScratchDir, OutputBytes: c.Core.OutputBytes, Checked: c.Checked}
}

// look finds what would keep the deployment from succeeding. The end of ctx ends
// it.
func (c AgentConfig) look(ctx context.Context, e agent.Preflight) agent.Preflighted {
	var running []int
	for _, pid := range e.Running {
		running = append(running, int(pid))
	}
	report := c.preflight().Look(ctx, e.Start, running)
	return agent.Preflighted{ID: e.ID, Findings: report.Findings, Unfinished: report.Unfinished}
}
