package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/removed"
)

// launchID identifies a launch among the launches of all nodes.
type launchID struct {
	node   mgmt.NodeName
	number uint64
}

// launched is what the shell knows of a node's process.
type launched struct {
	launchID
	plan  mgmt.Plan
	known bool // plan is the plan of the launch; if not, plan has only the name and the role
	facts launch.Facts

	pid     int              // 0: there is no process yet, or its PID is not known
	awaited bool             // there is no process yet
	early   map[string]hello // hellos that came before the process had a PID, the last one of each connected peer

	limits mgmt.Limits        // for which the core has asked last
	asked  atomic.Bool        // the agent has asked the process to end
	status *statusFile        // nil: none is watched
	hangUp context.CancelFunc // ends the connection with it; nil: there is none
	proven uint64             // the number of the last request that was proven to it
}

// start launches a node. If the launch fails before there is a process, the
// core's next event says so.
func (a *agentShell) start(e agent.Start) *agent.Event {
	name := e.Plan.Node.Name
	failed := func(err error) *agent.Event {
		return new(agent.Event(agent.StartFailed{Node: name, Launch: e.Launch, Err: err.Error()}))
	}
	process, err := a.cfg.Launch.Launch(e.Plan, e.Launch)
	if err != nil {
		return failed(err)
	}
	// An agent does not know the name of a controller on its host.
	if _, err := os.Lstat(filepath.Join(process.Facts.Dir, stateFile)); err == nil {
		a.cfg.Launch.Forget(name, e.Launch)
		return failed(fmt.Errorf("%s is the directory of a controller or an agent; name the node otherwise", process.Facts.Dir))
	}
	for _, w := range process.Warnings {
		a.cfg.Logger.Warn("node is launched with reservations", "node", string(name), "why", w)
	}
	a.warnOfCluster(e.Plan.Cluster, process.ClusterWarnings)
	p := &launched{launchID: launchID{name, e.Launch}, plan: e.Plan, known: true, facts: process.Facts, awaited: true, limits: e.Plan.Node.Limits}
	a.nodes[p.launchID] = p
	if a.cfg.Removed != nil {
		a.cfg.Removed.Launched(time.Now(), name, removed.Logs{Suffix: p.facts.LogSuffix, Zone: p.facts.Zone})
	}
	a.watchStatus(p)
	spec := process.Spec
	spec.Name, spec.Launch, spec.Fingerprint = string(name), e.Launch, string(e.Fingerprint)
	if err := a.cfg.Processes.Start(spec); err != nil {
		a.release(p)
		return failed(err)
	}
	return nil
}

// warnOfCluster logs warnings once for each cluster that is deployed. It does not
// log them again for the next node or the next restart.
func (a *agentShell) warnOfCluster(cluster map[mgmt.NodeName]mgmt.ClusterEndpoint, warnings []string) {
	if len(warnings) == 0 || reflect.DeepEqual(a.warnedOf, cluster) {
		return
	}
	a.warnedOf = cluster
	for _, w := range warnings {
		a.cfg.Logger.Warn("cluster is deployed with reservations", "why", w)
	}
}

// stop asks a node to end. If the process has ended already, its Exited follows. If
// the agent may not signal the process, the core's next event says so.
func (a *agentShell) stop(e agent.Stop) *agent.Event {
	role := mgmt.ClusterNone
	if p := a.nodes[launchID{e.Node, e.Launch}]; p != nil {
		p.asked.Store(true)
		role = p.plan.Node.Role
	}
	grace := a.cfg.StopGraceOf(role)
	if e.Within != 0 {
		grace = min(grace, e.Within)
	}
	err := a.cfg.Processes.Stop(string(e.Node), e.Launch, grace)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return new(a.stopFailed(proc.StopFailed{Name: string(e.Node), Launch: e.Launch, Err: err}))
	case err != nil:
		a.cfg.Logger.Debug("stop is late", "node", string(e.Node), "err", err)
	}
	return nil
}

// limit gives a process the limits of its node. If that fails at once, the core's next event
// says so.
func (a *agentShell) limit(e agent.Limit) *agent.Event {
	p := a.nodes[launchID{e.Node, e.Launch}]
	if p == nil {
		return nil // it has ended, and the core hears that next
	}
	p.limits = e.Limits
	if err := a.cfg.Processes.Limit(string(e.Node), e.Launch, a.cfg.Launch.Limits(p.facts, e.Limits)); err != nil {
		return new(agent.Event(agent.Limited{Node: e.Node, Launch: e.Launch, Limits: e.Limits, Err: err.Error()}))
	}
	return nil
}

