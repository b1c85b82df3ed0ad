package daemon

import (
	"context"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/archive"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/crash"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// exitTimeout bounds the burial of one process. A burial whose disk does not answer
// may go on after that, because a system call cannot be interrupted. The agent waits
// hungDelay longer and then gives up.
const (
	exitTimeout = 10 * time.Second
	hungDelay   = 5 * time.Second
)

// exited forgets a process that has ended. The core gets Exited at once. It gets
// Buried when the logs and the crash record of the process are safe.
func (a *agentShell) exited(ctx context.Context, ev proc.Exited) agent.Event {
	id := launchID{mgmt.NodeName(ev.Name), ev.Launch}
	if len(ev.Left) > 0 {
		a.cfg.Logger.Warn("processes that the node started outlive it and are left alone", "node", ev.Name, "pids", ev.Left)
	}
	p := a.nodes[id]
	if p != nil {
		a.release(p)
	}
	a.beginBurial(ctx, id, func() {
		if p != nil {
			a.cfg.bury(ctx, p, ev)
		}
		a.cfg.Processes.Forget(ev.Name, ev.Launch)
	})
	return agent.Exited{
		Node:    id.node,
		Launch:  id.number,
		Reason:  exitReason(ev),
		Outputs: mgmt.NodeOutputs{Stdout: ev.Stdout, Stderr: ev.Stderr},
	}
}

// freed does the same for a process that the agent could not see. The core gets
// Freed at once, and Buried later.
func (a *agentShell) freed(ctx context.Context, ev proc.Freed) agent.Event {
	id := launchID{mgmt.NodeName(ev.Name), ev.Launch}
	p := a.nodes[id] // nil: the launch is not known
	if p != nil {
		a.release(p)
	}
	a.beginBurial(ctx, id, func() {
		if p != nil {
			a.cfg.bury(ctx, p, proc.Exited{Name: ev.Name, Launch: ev.Launch, PID: ev.PID})
			a.cfg.Processes.Forget(ev.Name, ev.Launch)
		}
	})
	return agent.Freed{Node: id.node, Launch: id.number, Last: ev.Last}
}

// beginBurial runs bury in a goroutine of its own. The core gets Buried when bury has
// ended.
func (a *agentShell) beginBurial(ctx context.Context, id launchID, bury func()) {
	a.parts.task(func() {
		bury()
		a.post(ctx, agent.Buried{Node: id.node, Launch: id.number})
	})
}

// exitText is how a process has ended.
func exitText(ev proc.Exited) string {
	if ev.Memory != "" {
		return ev.Status.String() + ": " + ev.Memory
	}
	return ev.Status.String()
}

func exitReason(ev proc.Exited) string {
	if ev.Killed {
		return ev.Status.String() + ", as it did not end when asked to"
	}
	return exitText(ev)
}

// bury saves two things of a process that has ended: the logs that the process had
// open, and a crash record if nobody asked the process to end. It goes on when ctx
// is done, because an agent that ends waits for it. If a disk does not answer, bury
// gives up, so that the node starts again and the agent can end.
func (c AgentConfig) bury(ctx context.Context, p *launched, ev proc.Exited) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exitTimeout)
	defer cancel()
	if !endsInTime(ctx, hungDelay, func() { c.keep(ctx, p, ev) }) {
		c.Logger.Error("a disk does not answer: left-over logs may stay where they are, and the crash may not be recorded",
			"node", string(p.node), "launch", p.number, "for", exitTimeout+hungDelay)
	}
}

// endsInTime runs a function that should end when ctx is done. It returns false if
// the function has not ended when the delay after that is over.
func endsInTime(ctx context.Context, delay time.Duration, do func()) bool {
	ended := make(chan struct{})
	go func() { // if it hangs, nothing waits for it
		defer close(ended)
		do()
	}()
	select {
	case <-ended:
		return true
	case <-ctx.Done():
	}
	select {
	case <-ended:
		return true
	case <-time.After(delay):
		return false
	}
}

// keep does the work of bury.
func (c AgentConfig) keep(ctx context.Context, p *launched, ev proc.Exited) {
	if c.Archive != nil && p.facts.KeepsLogs {
		clock, zoneErr := clockOf(p.facts)
		if zoneErr != nil {
			c.Logger.Warn("left-over logs are named in UTC", "node", string(p.node), "err", zoneErr)
		}
		n, err := c.Archive.Rescue(ctx, p.facts.Dir, p.facts.LogSuffix, clock)
		if n > 0 {
			c.Logger.Info("left-over logs put into the queue", "node", string(p.node), "logs", n)
		}
		if err != nil {
			c.Logger.Warn("left-over logs stay where they are", "node", string(p.node), "err", err)
		}
	}
	if c.Crashes == nil || p.asked.Load() {
		return
	}
	if err := c.Crashes.Add(ctx, crashRecord(p, ev)); err != nil {
		c.Logger.Warn("crash not recorded", "node", string(p.node), "err", err)
	}
}

// clockOf returns the time zone of the process.
func clockOf(f launch.Facts) (*time.Location, error) {
	if tz, ok := strings.CutPrefix(f.Zone, "TZ="); ok {
		return archive.Zone(tz)
	}
	return time.Local, nil
}

func crashRecord(p *launched, ev proc.Exited) crash.Record {
	r := crash.Record{
		Node:   p.node,
		Launch: p.number,
		PID:    ev.PID,
		Uptime: ev.Ran,
		Exit: crash.Exit{
			Text:       exitText(ev),
			Known:      ev.Status.Known,
			Code:       ev.Status.Code,
			Signal:     int(ev.Status.Signal),
			CoreDumped: ev.Status.CoreDumped,
		},
		Stdout:      ev.Stdout,
		Stderr:      ev.Stderr,
		Fingerprint: mgmt.Fingerprint(ev.Fingerprint),
		Program:     p.facts.Program,
		Version:     p.facts.Version,
		Dir:         p.facts.Dir,
	}
	if p.known {
		r.Plan = &p.plan
	}
	return r
}

// buryEnded buries the processes that ended while no agent ran. It precedes every
// launch.
func (a *agentShell) buryEnded(ctx context.Context, ended []proc.Exited, desired mgmt.Configuration) {
	plans := mgmt.PlansOf(desired, a.cfg.Core.Name)
	for _, ev := range ended {
		id := launchID{mgmt.NodeName(ev.Name), ev.Launch}
		p := &launched{launchID: id, facts: a.cfg.recall(id, "")}
		p.plan, p.known = planOf(desired, plans, id.node, ev.Fingerprint)
		a.cfg.bury(ctx, p, ev)
		a.cfg.Launch.Forget(id.node, id.number)
		a.cfg.Processes.Forget(ev.Name, ev.Launch)
	}
}
