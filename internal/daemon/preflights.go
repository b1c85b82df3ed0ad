package daemon

import (
	"context"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/launch"
)

// runningPreflight is a preflight that runs, or has ended.
type runningPreflight struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
}

// preflight starts the preflight of a deployment. Only the latest preflight counts.
// The one before is ended first, so that the two do not find each other's
// processes.
func (a *agentShell) preflight(ctx context.Context, e agent.Preflight) {
	before := a.lastPreflight
	if before != nil {
		before.cancel()
	}
	limited, cancel := context.WithDeadline(ctx, e.Deadline)
	now := &runningPreflight{cancel: cancel, done: make(chan struct{})}
	a.lastPreflight = now
	a.parts.task(func() {
		defer close(now.done)
		defer cancel()
		if before != nil {
			<-before.done
		}
		a.post(ctx, a.cfg.findings(limited, e))
	})
}

// preflightAhead checks the scripts that nodes usually load, at a low priority. The
// first deployment then need not wait for that check. A preflight of a deployment
// ends it. Its findings are only logged, because they may concern no deployment.
func (a *agentShell) preflightAhead(ctx context.Context) {
	nodes := a.cfg.preflight()
	if !a.cfg.PreflightAhead || !nodes.CanRunAhead() {
		return
	}
	ends, cancel := context.WithCancel(ctx)
	now := &runningPreflight{cancel: cancel, done: make(chan struct{})}
	a.lastPreflight = now
	a.parts.task(func() {
		defer close(now.done)
		defer cancel()
		report, err := nodes.RunAhead(ends)
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

// preflight returns the preflight of this agent's nodes.
func (c AgentConfig) preflight() launch.Preflight {
	return launch.Preflight{Launcher: c.Launch, ScratchDir: c.ScratchDir, OutputBytes: c.Core.OutputBytes, Checked: c.Checked}
}

// findings answers a Preflight. The end of ctx ends the search for findings.
func (c AgentConfig) findings(ctx context.Context, e agent.Preflight) agent.Preflighted {
	report := c.preflight().Run(ctx, e.Start, c.Processes.PIDs)
	return agent.Preflighted{ID: e.ID, Findings: report.Findings, Unfinished: report.Unfinished, Doubts: launch.PlanDoubts(report, e.Start)}
}