// limited returns the core's event for the outcome of limit. Nil means that the process has
// ended: p is nil.
func (p *launched) limited(ev proc.Limited) agent.Event {
	if p == nil {
		return nil
	}
	answer := agent.Limited{Node: p.node, Launch: p.number, Limits: p.limits}
	if ev.Err != nil {
		answer.Err = ev.Err.Error()
	}
	return answer
}

// stopFailed tells the core that a process could not be signalled. If that
// process ends later, it has ended by itself.
func (a *agentShell) stopFailed(ev proc.StopFailed) agent.Event {
	id := launchID{mgmt.NodeName(ev.Name), ev.Launch}
	if p := a.nodes[id]; p != nil {
		p.asked.Store(false)
	}
	return agent.StopFailed{Node: id.node, Launch: id.number, Err: ev.Err.Error()}
}

// processEvent returns the core's event for an event of proc. Nil means that the
// core's event follows later.
func (a *agentShell) processEvent(ctx context.Context, happened proc.Event) agent.Event {
	switch ev := happened.(type) {
	case proc.Started:
		id := launchID{mgmt.NodeName(ev.Name), ev.Launch}
		exposed := ""
		if p := a.nodes[id]; p != nil {
			a.born(ctx, p, ev.PID)
			exposed = p.remark()
		}
		return agent.Started{Node: id.node, Launch: id.number, PID: int64(ev.PID), Exposed: exposed}
	case proc.StartFailed:
		id := launchID{mgmt.NodeName(ev.Name), ev.Launch}
		if p := a.nodes[id]; p != nil {
			a.release(p)
		}
		return agent.StartFailed{
			Node:    id.node,
			Launch:  id.number,
			Err:     ev.Err.Error(),
			Outputs: mgmt.NodeOutputs{Stdout: ev.Stdout, Stderr: ev.Stderr},
		}
	case proc.Exited:
		return a.exited(ctx, ev)
	case proc.Limited:
		return a.nodes[launchID{mgmt.NodeName(ev.Name), ev.Launch}].limited(ev)
	case proc.StopFailed:
		return a.stopFailed(ev)
	case proc.Freed:
		return a.freed(ctx, ev)
	}
	panic(fmt.Sprintf("daemon: unhandled process event %T", happened))
}

// born takes note of the PID of a process.
func (a *agentShell) born(ctx context.Context, p *launched, pid int) {
	p.pid, p.awaited = pid, false
	a.live.add(pid)
	a.book.lives(p)
	a.identified(ctx, p)
	a.connect(ctx, p)
}

// release forgets a process that is gone or was never started.
func (a *agentShell) release(p *launched) {
	delete(a.nodes, p.launchID)
	a.live.remove(p.pid)
	a.book.ended(p.launchID)
	if p.status != nil {
		a.watch.remove(p.status)
	}
	if p.hangUp != nil {
		p.hangUp()
	}
	a.cfg.Launch.Forget(p.node, p.number)
}

// watchStatus has the core told when the status file says that the process runs.
func (a *agentShell) watchStatus(p *launched) {
	if a.watch == nil || p.facts.StatusFile == "" {
		return
	}
	var err error
	p.status, err = a.watch.add(statusFile{
		path:   filepath.Join(p.facts.Dir, p.facts.StatusFile),
		node:   p.node,
		launch: p.number,
	})
	if err != nil {
		a.cfg.Logger.Warn("node is up only when it says hello", "node", string(p.node), "err", err)
	}
}

// connect keeps a connection with a process that serves its agent. The connection
// ends when release forgets the process.
func (a *agentShell) connect(ctx context.Context, p *launched) {
	if p.facts.WebSocketPort == 0 || p.hangUp != nil {
		return
	}
	s := &nodeSocket{
		node:    p.node,
		launch:  p.number,
		port:    p.facts.WebSocketPort,
		tls:     p.facts.SocketTLS,
		topic:   socketTopic(p.node),
		log:     a.cfg.Logger,
		hello:   socketHello,
		ending:  &p.asked,
		screen:  screenNodes(a.cfg.Callers.screen("agent"), a.live),
		holders: a.cfg.Callers.holders,
		report: func(happened socketEvent) bool {
			select {
			case a.sockets <- happened:
				return true
			case <-ctx.Done():
				return false
			}
		},
	}
	connected, hangUp := context.WithCancel(ctx)
	p.hangUp = hangUp
	a.parts.task(func() { s.run(connected) })
}

// survivors finds the processes of earlier lives of the agent, and changes nothing.
// If a newer zeekfleet has recorded a launch, survivors returns an error, because
// this version does not understand everything in the record.
func (c AgentConfig) survivors(ctx context.Context) (proc.Adoption, error) {
	found, err := c.Processes.Adopt(ctx)
	if err != nil {
		return proc.Adoption{}, err
	}
	var launches []launchID
	for _, rec := range found.Running {
		launches = append(launches, launchID{mgmt.NodeName(rec.Name), rec.Launch})
	}
	for _, u := range found.Unseen {
		launches = append(launches, launchID{mgmt.NodeName(u.Name), u.Launch})
	}
	for _, e := range found.Ended {
		launches = append(launches, launchID{mgmt.NodeName(e.Name), e.Launch})
	}
	for _, id := range launches {
		_, err := c.Launch.Recall(id.node, id.number)
		if _, newer := errors.AsType[*form.NewerError](err); newer {
			return proc.Adoption{}, err
		}
	}
	return found, nil
}

// adopt takes over the processes of an earlier life of the agent. It remembers
// processes that cannot be seen, so that their logs and crash records are saved
// when they end.
func (a *agentShell) adopt(ctx context.Context, found proc.Adoption, desired mgmt.Configuration) agent.Adopted {
	ev := agent.Adopted{}
	plans := mgmt.PlansOf(desired, a.cfg.Core.Name)
	for _, u := range found.Unseen {
		id := launchID{mgmt.NodeName(u.Name), u.Launch}
		ev.Unseen = append(ev.Unseen, agent.Unseen{Node: id.node, Launch: u.Launch, Why: u.Why})
		if u.Launch != 0 {
			p := &launched{launchID: id, facts: a.cfg.recall(id, ""), pid: u.PID}
			p.plan, p.known = planOf(desired, plans, id.node, "")
			a.nodes[id] = p
		}
	}
	for _, rec := range found.Running {
		id := launchID{mgmt.NodeName(rec.Name), rec.Launch}
		p := &launched{launchID: id, facts: a.cfg.recall(id, rec.Executable)}
		p.plan, p.known = planOf(desired, plans, id.node, rec.Fingerprint)
		if p.facts.Program == "" {
			p.facts.Program = rec.Executable
		}
		a.nodes[id] = p
		a.watchStatus(p)
		a.born(ctx, p, rec.PID)
		ev.Processes = append(ev.Processes, agent.Process{
			Node:        id.node,
			Launch:      rec.Launch,
			PID:         int64(rec.PID),
			Fingerprint: mgmt.Fingerprint(rec.Fingerprint),
			Started:     rec.Started,
			Exposed:     p.remark(),
		})
	}
	return ev
}

// remark says what a person should know about a process beside its state.
func (p *launched) remark() string {
	if program := launch.ProgramOf(p.plan); program != "" {
		return program
	}
	if p.facts.NoCapture != "" && p.plan.Node.Interface != nil {
		return p.facts.NoCapture
	}
	return cmp.Or(p.facts.Mute, p.facts.Exposed())
}

// recall returns the facts of a launch, and logs if they are lost. Embedded nodes
// have no facts.
func (c AgentConfig) recall(id launchID, program string) launch.Facts {
	facts, err := c.Launch.Recall(id.node, id.number)
	if own, _ := os.Executable(); err != nil && (program == "" || program != own) {
		c.Logger.Warn("what is known of a launch is lost: the logs that it leaves behind stay where they are, and the node is known to be up only by its hello or its status file",
			"node", string(id.node), "err", err)
	}
	return facts
}

// planOf returns the plan of a node if it has this fingerprint. Otherwise it
// returns a plan that has only the name and the role of the node.
func planOf(c mgmt.Configuration, plans *mgmt.Plans, node mgmt.NodeName, fingerprint string) (plan mgmt.Plan, known bool) {
	if plans.Is(node, mgmt.Fingerprint(fingerprint)) {
		return plans.Of(node)
	}
	role := mgmt.ClusterNone
	if n, ok := c.Node(node); ok {
		role = n.Role
	}
	return mgmt.Plan{Node: mgmt.Node{Name: node, Role: role}}, false
}

// alreadyReady returns an event for each adopted process whose status file says
// that it runs.
func (a *agentShell) alreadyReady() []agent.Event {
	var ready []agent.Event
	for id, p := range a.nodes {
		if p.status != nil && saysRunning(p.status.path) {
			ready = append(ready, agent.Ready{Node: id.node, Launch: id.number})
		}
	}
	return ready
}
